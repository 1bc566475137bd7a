#!/bin/sh
# Our reading of Kconfig, which needs no tool, against the packaged implementation behind `make menuconfig`.
. "$(dirname "$0")/../t.sh"
/usr/bin/python3 -c 'import kconfiglib' 2>/dev/null || skip_all 'no kconfiglib here'

ours() { awk -f build/config.awk Kconfig build/out/applets.kconfig "$1"; }
# What is off is told differently: kconfiglib leaves out what cannot be on.
chosen() { grep '^CONFIG_' "$1" | sort; }
olddefconfig() {
	cp "$1" "$TMP/theirs"
	KCONFIG_CONFIG=$TMP/theirs srctree=. /usr/bin/python3 -m olddefconfig >/dev/null
}

for preset in build/presets/*.config; do
	name=$(basename "$preset" .config)
	ours "$preset" >"$TMP/ours"
	olddefconfig "$TMP/ours"
	is "$name: olddefconfig leaves it as it is" "$(chosen "$TMP/theirs")" "$(chosen "$TMP/ours")"
	KCONFIG_CONFIG=$TMP/theirs srctree=. /usr/bin/python3 -m savedefconfig --out "$TMP/short" >/dev/null
	ours "$TMP/short" >"$TMP/again"
	is "$name: savedefconfig keeps all of it" "$(chosen "$TMP/again")" "$(chosen "$TMP/ours")"
done

# Each option off: the same others follow, or come back because something needs it.
ours build/presets/full.config >"$TMP/full"
for option in $(sed -n 's/^CONFIG_\([A-Z0-9_]*\)=y$/\1/p' "$TMP/full"); do
	sed "s/^CONFIG_$option=y/# CONFIG_$option is not set/" "$TMP/full" >"$TMP/try"
	ours "$TMP/try" >"$TMP/ours"
	olddefconfig "$TMP/try"
	is "without $option" "$(chosen "$TMP/theirs")" "$(chosen "$TMP/ours")"
done
