/* decide - the one place where a policy answers. Pure: no I/O, clock, sockets, allocation or locks.
 *
 * First matching rule wins; no match is a denial by an implicit rule that has
 * a name. A zeroed verdict denies. policy-test, shim, supervisor, API and
 * replay call these same functions.
 */
#pragma once

#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct verdict {
	enum effect decision;    /* as the rule says */
	enum effect effective;   /* EFFECT_DENY, EFFECT_ALLOW, or EFFECT_APPROVE when somebody can be asked */
	const struct rule *rule; /* never NULL */
	const char *subject; /* commands: the name that matched, e.g. "sudo" behind "env"; borrowed from the
	                        request */
	bool used_args; /* commands: the arguments were looked at, so a change of argv could change the answer
	                 */
};

/* A command as it is about to run. `argv` is NULL-terminated and includes argv[0]; argc 0 is legal. */
struct command_request {
	const char *path;  /* file that would run: resolved absolute path, or the bare word when nothing
	                      resolved it */
	const char *given; /* as the caller spelled it; may equal path or be NULL */
	const char *const *alias; /* further names of the file: links on the way that only root may change */
	size_t n_alias;
	const char *const *argv;
	size_t argc;
	int depth;      /* 0 = typed by the agent, 1.. = started by programs */
	size_t *budget; /* decide_command()'s own */
};

/* Judges the file under all its names, then what it would start: env, nice, timeout, nohup, xargs, sudo,
 * ld.so, busybox and their like are seen through, and the most restrictive verdict wins. ".real" suffixes are
 * stripped. The work on arguments is bounded: what would take more than about a second counts as for a
 * pattern that cannot be matched, for rules that restrict only. */
struct verdict decide_command(const struct policy *p, const struct command_request *r);

/* May this program be started, when only these trees and files (real paths) are for that? Allowed or denied
 * by the implicit rule "allow-execute". */
struct verdict decide_programs(const char *const *trees, size_t n, const char *path);

/* The index in argv of what the program would run by itself, without an execve that could be judged: the file
 * behind a dynamic loader, the applet behind a multicall program. -1 if there is none or it cannot be told.
 * decide_command() judges that word as it is spelled; a caller that can resolve a file there should judge it
 * as a command of its own. */
int decide_payload(const struct command_request *r);

/* Is this name of a file one that some rule for commands restricts, whatever the arguments and the depth? And
 * is it a program that runs other programs without an execve, or one that is many programs by its argv[0]?
 * What this is said of is worth being known by more than its name. */
enum { NAMED_BY_RULE = 1, NAMED_OPAQUE = 2, NAMED_MULTICALL = 4 };
unsigned decide_named(const struct policy *p, const char *path);

/* The absolute paths that stand in rules for commands. */
void decide_named_paths(const struct policy *p, void (*each)(void *arg, const char *path), void *arg);

enum file_op {
	FILE_OPEN,
	FILE_READ,
	FILE_WRITE,
	FILE_CREATE,
	FILE_DELETE,
	FILE_RENAME,
	FILE_MKDIR,
	FILE_RMDIR,
	FILE_STAT,
	FILE_LIST,
	FILE_READLINK,
	FILE_CHMOD,
	FILE_SYMLINK,
	FILE_LINK,
	FILE_CHOWN,
	FILE_TRUNCATE,
	FILE_ACCESS,
	FILE_EXECUTE,
	FILE_OPS
};
const char *file_op_name(enum file_op op);
bool file_op_parse(const char *name, enum file_op *op); /* case-insensitive */

/* Compiled file globs share a cache of automaton states. One per thread of control; memory is taken at
 * creation. */
struct decide_cache;
struct decide_cache *decide_cache_new(
        const struct policy *p); /* NULL: out of memory, or policy_drop_places() was there */
void decide_cache_free(struct decide_cache *c);

struct file_request {
	enum file_op op;
	const char *path;    /* absolute, clean */
	const char *virtual; /* the same file as /workspace/…, or NULL: the earlier rule that matches either
	                        wins */
};
struct verdict decide_file(const struct policy *p, struct decide_cache *c, const struct file_request *r);

/* Where a redirect rule for files sends what would be written to `path`: an absolute path. False: nowhere. */
bool decide_file_redirect(const struct rule *rule, const char *path, char *out, size_t size);

struct net_request {
	const char *
	        host; /* name or address literal as the client gave it; NULL when only the address is known */
	const uint8_t *addr; /* 4 or 16 bytes in network order, or NULL */
	size_t addr_len;
	uint16_t port;
};
/* Canonicalises host first: case, trailing dot, brackets, IPv4 in any inet_aton spelling, mapped/NAT64/6to4.
 */
struct verdict decide_net(const struct policy *p, struct decide_cache *c, const struct net_request *r);

/* The same for a connection that is about to be made, with all that is known of it: `addr` is where it goes,
 * `host` the name that led there, if any. Besides what decide_net() says,
 *   - a rule that restricts the address by a range wins over a later one that permits the name (/0 is no
 *     range but a default);
 *   - metadata services are closed, rule "block-metadata-services", unless a rule allows the very address;
 *   - private addresses behind a name are refused, rule "block-rebinding", unless a rule allows a range that
 *     holds them;
 *   - where the address is what dns_redirects lead the name to, ranges do not count, but for metadata
 * services: the name must be allowed, where it leads is the operator's. */
struct verdict decide_dial(const struct policy *p, struct decide_cache *c, const struct net_request *r);

