# libseccomp 2.6.0 (LGPL-2.1): all of src/ but the table dumper.
# shellcheck shell=sh disable=SC2154
file=libseccomp_2.6.0.orig.tar.gz
fetch $file 83b6085232d1588c379dc9b9cae47bb37407cf262e6e74993c61ba72d2a784dc libs/libseccomp
unpack $file src
cat >configure.h <<'END'
#define HAVE_LINUX_SECCOMP_H 1
#define VERSION "2.6.0"
END
rm src/src/arch-syscall-dump.c
compile "-Os -I. -Isrc/include -Isrc/src" src/src/*.c
mkdir -p "$dest/include"
cp src/include/seccomp.h src/include/seccomp-syscalls.h "$dest/include/"
