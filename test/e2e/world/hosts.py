"""hosts - who is who in the internet of world.py."""

STAGE, GATE = '203.0.113.2', '203.0.113.1'
STAGE6, GATE6 = '2001:db8:0:1::2', '2001:db8:0:1::1'
RESOLVER, TRICKS = '198.51.100.53', '198.51.100.54'
MIRROR = '203.0.113.13'         # where the names of TRICKY lead when they lead to something good
HTTP2 = '203.0.113.12'          # its port 443 speaks HTTP/2 only

# Names with addresses that stay the same: the resolver's.
NAMES = {
    'npm-registry.test': ['203.0.113.10', '2001:db8::10'],
    'pypi-index.test': ['203.0.113.11'],
    'pypi-files.test': ['203.0.113.12'],
    'github.com': ['203.0.113.20'],
    'api.github.com': ['203.0.113.20'],
    'raw.githubusercontent.com': ['203.0.113.20'],
    'gitlab.com': ['203.0.113.22'],
    'bitbucket.org': ['203.0.113.23'],
    'app.daytona.io': ['203.0.113.24'],
    'a.b.github.com': ['203.0.113.21'],
    'evil.com': ['203.0.113.66', '2001:db8::66'],
    'www.evil.com': ['203.0.113.66'],
    'a.b.evil.com': ['203.0.113.66'],
    'notevil.com': ['203.0.113.67'],
    'npm-registry.test.evil.com': ['203.0.113.66'],
    'xnpm-registry.test': ['203.0.113.67'],
    'example.com': ['203.0.113.80'],
    'data.attacker.example.com': ['203.0.113.80'],
    'api.anthropic.com': ['203.0.113.90'],
    'metadata.google.internal': ['169.254.169.254'],
    'metadata': ['169.254.169.254'],
    'instance-data': ['169.254.169.254'],
    'rancher-metadata': ['169.254.169.254'],
    '169.254.169.254.nip.io': ['169.254.169.254'],
}
# Names that every policy here allows on port 443, and what their owner makes of it: see world.py.
TRICKY = ['crates-static.test', 'crates-index.test', 'go-proxy.test', 'go-sum.test', 'turns.crates-static.test']

# Addresses that nobody of a session may reach; each is a host with every service.
CLOSED = ['169.254.169.254', '169.254.170.2', '169.254.1.1', '100.100.100.200', '168.63.129.16',
          '10.0.0.1', '172.16.5.5', '192.168.1.1', '192.0.2.1', '172.32.0.1', 'fd00:ec2::254', 'fd00::1',
          '8.8.8.8', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1']
ADDRESSES = sorted({a for l in NAMES.values() for a in l} | set(CLOSED) | {RESOLVER, TRICKS, MIRROR})
# Who answers questions for names without being asked to.
FOREIGN = ['8.8.8.8', '203.0.113.66', '10.0.0.1', '169.254.169.254']
TCP, UDP = (7, 22, 80, 443, 853, 4444, 8080), (7, 123, 443, 4444, 5353)
# Daemons of the stage that look names up for whoever asks.
LOOKUP = ['/run/nscd/socket', '/run/systemd/resolve/io.systemd.Resolve', '/run/avahi-daemon/socket']
