/*
 * Which members of an archive are wanted, and under which names below the destination. Here is decided, by
 * names alone, that nothing gets out of the destination: no member lies below one that is no directory, and
 * no link leads out, be it by way of other links.
 */
#pragma once

#include "base/glob.h"
#include "base/manifest.h"

struct neap_members_rule {
	const char *const
		*names; /* literal, NULL-terminated or NULL: files, and directories with all in them */
	const struct neap_glob *const *include; /* NULL-terminated or NULL; with neither: all members */
	const struct neap_glob *const *exclude;
	unsigned strip; /* components taken off; members that have no more go */
};

struct neap_wanted_member {
	struct neap_str name;                    /* below the destination; NUL-terminated */
	const struct neap_manifest_entry *entry; /* NULL: a directory that only others speak of */
};

/*
 * In `arena`, sorted so that a directory comes before what is in it, and all that is in it before what
 * follows. An error names the member: kinds that are not unpacked, escapes, a literal name or a pattern that
 * fits nothing.
 */
int neap_members_choose(const struct neap_manifest *manifest, const struct neap_members_rule *rule,
			struct neap_arena *arena, struct neap_wanted_member **ret, size_t *ret_count,
			struct neap_error **err);
