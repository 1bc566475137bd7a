# kill - install the shim, then kill.py KILLS SEED. Started by `stage run -- kill.sh`.
# shellcheck shell=sh
E2E_PASS=governed
export E2E_PASS
. /opt/e2e/lib.sh
: >/opt/e2e/count
: >/opt/e2e/failed
fresh_home
# What must not happen later does happen now.
as_user /bin/bash -c 'sudo id' >/dev/null
[ -e /tmp/canary/sudo ] || exit 1
clear_canary
install_shim >/dev/null || exit 1
/usr/bin/python3 /opt/e2e/kill.py "$@"
