"""A stream for git fast-import: a main line of 40 commits that change, move and drop files, a side line that is
merged, a tag, and the branch `full` with FILES files. usage: history.py FILES"""
import sys

out = sys.stdout.buffer
when = 1500000000


def data(text):
    text = text if isinstance(text, bytes) else text.encode()
    out.write(b"data %d\n%s\n" % (len(text), text))


def commit(branch, text, parents=()):
    global when
    when += 60
    out.write(f"commit refs/heads/{branch}\nmark :{when // 60}\ncommitter T <t@example.test> {when} +0000\n".encode())
    data(text)
    for word, mark in zip(("from", "merge"), parents):
        out.write(f"{word} {mark}\n".encode())


def put(path, text, mode="100644"):
    out.write(f"M {mode} inline {path}\n".encode())
    data(text)


out.write(b"feature done\n")
for n in range(40):
    commit("work", f"change {n}\n")
    for i in range(10):
        put(f"src/d{(n * 7 + i) % 13}/f{i}.c", f"int f{i}_{n}(void)\n{{\n\treturn {n};\n}}\n" * (1 + n % 5))
    if n == 10:
        put("run.sh", "#!/bin/sh\necho ran\n", "100755")
        put("link", "src/d1", "120000")
        put("binary", bytes(range(256)) * 64)
    if n == 20:
        out.write(b"R src/d1 moved\n")
    if n == 30:
        out.write(b"D src/d2\n")
commit("side", "aside\n", (f":{when // 60 - 5}",))
put("side/only", "aside\n")
commit("work", "merged\n", (f":{when // 60 - 1}", "refs/heads/side"))
put("side/only", "aside\n")
out.write(b"tag v1\nfrom refs/heads/work\ntagger T <t@example.test> 1500009999 +0000\n")
data("first\n")
commit("full", "many\n", (f":{when // 60}",))
for i in range(int(sys.argv[1])):
    put(f"many/d{i % 97}/e{i % 7}/f{i}", f"file {i}\n" * (1 + i % 9), "100755" if i % 50 == 0 else "100644")
out.write(b"done\n")
