#!/usr/bin/env python3
"""crowd - many at once by way of a proxy.

crowd.py echo                       a server that says back what it hears; prints its port
crowd.py idle PROXY COUNT           COUNT connections that never ask; "ready", then until standard input ends
crowd.py slow PROXY COUNT           the same, each of which asks a byte at a time, for ever
crowd.py tunnels PROXY PORT COUNT BYTES
                                    COUNT tunnels at once to PORT; all that is sent must come back;
                                    prints how many tunnels were good
"""
import asyncio
import hashlib
import os
import resource
import sys

HERE = '127.0.0.1'


async def echo():
    async def say_back(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    server = await asyncio.start_server(say_back, HERE, 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await until_end()


async def until_end():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def reach(port):
    for _ in range(50):
        try:
            return await asyncio.open_connection(HERE, port)
        except ConnectionError:
            await asyncio.sleep(0.1)
    raise SystemExit('cannot connect')


async def crowd(port, count, slow):
    there = []
    for at in range(0, count, 200):
        there += await asyncio.gather(*(reach(port) for _ in range(min(200, count - at))))
    print('ready', flush=True)

    async def ask(writer):
        try:
            writer.write(b'GET http://')
            while True:
                writer.write(b'a')
                await writer.drain()
                await asyncio.sleep(0.2)
        except ConnectionError:
            pass
    asking = [asyncio.create_task(ask(w)) for _, w in there] if slow else []
    await until_end()
    for task in asking:
        task.cancel()
    sys.stdout.flush()
    os._exit(0)


async def tunnel(proxy, port, size, number):
    reader, writer = await reach(proxy)
    writer.write(b'CONNECT %s:%d HTTP/1.1\r\nHost: x\r\n\r\n' % (HERE.encode(), port))
    if b' 200 ' not in await reader.readuntil(b'\r\n\r\n'):
        return False
    piece = hashlib.sha256(b'%d' % number).digest() * 512
    sent, got = hashlib.sha256(), hashlib.sha256()

    async def send():
        for at in range(0, size, len(piece)):
            part = piece[:size - at]
            sent.update(part)
            writer.write(part)
            await writer.drain()
        writer.write_eof()
    sending = asyncio.create_task(send())
    while data := await reader.read(65536):
        got.update(data)
    await sending
    writer.close()
    return sent.digest() == got.digest()


async def tunnels(proxy, port, count, size):
    good = await asyncio.gather(*(tunnel(proxy, port, size, n) for n in range(count)),
                                return_exceptions=True)
    print(sum(x is True for x in good))


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
what, numbers = sys.argv[1], [int(x) for x in sys.argv[2:]]
asyncio.run(echo() if what == 'echo' else tunnels(*numbers) if what == 'tunnels' else
            crowd(*numbers, what == 'slow'))
