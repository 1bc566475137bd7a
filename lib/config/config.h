/* config - config.yaml as a struct. One row per key in table.c; load.c reads file, environment and defaults.
 *
 * Unknown keys are warnings with a hint, so that files made for other versions
 * load; a known key with a wrong type or value is an error. All problems of a
 * file are collected, with line and column. The struct is immutable after.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of sandbox.network.intercept_mode. The last one is known where a proxy can stand for the network. */
enum config_intercept { INTERCEPT_ALL, INTERCEPT_TCP_ONLY, INTERCEPT_MONITOR, INTERCEPT_NETNS };
#define NETNS_BUILT (CONFIG_PROXY_TRANSPARENT && CONFIG_PROXY_DNS)

struct config_list {
	const char *const *items; /* NULL-terminated, never NULL itself */
	size_t n;
	bool set; /* given in the file, if only as [] */
};

struct config_pair {
	const char *name, *value;
};

struct config_map {
	const struct config_pair *items;
	size_t n;
	bool set;
};

struct config_pattern {
	const char *name, *display, *regex;
	int line;
};

enum config_auth { AUTH_NONE, AUTH_API_KEY, AUTH_OIDC, AUTH_HYBRID };
/* Whether sandbox.fuse.enabled mounts views where nothing is said of sandbox.fuse.mount. */
#define CONFIG_VIEWS_MOUNTED "false"

enum config_fuse_mode { FUSE_MONITOR, FUSE_SOFT_BLOCK, FUSE_SOFT_DELETE, FUSE_STRICT };
enum config_security_mode {
	SECURITY_AUTO,
	SECURITY_FULL,
	SECURITY_LANDLOCK,
	SECURITY_LANDLOCK_ONLY,
	SECURITY_MINIMAL
};
enum config_proxy_mode { PROXY_EMBEDDED, PROXY_DISABLED };
enum config_dlp_mode { DLP_REDACT, DLP_TOKENIZE, DLP_DISABLED };
enum config_approvals_mode {
	APPROVALS_LOCAL_TTY,
	APPROVALS_API,
	APPROVALS_ASYNC,
	APPROVALS_TOTP,
	APPROVALS_WEBAUTHN
};
enum config_truncated { TRUNCATED_DENY, TRUNCATED_ALLOW, TRUNCATED_APPROVE };

/* Members are named as their keys; _ns are nanoseconds, sizes are bytes; strings are never NULL ("" = not
 * set). */
struct config {
	struct arena arena;
	const char *path; /* file it came from, "" = built-in defaults */

