# BearSSL 0.6 (MIT): hashes, HMAC and byte order helpers; TLS 1.2 with ECDHE, AES-GCM and ChaCha20, X.509.
# Randomness is the caller's: none is looked for by the library itself. What it does with misaligned words and
# shifts is defined by the compilers it is built with, not by the language.
# shellcheck shell=sh disable=SC2154
file=bearssl_0.6+dfsg.1.orig.tar.xz
fetch $file 102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004 b/bearssl
unpack $file src
compile "-O2 -Isrc/src -Isrc/inc" src/src/hash/*.c src/src/mac/*.c src/src/codec/*.c
own='-Isrc/src -Isrc/inc -DBR_USE_URANDOM=0 -DBR_RDRAND=0 -fno-sanitize=undefined'
below() { # FOLDER PATTERN...
	folder=src/src/$1
	shift
	for pattern; do
		for file in "$folder"/$pattern.c; do
			echo "$file"
		done
	done
}
tls=$(below ssl prf prf_sha256 prf_sha384 ssl_client ssl_engine ssl_engine_default_aesgcm \
	ssl_engine_default_chapol ssl_hashes ssl_hs_client ssl_hs_server ssl_rec_chapol ssl_rec_gcm \
	ssl_scert_single_ec ssl_server
below x509 x509_decoder x509_minimal
below rand hmac_drbg sysrng)
crypto=$(below int 'i31_*' i32_div32 i62_modpow2
below ec ec_all_m31 ec_c25519_m31 ec_curve25519 ec_keygen ec_p256_m31 ec_prime_i31 ec_pubkey 'ec_secp*' \
	ecdsa_atr ecdsa_rta 'ecdsa_i31_*'
below rsa rsa_i31_pub rsa_i62_pub rsa_i31_pkcs1_vrfy rsa_i62_pkcs1_vrfy rsa_pkcs1_sig_unpad
below symcipher 'aes_ct64*' 'aes_x86ni*' 'chacha20_*' aes_common poly1305_ctmul poly1305_ctmulq)
# shellcheck disable=SC2086
compile "-Os $own" $tls
# shellcheck disable=SC2086
compile "-O2 $own" $crypto
mkdir -p "$dest/include"
cp src/inc/*.h "$dest/include/"
