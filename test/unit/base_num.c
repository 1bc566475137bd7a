#include "base/num.h"

#include "test/t.h"

T_CASE(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 },
		     { "1024", 1024 },
		     { "10MB", 10000000 },
		     { "10mb", 10000000 },
		     { "1Gb", 1000000000 },
		     { "1 GiB", 1073741824 },
		     { "1_000KB", 1000000 },
		     { "18446744073709551615", UINT64_MAX },
		     { "16777215TiB", 16777215ull << 40 } };
	static const char *const bad[] = {
		"",
		"-1",
		"+1",
		"1e9",
		"1.5GB",
		"0x10",
		"1GBx",
		"GB",
		" 1GB",
		"1GB ",
		"1,000",
		"99999999999999999999GB",
		"1Gbit",
		"_1",
		"1PB",
		"1K",
		"16777216TiB",
		"18446744073709551616",
		"20000000000GB",
	};
	uint64_t n;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(num_size(good[i].text, &n) && n == good[i].bytes, "'%s'", good[i].text);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!num_size(bad[i], &n), "'%s' is no size", bad[i]);
}

T_CASE(durations)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = { { "0", 0 },
		     { "30s", 30000000000 },
		     { "1h30m", 5400000000000 },
		     { "1.5h", 5400000000000 },
		     { "250ms", 250000000 },
		     { "7d", 604800000000000 },
		     { "2w", 1209600000000000 } };
	static const char *const bad[] = {
		"",        "5",     "-5m",  "+5m", "5m5",   "5 m",  "m",
		"5mm",     "5M",    "1e3s", ".s",  "5m-3s", "0x5m", "9999999999999999999s",
		"106752d", "1h 30m"
	};
	int64_t n;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(num_duration(good[i].text, &n) && n == good[i].ns, "'%s'", good[i].text);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!num_duration(bad[i], &n), "'%s' is no duration", bad[i]);
}

T_CASE(numbers)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0", "1e1", "4294967297"
	};
	uint64_t n;
	int64_t i64;

	ok(num_u64("4294967296", 0, 4294967296, &n) && n == 4294967296);
	ok(num_u64("0", 0, 1, &n) && !n);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!num_u64(bad[i], 0, 4294967296, &n), "'%s' is no number", bad[i]);
	ok(num_i64("-5", -5, 5, &i64) && i64 == -5 && !num_i64("-6", -5, 5, &i64) &&
	   !num_i64("--5", -5, 5, &i64));
}
