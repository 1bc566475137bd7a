"""rows - what is tried by whom, and what the policies of the pairs say to it."""

DEFAULT, EVIL = {'default-deny-network'}, {'block-evil-domains'}
PRIVATE = {'block-private-networks'}
META = {'block-metadata-services', 'block-private-networks'}
META_NAME = META | {'block-metadata-names'} | DEFAULT
REBIND = META | {'block-rebinding'}
# What TLS without a name, or no TLS, is told where an address alone is not enough to decide.
SEEN = {'tls-no-name', 'tls-only', 'tls-name-mismatch', 'malformed-request'}
UNKNOWN = {'e2b': DEFAULT, 'daytona': DEFAULT | {'approve-unknown-https', 'approve-unknown-http'}}


def unknown(more=frozenset()):
    return {family: rules | more for family, rules in UNKNOWN.items()}


# (url, what the e2b policies say, what the daytona policies say): None is allowed, else the rules one of which says no.
# With one value it is said by all.
CORE = [
    ('https://npm-registry.test', None),
    ('https://pypi-index.test', None),
    ('https://github.com', DEFAULT, None),
    ('https://evil.com', EVIL),
    ('http://www.evil.com', EVIL),
    ('http://169.254.169.254', META),
    ('http://10.0.0.1', PRIVATE),
    ('https://172.16.5.5', PRIVATE),
    ('http://192.168.1.1', PRIVATE),
    ('http://example.com', unknown()),
    ('https://example.com', unknown()),
    ('http://npm-registry.test', unknown()),
    ('http://203.0.113.66', unknown(SEEN)),
]
MORE = [
    ('https://api.github.com', DEFAULT, None),
    ('https://raw.githubusercontent.com', DEFAULT, None),
    ('https://gitlab.com', DEFAULT, None),
    ('https://bitbucket.org', DEFAULT, None),
    ('https://app.daytona.io', DEFAULT, None),
    ('https://a.b.github.com', unknown()),
    ('https://a.b.evil.com', unknown(EVIL)),
    ('https://notevil.com', unknown()),
    ('https://npm-registry.test.evil.com', unknown(EVIL)),
    ('https://xnpm-registry.test', unknown()),
    ('https://data.attacker.example.com', unknown()),
    ('https://api.anthropic.com', unknown()),
    ('http://example.com:8080', DEFAULT),
    ('http://metadata.google.internal', META_NAME | UNKNOWN['daytona']),
    ('http://metadata', META_NAME | UNKNOWN['daytona']),
    ('http://instance-data', META_NAME | UNKNOWN['daytona']),
    ('http://rancher-metadata', META_NAME | UNKNOWN['daytona']),
    ('http://169.254.169.254.nip.io', META_NAME | UNKNOWN['daytona']),
    ('https://crates-index.test', REBIND | META_NAME),
    ('https://go-proxy.test', REBIND),
    ('https://go-sum.test', REBIND),
    ('http://169.254.170.2', META),
    ('http://169.254.1.1', META),
    ('http://100.100.100.200', META),
    ('http://168.63.129.16', META),
    ('http://172.16.5.5', PRIVATE),
    ('http://192.0.2.1', {'block-e2b-internal'}, UNKNOWN['daytona'] | SEEN),
    ('https://172.32.0.1', unknown(SEEN)),
    ('https://8.8.8.8', unknown(SEEN)),
    ('https://203.0.113.10', unknown(SEEN)),
    ('http://[fd00:ec2::254]', META),
    ('https://[fd00::1]', unknown(PRIVATE | SEEN)),
    ('http://[::ffff:169.254.169.254]', META),
    ('http://[64:ff9b::a9fe:a9fe]', META),
    ('http://[2002:a9fe:a9fe::1]', unknown(META)),
    ('https://[2001:db8::66]', unknown(SEEN)),
]
# Names without an IPv4 address.
ONLY_SIX = ['https://go-sum.test']
# Spellings of addresses that only who asks by name can use (MD-02).
SPELLINGS = [('http://' + s, META | DEFAULT | UNKNOWN['daytona'] | {'malformed-request'})
             for s in ('2852039166', '0xA9FEA9FE', '0251.0376.0251.0376', '169.254.43518', '169.16689662',
                       '169.254.169.254.')]
# A server that speaks first, where TLS and HTTP have nothing to say.
SSH = [('ssh://github.com:22', DEFAULT, None), ('ssh://evil.com:22', EVIL), ('ssh://npm-registry.test:22', DEFAULT),
       ('ssh://203.0.113.66:22', DEFAULT)]
HTTP = ['curl', 'wget', 'urllib', 'sockets', 'asyncio', 'node-http', 'node-fetch', 'node-dns']
CLIENTS = {'http': HTTP + ['devtcp', 'raw'], 'https': HTTP + ['openssl', 'git', 'raw'], 'ssh': ['ssh']}
DATAGRAMS = [('8.8.8.8', 4444, unknown()), ('10.0.0.1', 123, PRIVATE), ('169.254.169.254', 443, META),
             ('203.0.113.66', 5353, unknown()), ('fd00::1', 4444, unknown(PRIVATE))]


def said(target, family):
    rules = target[1 if family == 'e2b' or len(target) == 2 else 2]
    return rules[family] if isinstance(rules, dict) else rules


def port_of(url):
    host = url.split('//')[1]
    if ':' in host and not host.endswith(']'):
        return host.rsplit(':', 1)[0].strip('[]'), int(host.rsplit(':', 1)[1])
    return host.strip('[]'), 443 if url.startswith('https') else 80


def by_address(host):
    return ':' in host or host.replace('.', '').isdigit()


def table(amount, family):
    """The rows of a run: dicts with id, client, url (or how, host, port), by (where the shell itself must start it)."""
    rows = []

    def add(client, target, **more):
        host, port = port_of(target[0])
        rows.append({'id': len(rows), 'client': client, 'url': target[0], 'host': host, 'port': port, **more})

    def can(client, url):
        if client == 'node-dns':        # asks for IPv4 addresses of names
            return not by_address(port_of(url)[0]) and url not in ONLY_SIX
        return client != 'raw' or url not in ONLY_SIX

    # With the daytona policies only the shell itself may start these: a program that does is asked about.
    shell = {'curl', 'wget'} if family == 'daytona' else set()
    for target in CORE + SSH + (MORE if amount == 'all' else []):
        for client in CLIENTS[target[0].split(':')[0]]:
            if can(client, target[0]):
                add(client, target, **({'by': 'shell'} if client in shell else {}))
    if amount == 'all':
        for target in SPELLINGS:
            for client in ('curl', 'urllib', 'sockets'):
                add(client, target, **({'by': 'shell'} if client in shell else {}))
    for host, port, rules in DATAGRAMS:
        for how in ('sendto', 'sendmsg', 'sendmmsg', 'connected'):
            add('raw', ('udp://[%s]:%d' % (host, port), rules), how=how)
    add('raw', ('http://10.0.0.1', PRIVATE), how='fastopen')
    return rows


def targets():
    found = {t[0]: t for t in CORE + SSH + MORE + SPELLINGS}
    found.update({'udp://[%s]:%d' % (h, p): ('udp://[%s]:%d' % (h, p), r) for h, p, r in DATAGRAMS})
    return found
