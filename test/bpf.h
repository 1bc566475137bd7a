/* bpf - an interpreter of classic BPF as seccomp allows it, and the checks the kernel makes before it loads a
 * program. For tests of filters: nothing but the program and struct seccomp_data goes in. */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BPF_BROKEN = 1 }; /* no answer of seccomp: the program is not one the kernel would take */

static inline bool bpf_compare(const struct sock_filter *i, uint32_t a, bool *yes)
{
	switch (i->code) {
	case BPF_JMP | BPF_JEQ | BPF_K:
		*yes = a == i->k;
		return true;
	case BPF_JMP | BPF_JGT | BPF_K:
		*yes = a > i->k;
		return true;
	case BPF_JMP | BPF_JGE | BPF_K:
		*yes = a >= i->k;
		return true;
	case BPF_JMP | BPF_JSET | BPF_K:
		*yes = (a & i->k) != 0;
		return true;
	default:
		return false;
	}
}

/* The answer for `d`; adds the number of instructions to `*steps`. */
static inline uint32_t bpf_run(const struct sock_filter *code, size_t n, const struct seccomp_data *d,
                               size_t *steps)
{
	uint32_t a = 0, x = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &code[pc];
		bool yes;

		++*steps;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k + 4 > sizeof *d)
				return BPF_BROKEN;
			memcpy(&a, (const char *)d + i->k, 4);
			continue;
		case BPF_MISC | BPF_TAX:
			x = a;
			continue;
		case BPF_ALU | BPF_OR | BPF_X:
			a |= x;
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			if (!bpf_compare(i, a, &yes))
				return BPF_BROKEN;
			pc += yes ? i->jt : i->jf;
		}
	}
	return BPF_BROKEN;
}

/* Would the kernel load it: instructions it knows, jumps that stay inside, an answer at the end. */
static inline bool bpf_is_sound(const struct sock_filter *code, size_t n)
{
	bool yes;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &code[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k >= sizeof(struct seccomp_data))
				return false;
			break;
		case BPF_MISC | BPF_TAX:
		case BPF_ALU | BPF_OR | BPF_X:
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_RET | BPF_K:
			break;
		case BPF_JMP | BPF_JA:
			if (i->k >= n - pc - 1)
				return false;
			break;
		default:
			if (!bpf_compare(i, 0, &yes) || pc + i->jt + 1 >= n || pc + i->jf + 1 >= n)
				return false;
		}
	}
	return n && n <= BPF_MAXINSNS && code[n - 1].code == (BPF_RET | BPF_K);
}
