#include "base/moment.h"

#include <stddef.h>
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
