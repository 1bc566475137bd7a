#!/bin/sh
# What is changed or replaced while commands run: configuration, policies, the program itself.
exec "$(dirname "$0")/run" --pair own-e2b ${AS:+--as "$AS"} reload upgrade
