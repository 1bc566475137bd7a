#!/bin/sh
# Hosts that refuse a seccomp listener: the weaker rungs hold what they promise, are named for what they are,
# and are refused where the configuration wants more. The host is played by test/e2e/outer.c.
# shellcheck disable=SC2016,SC2034,SC2154 # expressions are evaluated later, names shared with root.sh
. "$(dirname "$0")/../root.sh"

base ptrace
busybox_links
install_in
OUTER='/usr/bin/outer listener --'
shell_behaves /bin/sh
finish
