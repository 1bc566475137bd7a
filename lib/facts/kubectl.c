/* kubectl and oc: options may stand anywhere before "--". */
#include "facts/scan.h"

static const struct option_row rows[] = {
	{ "all", 0, TAKES_NONE, FACT_KUBECTL_ALL, 0, 0 },
	{ "all-namespaces", 'A', TAKES_NONE, FACT_KUBECTL_ALL, 0, 0 },
	{ "force", 0, TAKES_NONE, FACT_KUBECTL_FORCE, 0, 0 },
	{ "now", 0, TAKES_NONE, FACT_KUBECTL_FORCE, 0, 0 },
	{ "force-conflicts", 0, TAKES_NONE, FACT_KUBECTL_FORCE, 0, 0 },
	{ "dry-run", 0, TAKES_MAYBE, FACT_KUBECTL_DRY_RUN, 0, 0 },
	{ "prune", 0, TAKES_NONE, FACT_KUBECTL_DELETE, 0, 0 },
	{ "raw", 0, TAKES_VALUE, FACT_KUBECTL_SECRETS, 0, 0 },
	{ "namespace", 'n', TAKES_VALUE, 0, 0, FACT_KUBECTL_NAMESPACE },
	{ "context", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "cluster", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "kubeconfig", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "server", 's', TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "token", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "user", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "username", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "as", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "as-group", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "as-uid", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ "client-certificate", 0, TAKES_VALUE, FACT_KUBECTL_OTHER, 0, 0 },
	{ .name = NULL },
};

/* The same letter can be a flag of one sub-command and take a value in another: see letters_of(). */
static const char longs[] =
        " all-pods insecure-skip-tls-verify-backend append-server-path output-patch concurrency="
        " show-events types= keep-annotations keep-init-containers keep-labels keep-liveness"
        " keep-readiness keep-startup arguments-only load-restrictor= as-current-user"
        " as-user-extra= cache-dir= certificate-authority= client-key= disable-compression"
        " insecure-skip-tls-verify log-flush-frequency= match-server-version password= profile="
        " profile-output="
        " request-timeout= tls-server-name= v= vmodule= warnings-as-errors cascade= field-selector= filename="
        " grace-period= ignore-not-found interactive kustomize= output= recursive selector= timeout= wait"
        " allow-missing-template-keys field-manager= openapi-patch overwrite prune-allowlist= server-side"
        " show-managed-fields subresource= template= validate= chunk-size= label-columns= no-headers"
        " output-watch-events server-print show-kind show-labels sort-by= watch watch-only container="
        " pod-running-timeout= quiet stdin tty follow previous since= since-time= tail= timestamps prefix"
        " limit-bytes= max-log-requests= all-containers ignore-errors image= env= labels= port= restart= rm"
        " replicas= command expose overrides= override-type= attach leave-stdin-open image-pull-policy="
        " privileged annotations= address= target= copy-to= share-processes arguments= set-image= same-node"
        " custom= current-replicas= resource-version= local type= patch= patch-file= from-literal= from-file="
        " from-env-file= edit save-config record windows-line-endings disable-eviction"
        " ignore-daemonsets delete-emptydir-data delete-local-data pod-selector="
        " skip-wait-for-delete-timeout="
        " max= min= cpu-percent= name= protocol= target-port= external-ip= load-balancer-ip="
        " session-affinity="
        " cluster-ip= generator= list min-version= max-version= for= field-manager= no-preserve retries="
        " accept-hosts= accept-paths= api-prefix= disable-filter reject-methods= reject-paths= unix-socket="
        " www= www-prefix= keepalive= api-version= categories= cached namespaced verbs= api-group="
        " client short"
        " flatten minify raw-output subresources help verb= resource= resource-name= non-resource-url= role="
        " clusterrole= group= serviceaccount= user-extra= to-revision= revision= schedule= class= rule="
        " default-backend= annotation= tcp= external-name= docker-server= docker-username= docker-password="
        " docker-email= append-hash hard= scopes= value= description= global-default preemption-policy="
        " audience="
        " duration= bound-object-kind= bound-object-name= bound-object-uid= ";

