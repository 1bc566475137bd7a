# pools, shared memory, asyncio, subprocess, sockets
cat >/tmp/w/m.py <<'P'
import asyncio, concurrent.futures as cf, mmap, multiprocessing as mp, os, resource, select, socket, tempfile, threading
def f(x): return x * x
if __name__ == "__main__":
    print(sum(cf.ThreadPoolExecutor(4).map(f, range(100))))
    with cf.ProcessPoolExecutor(4) as ex: print(sum(ex.map(f, range(100))))
    from multiprocessing import shared_memory
    s = shared_memory.SharedMemory(create=True, size=100); s.buf[0] = 7; print(s.buf[0]); s.close(); s.unlink()
    q = mp.Queue(); p = mp.Process(target=q.put, args=(5,)); p.start(); print(q.get()); p.join(); print(p.exitcode)
    async def sub():
        p = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        print((await p.communicate(b"async"))[0], p.returncode)
        p = await asyncio.create_subprocess_shell("exit 4"); print(await p.wait())
    asyncio.run(sub())
    a = socket.socketpair(); a[0].send(b"x"); print(a[1].recv(1))
    l = socket.socket(socket.AF_UNIX); l.bind("/tmp/w/sock"); l.listen()
    c = socket.socket(socket.AF_UNIX); c.connect("/tmp/w/sock"); d, _ = l.accept()
    import struct
    print(struct.unpack("iii", d.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:] == (os.getuid(), os.getgid()))
    socket.send_fds(c, [b"f"], [0]); print(len(socket.recv_fds(d, 1, 1)[1]))
    ab = socket.socket(socket.AF_UNIX); ab.bind("\0mine-%d" % os.getpid()); ab.listen(); c2 = socket.socket(socket.AF_UNIX); c2.connect(ab.getsockname()); print("abstract")
    t = socket.socket(); t.bind(("127.0.0.1", 0)); t.listen(); k = socket.create_connection(t.getsockname()); print("tcp")
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0)); u.sendto(b"dgram", u.getsockname()); print(u.recv(9))
    e = select.epoll(); e.register(a[1].fileno()); print(len(e.poll(0)))
    with tempfile.TemporaryFile() as tf: tf.write(b"tmp"); tf.seek(0); print(tf.read())
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200)); print(resource.getrlimit(resource.RLIMIT_NOFILE)); print(os.nice(2))
P
cd /tmp/w && python3 m.py
echo '{"a": [1, 2]}' | python3 -m json.tool --compact
python3 -c 'import ssl, ctypes, json, hashlib; print(hashlib.sha256(b"x").hexdigest()[:8])'
