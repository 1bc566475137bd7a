# config.awk - settle every symbol of Kconfig from a preset or .config, with no tool but awk.
#
# awk -f build/config.awk Kconfig build/out/applets.kconfig PRESET >.config
#
# Understands what this project's Kconfig uses: bool and int, prompt, default, depends on, select, range.
# In a preset the line "# unnamed: n" turns off what the preset does not name; otherwise defaults hold.

function fail(text)
{
	print "config: " text >"/dev/stderr"
	failed = 1
	exit 1
}

# Value of an expression without parentheses, whose names are replaced by 0 and 1.
function flat(e)
{
	while (gsub(/!0/, "1", e) + gsub(/!1/, "0", e))
		;
	while (sub(/0&&[01]|1&&0/, "0", e) + sub(/1&&1/, "1", e))
		;
	while (sub(/1\|\|[01]|0\|\|1/, "1", e) + sub(/0\|\|0/, "0", e))
		;
	return e
}

function truth(e,    out, inner)
{
	out = ""
	while (match(e, /[A-Z][A-Z0-9_]*/)) {
		out = out substr(e, 1, RSTART - 1) (value[substr(e, RSTART, RLENGTH)] == "y" ? 1 : 0)
		e = substr(e, RSTART + RLENGTH)
	}
	e = out e
	gsub(/[ \t]/, "", e)
	while (match(e, /\([^()]*\)/)) {
		inner = substr(e, RSTART + 1, RLENGTH - 2)
		e = substr(e, 1, RSTART - 1) "@" substr(e, RSTART + RLENGTH)
		sub(/@/, flat(inner), e)
	}
	e = flat(e)
	if (e != "0" && e != "1")
		fail("cannot read an expression near '" e "'")
	return e
}

function rest(n,    s, i)
{
	s = $0
	for (i = 0; i < n; i++)
		sub(/^[ \t]*[^ \t]+[ \t]*/, "", s)
	return s
}

function is_number(s, v)
{
	return v ~ /^[0-9]+$/ && (!(s in low) || (v + 0 >= low[s] + 0 && v + 0 <= high[s] + 0))
}

function is_wanted(s)
{
	if (s in user)
		return user[s]
	if (type[s] == "bool" && (unnamed == "n" || !(s in preset_default)))
		return "n"
	return preset_default[s]
}

FILENAME == ARGV[3] {
	if ($1 == "#" && $2 == "unnamed:")
		unnamed = $3
	else if (match($0, /^CONFIG_[A-Z0-9_]+=/))
		user[substr($0, 8, RLENGTH - 8)] = substr($0, RLENGTH + 1)
	else if (match($0, /^# CONFIG_[A-Z0-9_]+ is not set$/))
		user[substr($2, 8)] = "n"
	else if ($0 !~ /^#|^$/)
		fail(FILENAME ": not understood: " $0)
	next
}
/^config / { sym = $2; names[n++] = sym; helping = 0; next }
/^[a-z]/ { sym = ""; helping = 0; next }
sym == "" || helping { next }
$1 == "help" { helping = 1; next }
$1 == "bool" || $1 == "int" { type[sym] = $1; if (NF > 1) visible[sym] = 1; next }
$1 == "default" { preset_default[sym] = $2; next }
# Some awks make the element on the left before they look at the right.
$1 == "depends" { before = sym in need ? need[sym] " && " : ""; need[sym] = before "(" rest(2) ")"; next }
$1 == "select" { chosen_by[$2] = chosen_by[$2] " " sym; next }
$1 == "range" { low[sym] = $2; high[sym] = $3; next }
$1 != "" && $1 !~ /^#/ { fail(FILENAME ": not understood: " $0) }

# One pass over all symbols; the number of changes.
function settle(    i, k, s, v, by, n_by, changes)
{
	for (i = 0; i < n; i++) {
		s = names[i]
		v = visible[s] ? is_wanted(s) : "n"
		if (type[s] == "bool" && s in need && truth(need[s]) == "0")
			v = "n"
		n_by = split(chosen_by[s], by, " ")
		for (k = 1; k <= n_by; k++) {
			if (value[by[k]] == "y")
				v = "y"
		}
		changes += v != value[s]
		value[s] = v
	}
	return changes
}

END {
	if (failed)
		exit 1
	for (rounds = 0; settle(); rounds++) {
		if (rounds > 50)
			fail("dependencies go in a circle")
	}
	for (i = 0; i < n; i++) {
		s = names[i]
		v = value[s]
		if (type[s] == "int" && !is_number(s, v))
			fail("CONFIG_" s "=" v " is not a number in range " low[s] " to " high[s])
		if (type[s] == "bool" && v != "y" && v != "n")
			fail("CONFIG_" s "=" v " is neither y nor n")
		print v == "n" ? "# CONFIG_" s " is not set" : "CONFIG_" s "=" v
	}
}
