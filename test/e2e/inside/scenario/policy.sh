# policy - policy-test answers as clients know it, with and without a server; validate and lint find what is wrong.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "policy evaluation"
governed || exit 0

row() { # OP PATH DECISION RULE
	got=$(as_user agentsh debug policy-test --op "$1" --path "$2" --json 2>&1)
	if printf %s "$got" | grep -q "\"decision\": \"$3\"" && printf %s "$got" | grep -q "\"rule\": \"$4\""; then
		pass "policy-test $1 $2: $3 by $4 ($state)"
	else
		fail "policy-test $1 $2: $3 by $4 ($state)" "$got"
	fi
}
rows() {
	row exec sudo deny block-shell-escape
	row exec su deny block-shell-escape
	row exec ssh deny block-network-tools
	row exec kill deny block-system-commands
	row exec echo allow allow-safe-commands
	row exec git allow allow-dev-tools
	row read /root/.ssh/id_rsa deny approve-ssh-access
	row read /root/.aws/credentials deny approve-aws-credentials
	row write /tmp/test.txt allow allow-tmp
	row write /usr/bin/evil deny default-deny-files
	row write /etc/test.txt deny default-deny-files
	case $E2E_PAIR in
	*e2b)
		row write /workspace/test.txt allow allow-workspace-write
		row read /workspace/test.txt allow allow-workspace-read
		row delete /workspace/test.txt allow soft-delete-workspace
		;;
	*daytona)
		row write /workspace/test.txt allow allow-daytona-home
		row read /workspace/test.txt allow allow-daytona-home
		row delete /workspace/test.txt allow soft-delete-daytona-home
		;;
	esac
	case $E2E_PAIR in
	own-*) row connect 169.254.169.254:80 deny block-metadata-services ;;
	*) row connect 169.254.169.254:80 deny block-private-networks ;;
	esac
	row connect evil.com:443 deny block-evil-domains
}
stop_server
state="no server"
rows
state="server"
start_server
rows
check "policy-test exits 0 whatever the verdict" as_user agentsh debug policy-test --op exec --path sudo
try agentsh policy-test --op exec --path rm -- rm -rf x
check_that "policy-test takes arguments after --" 'grep -q block-rm-recursive "$TRY/out"'

check "policy validate accepts the pair's policy" agentsh policy validate $POLICY
try agentsh policy lint $POLICY
case $E2E_PAIR in
own-*) check_that "lint finds nothing in the project's own policy" '[ "$rc" = 0 ] && [ ! -s "$TRY/out" ]' ;;
real-e2b)
	for rule in approve-package-install allow-llm-proxy block-rm-recursive; do
		check_that "lint speaks of $rule with file and line" "grep -E 'default.yaml:[0-9]+' $TRY/out | grep -q $rule"
	done ;;
real-daytona)
	for rule in block-git-force-push block-git-push-main block-git-reset-hard block-git-clean-force; do
		check_that "lint speaks of $rule with file and line" "grep -E 'default.yaml:[0-9]+' $TRY/out | grep -q $rule"
	done ;;
esac
try agentsh policy explain $POLICY
check_that "explain names the mechanism of every rule" '[ "$rc" = 0 ] && grep -q block-shell-escape "$TRY/out"'
try agentsh policy show default
check_that "show prints the policy" 'grep -q "^version:" "$TRY/out"'
try agentsh policy list
check_that "list names it" 'grep -qx default "$TRY/out"'

bad() { # DESCRIPTION WORD LINE (the file is on standard input)
	cat >/tmp/bad.yaml
	try agentsh policy validate /tmp/bad.yaml
	check_that "$1: refused with file:line:column" "[ \"\$rc\" = 1 ] && cat $TRY/out $TRY/err | grep -E '^(agentsh[^ ]*: )?[^ ]*bad.yaml:$3:[0-9]+: ' | grep -qF -- \"$2\""
}
bad "unknown key" colour 3 <<E
version: 1
name: x
colour: red
E
bad "duplicate key" name 3 <<E
version: 1
name: x
name: y
E
bad "wrong type" version 1 <<E
version: [1]
name: x
E
bad "bad decision" maybe 6 <<E
version: 1
name: x
command_rules:
  - name: r
    commands: [a]
    decision: maybe
E
bad "bad regular expression" '(' 6 <<E
version: 1
name: x
command_rules:
  - name: r
    commands: [a]
    args_patterns: ["("]
    decision: deny
E
bad "bad network" "'33'" 5 <<E
version: 1
name: x
network_rules:
  - name: r
    cidrs: ["10.0.0.0/33"]
    decision: deny
E
exit 0
