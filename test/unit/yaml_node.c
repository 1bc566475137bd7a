#include "yaml/node.h"

#include "test/t.h"

struct found {
	char text[4096];
	size_t len;
};

static void note(void *to, int line, int column, const char *text)
{
	struct found *f = to;

	f->len += (size_t)snprintf(f->text + f->len, sizeof f->text - f->len, "%d:%d: %s\n", line, column,
	                           text);
	if (f->len >= sizeof f->text)
		f->len = sizeof f->text - 1;
}

struct doc {
	struct arena arena;
	struct found found;
	struct yaml_sink sink;
	const struct yaml_node *root;
};

static const struct yaml_node *load_bytes(struct doc *d, const char *text, size_t len)
{
	arena_release(&d->arena);
	d->found = (struct found){ 0 };
	d->sink = (struct yaml_sink){ .problem = note, .to = &d->found };
	d->root = yaml_parse(&d->arena, text, len, &d->sink);
	return d->root;
}

static const struct yaml_node *load(struct doc *d, const char *text)
{
	return load_bytes(d, text, strlen(text));
}

T_CASE(tree_with_places)
{
	struct doc d = { 0 };
	const struct yaml_node *root = load(&d, "a: 1\nb:\n  - x\n  - 'y z'\nc: {d: [e, f]}\n"), *b;

	is_int(d.sink.n, 0);
	is_int(root->n, 3);
	b = yaml_get(root, "b");
	is_int(b->n, 2);
	is_str(yaml_first(b)->next->text, "y z");
	is_int(yaml_first(b)->next->line, 4);
	is_int(yaml_first(b)->next->column, 5);
	is_str(yaml_first(yaml_get(yaml_get(root, "c"), "d"))->text, "e");
	ok(!yaml_get(root, "z"));
	arena_release(&d.arena);
}

T_CASE(empty_is_null)
{
	struct doc d = { 0 };
	const char *const empty[] = { "", "# only a comment\n", "---\n", "null", "~" };

	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		const struct yaml_node *root = load(&d, empty[i]);

		ok(root && root->kind == YAML_NULL, "'%s' is null", empty[i]);
	}
	arena_release(&d.arena);
}

static void refuse(const char *text, const char *want)
{
	struct doc d = { 0 };

	load(&d, text);
	ok(d.sink.n > 0 && strstr(d.found.text, want), "refused: %s", want);
	if (!strstr(d.found.text, want))
		printf("# got: %s\n", d.found.text);
	arena_release(&d.arena);
}

T_CASE(refusals)
{
	refuse("a: &x 1\nb: 2\n", "1:4: anchors are not supported");
	refuse("a: 1\nb: *x\n", "2:4: aliases are not supported");
	refuse("a: !!python/object/apply:os.system [x]\n", "1:4: tags are not supported");
	refuse("a: !include /etc/shadow\n", "1:4: tags are not supported");
	refuse("a: {b: 1}\nc:\n  <<: 1\n", "3:3: merge keys are not supported");
	refuse("a: 1\nb: 2\na: 3\n", "3:1: duplicate key 'a'; first given in line 1");
	refuse("x:\n  a: 1\n  'a': 3\n", "3:3: duplicate key 'a'; first given in line 2");
	refuse("a: 1\n---\nb: 2\n", "2:1: a second document");
	refuse("%YAML 1.1\n---\na: 1\n", "directives are not supported");
	refuse("%TAG ! tag:x,2000:\n---\na: 1\n", "directives are not supported");
	refuse("\xef\xbb\xbf"
	       "a: 1\n",
	       "1:1: file starts with a byte order mark");
	refuse("a: 1\nb: \xff\n", "2:4: not valid UTF-8");
	refuse("a: \xed\xa0\x80\n", "not valid UTF-8");
	refuse("a: \xc0\xaf\n", "not valid UTF-8");
	refuse("? [a]\n: 1\n", "a key must be a word");
	refuse("a: \"x\\0y\"\n", "NUL in a text");
	refuse("a: [1, 2\nb: 3\n", "2:");
	refuse("a: b: c\n", "1:5: mapping values are not allowed in this context");
	refuse("a:\n\t- b\n", "2:1:");
}

/* What a reviewer cannot see must not decide. */
T_CASE(hidden_characters)
{
	static const char why[] = "a character that nobody sees";

	refuse("# harmless\xe2\x80\xa8"
	       "decision: allow\n",
	       "1:11: a character that nobody sees");
	refuse("# harmless\xc2\x85"
	       "decision: allow\n",
	       why);
	refuse("# harmless\rdecision: allow\n", "1:11: a character that nobody sees");
	refuse("a: 1\nb: \xe2\x80\xae"
	       "x\n",
	       "2:4: a character that nobody sees");
	refuse("# \x1b[2K\n", why);
	refuse("a: \"su\\u200bdo\"\n", "1:4: a character that nobody sees");
	refuse("a: \"\\e[31m\"\n", why);
	refuse("\"\\e]0;x\\a\": 1\n", why);
	refuse("a: \"\\x9b\"\n", why);
	refuse("a: 1\n\"a\\nb: ok\": 1\n\"a\\nb: ok\": 2\n", "duplicate key 'a\\x0ab: ok'");
}

