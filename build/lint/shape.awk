# shape.awk - lines at most 110 columns, files at most 600 lines, functions at most 60.

function complain(line, text)
{
	print FILENAME ":" line ": " text
	bad = 1
}

function columns(s,    i, col)
{
	if (length(s) <= 110 && s !~ /\t/)
		return length(s)
	col = 0
	for (i = 1; i <= length(s); i++)
		col = substr(s, i, 1) == "\t" ? col + 8 - col % 8 : col + 1
	return col
}

FNR == 1 { start = 0 }
{
	line = $0
	gsub(/[\200-\277]/, "", line) # continuation bytes of UTF-8 take no column
	if (columns(line) > 110)
		complain(FNR, "line is longer than 110 columns")
	if (FNR == 601)
		complain(FNR, "file is longer than 600 lines")
}
FILENAME !~ /\.[ch]$/ { next }
/^\{/ { start = FNR }
/^\}/ {
	if (start && FNR - start - 1 > 60)
		complain(start, "function body is longer than 60 lines (" FNR - start - 1 ")")
	start = 0
}
END { exit bad }
