# t - TAP for shell tests; source it at the top: . "$(dirname "$0")/../t.sh"
#
#	ok TEXT COMMAND...		passes when the command succeeds
#	not_ok TEXT COMMAND...		passes when it fails
#	is TEXT GOT WANT		passes when both are the same text
#	has TEXT GOT PATTERN		passes when a line of GOT matches the extended regular expression
#	checks COMMAND...		each line "ok TEXT" or "not ok TEXT" that it prints is a check, and that it ends well
#	skip TEXT REASON		one check that cannot run here
#	skip_all REASON			none can; ends the test
#	needs WHAT...			skip_all unless there is: root, userns, netns, fuse, or a command of that name
#	until_true SECONDS COMMAND...	wait until the command succeeds (until.sh)
#
# AGENTSH is the binary, OUT its folder, both absolute; TMP is an empty folder that is removed at the end.
# The plan is printed at exit. Clean-up of your own goes into a function named cleanup.
# shellcheck shell=sh

. "$(dirname "$0")/../until.sh"
AGENTSH=${AGENTSH:-$PWD/build/out/agentsh}
OUT=${OUT:-$PWD/build/out}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/agentsh-test.XXXXXX")
t_count=0 t_failed=0 t_skipped_all=
export AGENTSH OUT TMP

t_end() {
	t_status=$?
	trap - EXIT
	if command -v cleanup >/dev/null; then
		cleanup
	fi
	rm -rf "$TMP"
	[ -n "$t_skipped_all" ] || echo "1..$t_count"
	[ "$t_status" -eq 0 ] && [ "$t_failed" -eq 0 ]
	exit $?
}
trap t_end EXIT
trap 'exit 130' INT TERM

t_report() {
	t_count=$((t_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $t_count - $2"
	else
		t_failed=$((t_failed + 1))
		echo "not ok $t_count - $2"
	fi
}

ok() {
	t_text=$1
	shift
	if "$@" >"$TMP/.out" 2>&1; then
		t_report 0 "$t_text"
	else
		t_report 1 "$t_text"
		sed 's/^/# /' "$TMP/.out"
	fi
}

not_ok() {
	t_text=$1
	shift
	if "$@" >"$TMP/.out" 2>&1; then
		t_report 1 "$t_text"
		sed 's/^/# /' "$TMP/.out"
	else
		t_report 0 "$t_text"
	fi
}

is() {
	if [ "$2" = "$3" ]; then
		t_report 0 "$1"
	else
		t_report 1 "$1"
		printf 'got:\n%s\nwant:\n%s\n' "$2" "$3" | sed 's/^/# /'
	fi
}

has() {
	if printf '%s\n' "$2" | grep -qE -e "$3"; then
		t_report 0 "$1"
	else
		t_report 1 "$1"
		printf 'no line matches %s in:\n%s\n' "$3" "$2" | sed 's/^/# /'
	fi
}

checks() {
	"$@" >"$TMP/.checks"
	is "all of it was looked at" $? 0
	while IFS= read -r t_line; do
		case $t_line in
		ok\ *) t_report 0 "${t_line#ok }" ;;
		not\ ok\ *) t_report 1 "${t_line#not ok }" ;;
		*) echo "$t_line" ;;
		esac
	done <"$TMP/.checks"
}

skip() {
	t_count=$((t_count + 1))
	echo "ok $t_count - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $1"
	t_skipped_all=y
	exit 0
}

t_is_there() {
	case $1 in
	root)   [ "$(id -u)" -eq 0 ] ;;
	userns) unshare -Ur true 2>/dev/null ;;
	netns)  unshare -Urn true 2>/dev/null ;;
	fuse)   [ -w /dev/fuse ] ;;
	*)      command -v "$1" >/dev/null ;;
	esac
}

needs() {
	for t_need; do
		t_is_there "$t_need" || skip_all "no $t_need here"
	done
}