static const struct grammar kinds[] = {
	{ rows, "hRv:wo:f:k:l:L:c:", longs, GRAMMAR_BOOLEANS | GRAMMAR_EQUALS, FACT_KUBECTL_UNKNOWN },
	{ rows, "hitqv:o:f:k:l:c:", longs, GRAMMAR_BOOLEANS | GRAMMAR_EQUALS, FACT_KUBECTL_UNKNOWN },
	{ rows, "hfpRv:o:k:l:c:", longs, GRAMMAR_BOOLEANS | GRAMMAR_EQUALS, FACT_KUBECTL_UNKNOWN },
	{ rows, "hp:v:w:W:P:u:o:f:k:l:RU", longs, GRAMMAR_BOOLEANS | GRAMMAR_EQUALS, FACT_KUBECTL_UNKNOWN },
};

static const struct grammar *letters_of(const char *command)
{
	if (is_in(" exec attach run debug delete rsh rsync ", command))
		return &kinds[1];
	if (is_in(" logs ", command))
		return &kinds[2];
	return is_in(" patch proxy ", command) ? &kinds[3] : &kinds[0];
}

static const struct {
	const char *commands;
	uint8_t fact;
} actions[] = {
	{ " get describe logs top version explain api-resources api-versions cluster-info completion"
	  " diff events"
	  " options help wait whoami status kustomize ",
	  FACT_KUBECTL_READ },
	{ " apply create edit patch replace scale autoscale set label annotate expose rollout taint"
	  " cordon uncordon"
	  " certificate auth config plugin new-app new-project adm policy import tag start-build process"
	  " project login ",
	  FACT_KUBECTL_CHANGE },
	{ " delete drain ", FACT_KUBECTL_DELETE },
	{ " exec attach cp debug run port-forward proxy rsh rsync ", FACT_KUBECTL_EXEC },
};

static void command_facts(struct facts *f, const char *word)
{
	bool known = false;

	facts_text(f, FACT_KUBECTL_COMMAND, word);
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (is_in(actions[i].commands, word)) {
			facts_set(f, (enum fact)actions[i].fact);
			known = true;
		}
	/* A plugin: another program, started by kubectl and judged then. */
	if (!known) {
		facts_set(f, FACT_KUBECTL_UNKNOWN);
		facts_doubt_family(f, "kubectl.");
	}
}

/* "secret", "secrets.v1.", "secret/name", "pods,secrets" */
static void resource(struct facts *f, const char *word)
{
	facts_text(f, FACT_KUBECTL_RESOURCE, word);
	for (const char *p = word; *p; p += *p == ',') {
		size_t len = strcspn(p, ",");

		if (scan_word(" secret secrets all ", p, strcspn(p, ",./")))
			facts_set(f, FACT_KUBECTL_SECRETS);
		p += len;
	}
}

static bool named(const struct scan *s, const char *name)
{
	return s->name && s->name_len == strlen(name) && !strncmp(s->name, name, s->name_len);
}

static void look_at(struct scan *s, const char *command)
{
	if (named(s, "grace-period") && !strcmp(s->value, "0"))
		facts_set(s->f, FACT_KUBECTL_FORCE);
	if (named(s, "dry-run") && s->value && is_in(" none false ", s->value))
		facts_clear(s->f, FACT_KUBECTL_DRY_RUN);
	if (command && !strcmp(command, "replace") && named(s, "force") && !s->negated)
		facts_set(s->f, FACT_KUBECTL_DELETE);
	if (s->letter == 'f' || s->letter == 'k' || named(s, "filename") || named(s, "kustomize"))
		facts_doubt(s->f, FACT_KUBECTL_SECRETS);
}

void model_kubectl(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &kinds[0], .f = f, .argv = argv, .argc = argc, .at = 1 };
	const char *command = NULL;

	(void)name;
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_UNKNOWN && !command)
			facts_doubt_family(f, "kubectl.");
		/* What stands behind "--" is a command for the container. */
		if (command && s.ended && is_in(" exec run debug rsh ", command))
			return;
		if (i == ITEM_OPTION)
			look_at(&s, command);
		if (i == ITEM_OPERAND && command) {
			resource(f, s.value);
		} else if (i == ITEM_OPERAND) {
			command = s.value;
			command_facts(f, command);
			s.g = letters_of(command);
		}
	}
}
