# kill_files - install the shim, then kill_files.py KILLS SEED. Started by `stage run -- kill_files.sh`.
# shellcheck shell=sh
E2E_PASS=governed
export E2E_PASS
. /opt/e2e/lib.sh
: >/opt/e2e/count
: >/opt/e2e/failed
fresh_home
mknod -m 0666 /dev/fuse c 10 229 2>/dev/null || :
# What may be done with files is asked here, not which programs may run.
sed -i '/^command_rules:/a\  - {name: to-be-killed, commands: ["*"], decision: allow}' "$POLICY"
install_shim >/dev/null || exit 1
/usr/bin/python3 /opt/e2e/kill_files.py "$@"