	struct {
		struct {
			const char *addr;
			int64_t read_timeout_ns, write_timeout_ns;
			uint64_t max_request_size;
		} http;
		struct {
			bool enabled;
			const char *addr;
		} grpc;
		struct {
			bool enabled;
			const char *path, *permissions;
		} unix_socket;
		struct {
			bool enabled;
			const char *cert_file, *key_file, *ca_file;
		} tls;
	} server;
	struct {
		int type; /* enum config_auth; AUTH_NONE with development.disable_auth */
		struct {
			const char *keys_file, *header_name;
		} api_key;
	} auth;
	struct {
		int level;          /* enum log_level */
		int format;         /* 0 text, 1 json */
		const char *output; /* "stderr", "stdout" or a file */
	} logging;
	struct {
		const char *base_dir;
		int64_t max_sessions, default_timeout_ns, default_idle_timeout_ns, cleanup_interval_ns;
	} sessions;
	struct {
		bool enabled;
		const char *output; /* JSON lines; never "" after loading */
		struct {
			const char *sqlite_path;
		} storage;
		struct {
			int64_t max_size_mb, max_backups;
		} rotation;
		struct {
			int64_t max_age_days; /* 0 = for ever */
		} retention;
		struct {
			const char *url;
			int64_t batch_size, flush_interval_ns, timeout_ns;
			struct config_map headers;
		} webhook;
		struct {
			bool enabled;
			int algorithm; /* 0 hmac-sha256, 1 hmac-sha512 */
			const char *key_source, *key_file, *key_env;
		} integrity;
	} audit;
	struct {
		bool enabled, allow_degraded;
		struct {
			int64_t max_memory_mb, max_cpu_percent, max_processes, max_disk_io_mbps,
			        max_network_mbps;
		} limits;
		struct {
			bool enabled, deferred;
			const char *deferred_marker_file, *mount_base_dir;
			struct config_list deferred_enable_command;
			struct {
				bool enabled, strict_on_audit_failure;
				int mode; /* enum config_fuse_mode */
				const char *trash_path;
				int64_t ttl_ns;
				uint64_t quota, hash_small_files_under;
			} audit;
			bool mount, mount_set; /* until that is the default: CONFIG_VIEWS_MOUNTED; was it
			                          given? */
		} fuse;
		struct {
			bool enabled;
			int intercept_mode; /* enum config_intercept */
			const char *proxy_listen_addr;
			int foreign_loopback;  /* 0 allow, 1 audit, 2 deny */
			bool judge, judge_set; /* where connections lead; was it given? */
			struct {
				bool enabled;
				struct config_list hosts;
			} tls_inspection;
			struct {
				bool enabled;
				const char *subnet_base;
			} transparent;
			struct {
				bool enabled, required, enforce;
			} ebpf;
		} network;
		struct {
			bool enabled;
			const char *base_path;
		} cgroups;
		struct {
			bool enabled;
		} unix_sockets;
		struct {
			bool enabled;
			struct {
				bool enabled;
			} unix_socket;
			struct {
				struct config_list block, allow;
			} syscalls;
			struct {
				bool enabled;
				int64_t max_argc, max_argv_bytes, approval_timeout_ns;
				int on_truncated; /* enum config_truncated */
			} execve;
			struct {
				bool enabled, enforce_without_fuse, baseline, intercept_metadata;
				bool set; /* `enabled` was given, if only as false */
			} file_monitor;
		} seccomp;
		struct config_map env_inject;
	} sandbox;
	struct {
		bool enabled;
		struct config_list allow_execute, allow_read, allow_write, deny_paths, bind_ports;
		struct {
			bool allow_connect_tcp, allow_bind_tcp;
		} network;
	} landlock;
	struct {
		int mode, minimum_mode; /* enum config_security_mode */
		bool strict, warn_degraded;
	} security;
	struct {
		struct config_list allow;
	} capabilities;
	struct {
		int mode; /* enum config_proxy_mode */
		int64_t port;
		struct config_map providers;
	} proxy;
	struct {
		int mode; /* enum config_dlp_mode */
		struct {
			bool email, phone, credit_card, ssn, api_keys;
		} patterns;
		const struct config_pattern *custom_patterns;
		size_t n_custom_patterns;
	} dlp;
	struct {
		bool store_bodies;
		struct {
			int64_t max_age_days, max_size_mb;
		} retention;
	} llm_storage;
	struct {
		const char *dir, *standard /* policies.default */, *manifest_path, *env_shim_path;
		struct config_list allowed, project_markers;
		bool detect_project_root;
	} policies;
	struct {
		bool enabled;
		int mode; /* enum config_approvals_mode */
		int64_t timeout_ns;
	} approvals;
	struct {
		bool enabled;
		const char *path;
	} metrics;
	struct {
		const char *path, *readiness_path;
	} health;
	struct {
		bool disable_auth, verbose_errors;
	} development;
};

enum config_severity { CONFIG_NOTE, CONFIG_WARNING, CONFIG_ERROR };

struct config_problem {
	enum config_severity severity;
	int line, column; /* 0 = not of a line: environment, defaults */
	const char *text;
};

struct config_problems {
	struct arena arena; /* owned; config_problems_release() */
	struct config_problem *items;
	size_t n, cap, n_errors;
};

/* Where a configuration was found decides the default directories. */
enum config_place { CONFIG_NAMED, CONFIG_USER, CONFIG_SYSTEM, CONFIG_NOWHERE };

typedef const char *config_env_fn(const char *name); /* getenv, or a table in tests */

const char *config_env(const char *name); /* getenv */

/* $AGENTSH_CONFIG, the system's, the user's. `path` is filled unless CONFIG_NOWHERE is returned. */
enum config_place config_find(config_env_fn *env, char *path, size_t size);

struct config_file {
	enum config_place place;
	char shown[4096]; /* as it was named */
	char path[4096];  /* absolute: directories that it names lie beside it */
};

/* The file `named`, or, when that is NULL, what config_find() finds; CONFIG_NOWHERE counts as found. */
int config_locate(const char *named, config_env_fn *env, struct config_file *out, struct err *e);

/* Read `path` (ignored for CONFIG_NOWHERE), apply defaults and environment, check. NULL when out->n_errors >
 * 0. Problems go to `out` in either case, by line. */
struct config *config_load(const char *path, enum config_place place, config_env_fn *env,
                           struct config_problems *out);
/* The same from text in memory; `path` decides directories and is shown. */
struct config *config_parse(const char *text, size_t len, const char *path, enum config_place place,
                            config_env_fn *env, struct config_problems *out);
void config_free(struct config *c);
void config_problems_release(struct config_problems *p);

/* "FILE:LINE:COLUMN: error: text" into `out`, which it returns. */
char *config_problem_line(const struct config_problem *p, const char *path, char *out, size_t size);
/* Append every key with the value that holds, one "key: value" a line; what may be a secret is hidden. */
void config_show(const struct config *c, struct buf *out);

/* "host:port" into parts; host may be empty ("":18080) or bracketed. False when malformed. */
bool config_addr(const char *addr, char *host, size_t size, uint16_t *port);
/* True when the host part of `addr` can only be reached from this machine. */
bool config_is_loopback(const char *addr);
