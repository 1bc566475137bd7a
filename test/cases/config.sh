#!/bin/sh
# The configuration: presets keep what they promise, and build/config.awk agrees with the common Kconfig tool.
. "$(dirname "$0")/../t.sh"

stanzas=build/out/applets.kconfig

settle() {
	awk -f build/config.awk "$@"
}

# As the tool sees it: FILE is a configuration; only the settings are printed.
tool_settles() {
	KCONFIG_CONFIG="$2" srctree=. /usr/bin/python3 - "$1" <<-'END'
		import sys, kconfiglib
		k = kconfiglib.Kconfig(sys.argv[1], warn=False)
		k.load_config()
		print(k._config_contents(""), end="")
	END
}

settings() {
	sed -n '/^CONFIG_\|^# CONFIG_.* is not set$/p' "$1" | sort
}

for preset in full sandbox-minimal shim-only; do
	ok "preset $preset is accepted" settle Kconfig $stanzas build/presets/$preset.config
	settle Kconfig $stanzas build/presets/$preset.config >"$TMP/$preset"
	settle Kconfig $stanzas "$TMP/$preset" >"$TMP/again"
	is "preset $preset is stable" "$(cat "$TMP/again")" "$(cat "$TMP/$preset")"
done
is 'shim-only takes no library' "$(grep -c '^CONFIG_LIB_.*=y' "$TMP/shim-only")" 0

cat >"$TMP/Kconfig" <<'END'
config A
	bool "a"
	default y
config B
	bool "b"
	depends on A
	select H
config C
	bool "c"
	depends on (A || B) && H
config D
	bool "d"
	default y
	depends on H || C && !A
config H
	bool
	select I
config I
	bool
config N
	int "n"
	range 1 100
	default 7
END
: >"$TMP/none"
have_tool=
/usr/bin/python3 -c 'import kconfiglib' 2>/dev/null && have_tool=y
for choice in '' B A=n 'A=n B' 'B D=n' 'B C' 'N=100' 'B N=1'; do
	: >"$TMP/in"
	for word in $choice; do
		case $word in
		*=n) echo "# CONFIG_${word%=n} is not set" ;;
		*=*) echo "CONFIG_$word" ;;
		*)   echo "CONFIG_$word=y" ;;
		esac >>"$TMP/in"
	done
	if [ -z "$have_tool" ]; then
		skip "the Kconfig tool agrees about '$choice'" 'python3-kconfiglib is not installed'
		continue
	fi
	settle "$TMP/Kconfig" "$TMP/none" "$TMP/in" >"$TMP/ours"
	tool_settles "$TMP/Kconfig" "$TMP/in" >"$TMP/theirs"
	# The tool leaves out what cannot be chosen; no line means no.
	is "the Kconfig tool agrees about '$choice'" "$(grep -v '^#' "$TMP/ours" | sort)" \
		"$(settings "$TMP/theirs" | grep -v '^#')"
done

echo 'CONFIG_N=101' >"$TMP/in"
not_ok 'a number out of range is refused' settle "$TMP/Kconfig" "$TMP/none" "$TMP/in"
echo 'CONFIG_A=maybe' >"$TMP/in"
not_ok 'neither y nor n is refused' settle "$TMP/Kconfig" "$TMP/none" "$TMP/in"
