/*
 * What a unit has said lately, by systemd's journal. Private to host/.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

/* What was said before is written down when it returns, or half a second is over. */
void neap_journal_sync(void);
/*
 * The last lines, at most ten, that the unit's processes or the manager about it have written since a moment
 * (microseconds since 1970), and since it was started last, with newlines between; NULL: none, or the journal
 * cannot be read. Lines are cut, and hold nothing that a terminal would obey.
 */
const char *neap_journal_tail(const char *unit, uint64_t since, struct neap_arena *arena);
/* One such line of anybody's bytes. */
const char *neap_journal_clean(struct neap_str line, struct neap_arena *arena);
