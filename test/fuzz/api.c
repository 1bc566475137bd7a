/* api - whole requests to a server that has one session: paths, keys, JSON bodies, filters of the log. What
 * begins with '?' is a filter and a text instead: both ways to compare them agree.
 *
 * The server denies every command. Should one be let through: without a supervisor's plan its process does
 * not get as far as to run it. */
#include "api/impl.h"

#include "audit/query.h"
#include "test/fuzz/world.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIKE_MAX = 200, ANSWER = 1 << 16, WORKS = 1000 };

static struct api *api;

static void ask(const uint8_t *data, size_t size)
{
	static char answer[ANSWER];
	int pair[2];

	world_session();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	http_server_adopt(api->server, pair[1]);
	while (size) {
		ssize_t n = send(pair[0], data, size, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		world_turn();
		if (n <= 0 || recv(pair[0], answer, sizeof answer, MSG_PEEK) > 0)
			break;
	}
	world_turn();
	while (recv(pair[0], answer, sizeof answer, 0) > 0)
		world_turn();
	shutdown(pair[0],
	         SHUT_RDWR); /* what a session leaves is looked after by a child, which may have it still */
	close(pair[0]);
	world_turn();
	if (http_server_conns(api->server) || !list_empty(&api->execs) || !list_empty(&api->streams))
		abort();
	world_end_sessions();
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Row by row of the pattern: which beginnings of the text fit. */
static bool slow_like(const char *pattern, const char *text, size_t len)
{
	bool fits[LIKE_MAX + 1] = { true };

	for (; *pattern; pattern++) {
		bool before = fits[0];

		fits[0] = before && *pattern == '%';
		for (size_t i = 1; i <= len; i++) {
			bool now = fits[i];

			if (*pattern == '%')
				fits[i] = now || fits[i - 1];
			else
				fits[i] =
				        before && (*pattern == '_' || lower(*pattern) == lower(text[i - 1]));
			before = now;
		}
	}
	return fits[len];
}

static void filter(const uint8_t *data, size_t size)
{
	char pattern[LIKE_MAX + 1];
	const uint8_t *text = memchr(data, '\n', size);
	size_t len = text ? (size_t)(text - data) : size;
	int64_t when;

	if (len > LIKE_MAX || size - len > LIKE_MAX)
		return;
	memcpy(pattern, data, len);
	pattern[len] = 0;
	if (query_time(pattern, INT64_MAX / 2, &when) && when < 0)
		abort();
	text = text ? text + 1 : data + size;
	len = (size_t)(data + size - text);
	for (size_t i = 0; i < len; i++)
		if (text[i] & 0x80)
			return;
	if (query_like(pattern, (const char *)text, len) != slow_like(pattern, (const char *)text, len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;

	if (!api) {
		world_begin();
		api = api_new(w.core, &e);
		if (!api)
			abort();
		api->n_works = WORKS; /* enough of them: what takes longer is done by a child */
	}
	if (size && data[0] == '?')
		filter(data + 1, size - 1);
	else
		ask(data, size);
	return 0;
}
