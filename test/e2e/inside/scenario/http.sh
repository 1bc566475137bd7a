# http - hostile requests: an error or a closed connection, and the server stays up.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "hostile HTTP"
governed || exit 0

healthy || start_server
check "malformed requests" /usr/bin/python3 /opt/e2e/hostile.py 18080
check_that "no session came of them" '[ "$(curl -s $URL/api/v1/sessions | grep -c nonexistent)" = 0 ]'
check_ok "commands work after it" '^fine$' /bin/bash -c 'echo fine'
check_denied "denials work after it" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'sudo whoami'
exit 0
