# shells in shells, scripts that call scripts, exec, cwd and descriptors
bash -c 'bash -c "bash -c \"bash -c \\\"bash -c \\\\\\\"echo five deep\\\\\\\"\\\"\""'
bash -c 'echo $$; exec bash -c "echo \$\$"' | uniq | wc -l
cd /tmp/w && mkdir -p 'a b' && cd 'a b' && bash -c 'pwd' && sh -c 'cd .. && pwd'
printf '#!/bin/sh\necho "sh $0 $*"\n./two "$@"\n' >one; printf '#!/usr/bin/env python3\nimport sys\nprint("py", sys.argv[1:])\n' >two; printf 'echo no shebang $1\n' >three; printf '#!/bin/sh -e\nfalse\necho no\n' >four; printf '#!/bin/bash\r\necho crlf\n' >five
chmod +x one two three four five
./one x 'y z'; ./three arg; ./four; echo $?; ./five 2>/dev/null; echo $?
env -C / bash -c pwd; bash -lc 'echo login'; bash -s a b <<<'echo "$# $2"'; echo 'echo piped; exit 9' | bash; echo $?
echo 'echo from sh' | sh; sh -s <<<'echo s'; bash <(echo 'echo sourced from a pipe')
mkdir gone && cd gone && rmdir ../gone && bash -c 'echo still runs' 2>/dev/null
awk 'BEGIN { system("echo awk; exit 0"); while (("echo piped" | getline l) > 0) print l }'
perl -e 'print `echo perl`; exit system("exit 3") >> 8'; echo $?
python3 -c 'import os, subprocess; print(os.system("exit 3"), subprocess.run("echo $0", shell=True, capture_output=True).stdout, os.popen("echo popen").read())'
find /tmp/w -name one -exec sh -c 'echo "$(basename "$1")"' _ {} \;
