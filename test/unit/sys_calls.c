/* calls: names and numbers are those of libseccomp, which knows every architecture. */
#include "sys/calls.h"

#include "test/t.h"

#include <seccomp.h>
#include <stdlib.h>
#include <sys/syscall.h>

T_CASE(every_number_has_libseccomps_name)
{
	int n = 0;

	for (int nr = 0; nr < 500; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

		/* Newer than the C library's header: a name that it does not have cannot be written. */
		if (name && calls_number(name) != CALL_UNKNOWN && calls_number(name) != nr)
			ok(false, "%s is %d", name, calls_number(name));
		n += name && calls_number(name) == nr;
		free(name);
	}
	ok(n > 300, "%d names", n);
}

T_CASE(every_name_of_elsewhere_is_one)
{
	int unknown = 0;

	for (int nr = 0; nr < 500; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, nr);

		if (name && calls_number(name) == CALL_UNKNOWN && ++unknown)
			ok(false, "%s is known", name);
		free(name);
	}
	is_int(unknown, 0, "names of 32-bit x86 are known");
}

T_CASE(words)
{
	is_int(calls_number("execve"), SYS_execve);
	is_int(calls_number("read"), SYS_read);
	is_int(calls_number("ptrace"), SYS_ptrace);
	is_int(calls_number("umount"), CALL_ELSEWHERE);
	is_int(calls_number("socketcall"), CALL_ELSEWHERE);
	is_int(calls_number(""), CALL_UNKNOWN);
	is_int(calls_number("exec"), CALL_UNKNOWN);
	is_int(calls_number("xecve"), CALL_UNKNOWN);
	is_int(calls_number("59 execve"), CALL_UNKNOWN);
	is_int(calls_number("execve\n"), CALL_UNKNOWN);
	is_int(calls_number("Read"), CALL_UNKNOWN);
	is_int(calls_number("ptrac"), CALL_UNKNOWN);
}
