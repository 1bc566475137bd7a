#!/bin/sh
# What fails while commands run: processes that stop, descriptors, memory, disk, processes that end.
exec "$(dirname "$0")/run" --pair own-e2b --as "${AS:-user}" failure
