#include "session/policy_wire.h"

#include "base/buf.h"
#include "policy/policy.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_VARS = 8, POLICY_MAX = 1 << 20 };

void policy_wire_put(struct msg *m, const struct shared_policy *p)
{
	const char *base = strrchr(p->path, '/');
	uint32_t n = 0;

	while (n < sizeof p->vars / sizeof *p->vars && p->vars[n].name)
		n++;
	msg_str(m, base ? base + 1 : p->path);
	msg_u32(m, p->approvals);
	msg_u32(m, p->expand);
	msg_u32(m, n);
	for (uint32_t i = 0; i < n; i++) {
		msg_str(m, p->vars[i].name);
		msg_str(m, p->vars[i].value);
	}
}

static int read_text(int fd, struct buf *text, struct err *e)
{
	struct stat st;

	text->max = POLICY_MAX;
	if (fstat(fd, &st) < 0 || st.st_size > POLICY_MAX || !buf_room(text, (size_t)st.st_size) ||
	    pread(fd, text->data, (size_t)st.st_size, 0) != st.st_size)
		return err_set(e, "the policy cannot be read");
	text->len = (size_t)st.st_size;
	return 0;
}

struct policy *policy_wire_take(struct msg_reader *r, int fd, struct err *e)
{
	const char *file = msg_get_str(r);
	struct policy_var vars[MAX_VARS + 1] = { 0 };
	struct policy_options o = { .vars = vars };
	struct policy_problems problems = { 0 };
	AUTO_BUF text = { 0 };
	struct policy *policy;
	uint32_t n;

	o.approvals = msg_get_u32(r) != 0;
	o.expand = msg_get_u32(r) != 0;
	n = msg_get_u32(r);
	for (uint32_t i = 0; i < n && i < MAX_VARS; i++) {
		vars[i].name = msg_get_str(r);
		vars[i].value = msg_get_str(r);
	}
	if (!msg_end(r) || n > MAX_VARS)
		return err_set(e, "bad start message"), NULL;
	if (read_text(fd, &text, e) < 0)
		return NULL;
	policy = policy_load(text.data, text.len, file, &o, &problems);
	if (!policy)
		err_set(e, "policy %s:%d: %s", file, problems.n ? problems.items[0].line : 0,
		        problems.n ? problems.items[0].text : "unusable");
	policy_problems_release(&problems);
	return policy;
}
