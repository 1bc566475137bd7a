#!/bin/sh
# aarch64 - every preset by the cross compiler, and all of it that user emulation can run. The emulator knows
# neither seccomp nor Landlock: there a command must not run at all.
. "$(dirname "$0")/../t.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/out/aarch64
native=$AGENTSH
cd "$root" || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS AGENTSH_CONFIG XDG_CONFIG_HOME

if ! build/need aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu qemu-aarch64-static:qemu-user-static \
	file:file >"$TMP/need" 2>&1; then
	skip_all "$(tail -n 1 "$TMP/need")"
fi
ok "all presets, unit tests and corpus programs are built" make -s TARGET=aarch64 presets unit-static
for preset in '' sandbox-minimal/ shim-only/; do
	has "full/$preset is a static program for aarch64" "$(file "$out/${preset}agentsh")" \
		'ARM aarch64, .*statically linked, no section header'
done

# ---- the binary: the same answers as here --------------------------------------------------------
printf '#!/bin/sh\nexec qemu-aarch64-static %s/agentsh "$@"\n' "$out" >"$TMP/agentsh"
chmod 755 "$TMP/agentsh"

same() { # TEXT ARGS...: exit status and output are those of the binary that is made for this machine
	text=$1
	shift
	want=$("$native" "$@" 2>&1 </dev/null; echo "status $?")
	got=$("$TMP/agentsh" "$@" 2>&1 </dev/null; echo "status $?")
	is "$text" "$got" "$want"
}
same 'help' --help
same 'version and what is built in' --version --verbose
for policy in policies/default.yaml policies/*/default.yaml; do
	same "$policy: validate" policy validate --strict "$policy"
	same "$policy: lint" policy lint "$policy"
	same "$policy: explain" policy explain --json "$policy"
	same "$policy: all cases" policy-test --cases "${policy%.yaml}.cases" --policy "$policy"
done
# dispatch.sh starts copies of the file, which the machine cannot.
for test in audit config detect policy policy_test; do
	ok "test/cases/$test.sh" env AGENTSH="$TMP/agentsh" OUT="$out" MEMORY=unlimited \
		sh "test/cases/$test.sh"
done

"$TMP/agentsh" run -- touch "$TMP/canary" >"$TMP/said" 2>&1
is 'nothing runs that cannot be held: exit status' $? 126
has 'and why' "$(cat "$TMP/said")" 'seccomp listener.*: Function not implemented'
not_ok 'nor did it happen' test -e "$TMP/canary"

# ---- unit tests ----------------------------------------------------------------------------------
# Cases that ask the kernel what the emulator answers itself, and wrongly.
emulator() {
	case $1 in
	enforce_filter) echo 'the_kernel_agrees|mark' ;; # no seccomp
	enforce_image)  echo 'what_runs' ;;              # /proc/PID/exe is the emulator
	session_core)   echo 'rings_are_drained_before_replies_and_attributed' ;; # asks /proc who acted
	sys_proc)       echo 'stat|texts_and_links|openat2' ;; # makes up /proc/self, has no openat2
	sys_mem)        echo 'strings|unterminated|odd_vectors' ;; # another address space: the emulator's own
	files_resolve)  echo 'random_paths|limits|names|nameless|deleted_directory|others' ;; # no openat2
	journal_record) echo 'other_mounts_have_stores_of_their_own' ;; # statx without mounts
	wire_conn)      echo 'too_many_descriptors' ;;   # cuts control messages elsewhere
	*)              echo 'none' ;;
	esac
}

# judge NAME: all checks were made, and none failed but what the emulator spoils
judge() {
	if ! grep -aqE '^1\.\.[1-9]' "$TMP/log"; then
		echo 'did not come to its end'
		tail -n 5 "$TMP/log"
		return 1
	fi
	! grep -a '^not ok' "$TMP/log" | grep -avE "^not ok [0-9]+ - ($(emulator "$1")):"
}
for program in "$out"/unit/*; do
	[ -x "$program" ] || continue
	qemu-aarch64-static "$program" >"$TMP/log" 2>&1
	ok "unit: ${program##*/}" judge "${program##*/}"
done
for program in "$out"/replay/*; do
	name=${program##*/}
	ok "corpus: $name" qemu-aarch64-static "$program" "test/fuzz/corpus/$name"
done
