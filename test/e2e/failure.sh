#!/bin/sh
# What fails, is changed or is replaced while commands run.
exec "$(dirname "$0")/run" --pair own-e2b ${AS:+--as "$AS"} reload upgrade