T_CASE(characters_that_stay)
{
	static const char *const good[] = { "a: 1\r\nb: 2\r\n", "a: \"x\\ty\\nz\"\n", "a: |\n  x\n  y\n",
		                            "# \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x92\xbb\na: 1\n",
		                            "a: m\xc3\xbcnchen\n" };
	struct doc d = { 0 };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(load(&d, good[i]) && !d.sink.n, "%zu: %s", i, d.found.text);
	arena_release(&d.arena);
}

T_CASE(nul_and_size)
{
	struct doc d = { 0 };
	char *big = calloc(1, YAML_MAX + 2);

	if (!ok(big != NULL))
		return;
	load_bytes(&d, "a: \0b", 5);
	ok(strstr(d.found.text, "1:4: NUL byte"));
	memset(big, 'x', YAML_MAX + 1);
	ok(!load_bytes(&d, big, YAML_MAX + 1) && strstr(d.found.text, "larger than 4 MiB"));
	ok(load_bytes(&d, big, YAML_MAX) != NULL, "4 MiB is taken");
	memset(big, '[', 100000);
	ok(!load_bytes(&d, big, 100000) && strstr(d.found.text, "nested too deeply"));
	for (int i = 0; i < YAML_MAX; i += 2)
		memcpy(big + i, i ? "a," : "[a", 2);
	ok(!load_bytes(&d, big, YAML_MAX) && strstr(d.found.text, "too many values"));
	free(big);
	arena_release(&d.arena);
}

T_CASE(all_problems_at_once)
{
	struct doc d = { 0 };

	load(&d, "a: &x 1\na: 2\nb: *x\n");
	is_int(d.sink.n, 3);
	arena_release(&d.arena);
}

T_CASE(typed)
{
	struct doc d = { 0 };
	const struct yaml_node *r =
	        load(&d, "t: word\nn: 443\nbig: 70000\nz: 007\nb: true\ny: yes\nd: 1h30m\ns: 10MB\n"
	                 "nul:\nlist: [1]\nq: '1'\nneg: -5m\nw: null\n");
	const char *text = NULL;
	uint64_t u = 0;
	int64_t ns = 0;
	bool b = false;
	const uint64_t port[2] = { 1, 65535 };

	ok(yaml_text(&d.sink, yaml_get(r, "t"), "t", &text) && !strcmp(text, "word"));
	ok(yaml_text(&d.sink, yaml_get(r, "n"), "n", &text) && !strcmp(text, "443"),
	   "a number may be a text");
	ok(yaml_u64(&d.sink, yaml_get(r, "n"), "n", port, &u) && u == 443);
	ok(yaml_bool(&d.sink, yaml_get(r, "b"), "b", &b) && b);
	ok(yaml_duration(&d.sink, yaml_get(r, "d"), "d", &ns) && ns == 5400000000000);
	ok(yaml_size(&d.sink, yaml_get(r, "s"), "s", &u) && u == 10000000);
	is_int(d.sink.n, 0);
	ok(!yaml_u64(&d.sink, yaml_get(r, "big"), "port", port, &u));
	ok(!yaml_u64(&d.sink, yaml_get(r, "z"), "port", port, &u), "leading zeros");
	ok(!yaml_u64(&d.sink, yaml_get(r, "q"), "port", port, &u), "a quoted number is text");
	ok(!yaml_bool(&d.sink, yaml_get(r, "y"), "y", &b));
	ok(!yaml_text(&d.sink, yaml_get(r, "nul"), "nul", &text));
	ok(!yaml_text(&d.sink, yaml_get(r, "w"), "w", &text));
	ok(!yaml_text(&d.sink, yaml_get(r, "list"), "list", &text));
	ok(!yaml_duration(&d.sink, yaml_get(r, "neg"), "neg", &ns));
	ok(!yaml_is_map(&d.sink, yaml_get(r, "list"), "list"));
	is_int(d.sink.n, 9);
	arena_release(&d.arena);
}

static void take_mark(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	(void)value;
	*((char *)to + key->offset) = 'x';
}

T_CASE(tables_and_hints)
{
	static const struct yaml_key keys[] = { { "command_rules", take_mark, 0, NULL },
		                                { "decision", take_mark, 1, NULL },
		                                { NULL, NULL, 0, NULL } };
	static const char *const words[] = { "allow", "deny", NULL };
	struct doc d = { 0 };
	char seen[3] = "..";
	const struct yaml_node *r = load(&d, "comand_rules: 1\ndecision: Deny\nzzzzzz: alow\n");

	ok(yaml_take(&d.sink, r, "the policy", keys, seen));
	is_str(seen, ".x");
	is_str(d.found.text, "1:1: unknown key 'comand_rules' in the policy; did you mean 'command_rules'?\n"
	                     "3:1: unknown key 'zzzzzz' in the policy\n");
	is_int(yaml_choice(&d.sink, yaml_get(r, "decision"), "decision", words), 1);
	is_int(yaml_choice(&d.sink, yaml_get(r, "zzzzzz"), "decision", words), -1);
	ok(strstr(d.found.text, "unknown decision 'alow'; did you mean 'allow'?"));
	arena_release(&d.arena);
}