/* May this name (host) be asked for, or, when addr is given, that answer be believed: could a connection by
 * it to this port (0 = to any) be let through, wherever it leads? */
struct verdict decide_name(const struct policy *p, struct decide_cache *c, const struct net_request *r);

/* Who would be a listener. Rules count that name the operation `listen`; with none, it is allowed: rule
 * "session-listeners". At every address (0.0.0.0, ::) is at each: a range that restricts any counts, one that
 * permits must hold it as it stands. `both`: at :: and at 0.0.0.0, and so rules about either count. */
struct listen_request {
	const uint8_t *addr; /* 4 or 16 bytes in network order; never IPv4 within IPv6 */
	size_t addr_len;
	uint16_t port;
	bool both;
};
struct verdict decide_listen(const struct policy *p, const struct listen_request *r);
/* Has the policy such rules? */
bool decide_listens(const struct policy *p);

/* Does the rule name ports? Then it means who listens there. */
bool decide_names_ports(const struct rule *rule);

/* Where the operator leads a name (dns_redirects: to an address) or a connection (connect_redirects: from
 * "host:port"). The first that matches counts. REDIRECT_UNSURE: whether one matches cannot be told, and it is
 * to fail closed; others are as if they were not there. */
enum redirect_found { REDIRECT_NONE, REDIRECT_FOUND, REDIRECT_UNSURE };
enum redirect_visibility { REDIRECT_SILENT, REDIRECT_AUDIT, REDIRECT_WARN };
enum redirect_failure { REDIRECT_FAIL_CLOSED, REDIRECT_FAIL_OPEN, REDIRECT_RETRY_ORIGINAL };
struct net_redirect {
	const struct rule *rule; /* of decision EFFECT_REDIRECT */
	char host[256];          /* canonical */
	uint8_t addr[16];        /* when `host` is an address */
	size_t addr_len;         /* 0 = it is a name */
	uint16_t port;           /* of connections */
	const char *sni;         /* the server name to ask for instead, or NULL */
	enum redirect_visibility visibility;
	enum redirect_failure on_failure;
};
enum redirect_found decide_name_redirect(const struct policy *p, const char *name, struct net_redirect *out);
enum redirect_found decide_connect_redirect(const struct policy *p, const char *host, uint16_t port,
                                            struct net_redirect *out);

/* Is the address itself what a rule permits, by a range of that one address? Then it does not matter what
 * whoever is there is called. */
bool decide_names_exactly(const struct policy *p, struct decide_cache *c, const struct net_request *r);

/* Does a rule say nothing about the very host that it was found for: none matched, or it names no hosts but
 * all, and no ranges? Then what is known of it later, a name, may decide otherwise. */
bool decide_is_general(const struct rule *rule);

/* Does a rule list this very name (canonical), not a pattern for it? */
bool decide_lists_name(const struct policy *p, const char *name);

/* Does a rule let a host through by its name alone: `domains`, and no ranges? */
bool decide_is_by_name(const struct rule *rule);

enum unix_op { UNIX_CONNECT, UNIX_BIND, UNIX_LISTEN, UNIX_SENDTO, UNIX_SOCKET, UNIX_OPS };
struct verdict decide_unix(const struct policy *p, enum unix_op op,
                           const char *path); /* "@name" = abstract */

enum signal_target {
	TARGET_SELF = 1,
	TARGET_CHILDREN = 2,
	TARGET_DESCENDANTS = 4,
	TARGET_SIBLINGS = 8,
	TARGET_SESSION = 16,
	TARGET_PARENT = 32,
	TARGET_EXTERNAL = 64,
	TARGET_SYSTEM = 128,
	TARGET_USER = 256
};
struct signal_request {
	int signal;
	unsigned target;  /* all enum signal_target that hold */
	const char *comm; /* of the target, may be NULL */
	int pid;
};
/* Without signal_rules: allowed inside the session (and self), denied for TARGET_EXTERNAL by rule
 * "session-signals". */
struct verdict decide_signal(const struct policy *p, const struct signal_request *r);

/* A denial by this rule is to look like success to the sender. */
bool decide_signal_absorbs(const struct rule *rule);

/* The signal to deliver instead, 0 if the rule has none. */
int decide_signal_redirect(const struct rule *rule);

/* Environment: deny beats allow; no allow list = all but the built-in secret names. rule->name reads "allow
 * LC_*". */
struct verdict decide_env(const struct policy *p, const struct rule *command_rule, const char *name,
                          size_t len);

/* The env limits that hold for a command judged by `command_rule` (may be NULL); 0 = no limit. */
struct env_limits {
	uint64_t max_bytes, max_keys;
	bool block_iteration;
};
struct env_limits decide_env_limits(const struct policy *p, const struct rule *command_rule);

/* A redirect rule's replacement. NULL if the rule has none. */
const struct redirect *decide_redirect(const struct rule *rule);

/* Expand {{.Path}} {{.Args}} {{.Command}} {{.RemoteAddr}} {{.Domain}} {{.Port}} {{.Operation}} {{.Rule}} in
 * the rule's message; unknown names stay. What is not visible in the values is escaped, the middle of long
 * ones left out. Returns bytes written (cut at size). */
struct message_facts {
	const char *path, *args, *command, *remote, *domain, *operation;
	int port; /* -1 = none */
};
size_t decide_message(const struct rule *rule, const struct message_facts *facts, char *out, size_t size);

/* Arguments (without argv[0]) as {{.Args}} shows them; what does not fit is cut out of the middle. Returns
 * `out`.
 */
char *decide_message_args(const char *const *args, size_t n, char *out, size_t size);
