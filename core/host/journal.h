/*
 * What a unit has said lately, by systemd's journal. Private to host/.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * The last lines, at most ten, that the unit's processes or the manager about it have written since a moment
 * (microseconds since 1970), with newlines between; NULL: none, or the journal cannot be read. Lines are cut,
 * and hold nothing that a terminal would obey. `invocation`: in hexadecimal, of that run of the unit alone;
 * or NULL. Waits a moment for the manager's own word that it failed, behind which there is nothing more to
 * come.
 */
const char *neap_journal_tail(const char *unit, const char *invocation, uint64_t since, bool wait,
			      struct neap_arena *arena);
/* One such line of anybody's bytes. */
const char *neap_journal_clean(struct neap_str line, struct neap_arena *arena);
