# TRE 0.9.0 (BSD-2): bytes only, because invalid UTF-8 makes a wide match fail (a way round a rule);
# no alloca, because its matcher state overflows small stacks; exact matching only.
# shellcheck shell=sh disable=SC2154
file=tre_0.9.0.orig.tar.gz
fetch $file f57f5698cafdfe516d11fb0b71705916fe1162f14b08cf69d7cf86923b5a2477 t/tre
unpack $file src
cat >src/local_includes/tre-config.h <<'END'
#define HAVE_SYS_TYPES_H 1
#define TRE_VERSION "0.9.0"
#define TRE_VERSION_1 0
#define TRE_VERSION_2 9
#define TRE_VERSION_3 0
END
cat >config.h <<'END'
#define HAVE_ISASCII 1
#define HAVE_ISBLANK 1
#define HAVE_SYS_TYPES_H 1
#define TRE_REGEX_T_FIELD value
#define TRE_VERSION "0.9.0"
#define TRE_VERSION_1 0
#define TRE_VERSION_2 9
#define TRE_VERSION_3 0
END
rm src/lib/tre-match-approx.c src/lib/tre-match-backtrack.c
# Back-references, which alone need it, are refused when a pattern is read (lib/match/regex.h).
cat >no-backtrack.c <<'END'
#include "tre-internal.h"
reg_errcode_t tre_tnfa_run_backtrack(const tre_tnfa_t *tnfa, const void *string, int len, tre_str_type_t type,
				     int *match_tags, int eflags, int *match_end_ofs)
{
	return REG_ESUBREG;
}
END
tre='-DHAVE_CONFIG_H -DUSE_LOCAL_TRE_H -I. -Isrc/lib'
mv src/lib/tre-match-parallel.c . # matching is to be fast, the rest small
compile "-Os $tre" src/lib/*.c no-backtrack.c
compile "-O2 $tre" tre-match-parallel.c
mkdir -p "$dest/include/tre"
cp src/local_includes/tre.h src/local_includes/tre-config.h "$dest/include/tre/"
