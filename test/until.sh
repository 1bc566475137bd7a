# until - wait for a condition, with a bound. For shell tests: t.sh and the scenarios of e2e/inside source it.
# shellcheck shell=sh

# until_true SECONDS COMMAND...: try until it succeeds; fails when the time is over.
until_true() {
	tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}
