#include "base/moment.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

const char *neap_moment_text(int64_t seconds_since_1970, struct neap_arena *arena)
{
	time_t moment = (time_t)seconds_since_1970;
	struct tm tm;

	if (!gmtime_r(&moment, &tm))
		return "(no such time)";
	return neap_arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1,
				 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static const struct {
	const char *name;
	char letter;
	int64_t seconds;
} units[] = { { "day", 'd', 86400 }, { "hour", 'h', 3600 }, { "minute", 'm', 60 }, { "second", 's', 1 } };
#define UNITS (sizeof units / sizeof *units)

const char *neap_span_text(int64_t seconds, struct neap_arena *arena)
{
	size_t unit = 0;

	while (unit + 1 < UNITS && seconds < 2 * units[unit].seconds)
		unit++;
	int64_t count = seconds / units[unit].seconds;
	return neap_arena_printf(arena, "%lld %s%s", (long long)count, units[unit].name,
				 count == 1 ? "" : "s");
}

const char *neap_duration_text(int64_t seconds, struct neap_arena *arena)
{
	size_t unit = 0;

	while (unit + 1 < UNITS && seconds % units[unit].seconds != 0)
		unit++;
	return neap_arena_printf(arena, "%lld%c", (long long)(seconds / units[unit].seconds),
				 units[unit].letter);
}

const char *neap_moment_rfc3339(int64_t milliseconds_since_1970, char ret[NEAP_MOMENT_SIZE])
{
	int64_t rest = milliseconds_since_1970 % 1000;
	time_t moment = (time_t)(milliseconds_since_1970 / 1000 - (rest < 0));
	struct tm tm;

	/* Years of four digits are all that it knows. */
	if (!gmtime_r(&moment, &tm) || tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999) {
		tm = (struct tm){ .tm_year = 9999 - 1900, .tm_mon = 11, .tm_mday = 31 };
		rest = 0;
	}
	snprintf(ret, NEAP_MOMENT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100, (unsigned)(rest < 0 ? rest + 1000 : rest));
	return ret;
}
