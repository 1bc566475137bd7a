#include "tls/engine.h"

static const char *const protocols[] = { "http/1.1" };

static void set_hashes(br_multihash_context *m)
{
	br_multihash_setimpl(m, br_sha256_ID, &br_sha256_vtable);
	br_multihash_setimpl(m, br_sha384_ID, &br_sha384_vtable);
	br_multihash_setimpl(m, br_sha512_ID, &br_sha512_vtable);
}

static br_rsa_pkcs1_vrfy rsa_verify(void)
{
	br_rsa_pkcs1_vrfy fast = br_rsa_i62_pkcs1_vrfy_get();

	return fast ? fast : br_rsa_i31_pkcs1_vrfy;
}

static void set_up(br_ssl_engine_context *e, const uint16_t *suites, size_t n)
{
	br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(e, suites, n);
	br_ssl_engine_set_ec(e, &br_ec_all_m31);
	set_hashes(&e->mhash);
	br_ssl_engine_set_prf_sha256(e, &br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(e, &br_tls12_sha384_prf);
	br_ssl_engine_set_default_aes_gcm(e);
	br_ssl_engine_set_default_chapol(e);
	br_ssl_engine_set_protocol_names(e, (const char **)protocols, 1);
	br_ssl_engine_add_flags(e, BR_OPT_NO_RENEGOTIATION | BR_OPT_FAIL_ON_ALPN_MISMATCH);
}

void engine_server(br_ssl_server_context *out)
{
	static const uint16_t suites[] = { BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		                           BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		                           BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 };

	br_ssl_server_zero(out);
	set_up(&out->eng, suites, sizeof suites / sizeof *suites);
	br_ssl_engine_add_flags(&out->eng, BR_OPT_ENFORCE_SERVER_PREFERENCES);
}

void engine_client(br_ssl_client_context *out)
{
	static const uint16_t suites[] = { BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		                           BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		                           BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		                           BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		                           BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		                           BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 };

	br_ssl_client_zero(out);
	set_up(&out->eng, suites, sizeof suites / sizeof *suites);
	br_ssl_engine_set_rsavrfy(&out->eng, rsa_verify());
	br_ssl_engine_set_ecdsa(&out->eng, br_ecdsa_i31_vrfy_asn1);
}

void engine_trust(br_ssl_client_context *c, br_x509_minimal_context *x, const br_x509_trust_anchor *anchors,
                  size_t n)
{
	br_x509_minimal_init(x, &br_sha256_vtable, anchors, n);
	br_x509_minimal_set_rsa(x, rsa_verify());
	br_x509_minimal_set_ecdsa(x, &br_ec_all_m31, br_ecdsa_i31_vrfy_asn1);
	set_hashes(&x->mhash);
	br_ssl_engine_set_x509(&c->eng, &x->vtable);
}

const char *engine_why(int error)
{
	switch (error) {
	case BR_ERR_OK:
		return "it ended the connection";
	case BR_ERR_X509_EXPIRED:
		return "its certificate is not valid now";
	case BR_ERR_X509_BAD_SERVER_NAME:
		return "its certificate is for another name";
	case BR_ERR_X509_NOT_TRUSTED:
		return "its certificate is signed by nobody that this system trusts";
	case BR_ERR_X509_BAD_SIGNATURE:
	case BR_ERR_BAD_SIGNATURE:
		return "a signature is wrong";
	case BR_ERR_UNSUPPORTED_VERSION:
	case BR_ERR_RECV_FATAL_ALERT + 70: /* protocol_version */
		return "it does not speak TLS 1.2";
	case BR_ERR_RECV_FATAL_ALERT + 40: /* handshake_failure */
	case BR_ERR_BAD_CIPHER_SUITE:
		return "it has no cipher of ours";
	default:
		return error >= BR_ERR_X509_INVALID_VALUE && error <= BR_ERR_X509_NOT_TRUSTED
		               ? "its certificate is not acceptable"
		               : "the TLS handshake fails";
	}
}
