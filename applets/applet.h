/* applet - what a file in applets/ gives to the dispatcher.
 *
 * One file is one applet is one process. Its head comment holds its Kconfig stanza, its end
 * `const struct applet applet_NAME`, where NAME is the file's name; the table is generated from both.
 */
#pragma once

enum {
	APPLET_SHELL = 1,  /* also answers to the names of shells: sh, bash, whatever the file is called */
	APPLET_HIDDEN = 2, /* started by the program itself; not listed in --help */
};

struct applet {
	const char *name;     /* the word on the command line */
	const char *alias[4]; /* further names; "shim install-shell" is two words */
	const char *summary;  /* for --help, lower case, no full stop */
	const char *usage;    /* what follows the name; printed for "agentsh NAME --help" */
	/* argv[0] is the word that was used; called by an alias of two words, it is the applet's name and
	 * argv[1] the second word. */
	int (*run)(int argc, char **argv);
	unsigned flags;
	unsigned
	        roles; /* what it takes on before it starts (enforce/exec/role.h); 0 = it sees to it itself */
};

extern const struct applet *const applets[]; /* ends with NULL */
