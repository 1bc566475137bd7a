/* A store in a directory of its own for each case. */
#pragma once

#include "journal/store.h"
#include "test/unit/journal_top.h"

static struct journal j;
static int dir = -1; /* that the store lies in */

static bool begin(void)
{
	struct err e;

	if (!make_top("/tmp") || !ok(journal_open(&j, at("store"), true, &e) == 0, "%s", e.text))
		return false;
	dir = open(top, O_RDONLY | O_DIRECTORY);
	return true;
}

static void end(void)
{
	journal_close(&j);
	fd_close(&dir);
	remove_top();
}
