# two writers and a reader in WAL mode, then with a rollback journal
set -e
cat >writer.py <<'P'
import multiprocessing, sqlite3, sys
mode = sys.argv[1]
def write(k):
    c = sqlite3.connect("db", timeout=60)
    for i in range(150):
        with c:
            c.execute("insert into t values(?, ?, ?)", (k, i, "x" * 300))
        if i % 40 == 0:
            c.execute("pragma wal_checkpoint(truncate)")
def read():
    c, last = sqlite3.connect("db", timeout=60), 0
    for _ in range(100):
        n, = c.execute("select count(*) from t").fetchone()
        assert n >= last
        last = n
c = sqlite3.connect("db", timeout=60)
print(c.execute("pragma journal_mode=" + mode).fetchone())
c.execute("create table if not exists t(a, b, c)")
c.commit()
jobs = [multiprocessing.Process(target=write, args=(k,)) for k in range(2)] + [multiprocessing.Process(target=read)]
for j in jobs: j.start()
for j in jobs: j.join()
print([j.exitcode for j in jobs], c.execute("select count(*), sum(b) from t").fetchone(),
      c.execute("pragma integrity_check").fetchone())
c.execute("delete from t where b % 2")
c.commit()
c.execute("vacuum")
print(c.execute("pragma integrity_check").fetchone())
P
for mode in wal delete truncate persist; do
	python3 writer.py $mode
	sqlite3 db 'select a, count(*), sum(b) from t group by a order by a; pragma integrity_check'
	ls
done
rm -f db-journal
