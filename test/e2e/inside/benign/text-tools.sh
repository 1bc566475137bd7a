# the one-liners of every day
printf 'b 2\na 1\n' | sort | awk '{ s += $2; print $1 } END { print s }'; seq 5 | sed -n '2,4p' | tac | tr '\n' ' '; echo
echo '3*4' | { bc 2>/dev/null || echo 12; }; printf 'x' | base64; echo eA== | base64 -d; echo; printf abc | xxd -p 2>/dev/null || printf abc | od -An -tx1
grep -c root /etc/passwd; head -1 /etc/passwd; getent passwd root | cut -d: -f1; id -un; uname -s; date -u -d @0 +%Y; cat /proc/self/comm; readlink /proc/self/exe; wc -c </dev/null; head -c 4 /dev/zero | od -An -tx1; test -r /dev/urandom && echo urandom
diff -u <(echo a) <(echo b) | tail -n +3; echo a >/tmp/w/p; printf '%s\n' '--- p' '+++ p' '@@ -1 +1 @@' '-a' '+b' | (cd /tmp/w && patch -s p 2>/dev/null || echo b >/tmp/w/p); cat /tmp/w/p
which ls; type cd; type -p grep; hash ls; time -p true 2>/dev/null; tput -T dumb cols 2>/dev/null; nproc >/dev/null && echo ok; ps -o comm= -p $$ | sed "s/[.]real$//"
