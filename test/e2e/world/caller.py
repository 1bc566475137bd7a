#!/usr/bin/env python3
"""caller - somebody outside calls a server of the stage. usage: caller.py PID URL (PID is a process of the outside)"""
import ctypes
import os
import sys
import urllib.request

CLONE_NEWNET = 0x40000000
if ctypes.CDLL(None).setns(os.open('/proc/%s/ns/net' % sys.argv[1], os.O_RDONLY), CLONE_NEWNET):
    sys.exit('caller: no such namespace')
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.stdout.write(opener.open(sys.argv[2], timeout=2).read().decode())
