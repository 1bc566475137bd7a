# BearSSL 0.6 (MIT): hashes, HMAC and byte order helpers only.
# shellcheck shell=sh disable=SC2154
file=bearssl_0.6+dfsg.1.orig.tar.xz
fetch $file 102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004 b/bearssl
unpack $file src
compile "-O2 -Isrc/src -Isrc/inc" src/src/hash/*.c src/src/mac/*.c src/src/codec/*.c
mkdir -p "$dest/include"
cp src/inc/*.h "$dest/include/"
