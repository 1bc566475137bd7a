/* Shared by the models of package managers: one table per manager, one reader for all. */
#pragma once

#include "facts/scan.h"

struct manager {
	const char *name;
	const struct grammar *grammar; /* its options, and those of all its sub-commands */
	/* Sub-commands, each list " a b ". */
	const char *install, *fetch, *exec, *remove, *publish, *others;
	const char *groups;  /* words in front of the sub-command that matters: "uv pip install" */
	const char *carries; /* the same, and with a name of something behind: "yarn workspace x add" */
	const char *bare;    /* the sub-command that is meant if there is none, or NULL */
	bool abbreviates;    /* sub-commands by any beginning */
	bool scripts;        /* other words are names of scripts */
	bool own_groups;     /* words behind a group are the group's: no beginnings, and none is unknown */
	bool repositories;   /* owner/name is a repository on the net */
};

/* Read argv from `at`, behind the program's name. */
void pkg_read(const struct manager *m, struct facts *f, const char *const *argv, size_t argc, size_t at);

/* The manager behind a name without a version, or NULL: for node and python, which start them by path. */
const struct manager *npm_manager(const char *name, size_t len);
const struct manager *pip_manager(const char *name, size_t len);
void npm_read(const struct manager *m, struct facts *f, const char *const *argv, size_t argc, size_t at);

/* A package that is given by an address or a repository. */
void pkg_source(const struct manager *m, struct facts *f, const char *text);
