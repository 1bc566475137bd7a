#!/bin/sh
# What README.md and docs/ say against the code: no command, option, key, route or event left out, no file
# named that is not there, examples that work.
. "$(dirname "$0")/../t.sh"

if [ "$OUT" = "$PWD/build/out" ]; then
	ok 'the tables of README.md are those of the code (make readme)' build/readme check
else
	skip 'the tables of README.md' 'they are those of the full preset'
fi

# Every name in the file "names" stands between backquotes in the page.
all_in() {
	page=$1
	text=$2
	missing=$(while read -r name; do
		grep -qF -e "\`$name\`" "$page" || echo "$name"
	done <"$TMP/names")
	is "$text" "$missing" ''
}

sed -n 's/^	{ "\([a-z_.]*\)", KEY_.*/\1/p' lib/config/table.c >"$TMP/names"
all_in docs/compat.md 'every key of config.yaml is in docs/compat.md'
grep -ohE '"AGENTSH_[A-Z_]+"' lib/config/*.c | tr -d '"' | sort -u >"$TMP/names"
all_in docs/compat.md 'every variable that the server reads, too'
if [ -f lib/api/route.c ]; then
	sed -n 's/^	{ "\([A-Z]*\)", "\([^"]*\)".*/\1 \2/p' lib/api/route.c >"$TMP/names"
	all_in docs/compat.md 'every request of the API, too'
fi
grep -ohE '^	+\{ "[a-z_]+", load_' lib/policy/load*.c | cut -d'"' -f2 | sort -u >"$TMP/names"
all_in docs/policy.md 'every key of a policy is in docs/policy.md'
sed -n 's/.*F([A-Z_]*, "\([a-z_.]*\)",.*/\1/p' lib/facts/list.h >"$TMP/names"
all_in docs/policy.md 'every fact, too'
grep -rohE '\.type = "[a-z_]+"' lib applets | sed 's/.*"\(.*\)"/\1/' | sort -u >"$TMP/names"
all_in docs/audit.md 'every type of event is in docs/audit.md'

# Paths of this repository in the pages.
paths="(applets|build|docs|lib|policies|test)/[A-Za-z0-9_./-]+"
grep -ohE "\`$paths\`" README.md docs/*.md | tr -d "\`" >"$TMP/names"
missing=$(sort -u "$TMP/names" | while read -r path; do [ -e "$path" ] || echo "$path"; done)
is 'every file that the pages name is there' "$missing" ''
missing=$(grep -ohE '\]\([a-z./]+\)' README.md | tr -d '])(' | while read -r path; do
	[ -e "$path" ] || echo "$path"
done)
is 'every link leads somewhere' "$missing" ''

# Commands in the pages: "agentsh WORD" is one that there is.
"$AGENTSH" --version --verbose | sed -n 's/^applet //p' >"$TMP/applets"
missing=$(grep -ohE '`agentsh [a-z][a-z-]*' README.md docs/*.md | sed 's/^.agentsh //' | sort -u |
	grep -vxE 'shim|policy-test' | grep -vxF -f "$TMP/applets")
is 'every command that the pages name is there' "$missing" ''

sed -n '/^```yaml/,/^```/p' docs/policy.md | grep -v '^```' >"$TMP/small.yaml"
if grep -qx policy "$TMP/applets"; then
	ok 'the policy of docs/policy.md is valid' "$AGENTSH" policy validate "$TMP/small.yaml"
fi
if grep -qx run "$TMP/applets"; then
	shown=$("$AGENTSH" run -- sudo whoami 2>&1)
	is 'its exit status is the one shown' $? 126
	first=$(printf '%s\n' "$shown" | sed -n '1s/yaml:[0-9]*/yaml:N/p')
	sed 's/yaml:[0-9]*/yaml:N/' README.md >"$TMP/readme"
	ok 'README.md shows what a denied command says' grep -qxF -e "    $first" "$TMP/readme"
fi
