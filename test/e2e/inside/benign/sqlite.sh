# rollback journal and WAL, two writers, integrity
set -e
cd /tmp/w
for mode in DELETE WAL; do
	sqlite3 db "PRAGMA journal_mode=$mode; CREATE TABLE IF NOT EXISTS t(x INTEGER);"
	for n in 1 2; do
		(for i in $(seq 20); do sqlite3 -cmd '.timeout 10000' db "INSERT INTO t VALUES($i)"; done) &
	done
	wait
	sqlite3 db 'SELECT count(*), sum(x) FROM t; PRAGMA integrity_check; VACUUM;'
done
python3 -c 'import sqlite3; c = sqlite3.connect("db"); print(c.execute("select max(x) from t").fetchone())'
