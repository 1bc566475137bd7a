# big argument lists, environments and values, passed on through shells
python3 -c 'import subprocess
print(subprocess.run(["bash", "-c", "echo $# ${#1}", "x"] + ["y" * 100000] * 10, capture_output=True).stdout)
import os
env = dict(os.environ, **{"LC_V%d" % n: "v" for n in range(40)})
print(subprocess.run(["bash", "-c", "bash -c \"env | grep -c LC_V\""], env=env, capture_output=True).stdout)'
for i in $(seq 500); do export "INNER_$i=value"; done; env | grep -c INNER_; bash -c 'sh -c "env | grep -c INNER_"'
x=$(head -c 100000 /dev/zero | tr '\0' y); export x; bash -c 'echo ${#x}'
prlimit --nofile=64:64 bash -c 'prlimit --noheadings -o SOFT,HARD --nofile'; sh -c 'ulimit -c 0; ulimit -c'
