#!/usr/bin/env python3
"""client - tries the rows of rows.py, as programs of a session do.

client.py MODE AMOUNT FAMILY [script|said]: MODE is "proxy" (the environment as it is), "none" (no proxy variables), "star" (NO_PROXY=*);
AMOUNT "core" or "all", FAMILY of the policies "e2b" or "daytona". Prints one line of JSON for each row: id, reached
(the right answer came), how (what was seen). "script" prints what the shell itself is to run, "said" reads what that printed.
"""
import asyncio
import concurrent.futures
import errno
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import rows

HERE = os.path.dirname(os.path.abspath(__file__))
CA = os.path.join(HERE, 'ca.pem')
LIMIT = 15
MODE = sys.argv[1]
CONTEXT = ssl.create_default_context(cafile=CA)


def set_mode():
    if MODE == 'proxy':
        return
    for name in list(os.environ):
        if name.lower().endswith('_proxy'):
            del os.environ[name]
    if MODE == 'star':
        os.environ['NO_PROXY'] = os.environ['no_proxy'] = '*'


def proxy():
    url = os.environ.get('HTTPS_PROXY') or os.environ.get('https_proxy')
    if url and '*' not in os.environ.get('NO_PROXY', ''):
        return url.split('//')[1].rstrip('/')
    return None


def why(e):
    """The cause of an error, in one word."""
    while getattr(e, 'reason', None) is not None and isinstance(e.reason, BaseException):
        e = e.reason
    if isinstance(e, urllib.error.HTTPError):
        return str(e.code)
    if isinstance(e, socket.gaierror):
        return 'name'
    if isinstance(e, ssl.SSLError):
        return 'alert' if 'ALERT' in str(e) or 'EOF' in str(e) else 'tls ' + str(e)[:80]
    if '403' in str(e):
        return '403'
    if isinstance(e, (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, asyncio.IncompleteReadError)):
        return 'closed'
    if isinstance(e, OSError) and e.errno:
        return errno.errorcode.get(e.errno, str(e.errno))
    return repr(e)[:120]


def answer(row, text):
    if 'hello from' in text:
        return True, 'hello'
    found = re.match(r'HTTP/1.[01] (\d+)', text)
    return False, found.group(1) if found else ('closed' if not text else 'text ' + text[:40])


def url_of(row):
    return '%s/row-%d' % (row['url'], row['id'])


def run(argv, data='', env=None, limit=LIMIT):
    try:
        p = subprocess.run(argv, input=data, capture_output=True, text=True, errors='replace', timeout=limit,
                           env={**os.environ, **(env or {})})
    except subprocess.TimeoutExpired:
        return 124, '', 'hung'
    except OSError as e:
        return 127, '', str(e)
    return p.returncode, p.stdout, p.stderr


def curl_line(row):
    return ['curl', '-sS', '-f', '-m', '12', '--cacert', CA, url_of(row)]


def curl_said(rc, out, err):
    known = {22: '403' if '403' in err else '', 56: '403' if '403' in err else 'closed', 6: 'name', 35: 'alert',
             7: 'EACCES', 52: 'closed', 97: 'EACCES', 5: 'name'}
    return rc == 0 and 'hello from' in out, known.get(rc) or 'curl %d %s' % (rc, err.strip()[:100])


def wget_line(row):
    return ['wget', '-nv', '-T', '12', '-t', '1', '--ca-certificate', CA, '-O', '-', url_of(row)]


def wget_said(rc, out, err):
    how = 'wget %d %s' % (rc, err.strip()[-120:])
    if '403' in err:
        how = '403'
    elif 'unable to resolve' in err or 'not known' in err or 'failed: ' in err and 'resolution' in err:
        how = 'name'
    elif 'ermission denied' in err:
        how = 'EACCES'
    elif 'Unable to establish SSL' in err:
        how = 'alert'
    elif rc == 4:
        how = 'closed'
    return rc == 0 and 'hello from' in out, how


def curl(row):
    return curl_said(*run(curl_line(row)))


def wget(row):
    return wget_said(*run(wget_line(row)))


