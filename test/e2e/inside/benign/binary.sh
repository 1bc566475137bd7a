# 64 MiB of binary through pipes and nested shells, unchanged
python3 -c 'import random, sys
random.seed(1)
block = random.randbytes(1 << 20)
for n in range(64): sys.stdout.buffer.write(block)' | cat | gzip -1 | gunzip | sha256sum
python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096)' | sh -c 'bash -c "cat | (cat; true)"' | sha256sum
head -c 67108864 /dev/zero | bash -c cat | bash -c 'wc -c'
bash -c 'printf "a\0b\377\376c"' | od -An -c
yes | head -1; echo "${PIPESTATUS[*]}"
bash -c 'yes | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}'
python3 -c 'import subprocess
p = subprocess.Popen(["/bin/bash", "-c", "exec cat /dev/zero"], stdout=subprocess.PIPE); p.stdout.read(10); p.stdout.close(); print("SIGPIPE", p.wait())'
bash -c 'cat <&- 2>/dev/null'; echo $?
bash -c 'echo x >&- 2>/dev/null'; echo $?
