#!/bin/sh
# reproducible - the same sources give the same bytes: in another directory, by another user, with another
# umask, time zone, locale, number of jobs, and place of the third-party libraries.
. "$(dirname "$0")/../t.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
presets='full sandbox-minimal shim-only'
cd "$root" || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS

cleanup() {
	rm -rf "$far"
}
far=$(mktemp -d "${TMPDIR:-/tmp}/a-longer-way-to-the-sources.XXXXXX")

# Each file is what the working tree has, committed or not; nothing that was built comes along.
mkdir "$far/tree" "$far/home" "$far/cache"
git ls-files -z -co --exclude-standard |
	xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
	tar c --null -T - | tar x -C "$far/tree"
for link in build/out/deps/musl/*; do
	cp -a "$(readlink -f "$link")" "$far/cache/"
done
# The C library's compiler wrapper knows where it lies.
musl=$(readlink -f build/out/deps/musl/musl)
sed -i "s|$(dirname "$musl")|$far/cache|g" "$far/cache/${musl##*/}/bin/musl-gcc" \
	"$far/cache/${musl##*/}/lib/musl-gcc.specs"

other=
if [ "$(id -u)" -eq 0 ]; then
	other='setpriv --reuid 65534 --regid 65534 --clear-groups'
	chown -R 65534:65534 "$far"
fi
far_make() (
	umask 077
	# shellcheck disable=SC2086
	cd "$far/tree" && $other env -i PATH="$PATH" HOME="$far/home" AGENTSH_CACHE="$far/cache" \
		TZ=Pacific/Apia LANG=C.UTF-8 LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1 make -s -j3 "$@"
)
for preset in $presets; do
	case $preset in
	full) file=build/out/agentsh ;;
	*)    file=build/out/$preset/agentsh ;;
	esac
	ok "$preset: built here" make -s "PRESET=$preset"
	ok "$preset: built there" far_make "PRESET=$preset"
	is "$preset: the same bytes" "$(sha256sum <"$far/tree/$file")" "$(sha256sum <"$file")"
	not_ok "$preset: no path of either place" \
		grep -qF -e "$root" -e "$far" -e "$(dirname "$musl")" "$file"
done
is 'nothing was fetched or compiled of others' "$(find "$far/cache" -maxdepth 1 -name '*.lock')" ''
