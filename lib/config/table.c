/* Every key of config.yaml, one row each. A new key is a member in config.h and a row here. */
#include "config/impl.h"

#include <ctype.h>
#include <string.h>

#define AT(member) offsetof(struct config, member)

static const char *check_addr(const char *text)
{
	char host[256];
	uint16_t port;

	return config_addr(text, host, sizeof host, &port) ? NULL
	                                                   : "must be host:port, as \"127.0.0.1:18080\"";
}

static const char *check_url_path(const char *text)
{
	return text[0] == '/' ? NULL : "must start with \"/\"";
}

static const char *check_name(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return "must consist of letters, digits, \"_\" and \"-\"";
	return *text ? NULL : "must not be empty";
}

static const char *check_mode(const char *text)
{
	return strspn(text, "01234567") == strlen(text) && strlen(text) <= 4 && *text
	               ? NULL
	               : "must be octal, as \"0660\"";
}

static const char *check_header(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			return "must be the name of an HTTP header";
	return *text ? NULL : "must not be empty";
}

static const char *check_url(const char *text)
{
	return !*text || !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8)
	               ? NULL
	               : "must start with http:// or https://";
}

/* A row says only what is not zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const char not_yet[] = "is accepted but has no effect";

enum { MANY = 1000000000 };

#if NETNS_BUILT
#define NETNS "|netns"
#else
#define NETNS ""
#endif

const struct key config_keys[] = {
	{ "server.http.addr", KEY_TEXT, AT(server.http.addr), "127.0.0.1:18080", .check = check_addr },
	{ "server.http.read_timeout", KEY_DURATION, AT(server.http.read_timeout_ns), "30s" },
	{ "server.http.write_timeout", KEY_DURATION, AT(server.http.write_timeout_ns), "5m" },
	{ "server.http.max_request_size", KEY_SIZE, AT(server.http.max_request_size), "10MB" },
	{ "server.grpc.enabled", KEY_BOOL, AT(server.grpc.enabled) },
	{ "server.grpc.addr", KEY_TEXT, AT(server.grpc.addr), "127.0.0.1:9090", .check = check_addr },
	{ "server.unix_socket.enabled", KEY_BOOL, AT(server.unix_socket.enabled) },
	{ "server.unix_socket.path", KEY_PATH, AT(server.unix_socket.path) },
	{ "server.unix_socket.permissions", KEY_TEXT, AT(server.unix_socket.permissions), "0660",
	  .check = check_mode },
	{ "server.tls.enabled", KEY_BOOL, AT(server.tls.enabled) },
	{ "server.tls.cert_file", KEY_PATH, AT(server.tls.cert_file) },
	{ "server.tls.key_file", KEY_PATH, AT(server.tls.key_file) },
	{ "server.tls.ca_file", KEY_PATH, AT(server.tls.ca_file) },

	{ "auth.type", KEY_CHOICE, AT(auth.type), "none", .more = "none|api_key|oidc|hybrid" },
	{ "auth.api_key.keys_file", KEY_PATH, AT(auth.api_key.keys_file) },
	{ "auth.api_key.header_name", KEY_TEXT, AT(auth.api_key.header_name), "X-API-Key",
	  .check = check_header },
	{ "auth.oidc", KEY_IGNORED, .more = not_yet },

	{ "logging.level", KEY_CHOICE, AT(logging.level), "info", .more = "debug|info|warn|error" },
	{ "logging.format", KEY_CHOICE, AT(logging.format), "text", .more = "text|json" },
	{ "logging.output", KEY_TEXT, AT(logging.output), "stderr" },
	{ "logging.rotation", KEY_IGNORED, .more = "has no effect; rotate the file with the system's tools" },

	{ "sessions.base_dir", KEY_PATH, AT(sessions.base_dir) },
	{ "sessions.max_sessions", KEY_INT, AT(sessions.max_sessions), "100", .min = 1, .max = 10000 },
	{ "sessions.default_timeout", KEY_DURATION, AT(sessions.default_timeout_ns) },
	{ "sessions.default_idle_timeout", KEY_DURATION, AT(sessions.default_idle_timeout_ns) },
	{ "sessions.cleanup_interval", KEY_DURATION, AT(sessions.cleanup_interval_ns), "1m" },
	{ "sessions.checkpoints", KEY_IGNORED, .more = not_yet },

	{ "audit.enabled", KEY_BOOL, AT(audit.enabled), "true" },
	{ "audit.format", KEY_IGNORED },
	{ "audit.storage.sqlite_path", KEY_PATH, AT(audit.storage.sqlite_path) },
	{ "audit.output", KEY_PATH, AT(audit.output) },
	{ "audit.rotation.max_size_mb", KEY_INT, AT(audit.rotation.max_size_mb), "500", .min = 1,
	  .max = MANY },
	{ "audit.rotation.max_backups", KEY_INT, AT(audit.rotation.max_backups), "10", .max = 10000 },
	{ "audit.retention.max_age_days", KEY_INT, AT(audit.retention.max_age_days), .max = 36500 },
	{ "audit.webhook.url", KEY_TEXT, AT(audit.webhook.url), .check = check_url },
	{ "audit.webhook.batch_size", KEY_INT, AT(audit.webhook.batch_size), "100", .min = 1, .max = 10000 },
	{ "audit.webhook.flush_interval", KEY_DURATION, AT(audit.webhook.flush_interval_ns), "10s" },
	{ "audit.webhook.timeout", KEY_DURATION, AT(audit.webhook.timeout_ns), "5s" },
	{ "audit.webhook.headers", KEY_MAP, AT(audit.webhook.headers) },
	{ "audit.otel", KEY_IGNORED, .more = not_yet },
	{ "audit.integrity.enabled", KEY_BOOL, AT(audit.integrity.enabled) },
	{ "audit.integrity.algorithm", KEY_CHOICE, AT(audit.integrity.algorithm), "hmac-sha256",
	  .more = "hmac-sha256|hmac-sha512" },
	{ "audit.integrity.key_source", KEY_TEXT, AT(audit.integrity.key_source) },
	{ "audit.integrity.key_file", KEY_PATH, AT(audit.integrity.key_file) },
	{ "audit.integrity.key_env", KEY_TEXT, AT(audit.integrity.key_env) },
	{ "audit.integrity.aws_kms", KEY_IGNORED, .more = not_yet },
	{ "audit.integrity.azure_keyvault", KEY_IGNORED, .more = not_yet },
	{ "audit.integrity.hashicorp_vault", KEY_IGNORED, .more = not_yet },
	{ "audit.integrity.gcp_kms", KEY_IGNORED, .more = not_yet },
	{ "audit.encryption", KEY_IGNORED, .more = "is not provided: the log is written in the clear" },

	{ "sandbox.enabled", KEY_BOOL, AT(sandbox.enabled), "true" },
	{ "sandbox.allow_degraded", KEY_BOOL, AT(sandbox.allow_degraded) },
	{ "sandbox.limits.max_memory_mb", KEY_INT, AT(sandbox.limits.max_memory_mb), "2048", .max = MANY },
	{ "sandbox.limits.max_cpu_percent", KEY_INT, AT(sandbox.limits.max_cpu_percent), "50",
	  .max = 100000 },
	{ "sandbox.limits.max_processes", KEY_INT, AT(sandbox.limits.max_processes), "100", .max = MANY },
	{ "sandbox.limits.max_disk_io_mbps", KEY_INT, AT(sandbox.limits.max_disk_io_mbps), "100",
	  .max = MANY },
	{ "sandbox.limits.max_network_mbps", KEY_INT, AT(sandbox.limits.max_network_mbps), "50",
	  .max = MANY },
	{ "sandbox.fuse.enabled", KEY_BOOL, AT(sandbox.fuse.enabled) },
	{ "sandbox.fuse.deferred", KEY_BOOL, AT(sandbox.fuse.deferred) },
	{ "sandbox.fuse.deferred_marker_file", KEY_PATH, AT(sandbox.fuse.deferred_marker_file) },
	{ "sandbox.fuse.deferred_enable_command", KEY_LIST, AT(sandbox.fuse.deferred_enable_command) },
	{ "sandbox.fuse.mount_base_dir", KEY_PATH, AT(sandbox.fuse.mount_base_dir) },
#if CONFIG_LAYER_FUSE
	{ "sandbox.fuse.mount", KEY_BOOL, AT(sandbox.fuse.mount), CONFIG_VIEWS_MOUNTED },
#endif
	{ "sandbox.fuse.audit.enabled", KEY_BOOL, AT(sandbox.fuse.audit.enabled), "true" },
	{ "sandbox.fuse.audit.mode", KEY_CHOICE, AT(sandbox.fuse.audit.mode), "monitor",
	  .more = "monitor|soft_block|soft_delete|strict" },
	{ "sandbox.fuse.audit.trash_path", KEY_TEXT, AT(sandbox.fuse.audit.trash_path), ".agentsh_trash" },
	{ "sandbox.fuse.audit.ttl", KEY_DURATION, AT(sandbox.fuse.audit.ttl_ns), "7d" },
	{ "sandbox.fuse.audit.quota", KEY_SIZE, AT(sandbox.fuse.audit.quota), "5GB" },
	{ "sandbox.fuse.audit.strict_on_audit_failure", KEY_BOOL,
	  AT(sandbox.fuse.audit.strict_on_audit_failure) },
	{ "sandbox.fuse.audit.max_event_queue", KEY_IGNORED },
	{ "sandbox.fuse.audit.hash_small_files_under", KEY_SIZE,
	  AT(sandbox.fuse.audit.hash_small_files_under), "1MB" },
	{ "sandbox.network.enabled", KEY_BOOL, AT(sandbox.network.enabled) },
	{ "sandbox.network.intercept_mode", KEY_CHOICE, AT(sandbox.network.intercept_mode), "all",
	  .more = "all|tcp_only|monitor" NETNS },
#if CONFIG_LAYER_NET
	{ "sandbox.network.judge", KEY_BOOL, AT(sandbox.network.judge) },
	{ "sandbox.network.foreign_loopback", KEY_CHOICE, AT(sandbox.network.foreign_loopback), "audit",
	  .more = "allow|audit|deny" },
#endif
	{ "sandbox.network.proxy_listen_addr", KEY_TEXT, AT(sandbox.network.proxy_listen_addr), "127.0.0.1:0",
	  .check = check_addr },
	{ "sandbox.network.proxy_port", KEY_IGNORED, .more = not_yet },
	{ "sandbox.network.dns_port", KEY_IGNORED, .more = not_yet },
	{ "sandbox.network.rate_limits", KEY_IGNORED, .more = not_yet },
#if CONFIG_TLS_INTERCEPT
	{ "sandbox.network.tls_inspection.enabled", KEY_BOOL, AT(sandbox.network.tls_inspection.enabled) },
	{ "sandbox.network.tls_inspection.hosts", KEY_LIST, AT(sandbox.network.tls_inspection.hosts) },
#else
	{ "sandbox.network.tls_inspection", KEY_IGNORED, .more = not_yet },
#endif
	{ "sandbox.network.transparent.enabled", KEY_BOOL, AT(sandbox.network.transparent.enabled) },
	{ "sandbox.network.transparent.subnet_base", KEY_TEXT, AT(sandbox.network.transparent.subnet_base),
	  "10.250.0.0/16" },
	{ "sandbox.network.ebpf.enabled", KEY_BOOL, AT(sandbox.network.ebpf.enabled) },
	{ "sandbox.network.ebpf.required", KEY_BOOL, AT(sandbox.network.ebpf.required) },
	{ "sandbox.network.ebpf.enforce", KEY_BOOL, AT(sandbox.network.ebpf.enforce) },
	{ "sandbox.network.ebpf.enforce_without_dns", KEY_IGNORED },
	{ "sandbox.network.ebpf.resolve_rdns", KEY_IGNORED },
	{ "sandbox.network.ebpf.dns_refresh_seconds", KEY_IGNORED },
	{ "sandbox.network.ebpf.dns_max_ttl_seconds", KEY_IGNORED },
	{ "sandbox.network.ebpf.map_allow_entries", KEY_IGNORED },
	{ "sandbox.network.ebpf.map_deny_entries", KEY_IGNORED },
	{ "sandbox.network.ebpf.map_lpm_entries", KEY_IGNORED },
	{ "sandbox.network.ebpf.map_lpm_deny_entries", KEY_IGNORED },
	{ "sandbox.network.ebpf.map_default_entries", KEY_IGNORED },
	{ "sandbox.cgroups.enabled", KEY_BOOL, AT(sandbox.cgroups.enabled) },
	{ "sandbox.cgroups.base_path", KEY_TEXT, AT(sandbox.cgroups.base_path) },
	{ "sandbox.unix_sockets.enabled", KEY_BOOL, AT(sandbox.unix_sockets.enabled), "true" },
	{ "sandbox.unix_sockets.wrapper_bin", KEY_IGNORED },
	/* On unless switched off: what a policy says is enforced without asking for it. */
	{ "sandbox.seccomp.enabled", KEY_BOOL, AT(sandbox.seccomp.enabled), "true" },
	{ "sandbox.seccomp.mode", KEY_IGNORED },
	{ "sandbox.seccomp.unix_socket.enabled", KEY_BOOL, AT(sandbox.seccomp.unix_socket.enabled), "true" },
	{ "sandbox.seccomp.unix_socket.action", KEY_IGNORED },
	{ "sandbox.seccomp.syscalls.default_action", KEY_IGNORED, .more = not_yet },
	{ "sandbox.seccomp.syscalls.block", KEY_LIST, AT(sandbox.seccomp.syscalls.block) },
	{ "sandbox.seccomp.syscalls.allow", KEY_LIST, AT(sandbox.seccomp.syscalls.allow) },
	{ "sandbox.seccomp.syscalls.on_block", KEY_IGNORED },
	{ "sandbox.seccomp.execve.enabled", KEY_BOOL, AT(sandbox.seccomp.execve.enabled) },
	{ "sandbox.seccomp.execve.max_argc", KEY_INT, AT(sandbox.seccomp.execve.max_argc), "1000", .min = 1,
	  .max = 1000000 },
	{ "sandbox.seccomp.execve.max_argv_bytes", KEY_INT, AT(sandbox.seccomp.execve.max_argv_bytes),
	  "65536", .min = 1024, .max = 16777216 },
	{ "sandbox.seccomp.execve.on_truncated", KEY_CHOICE, AT(sandbox.seccomp.execve.on_truncated), "deny",
	  .more = "deny|allow|approval" },
	{ "sandbox.seccomp.execve.approval_timeout", KEY_DURATION,
	  AT(sandbox.seccomp.execve.approval_timeout_ns), "10s" },
	{ "sandbox.seccomp.execve.approval_timeout_action", KEY_IGNORED,
	  .more = "has no effect: it is a denial" },
	{ "sandbox.seccomp.execve.internal_bypass", KEY_IGNORED, .more = "has no effect: nothing bypasses" },
	{ "sandbox.seccomp.file_monitor.enabled", KEY_BOOL, AT(sandbox.seccomp.file_monitor.enabled) },
	{ "sandbox.seccomp.file_monitor.baseline", KEY_BOOL, AT(sandbox.seccomp.file_monitor.baseline) },
	{ "sandbox.seccomp.file_monitor.intercept_metadata", KEY_BOOL,
	  AT(sandbox.seccomp.file_monitor.intercept_metadata) },
	{ "sandbox.seccomp.file_monitor.enforce_without_fuse", KEY_BOOL,
	  AT(sandbox.seccomp.file_monitor.enforce_without_fuse) },
	{ "sandbox.env_inject", KEY_MAP, AT(sandbox.env_inject) },
	{ "sandbox.mcp", KEY_IGNORED, .more = not_yet },
	{ "sandbox.xpc", KEY_IGNORED },
	{ "sandbox.ptrace", KEY_IGNORED, .more = not_yet },

	{ "landlock.enabled", KEY_BOOL, AT(landlock.enabled), "true" },
	{ "landlock.allow_execute", KEY_LIST, AT(landlock.allow_execute) },
	{ "landlock.allow_read", KEY_LIST, AT(landlock.allow_read) },
	{ "landlock.allow_write", KEY_LIST, AT(landlock.allow_write) },
	{ "landlock.deny_paths", KEY_LIST, AT(landlock.deny_paths) },
	{ "landlock.network.allow_connect_tcp", KEY_BOOL, AT(landlock.network.allow_connect_tcp), "true" },
	{ "landlock.network.allow_bind_tcp", KEY_BOOL, AT(landlock.network.allow_bind_tcp), "true" },
	{ "landlock.network.bind_ports", KEY_LIST, AT(landlock.bind_ports) },

	{ "security.mode", KEY_CHOICE, AT(security.mode), "auto",
	  .more = "auto|full|landlock|landlock-only|minimal" },
	{ "security.minimum_mode", KEY_CHOICE, AT(security.minimum_mode), "auto",
	  .more = "auto|full|landlock|landlock-only|minimal" },
	{ "security.strict", KEY_BOOL, AT(security.strict) },
	{ "security.warn_degraded", KEY_BOOL, AT(security.warn_degraded), "true" },
	{ "capabilities.allow", KEY_LIST, AT(capabilities.allow) },

	{ "proxy.mode", KEY_CHOICE, AT(proxy.mode), "embedded", .more = "embedded|disabled" },
	{ "proxy.port", KEY_INT, AT(proxy.port), .max = 65535 },
	{ "proxy.providers", KEY_MAP, AT(proxy.providers), .check = check_url },
	{ "dlp.mode", KEY_CHOICE, AT(dlp.mode), "redact", .more = "redact|tokenize|disabled" },
	{ "dlp.patterns.email", KEY_BOOL, AT(dlp.patterns.email) },
	{ "dlp.patterns.phone", KEY_BOOL, AT(dlp.patterns.phone) },
	{ "dlp.patterns.credit_card", KEY_BOOL, AT(dlp.patterns.credit_card) },
	{ "dlp.patterns.ssn", KEY_BOOL, AT(dlp.patterns.ssn) },
	{ "dlp.patterns.api_keys", KEY_BOOL, AT(dlp.patterns.api_keys) },
	{ "dlp.custom_patterns", KEY_PATTERNS, AT(dlp.custom_patterns) },
	{ "llm_storage.store_bodies", KEY_BOOL, AT(llm_storage.store_bodies) },
	{ "llm_storage.retention.max_age_days", KEY_INT, AT(llm_storage.retention.max_age_days), "30",
	  .max = 36500 },
	{ "llm_storage.retention.max_size_mb", KEY_INT, AT(llm_storage.retention.max_size_mb), "500",
	  .max = MANY },
	{ "llm_storage.retention.eviction", KEY_IGNORED },

	{ "policies.dir", KEY_PATH, AT(policies.dir) },
	{ "policies.default", KEY_TEXT, AT(policies.standard), "default", .check = check_name },
	{ "policies.allowed", KEY_LIST, AT(policies.allowed) },
	{ "policies.manifest_path", KEY_PATH, AT(policies.manifest_path) },
	{ "policies.detect_project_root", KEY_BOOL, AT(policies.detect_project_root), "true" },
	{ "policies.project_markers", KEY_LIST, AT(policies.project_markers) },
	{ "policies.env_shim_path", KEY_PATH, AT(policies.env_shim_path) },
	{ "policies.env_policy", KEY_IGNORED, .more = "has no effect; write env_policy in the policy file" },
	{ "policies.reload_interval", KEY_IGNORED },
	{ "mount_profiles", KEY_IGNORED, .more = not_yet },

	{ "approvals.enabled", KEY_BOOL, AT(approvals.enabled) },
	{ "approvals.mode", KEY_CHOICE, AT(approvals.mode), "local_tty",
	  .more = "local_tty|api|async|totp|webauthn" },
	{ "approvals.timeout", KEY_DURATION, AT(approvals.timeout_ns), "5m" },
	{ "approvals.totp", KEY_IGNORED, .more = not_yet },
	{ "approvals.webauthn", KEY_IGNORED, .more = not_yet },
	{ "metrics.enabled", KEY_BOOL, AT(metrics.enabled) },
	{ "metrics.path", KEY_TEXT, AT(metrics.path), "/metrics", .check = check_url_path },
	{ "health.path", KEY_TEXT, AT(health.path), "/health", .check = check_url_path },
	{ "health.readiness_path", KEY_TEXT, AT(health.readiness_path), "/ready", .check = check_url_path },

	{ "development.disable_auth", KEY_BOOL, AT(development.disable_auth) },
	{ "development.verbose_errors", KEY_BOOL, AT(development.verbose_errors) },
	{ "development.debug", KEY_IGNORED },
	{ "development.disable_policy", KEY_IGNORED, .more = "has no effect: the policy always holds" },
	{ "development.pprof", KEY_IGNORED },
	{ "platform", KEY_IGNORED },
};

const size_t config_n_keys = sizeof config_keys / sizeof *config_keys;

const struct alias config_aliases[] = {
	{ "policies.default_policy", "policies.default" },
	{ "sandbox.landlock", "landlock" },
	{ NULL, NULL },
};
