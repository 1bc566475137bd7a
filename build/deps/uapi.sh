# Linux UAPI headers: linux/, asm/ and asm-generic/, for both libcs (the build host's own may be too old).
# shellcheck shell=sh disable=SC2154
deb=linux-libc-dev_6.12.107-1_all.deb
fetch $deb dc68dd53c7356598d005866da0d19d7bd33af2a62971aced624cdf04492902b4 l/linux ||
	{ deb=linux-libc-dev-signed.deb && fetch_signed linux-libc-dev trixie "$cache/src/$deb"; }
dpkg-deb -x "$cache/src/$deb" x
case $arch in
x86_64)  uapi_arch=x86 ;;
aarch64) uapi_arch=arm64 ;;
*)       echo "no UAPI headers for '$arch'" >&2; exit 1 ;;
esac
mkdir -p "$dest/include"
cp -a x/usr/include/linux x/usr/include/asm-generic "$dest/include/"
cp -aL x/usr/lib/linux/uapi/$uapi_arch/asm "$dest/include/asm"
# The call numbers of every architecture that the filter is made for.
for a in x86 arm64; do
	mkdir -p "$dest/arch/$a"
	cp -aL x/usr/lib/linux/uapi/$a/asm "$dest/arch/$a/asm"
done
