/* docker, podman, nerdctl: pflag's grammar, and options of a sub-command end at its image. */
#include "facts/scan.h"

static const struct option_row global_rows[] = {
	{ "host", 'H', TAKES_VALUE, FACT_DOCKER_REMOTE, 0, 0 },
	{ "context", 'c', TAKES_VALUE, FACT_DOCKER_REMOTE, 0, 0 },
	{ "url", 0, TAKES_VALUE, FACT_DOCKER_REMOTE, 0, 0 },
	{ "connection", 0, TAKES_VALUE, FACT_DOCKER_REMOTE, 0, 0 },
	{ "remote", 'r', TAKES_NONE, FACT_DOCKER_REMOTE, 0, 0 },
	{ "address", 'a', TAKES_VALUE, FACT_DOCKER_REMOTE, 0, 0 },
	{ .name = NULL },
};

static const struct grammar global = {
	.rows = global_rows,
	.letters = "Dvhl:n:",
	.longs = " config= debug log-level= tls tlscacert= tlscert= tlskey= tlsverify version help namespace="
	         " cgroup-manager= conmon= events-backend= identity= imagestore= log-path= module="
	         " network-config-dir= noout root= runroot= runtime= runtime-flag= ssh= storage-driver="
	         " storage-opt= syslog tmpdir= transient-store volumepath= hooks-dir= data-root= snapshotter="
	         " debug-full insecure-registry cni-path= cni-netconfpath= ",
	.flags = GRAMMAR_STOPS | GRAMMAR_BOOLEANS | GRAMMAR_EQUALS,
	.unknown = FACT_DOCKER_UNKNOWN,
};

/* run, create, exec, build. */
static const struct option_row rows[] = {
	{ "privileged", 0, TAKES_NONE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "device", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "device-cgroup-rule", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "cap-add", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "security-opt", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "gpus", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "use-api-socket", 0, TAKES_NONE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "cgroup-parent", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "runtime", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ "allow", 0, TAKES_VALUE, FACT_DOCKER_PRIVILEGED, 0, 0 },
	{ .name = NULL },
};

static const struct grammar inner = {
	.rows = rows,
	.letters = "dDitPqTe:a:c:h:l:m:p:u:v:w:f:o:s:",
	.longs = " add-host= annotation= attach= blkio-weight= blkio-weight-device= cap-drop= cgroupns="
	         " cgroups="
	         " cidfile= cpu-count= cpu-percent= cpu-period= cpu-quota= cpu-rt-period= cpu-rt-runtime="
	         " cpu-shares= cpus= cpuset-cpus= cpuset-mems= detach detach-keys= device-read-bps="
	         " device-read-iops= device-write-bps= device-write-iops= disable-content-trust dns="
	         " dns-option= dns-search= domainname= entrypoint= env= env-file= expose= group-add="
	         " health-cmd= health-interval= health-retries= health-start-interval= health-start-period="
	         " health-timeout= help hostname= init interactive io-maxbandwidth= io-maxiops= ip= ip6= ipc="
	         " isolation= kernel-memory= label= label-file= link= link-local-ip= log-driver= log-opt="
	         " mac-address= memory= memory-reservation= memory-swap= memory-swappiness= mount= name="
	         " network= net= network-alias= net-alias= no-healthcheck oom-kill-disable oom-score-adj="
	         " pid= pids-limit= platform= publish= publish-all pull= quiet read-only restart= rm"
	         " shm-size= sig-proxy stop-signal= stop-timeout= storage-opt= sysctl= tmpfs= tty ulimit="
	         " user= userns= uts= volume= volume-driver= volumes-from= workdir= build-arg= cache-from="
	         " cache-to= compress file= force-rm iidfile= no-cache squash tag= target= output= secret="
	         " ssh= progress= load push builder= build-context= attest= metadata-file= provenance="
	         " sbom= check call= debug replace requires= rmi systemd= tz= umask= unsetenv= unsetenv-all"
	         " http-proxy hooks-dir= arch= os= variant= authfile= creds= cert-dir= tls-verify"
	         " latest no-deps service-ports use-aliases all force since= until= filter= format= ",
	.flags = GRAMMAR_STOPS | GRAMMAR_BOOLEANS | GRAMMAR_EQUALS,
	.unknown = FACT_DOCKER_UNKNOWN,
};

static const struct {
	const char *commands;
	uint8_t fact;
} actions[] = {
	{ " run create start restart unpause up play kube ", FACT_DOCKER_RUN },
	{ " exec attach ", FACT_DOCKER_EXEC },
	{ " build buildx bake builder farm ", FACT_DOCKER_BUILD },
	{ " push login ", FACT_DOCKER_PUSH },
	{ " pull load import ", FACT_DOCKER_PULL },
	{ " rm rmi remove prune kill stop down delete ", FACT_DOCKER_REMOVE },
};

/* Commands without an action of their own. */
static const char others[] =
        " ps images image container network volume system context plugin manifest trust swarm stack"
        " service node"
        " secret config checkpoint compose logs inspect info version top stats port diff history tag"
        " save export"
        " commit cp rename update pause wait search events logout init ls list generate healthcheck machine"
        " mount unmount pod untag auto-update df scan scout sbom model ai help ";

static bool is_group(const char *word)
{
	return is_in(" container image builder buildx system volume network compose pod kube ", word);
}

