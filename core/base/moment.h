/* Moments and spans of time, for people. Knows no clock. */
#pragma once

#include <stdint.h>

#include "base/arena.h"

/* "2027-03-01 12:00:00 UTC" */
const char *neap_moment_text(int64_t seconds_since_1970, struct neap_arena *arena);
/* "12 days", "5 hours", "1 minute": as the largest unit of which there are two; not negative. */
const char *neap_span_text(int64_t seconds, struct neap_arena *arena);
/* As a recipe writes it: "365d", "90s". */
const char *neap_duration_text(int64_t seconds, struct neap_arena *arena);
/* For programs: "2027-03-01T12:00:00.000Z", RFC 3339. Returns `ret`. */
#define NEAP_MOMENT_SIZE 32
const char *neap_moment_rfc3339(int64_t milliseconds_since_1970, char ret[NEAP_MOMENT_SIZE]);
