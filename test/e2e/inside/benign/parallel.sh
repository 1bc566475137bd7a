# 60 shells at once, xargs -P8, 200 short processes
cat >/tmp/w/p.py <<'P'
import subprocess
for round in range(2):
    ps = [subprocess.Popen(["/bin/bash", "-c", "cd /tmp/w; echo shell %d; exit %d" % (n, n)], stdout=subprocess.PIPE) for n in range(60)]
    print([(p.communicate()[0].decode().strip(), p.returncode) for p in ps] == [("shell %d" % n, n) for n in range(60)])
P
python3 /tmp/w/p.py
seq 200 | xargs -P8 -I{} sh -c 'echo {}' | sort -n | sha256sum
seq 100 | xargs -P8 -n5 echo | wc -l
for i in $(seq 200); do /bin/true || echo failed; done; echo loop done
