# scale - the measured commands again with many rules, sessions, commands, and on the next weaker rung; in the stage,
# started by bench/run. Prints spawn's, burst's and "rss" rows, and for sessions
#	start WHICH MS MS US US      to create one, its first command; processor time of the server, of its supervisor
#	cpu LABEL US US              processor time that one `bash -c :` takes of the server, of its supervisor
#	events WHAT COUNTED EXPECTED
# shellcheck shell=sh disable=SC1091,SC2046,SC2154
. /opt/e2e/bin/work.sh

# Room for 500 commands and what they start, and for a hundred sessions beside those that are measured; policies that
# decide the same.
sed -i 's/pids_max: 100/pids_max: 5000/' "$POLICY"
for n in 100 1000; do
	"$bin/rules" want=$n "$POLICY" "$POLICY" >"/etc/agentsh/policies/rules-$n.yaml"
done
sed -i 's/max_sessions: 100/max_sessions: 150/' /etc/agentsh/config.yaml

fail() {
	echo "scale: $*" >&2
	exit 1
}
us() { echo $(($(date +%s%N) / 1000)); }
# cpu WHAT: microseconds that the server, or all supervisors, have run.
cpu() {
	product | while read -r what pid; do
		[ "$what" != "$1" ] || cat "/proc/$pid/schedstat"
	done | awk '{ ns += $1 } END { printf "%d", ns / 1000 }'
}

# sessions COUNT POLICY PREFIX: each with its workspace and its supervisor.
sessions() {
	as_user mkdir -p "$E2E_HOME/work"
	for i in $(seq "$1"); do as_user mkdir -p "$E2E_HOME/work/$3$i"; done
	server=$(cpu server) supervisor=$(cpu supervisor) begun=$(us)
	for i in $(seq "$1"); do
		as_user "$AGENTSH" session create --id "$3$i" --policy "$2" --workspace "$E2E_HOME/work/$3$i" \
			>/dev/null || fail "session $3$i"
	done
	made=$(us)
	for i in $(seq "$1"); do
		as_user AGENTSH_SESSION_ID="$3$i" /bin/bash -c : || fail "first command of session $3$i"
	done
	ended=$(us)
	printf 'start\t%s\t%.1f\t%.1f\t%d\t%d\n' "$1 of policy $2" "$(ratio $((made - begun)) $(($1 * 1000)))" \
		"$(ratio $((ended - made)) $(($1 * 1000)))" $((($(cpu server) - server) / $1)) \
		$((($(cpu supervisor) - supervisor) / $1))
}
ratio() { awk "BEGIN { print $1 / $2 }"; }

# cost LABEL [SESSION]
cost() {
	line shell $(often 100 1000) : "$@" >/tmp/commands
	server=$(cpu server) supervisor=$(cpu supervisor)
	as_user "$bin/spawn" 1 </tmp/commands >/dev/null || exit 1
	awk -v n=$(often 100 1000) -v label="$1" "BEGIN { printf \"cpu\\t%s\\t%.0f\\t%.0f\\n\", label,
		($(cpu server) - $server) / n, ($(cpu supervisor) - $supervisor) / n }"
}
end_sessions() { # COUNT PREFIX
	for i in $(seq "$1"); do
		as_user "$AGENTSH" session destroy "$2$i" >/dev/null || fail "session $2$i does not end"
	done
}

# line GROUP COUNT SHELLCOMMAND LABEL [SESSION]: governed in that session, or natively.
line() {
	shell=/bin/bash
	[ "$4" != native ] || shell=/bin/bash.real
	printf '%s\t%s\t%s\t%s%s\t%s\tbash\t-c\t%s\n' "$1" "$4" "$2" "${mode:-run}" \
		"${5:+,AGENTSH_SESSION_ID=$5}" $shell "$3"
}
# all LABEL[=SESSION]...: the work natively and under each of these.
all() {
	for label in native "$@"; do line shell $(often 10 60) : $(echo "$label" | tr = ' '); done
	for label in native "$@"; do line plain $(often 10 60) /bin/true $(echo "$label" | tr = ' '); done
	mode=inside
	for label in native "$@"; do
		line nested $(often 20 100) "exec $bin/spawn inside /bin/true" $(echo "$label" | tr = ' ')
	done
	mode=run
	for label in native "$@"; do line mixed 1 ". /tmp/mixed.sh >/dev/null" $(echo "$label" | tr = ' '); done
}
measure() {
	all "$@" >/tmp/commands
	as_user "$bin/spawn" "$rounds" </tmp/commands || exit 1
}

