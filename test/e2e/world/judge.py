#!/usr/bin/env python3
"""judge - what the rows of a run came to.

judge.py control FAMILY AMOUNT FOUND WORLD		ungoverned: everything must have been reached
judge.py FAMILY MODE AMOUNT FOUND WORLD LOG		governed: what the policies of FAMILY (e2b, daytona) say holds
judge.py control-tricks|tricks FOUND WORLD LOG		the same for tricks.py

FOUND is what client.py printed; WORLD the folder of world.py, whose files start with this run; LOG the events of this
run. Prints "ok TEXT" or "not ok TEXT" for each check, with "# " lines about what is wrong.
"""
import collections
import json
import os
import sys

import hosts
import rows

DENIED = {'403', 'EACCES', 'EPERM', 'ECONNREFUSED', 'name', 'alert', 'closed', 'EOPNOTSUPP'}

# Who compares the address of who answers hears of names in sessions of root whose reading is judged (docs/proxy.md).
DNS_ANSWERS = os.environ.get('E2E_AS') == 'root' and os.environ.get('E2E_FILES') == 'on'


def read(path):
    with open(path, errors='replace') as f:
        return f.read().splitlines()


def say(good, text, wrong=()):
    print(('ok ' if good else 'not ok ') + text)
    for line in [] if good else list(wrong)[:12]:
        print('#   ' + line[:400])


def found_of(path):
    found = {}
    for line in read(path):
        if line.startswith('{'):
            one = json.loads(line)
            found[one['id']] = one
    return found


def has_token(row):
    """Does its request say which row it is, where the server can see it?"""
    return not (row['client'] == 'raw' and row['port'] == 443 and row['url'].startswith('http'))


def arrived(row, reached, one=None):
    if has_token(row):
        return any(row['id'] in tokens for tokens in reached['tokens'].values())
    if row['host'] in hosts.TRICKY:
        return bool(one and one['reached'])
    address = row['host'] if rows.by_address(row['host']) else hosts.NAMES.get(row['host'], ['?'])[0]
    return (address.replace('::ffff:', ''), '443') in reached['places']


def reached_of(world):
    tokens, places = collections.defaultdict(set), collections.Counter()
    for line in read(os.path.join(world, 'reached')):
        address, port, *words = line.split()
        places[address, port] += 1
        for word in words:
            if word.lstrip('/').startswith('row-'):
                tokens[address, port].add(int(word.lstrip('/').split('/')[0].split('?')[0][4:]))
    return {'tokens': tokens, 'places': places}


def control(family, amount, found, world):
    reached = reached_of(world)
    by_target = collections.defaultdict(list)
    for row in rows.table(amount, family):
        by_target[row['url']].append(row)
    for target, some in by_target.items():
        missing = ['%s: %s' % (r['client'], found.get(r['id'], {}).get('how')) for r in some
                   if not arrived(r, reached, found.get(r['id'])) and not r['host'].endswith('.')]
        say(not missing, 'natively %s is reached by all %d' % (target, len(some)), missing)


def events_of(path):
    events = []
    for line in read(path):
        try:
            events.append(json.loads(line))
        except ValueError:
            pass
    return events


def names_of(target):
    host, port = rows.port_of(target.replace('udp://', 'http://'))
    known = {host, '%s:%d' % (host, port), '[%s]:%d' % (host, port), host.rstrip('.')}
    if host.startswith('::ffff:'):
        known |= {host[7:], '%s:%d' % (host[7:], port)}
    if target in [t[0] for t in rows.SPELLINGS]:
        known |= {'169.254.169.254', '169.254.169.254:80'}
    for address in hosts.NAMES.get(host, []):
        known |= {address, '%s:%d' % (address, port), '[%s]:%d' % (address, port)}
    return known


def denial(events, target, rules):
    """An event that denies the target by one of these rules; else what there is about it."""
    known, others = names_of(target), []
    for e in events:
        policy = e.get('policy') or {}
        if not known & {str(e.get('domain')), str(e.get('remote')), str((e.get('fields') or {}).get('resolved_ip'))}:
            continue
        if policy.get('effective_decision') == 'deny' and policy.get('rule') in rules:
            return None
        others.append('%s %s %s by %s' % (e.get('type'), e.get('remote') or e.get('domain'),
                                          policy.get('effective_decision'), policy.get('rule')))
    return 'no denial by %s in the log, but: %s' % ('|'.join(sorted(rules)), sorted(set(others))[:4])


def open_places(family):
    names = [t[0] for t in rows.targets().values() if rows.said(t, family) is None]
    places = {(hosts.MIRROR, '443')}
    for url in names:
        host, port = rows.port_of(url)
        places |= {(a, str(port)) for a in hosts.NAMES[host]}
    return places


def is_bare(url, how):
    """Python before 3.12 and openssl ask for CONNECT fd00::1:443, without brackets: that can be read in two ways."""
    return url.startswith('https://[') and how in ("OSError('Tunnel connection failed: 400 Bad Request')", '400')


