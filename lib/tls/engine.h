/* engine - how BearSSL is set up here: once, for it looks at the processor; then copied for each connection.
 */
#pragma once

#include <bearssl.h>

void engine_server(br_ssl_server_context *out); /* without a certificate yet */
void engine_client(br_ssl_client_context *out); /* without trust yet */
void engine_trust(br_ssl_client_context *c, br_x509_minimal_context *x, const br_x509_trust_anchor *anchors,
                  size_t n);

/* Why it ended, in words. */
const char *engine_why(int error);