# --- rules
as_user /bin/bash -c : # the first session, which the others are compared with
sessions $(often 3 10) default plain-
sessions $(often 3 10) rules-100 few-
sessions $(often 3 10) rules-1000 many-
measure usual rules-100=few-1 rules-1000=many-1
cost usual
cost rules-100 few-1
cost rules-1000 many-1
end_sessions $(often 3 10) plain-
end_sessions $(often 3 10) few-
end_sessions $(often 3 10) many-

# --- sessions
rss sessions-1
sessions 99 default more-
rss sessions-100
measure sessions-100
cost sessions-100
rss sessions-100-used
end_sessions 99 more-

# What 1,000 rules take in memory: of three supervisors the middle one is of these.
sessions 2 rules-1000 many-
rss rules-1000
end_sessions 2 many-

# --- commands
alive=500
printf '%s\t%s\t%s\tbash\t-c\t%s\n' alive governed /bin/bash "exec $bin/burst worker /bin/true" >/tmp/crew
mkfifo -m 666 /tmp/up /tmp/down
as_user "$bin/burst" "$alive" alive /usr/bin/dash -c 'echo >/tmp/up; read -r _ </tmp/down' </tmp/crew &
crew=$!
timeout 60 head -n 1 /tmp/up >/dev/null || fail "$alive commands do not come up"
measure commands-500
cost commands-500
rss commands-500
echo >/tmp/down
wait $crew || fail "not all of $alive commands ended well"

# counted WHAT PATTERN EXPECTED FROM: events since byte FROM of the log.
counted() {
	until_true 5 enough "$@" || :
	printf 'events\t%s\t%d\t%d\n' "$1" "$(tail -c "+$(($4 + 1))" "$LOG" | grep -cE "$2")" "$3"
}
settled() { [ "$(grep -c '"type":"command_started"' "$LOG")" = "$(grep -c '"type":"command_finished"' "$LOG")" ]; }
enough() { [ "$(tail -c "+$(($4 + 1))" "$LOG" | grep -cE "$2")" -ge "$3" ]; }
turns=$(often 1 5)
{
	printf 'execs\tnative\t/bin/bash.real\tbash\t-c\t%s\n' "exec $bin/burst worker /bin/true"
	printf 'execs\tagentsh\t/bin/bash\tbash\t-c\t%s\n' "exec $bin/burst worker /bin/true"
} >/tmp/crew
until_true 10 settled || fail "the ends of commands do not come"
from=$(log_size)
as_user "$bin/burst" "$alive" "$turns" </tmp/crew || exit 1
counted execs '"filename":"/usr/bin/true".*"type":"execve"' $((alive * (turns + 1))) "$from"
{
	printf 'starts\tnative\t%s\tburst\tworker\t/bin/bash.real\t-c\t:\n' "$bin/burst"
	printf 'starts\tagentsh\t%s\tburst\tworker\t/bin/bash\t-c\t:\n' "$bin/burst"
} >/tmp/crew
until_true 10 settled || fail "the ends of commands do not come"
from=$(log_size)
as_user "$bin/burst" "$alive" "$turns" </tmp/crew || exit 1
counted starts '"type":"command_started"' $((alive * (turns + 1))) "$from"
counted ends '"type":"command_finished"' $((alive * (turns + 1))) "$from"
rss bursts

# --- the next rung: somebody else listens to all that runs
stop_server
all ptrace >/tmp/commands
as_user "$bin/outer" listener -- "$bin/spawn" "$rounds" </tmp/commands || exit 1
cost ptrace
grep -q '"rung":"ptrace"' "$LOG" || fail "this was not the ptrace rung"