def governed(family, mode, amount, found, world, log):
    reached, events = reached_of(world), events_of(log)
    by_target = collections.defaultdict(list)
    for row in rows.table(amount, family):
        by_target[row['url']].append(row)
    for url, some in by_target.items():
        rules, wrong = rows.said(rows.targets()[url], family), []
        for row in some:
            one = found.get(row['id'], {'reached': False, 'how': 'not tried'})
            if row['client'] == 'node-dns' and rules is None and one['how'] == 'name' and not DNS_ANSWERS:
                continue
            if rules is None and not (one['reached'] and arrived(row, reached, one)):
                wrong.append('%s: not reached: %s' % (row['client'], one['how']))
            elif rules is not None and (one['reached'] or has_token(row) and arrived(row, reached)):
                wrong.append('%s: REACHED: %s' % (row['client'], one['how']))
            elif rules is not None and one['how'] not in DENIED and not is_bare(url, one['how']):
                wrong.append('%s: fails by %s' % (row['client'], one['how']))
        if rules is None:
            say(not wrong, '%s: %s is reached by all %d' % (mode, url, len(some)), wrong)
            continue
        missing = denial(events, url, rules)
        say(not wrong and not missing, '%s: %s is denied to all %d, and why' % (mode, url, len(some)),
            wrong + ([missing] if missing else []))
    allowed = open_places(family)
    # Programs outside of the session ask those at local sockets who they are themselves.
    other = ['%s:%s %d times' % (*p, n) for p, n in reached['places'].items()
             if p not in allowed and p[0] not in hosts.LOOKUP]
    say(not other, '%s: nothing arrives anywhere else' % mode, other)


def left_by_tricks(world):
    """What each trick leaves behind where it succeeds: (trick, true if it is there)."""
    reached, names = read(os.path.join(world, 'reached')), read(os.path.join(world, 'queries'))

    def asked(number):
        word = 'row-%d' % number
        return any(word in line for line in names) or any(
            (' dns ' in line or ' udp ' in line) and word in line for line in reached)

    def got(number, *places):
        return any('/row-%d ' % number in line and line.split()[0] in places for line in reached)
    found = [('a name is a message (%d)' % n, asked(n)) for n in range(1001, 1008)]
    found += [('a name that the C library makes (%d)' % n, asked(n)) for n in range(1017, 1020)]
    found += [('who looks names up at %s' % path, any(line.startswith(path) and 'row-%d.' % n in line for line in reached))
              for n, path in enumerate(hosts.LOOKUP, 1020)]
    found += [('a closed address over MPTCP', got(1023, '10.0.0.1'))]
    found += [('TLS to a name server', got(1008, '8.8.8.8')),
              ('an allowed name at another address', got(1009, '203.0.113.66')),
              ('another name at an allowed address', got(1010, *hosts.NAMES['npm-registry.test'])),
              ('a name that moves to the metadata service', got(1011, '169.254.169.254')),
              ('lies about an allowed name', any(' dns npm-registry.test' in line for line in reached))]
    return found


def tricks(found, world, log):
    came = {one['trick']: one['came'] for one in found}
    reached = read(os.path.join(world, 'reached'))
    for name, succeeded in left_by_tricks(world):
        say(not succeeded, name + ': nothing of it arrives', [str(came)])
    for number in range(1012, 1017):
        say(not any('/row-%d ' % number in line for line in reached),
            'a tunnel for something else (%d) leads nowhere' % number, [str(came)])
    say(hosts.MIRROR in came.get('a name that moves', ''), 'a name that moves is reached where it may be', [str(came)])
    events = events_of(log)
    for what, field, text, rules in (
            ('the name', 'domain', 'tunnel.evil.com', EVIL_NAMES), ('the other name', 'server_name', 'evil.com',
                                                                     {'tls-name-mismatch', 'block-evil-domains'})):
        said = [e for e in events if text in str(e.get(field) or (e.get('fields') or {}).get(field) or e.get('domain'))]
        good = [e for e in said if (e.get('policy') or {}).get('effective_decision') == 'deny' and
                e['policy'].get('rule') in rules]
        say(good, 'the log says why %s was refused' % what, [json.dumps(e) for e in said])
    for path in hosts.LOOKUP:
        say(came.get(path, '').startswith('PermissionError') and
            any(e.get('type') == 'unix_socket_op' and path in json.dumps(e) and e['policy']['effective_decision'] == 'deny'
                for e in events), 'the log says that %s is closed' % path, [str(came.get(path))])


EVIL_NAMES = {'block-evil-domains', 'default-deny-network', 'dns-types', 'dns-labels', 'dns-rate'}


def main():
    if sys.argv[1] == 'control':
        control(*sys.argv[2:4], found_of(sys.argv[4]), sys.argv[5])
    elif sys.argv[1] == 'control-tricks':
        for name, succeeded in left_by_tricks(sys.argv[3]):
            say(succeeded, 'natively %s: it works' % name, read(sys.argv[2]))
    elif sys.argv[1] == 'tricks':
        tricks([json.loads(x) for x in read(sys.argv[2]) if x.startswith('{')], *sys.argv[3:5])
    else:
        governed(*sys.argv[1:4], found_of(sys.argv[4]), *sys.argv[5:7])


main()
