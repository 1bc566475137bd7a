"""said - how the checks of proxy.sh print what they found, and read what others wrote down."""
import os
import sys


def ok(good, text, seen=None):
    print('%s %s' % ('ok' if good else 'not ok', text))
    if not good:
        print('# ' + repr(seen)[:600])
    sys.stdout.flush()


def lines(name, where):
    try:
        with open(os.path.join(where, name)) as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def read_all(s, mark=b''):
    """Until the other end has closed; `mark` at the end where it did so hard."""
    out = b''
    try:
        while True:
            data = s.recv(65536)
            if not data:
                return out
            out += data
    except ConnectionResetError:
        return out + mark
