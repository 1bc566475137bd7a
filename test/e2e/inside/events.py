# events - is this said of the log's events after a byte?
# usage: events.py LOG BYTE EXPRESSION      E is the list of events, C(x) its executions of a file that ends in /x
import base64, hashlib, json, sys

log, start, expression = sys.argv[1:]
with open(log, "rb") as f:
    f.seek(int(start))
    lines = f.read().split(b"\n")
if lines.pop():
    sys.exit("the last line has no end")
E = [json.loads(line.decode("utf-8")) for line in lines]


def C(name):
    return [e for e in E if e["type"] == "execve" and e.get("filename", "").endswith("/" + name)]


if not eval(expression):
    print(f"{len(E)} events, not: {expression}")
    for e in E[-6:]:
        print(json.dumps(e)[:400])
    sys.exit(1)
