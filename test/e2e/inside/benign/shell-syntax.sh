# heredocs, here-strings, process substitution, coproc, arrays, quoting
cat <<E
expanded $((6 * 7))
E
cat <<'E'
literal $((6 * 7))
E
tr a-z A-Z <<<"here string"
diff <(printf '1\n2\n') <(printf '1\n3\n'); echo "diff $?"
echo data > >(cat; echo done) ; sleep 0.1; wait
coproc C { while read -r l; do echo "got $l"; done; }; echo hello >&"${C[1]}"; read -r x <&"${C[0]}"; echo "$x"; exec {C[1]}>&-; wait
a=(one "two words" 'three'); printf '[%s]' "${a[@]}"; echo
printf '%q\n' $'tab\there' "quo'te"
exec 9>/tmp/w/nine; echo nine >&9; exec 9>&-; cat /tmp/w/nine
exec 3<>/tmp/w/three; echo three >&3; exec 3>&-; cat /tmp/w/three
set -C; echo x >/tmp/w/nine 2>/dev/null; echo "noclobber $?"; set +C
echo fd | cat /dev/stdin; { echo dev >/dev/fd/1; } | cat; read -ru 5 y 5<<<five; echo "$y"
(echo out; echo err >&2) 2>&1 | sort
f() { local v=$1; [ "$v" -le 0 ] || { echo "$v"; f $((v - 1)); }; }; f 3
shopt -s extglob nullglob
touch /tmp/w/a.x /tmp/w/b.x; cd /tmp/w; echo *.x !(*.x|nine|three); echo {1..3}{a,b}
case abc in a*) echo matched ;; esac; [[ abc =~ ^(a)(b) ]] && echo "${BASH_REMATCH[2]}"
( cd / && pwd ); pwd; pushd / >/dev/null; popd; cd -P . ; echo "$OLDPWD" | grep -c /
bash --posix -c 'echo posix'; bash -x -c 'echo traced' 2>&1; env -i /bin/bash -c 'echo clean'; exec -a renamed bash -c 'echo $0'
