# musl 1.2.6 (MIT), with Debian's fixes for CVE-2026-6042, CVE-2026-40200 and for static PIE.
# shellcheck shell=sh disable=SC2154,SC2164
file=musl_1.2.6.orig.tar.gz
fixes=musl_1.2.5-3.1~deb13u1.debian.tar.xz
fetch $file d585fd3b613c66151fc3249e8ed44f77020cb5e6c1e635a616d3f9f82460512a m/musl
unpack $file musl
if fetch $fixes 46fdfb271edc2f035d8d4063ff2e299734409693e781e69e4b77e0a9a495072e m/musl; then
	unpack $fixes debian
	for p in static-pie 0001-fix-pathological 0002-qsort; do
		patch -s -d musl -p1 <"$(echo debian/patches/$p*)"
	done
else
	echo "warning: musl is built without the distribution's security fixes" >&2
fi
mkdir obj
cd obj
export CFLAGS="-O2 -pipe -ffile-prefix-map=$work=. -ffunction-sections -fdata-sections"
if ! { CROSS_COMPILE=$cross ../musl/configure ${cross:+--target="$arch-linux-musl"} --prefix="$dest" \
	--syslibdir="$dest/lib" --disable-shared --enable-wrapper=gcc &&
	make -j"$jobs" && make install; } >log 2>&1; then
	tail -n 30 log
	exit 1
fi
