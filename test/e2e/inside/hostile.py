"""hostile - throw malformed HTTP at the server; it must answer with an error or close, and stay up.

usage: hostile.py PORT; prints one line per case that went wrong, exits 1 if any."""
import socket
import sys
import threading
import urllib.request

port = int(sys.argv[1])
wrong = []


def talk(data, wait=2.0):
    s = socket.create_connection(("127.0.0.1", port), 3)
    s.settimeout(wait)
    got = b""
    try:
        for i in range(0, len(data), 65536):
            s.sendall(data[i:i + 65536])
        s.shutdown(socket.SHUT_WR)
        while len(got) < 1 << 20:
            more = s.recv(65536)
            if not more:
                break
            got += more
    except (socket.timeout, ConnectionError, BrokenPipeError):
        pass
    s.close()
    return got


def healthy():
    try:
        return urllib.request.urlopen("http://127.0.0.1:%d/health" % port, timeout=3).read() == b"ok\n"
    except OSError:
        return False


def case(name, data, refused=True):
    got = talk(data)
    status = got.split(b" ", 2)[1:2]
    if refused and status and status[0][:1] == b"2":
        wrong.append("%s: accepted: %r" % (name, got[:80]))
    if not healthy():
        wrong.append("%s: the server no longer answers" % name)


def post(body, path="/api/v1/sessions", headers=b""):
    return (b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


H = b"Host: x\r\n"
case("garbage", bytes(range(256)) * 8)
case("no version", b"GET /health\r\n\r\n")
case("bad version", b"GET /health HTTP/9.9\r\n" + H + b"\r\n")
case("NUL in the path", b"GET /hea\0lth HTTP/1.1\r\n" + H + b"\r\n")
case("bare newline headers", b"GET /health HTTP/1.1\nHost: x\n\n", refused=False)
case("space before colon", b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n")
case("folded header", b"GET /health HTTP/1.1\r\nHost: x\r\n y\r\n\r\n")
case("1 MiB path", b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n" + H + b"\r\n")
case("1 MiB header", b"GET /health HTTP/1.1\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n")
case("10000 headers", b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 10000 + b"\r\n")
case("negative length", b"POST /api/v1/sessions HTTP/1.1\r\n" + H + b"Content-Length: -1\r\n\r\n{}")
case("huge length", b"POST /api/v1/sessions HTTP/1.1\r\n" + H + b"Content-Length: 99999999999999999999\r\n\r\n{}")
case("hex length", b"POST /api/v1/sessions HTTP/1.1\r\n" + H + b"Content-Length: 0x10\r\n\r\n{}")
case("two lengths", b"POST /api/v1/sessions HTTP/1.1\r\n" + H + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
case("length and chunked", b"POST /api/v1/sessions HTTP/1.1\r\n" + H +
     b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
case("bad chunk", b"POST /api/v1/sessions HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
case("body over the limit", post(b"{" + b" " * (11 << 20) + b"}"))
case("short body", b"POST /api/v1/sessions HTTP/1.1\r\n" + H + b"Content-Length: 100\r\n\r\n{")
case("not JSON", post(b"workspace"))
case("deep JSON", post(b"[" * 100000))
case("deep JSON object", post(b'{"a":' * 100000))
case("invalid UTF-8", post(b'{"workspace":"/\xff\xfe"}'))
case("NUL in JSON", post(b'{"workspace":"/tmp\\u0000/x"}'))
case("lone surrogate", post(b'{"workspace":"\\ud800"}'))
case("duplicate key", post(b'{"workspace":"/tmp","workspace":"/nonexistent"}'))
case("trailing text", post(b'{"workspace":"/tmp"} x'))
case("wrong type", post(b'{"workspace":["/tmp"]}'))
case("array", post(b'["/tmp"]'))
case("path up", b"GET /api/v1/sessions/../../health HTTP/1.1\r\n" + H + b"\r\n")
case("encoded path up", b"GET /api/v1/sessions/%2e%2e%2f%2e%2e HTTP/1.1\r\n" + H + b"\r\n")
case("method", b"FROB /health HTTP/1.1\r\n" + H + b"\r\n")
case("upgrade", b"GET /health HTTP/1.1\r\n" + H + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", refused=False)
case("a page of another site", post(b'{"workspace":"/tmp"}', headers=b"Origin: http://evil.example\r\n"))
case("another name for this host", b"POST /api/v1/sessions HTTP/1.1\r\nHost: rebound.example\r\nContent-Length: 20\r\n\r\n"
     b'{"workspace":"/tmp"}')
case("pipelined", (b"GET /health HTTP/1.1\r\n" + H + b"\r\n") * 500, refused=False)

# Connections that say nothing, or speak slowly, keep nobody else waiting.
idle = []
for _ in range(300):
    try:
        s = socket.create_connection(("127.0.0.1", port), 2)
        s.sendall(b"GET /health HTTP/1.1\r\nX")
        idle.append(s)
    except OSError:
        break
if not healthy():
    wrong.append("300 unfinished requests: the server no longer answers")
for s in idle:
    s.close()
if not healthy():
    wrong.append("after 300 unfinished requests: the server no longer answers")

answers = []


def hammer():
    for _ in range(20):
        answers.append(healthy())


threads = [threading.Thread(target=hammer) for _ in range(20)]
for t in threads:
    t.start()
for t in threads:
    t.join()
if not all(answers):
    wrong.append("%d of %d parallel requests failed" % (answers.count(False), len(answers)))
for w in wrong:
    print(w)
sys.exit(1 if wrong else 0)