def ssh(row):
    """The server speaks first; then it is told which row this is."""
    at = proxy()
    with socket.create_connection(tuple(at.split(':')) if at else (row['host'], row['port']), timeout=LIMIT) as s:
        if at:
            to = '%s:%d' % (row['host'], row['port'])
            s.sendall(('CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (to, to)).encode())
            head = b''
            while not head.endswith(b'\r\n\r\n'):
                head += s.recv(1) or b'\r\n\r\n'
            if b' 200 ' not in head:
                return answer(row, head.decode('latin-1'))
        banner = s.recv(100)
        s.sendall(b'row-%d\r\n' % row['id'])
        s.recv(1)
    return banner.startswith(b'SSH-2.0-canary'), 'hello' if banner else 'closed'


def urllib_(row):
    with urllib.request.urlopen(url_of(row), timeout=LIMIT, context=CONTEXT) as f:
        return answer(row, f.read().decode())


def get(row):
    return ('GET /row-%d HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % (row['id'], row['host'])).encode()


def sockets(row):
    with socket.create_connection((row['host'], row['port']), timeout=LIMIT) as s:
        if row['url'].startswith('https'):
            s = CONTEXT.wrap_socket(s, server_hostname=row['host'])
        s.sendall(get(row))
        text = b''
        while True:
            data = s.recv(65536)
            if not data:
                return answer(row, text.decode('latin-1'))
            text += data


def asyncio_(row):
    async def fetch():
        tls = {'ssl': CONTEXT, 'server_hostname': row['host']} if row['url'].startswith('https') else {}
        r, w = await asyncio.open_connection(row['host'], row['port'], **tls)
        w.write(get(row))
        text = await r.read()
        w.close()
        return answer(row, text.decode('latin-1'))
    return asyncio.run(asyncio.wait_for(fetch(), LIMIT))


def openssl(row):
    host = '[%s]' % row['host'] if ':' in row['host'] else row['host']
    argv = ['openssl', 's_client', '-connect', '%s:%d' % (host, row['port']), '-CAfile', CA, '-quiet',
            '-verify_quiet']
    if not rows.by_address(row['host']):
        argv += ['-servername', row['host']]
    if proxy():
        argv += ['-proxy', proxy()]
    rc, out, err = run(argv, get(row).decode())
    if 'hello from' in out:
        return True, 'hello'
    for mark, how in (('Permission denied', 'EACCES'), ('ermission', 'EACCES'), ('403', '403'), ('alert', 'alert'),
                      ('reason= 400', '400'), ('not known', 'name'), ('lookup', 'name'), ('name resolution', 'name'), ('eof', 'closed'),
                      ('errno=104', 'closed')):
        if mark in err:
            return False, how
    return False, 'openssl %d %s' % (rc, err.strip()[-100:])


def git(row):
    rc, out, err = run(['git', 'ls-remote', url_of(row) + '/repo.git'],
                       env={'GIT_TERMINAL_PROMPT': '0', 'GIT_SSL_CAINFO': CA})
    how = 'git %d %s' % (rc, err.strip()[-120:])
    for mark, short in (('403', '403'), ('resolve host', 'name'), ('Failed to connect', 'EACCES'), ("Couldn't connect", 'EACCES'),
                        ('alert', 'alert'), ('Access was denied', 'alert'), ('Empty reply', 'closed')):
        if mark in err:
            how = short
            break
    return rc == 0 and 'refs/heads/main' in out, how


def devtcp(row):
    rc, out, err = run(['bash', '-c', 'exec 3<>"/dev/tcp/$1/$2" || exit 7; printf %s "$3" >&3; cat <&3', 'x',
                        row['host'], str(row['port']), get(row).decode()])
    how = 'closed' if rc == 0 and not out else 'bash %d %s' % (rc, err.strip()[-100:])
    if 'ermission denied' in err:
        how = 'EACCES'
    elif 'not known' in err or 'resolution' in err or 'No address' in err:
        how = 'name'
    reached, seen = answer(row, out)
    return reached, seen if out else how


def raw(row):
    host = row['host']
    how = row.get('how') or ('tcp' if rows.by_address(host) else 'go')
    rc, out, err = run([os.path.join(HERE, 'raw'), how, host, str(row['port']), 'row-%d' % row['id']])
    word = out.split()
    if not word:
        return False, 'raw %d %s' % (rc, err[-80:])
    if word[0] == 'E':
        return False, 'name' if 'look-up' in out else word[1]
    if how == 'tcp' and row['port'] == 443:         # says what no server of TLS understands
        return rc == 0, 'closed' if word[0] == 'closed' or not out.startswith('HTTP') else word[1]
    return rc == 0, {'HTTP/1.1': word[1] if len(word) > 1 else '', 'HTTP/1.0': word[1] if len(word) > 1 else ''}.get(
        word[0], word[0])


def attempt(row):
    kinds = {'urllib': urllib_, 'asyncio': asyncio_}
    try:
        reached, how = (kinds.get(row['client']) or globals()[row['client']])(row)
    except Exception as e:          # noqa: any way to fail is an answer
        reached, how = False, why(e)
    return {'id': row['id'], 'reached': reached, 'how': how}


def node(some):
    if not some:
        return
    rc, out, err = run(['node', os.path.join(HERE, 'client.js'), CA], json.dumps(some),
                       {'NODE_EXTRA_CA_CERTS': CA}, 60)
    sys.stdout.write(out)
    if rc:
        print('# node %d %s' % (rc, err[-300:]))


def script(some):
    """What the session's shell itself is to start: a line with the row, its outputs, a line with the exit code."""
    if MODE != 'proxy':
        names = [name + '_proxy' for name in ('http', 'https', 'all', 'no')]
        print('unset', *names, *[name.upper() for name in names])
    if MODE == 'star':
        print("export NO_PROXY='*' no_proxy='*'")
    for row in some:
        line = {'curl': curl_line, 'wget': wget_line}[row['client']](row)
        print("echo; echo row %d; %s 2>&1; rc=$?; echo; echo rc $rc" % (row['id'], ' '.join("'%s'" % w for w in line)))


def said_by_shell(some, text):
    """What that script printed, as everybody else says it."""
    rows_of = {r['id']: r for r in some}
    for number, out, rc in re.findall(r'^row (\d+)$(.*?)^rc (\d+)$', text, re.M | re.S):
        row = rows_of[int(number)]
        reached, how = {'curl': curl_said, 'wget': wget_said}[row['client']](int(rc), out, out)
        print(json.dumps({'id': row['id'], 'reached': reached, 'how': how}))


def main():
    todo = rows.table(*sys.argv[2:4])
    by_shell = [r for r in todo if r.get('by') == 'shell']
    if sys.argv[4:] == ['script']:
        return script(by_shell)
    if sys.argv[4:] == ['said']:
        return said_by_shell(by_shell, sys.stdin.read())
    set_mode()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        of_node = [r for r in todo if r['client'].startswith('node')]
        last = pool.submit(node, of_node)
        for found in pool.map(attempt, [r for r in todo if r not in of_node and r not in by_shell]):
            print(json.dumps(found), flush=True)
        last.result()


main()
