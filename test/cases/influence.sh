#!/bin/sh
# influence - the end-to-end test of hostile variables knows every name that sources and documents know.
. "$(dirname "$0")/../t.sh"

here=$(cd "$(dirname "$0")/../.." && pwd -P)
table=$here/test/e2e/inside/influence.py

names() {
	grep -rhoE '"AGENTSH_[A-Z_]+"' "$here/applets" "$here/lib" | tr -d '"'
	grep -hoE 'AGENTSH_[A-Z_]+' "$here/docs/compat.md" "$here/README.md"
}
missing=$(names | sort -u | while read -r name; do
	[ "$name" = AGENTSH_ ] || grep -q "^    \"$name\": " "$table" || echo "$name"
done)
is 'every AGENTSH_ variable is tried with hostile values' "$missing" ''
ok 'there are such names' [ "$(names | sort -u | wc -l)" -gt 15 ]
# Whoever adds another getenv() says here what a hostile value could do. trash, undo: another server is asked, or
# about another session; who is governed is known to the server by its connection.
is 'getenv() is called in these files only' \
	"$(cd "$here" && grep -rlE '\b(secure_)?getenv\(' applets lib --include='*.c' | sort | tr '\n' ' ')" \
	"applets/audit.c applets/exec.c applets/trash.c applets/undo.c lib/audit/log_path.c lib/base/opt.c \
lib/config/find.c lib/session/core.c "
