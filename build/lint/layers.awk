# layers.awk - check who may include whom.
#
# awk -f build/lint/layers.awk build/lint/order FILE...
#
# The order file lists folders, lowest line first. A file may include its own folder and folders of lower
# lines; folders on one line do not use each other.

function folder_of(path)
{
	sub(/^lib\//, "", path)
	return sub(/\/[^\/]*$/, "", path) ? path : ""
}

FILENAME == ARGV[1] {
	for (i = 1; i <= NF; i++)
		rank[$i] = FNR
	next
}
FNR == 1 {
	own = folder_of(FILENAME)
	if (!(own in rank)) {
		print FILENAME ":1: folder '" own "' is not in build/lint/order"
		bad = 1
	}
}
/^[ \t]*#[ \t]*include[ \t]+"/ {
	split($0, part, "\"")
	to = folder_of(part[2])
	if (to == "" || to == own)
		next
	if (!(to in rank)) {
		print FILENAME ":" FNR ": includes '" part[2] "', whose folder is not in build/lint/order"
		bad = 1
	} else if (rank[to] >= rank[own]) {
		print FILENAME ":" FNR ": '" own "' must not include '" part[2] "' (build/lint/order)"
		bad = 1
	}
}
END { exit bad }