/* The source of "-v SOURCE:TARGET:MODE"; without a slash it is the name of a volume. */
static void volume(struct facts *f, const char *value)
{
	size_t len = strcspn(value, ":");

	if (value[len] && strpbrk(value, "/.~") && strpbrk(value, "/.~") < value + len)
		facts_value(f, FACT_DOCKER_MOUNT, value, len);
}

/* --mount type=bind,source=/x,target=/y */
static void mount(struct facts *f, const char *value)
{
	for (const char *p = value; *p; p += *p == ',') {
		size_t len = strcspn(p, ","), name = strcspn(p, "=,");

		if (p[name] == '=' && (scan_word(" source src ", p, name)))
			facts_value(f, FACT_DOCKER_MOUNT, p + name + 1, len - name - 1);
		p += len;
	}
}

static bool named(const struct scan *s, const char *name)
{
	return s->name && s->name_len == strlen(name) && !strncmp(s->name, name, s->name_len);
}

static void look_at(struct scan *s, bool runs)
{
	if (!s->value)
		return;
	/* These take a value in some sub-commands only; none begins with a dash. */
	if (s->value[0] == '-' && s->value == s->argv[s->at - 1] &&
	    (named(s, "pull") || named(s, "attach") || named(s, "link"))) {
		s->at--;
		return;
	}
	if (runs && (named(s, "volume") || s->letter == 'v'))
		volume(s->f, s->value);
	else if (named(s, "mount"))
		mount(s->f, s->value);
	else if ((named(s, "network") || named(s, "net") || named(s, "pid") || named(s, "ipc") ||
	          named(s, "uts") || named(s, "userns") || named(s, "cgroupns")) &&
	         (starts(s->value, "host") || starts(s->value, "container:") || starts(s->value, "ns:")))
		facts_set(s->f, FACT_DOCKER_PRIVILEGED);
	else if (named(s, "volumes-from"))
		facts_doubt(s->f, FACT_DOCKER_MOUNT);
}

static void command_facts(struct facts *f, const char *word)
{
	bool known = is_in(others, word);

	facts_text(f, FACT_DOCKER_COMMAND, word);
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (is_in(actions[i].commands, word)) {
			facts_set(f, (enum fact)actions[i].fact);
			known = true;
		}
	if (!known) {
		facts_set(f, FACT_DOCKER_UNKNOWN);
		facts_doubt_family(f, "docker.");
	}
}

/* After a sub-command that starts nothing; an image is each word that may be one. */
static void other_words(struct facts *f, bool images, const char *const *argv, size_t argc, size_t at)
{
	static const char valued[] = " --platform --username -u --password -p --creds --authfile --cert-dir"
	                             " --arch --os --variant ";

	for (; at < argc; at++) {
		if (argv[at][0] != '-' && images)
			facts_text(f, FACT_DOCKER_IMAGE, argv[at]);
		else if (starts(argv[at], "--privileged") || starts(argv[at], "--cap-add"))
			facts_set(f, FACT_DOCKER_PRIVILEGED);
		else if (images)
			at += is_in(valued, argv[at]);
	}
}

/* What follows the sub-command. */
static void words(struct facts *f, const char *command, const char *const *argv, size_t argc, size_t at)
{
	struct scan s = { .g = &inner, .f = f, .argv = argv, .argc = argc, .at = at };
	bool runs = is_in(" run create exec build ", command);

	/* Of other commands too little is known to doubt what is not understood. */
	if (!runs) {
		other_words(f, is_in(" pull push login ", command), argv, argc, at);
		return;
	}
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPTION)
			look_at(&s, is_in(" run create ", command));
		else if (i == ITEM_UNKNOWN)
			facts_doubt(f, FACT_DOCKER_MOUNT);
		if (i == ITEM_OPERAND) {
			facts_text(f, FACT_DOCKER_IMAGE, s.value);
			return;
		}
	}
}

/* compose has options of its own in front of its command. */
static size_t skip_compose_options(const char *const *argv, size_t argc, size_t at)
{
	static const char valued[] = " -f --file -p --project-name --profile --env-file --project-directory"
	                             " --ansi --progress --parallel --podman-args --podman-path ";

	for (; at < argc && argv[at][0] == '-'; at++)
		at += is_in(valued, argv[at]);
	return at;
}

void model_docker(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &global, .f = f, .argv = argv, .argc = argc, .at = 1 };
	bool compose = strstr(name, "-compose") != NULL;

	for (enum item i = ITEM_OPTION; !compose && i != ITEM_OPERAND;) {
		i = scan_next(&s);
		if (i == ITEM_END)
			return;
		if (i == ITEM_UNKNOWN)
			facts_doubt_family(f, "docker.");
	}
	size_t at = compose ? skip_compose_options(argv, argc, 1) : s.at - 1;

	/* "container run" is run, "compose -f x up" is up. */
	while (!compose && at < argc && is_group(argv[at])) {
		compose = !strcmp(argv[at], "compose");
		if (!compose && (at + 1 >= argc || argv[at + 1][0] == '-'))
			break;
		at = compose ? skip_compose_options(argv, argc, at + 1) : at + 1;
	}
	if (at >= argc)
		return;
	command_facts(f, argv[at]);
	words(f, argv[at], argv, argc, at + 1);
}
