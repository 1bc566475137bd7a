#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "policy/policy.h"
#include "decide/decide.h"
#include <stdlib.h>
#include <string.h>
struct policy { struct policy_limits l; };
struct policy *policy_load(const char *t, size_t n, const char *f, const struct policy_options *o, struct policy_problems *out)
{ static struct policy_problem pr = { 3, 5, "unknown key \"comand_rules\"" }; static struct policy_problem uv = {4,6,"undefined variable: FOO"};
  if (memmem(t,n,"comand_rules",12)) { out->items=&pr; out->n=1; return NULL; }
  if (memmem(t,n,"${FOO}",6) && o->expand) { out->items=&uv; out->n=1; return NULL; }
  struct policy *p = calloc(1, sizeof *p); if (memmem(t,n,"session_timeout: 2h",19)) p->l.session_timeout_ns = 7200000000000; return p; }
void policy_problems_release(struct policy_problems *p) { arena_release(&p->arena); }
void policy_free(struct policy *p) { free(p); }
const struct policy_limits *policy_limits(const struct policy *p) { return &p->l; }
struct decide_cache { int x; };
struct decide_cache *decide_cache_new(const struct policy *p) { return calloc(1, sizeof(struct decide_cache)); }
void decide_cache_free(struct decide_cache *c) { free(c); }
const char *effect_name(enum effect e) { return e == EFFECT_DENY ? "deny" : "allow"; }
