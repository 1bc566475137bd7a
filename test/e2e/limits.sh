#!/bin/sh
# What a session may take of the machine: processes, memory, descriptors, time, and how much it may say.
exec "$(dirname "$0")/run" --pair own-e2b ${AS:+--as "$AS"} limits
