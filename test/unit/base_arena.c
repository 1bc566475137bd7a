#include "base/arena.h"

#include "test/t.h"

#include <stdint.h>
#include <string.h>

T_CASE(zeroed_and_aligned)
{
	AUTO_ARENA a = { 0 };
	char *p = arena_alloc(&a, 3), *q = arena_alloc(&a, 100);

	ok(p && q && (uintptr_t)q % 16 == 0);
	for (int i = 0; i < 100; i++)
		if (q[i])
			ok(0, "byte %d", i);
	is_str(arena_fmt(&a, "%d-%s", 7, "x"), "7-x");
	is_str(arena_copy(&a, "abcdef", 3), "abc");
}

T_CASE(on_the_callers_own)
{
	_Alignas(16) char room[512];
	AUTO_ARENA a = { .max = 100000 };
	char *p, *q;

	arena_on(&a, room, sizeof room);
	p = arena_alloc(&a, 100);
	q = arena_str(&a, "text");
	ok(p > room && p < room + sizeof room && q > p && q < room + sizeof room, "first there");
	is_str(q, "text");
	p = arena_alloc(&a, 1000);
	ok(p && (p < room || p >= room + sizeof room), "then elsewhere");
	is_str(arena_copy(&a, "abcdef", 3), "abc");
	arena_reset(&a);
	ok(!a.blocks && a.max == 100000, "and it is given back");
}

T_CASE(ceiling)
{
	AUTO_ARENA a = { .max = 1000 };

	ok(arena_alloc(&a, 900) != NULL);
	ok(!arena_alloc(&a, 200) && a.failed);
	ok(!arena_alloc(&a, 1), "sticky");
	arena_reset(&a);
	ok(!a.failed && arena_alloc(&a, 900), "until it is emptied");
	ok(!arena_array(&a, SIZE_MAX / 2, 16) && a.failed, "no overflow");
}

T_CASE(reset_keeps_one_block)
{
	AUTO_ARENA a = { .max = 1 << 20 };
	void *first = arena_alloc(&a, 64);

	for (int i = 0; i < 100; i++)
		arena_alloc(&a, 3000);
	arena_reset(&a);
	is_int(a.used, 0);
	is_int(a.max, 1 << 20);
	ok(arena_alloc(&a, 64) == first, "the first block serves again");
	memset(first, 1, 64);
	arena_reset(&a);
	first = arena_alloc(&a, 64);
	ok(first && !memcmp(first, (char[64]){ 0 }, 64), "zeroed anew");
	arena_release(&a);
	ok(!a.blocks);
	ok(arena_alloc(&a, 100000) != NULL, "a large one alone");
	arena_reset(&a);
	ok(!a.blocks, "is not kept");
}
