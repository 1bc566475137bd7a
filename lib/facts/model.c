/* Which program has which model, and the names of the facts. */
#include "facts/scan.h"

#define NAME(id, name, kind, about)  name,
#define ABOUT(id, name, kind, about) about,
#define KIND(id, name, kind, about)  FACT_KIND_##kind,

static const char *const names[] = { FACTS_ALL(NAME) NULL };
static const char *const abouts[] = { FACTS_ALL(ABOUT) };
static const uint8_t kinds[] = { FACTS_ALL(KIND) };

static const struct model {
	const char *programs; /* without version: pip is pip3.11, too */
	const char *families; /* of the facts it can give */
	model_fn *read;
} models[] = {
	{ " rm ", " files rm ", model_rm },
	{ " chmod ", " files chmod ", model_chmod },
	{ " chown chgrp ", " files chown ", model_chown },
	{ " dd ", " dd ", model_dd },
	{ " find gfind ", " find ", model_find },
	{ " tar gtar ", " tar ", model_tar },
	{ " rsync ", " rsync net ", model_rsync },
	{ " curl ", " curl net ", model_curl },
	{ " wget ", " wget net ", model_wget },
	{ " git git-push git-send-pack git-http-push git-reset git-clean git-clone git-fetch git-pull"
	  " git-remote git-config git-checkout git-submodule git-fetch-pack git-ls-remote ",
	  " git net ", model_git },
	{ " docker podman nerdctl docker-compose podman-compose ", " docker ", model_docker },
	{ " kubectl oc ", " kubectl ", model_kubectl },
	{ " npm npx pnpm pnpx yarn yarnpkg bun bunx corepack ", " pkg net ", model_npm },
	{ " node nodejs ", " pkg net ", model_node },
	{ " pip pipx uv uvx poetry pipenv conda mamba micromamba easy_install ", " pkg net ", model_pip },
	{ " python pypy ", " pkg net ", model_python },
	{ " cargo cargo-install cargo-add cargo-binstall ", " pkg net ", model_cargo },
	{ " apt apt-get aptitude dpkg apk dnf yum microdnf rpm zypper pacman brew snap flatpak ", " pkg net ",
	  model_system },
	{ " go gem bundle bundler composer deno ", " pkg net ", model_other },
};

/* The length of a name without a version such as "3.11" behind it. */
static size_t without_version(const char *name, size_t len)
{
	while (len > 1 && ((name[len - 1] >= '0' && name[len - 1] <= '9') || name[len - 1] == '.'))
		len--;
	return len > 1 && name[len - 1] == '-' ? len - 1 : len;
}

static const struct model *find_model(const char *name, size_t len, size_t *used)
{
	for (*used = len;; *used = without_version(name, len)) {
		for (size_t i = 0; i < sizeof models / sizeof *models; i++)
			if (scan_word(models[i].programs, name, *used))
				return &models[i];
		if (*used != len || without_version(name, len) == len)
			return NULL;
	}
}

bool facts_read(const char *name, size_t len, const char *const *argv, size_t argc, struct facts *out)
{
	size_t used;
	const struct model *m = find_model(name, len, &used);
	char program[32];

	if (!m || used >= sizeof program)
		return false;
	memcpy(program, name, used);
	program[used] = 0;
	m->read(out, program, argv, argc);
	return true;
}

bool facts_gives(const char *name, size_t len, enum fact fact)
{
	size_t used;
	const struct model *m = find_model(name, len, &used);
	const char *fact_name = fact ? facts_name(fact) : NULL;

	return m && (!fact || scan_word(m->families, fact_name, strcspn(fact_name, ".")));
}

enum fact facts_find(const char *name, size_t len)
{
	for (unsigned i = 0; names[i]; i++)
		if (!strncmp(names[i], name, len) && !names[i][len])
			return (enum fact)(i + 1);
	return FACT_NONE;
}

const char *facts_name(enum fact fact)
{
	return names[fact - 1];
}

const char *facts_about(enum fact fact)
{
	return abouts[fact - 1];
}

enum fact_kind facts_kind(enum fact fact)
{
	return (enum fact_kind)kinds[fact - 1];
}

const char *const *facts_names(void)
{
	return names;
}
