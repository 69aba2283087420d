/*
 * What the types of users and groups have in common: names, numbers by /etc/login.defs, and the entries of a
 * group. Here a change is only written down (neap_account_edits); nothing here changes a machine.
 */
#pragma once

#include "base/vec.h"
#include "engine/resource.h"
#include "host/accounts.h"

#define NEAP_ACCOUNT_NAME_MAX 32

/* Whether `name` may be that of a user or group. `param` is where it was given. */
int neap_account_check_name(const char *param, const char *name, struct neap_error **err);
int neap_account_check_names(const char *param, const struct neap_strings *names, struct neap_error **err);
/* Whether `text` may be a field of an entry: no colon, no newline, no NUL. */
int neap_account_check_field(const char *param, const char *text, size_t len, struct neap_error **err);

/* A number of /etc/login.defs; `fallback` is Debian's. */
int neap_account_setting_number(const struct neap_view *view, const char *name, uint64_t fallback,
				uint64_t *ret, struct neap_error **err);
/* The number that a new user or group gets. `preferred` when that is free; NEAP_KEEP: none is. */
int neap_account_new_number(const struct neap_view *view, enum neap_account_kind kind, bool system,
			    uint32_t preferred, uint32_t *ret, struct neap_error **err);
/* That no other than `name` has the number. */
int neap_account_check_number(const struct neap_view *view, enum neap_account_kind kind, const char *name,
			      uint32_t number, struct neap_error **err);

/* ---- edits ------------------------------------------------------------------------------------------- */

struct neap_account_edits {
	struct neap_arena *arena; /* of all texts */
	NEAP_VEC(struct neap_account_edit) list;
};
void neap_account_edits_done(struct neap_account_edits *edits);
#define NEAP_AUTO_EDITS __attribute__((cleanup(neap_account_edits_done)))

void neap_account_add(struct neap_account_edits *edits, enum neap_account_file file, const char *name,
		      const char *text);
/* The text of an entry with some fields replaced: `fields[i]` NULL stays. At least `count` fields. */
const char *neap_account_text(struct neap_arena *arena, const struct neap_account_entry *entry,
			      const char *const *fields, size_t count);
/* A new group, in group and gshadow. `members` may be empty. */
int neap_account_add_group(struct neap_account_edits *edits, const struct neap_view *view, const char *name,
			   uint32_t gid, const struct neap_strings *members, struct neap_error **err);
/* Members of a group that is there: those who join and those who leave; its number (NEAP_KEEP: stays). */
int neap_account_change_group(struct neap_account_edits *edits, const struct neap_view *view,
			      const char *name, uint32_t gid, const struct neap_strings *join,
			      const struct neap_strings *leave, struct neap_error **err);
int neap_account_remove_group(struct neap_account_edits *edits, const struct neap_view *view,
			      const char *name, struct neap_error **err);

/* The entries of the name go, where there are any; what is not known in a plan counts as none. */
int neap_account_add_removal(struct neap_account_edits *edits, const struct neap_view *view,
			     enum neap_account_file file, const char *name, struct neap_error **err);

/* ---- users: account_user.c --------------------------------------------------------------------------- */

/* Whether `text` is what crypt(3) makes, or says that there is no password. A password in clear is refused
 * and not repeated. */
int neap_account_check_password(const char *param, const char *text, size_t len, struct neap_error **err);
/* The entry of shadow, of today; aging is that of login.defs, or (`there`) as it was. */
int neap_account_add_shadow(struct neap_account_edits *edits, const struct neap_view *view, const char *name,
			    const char *password, bool there, bool system, struct neap_error **err);

struct neap_account_ranges {
	struct neap_account_range_new {
		bool makes;
		uint64_t first, count;
	} uids, gids;
};
/* The ranges of subordinate ids that a new ordinary user gets, where there are files of them. */
int neap_account_ranges_read(const struct neap_view *view, const char *name, uint32_t uid,
			     struct neap_account_ranges *ret, struct neap_error **err);
void neap_account_ranges_diff(const struct neap_account_ranges *ranges, struct neap_diff *diff);
void neap_account_add_ranges(struct neap_account_edits *edits, const char *name,
			     const struct neap_account_ranges *ranges);

/* ---- lists ------------------------------------------------------------------------------------------- */

/* Names in a field, separated by commas: each once, in `arena`. */
struct neap_strings neap_account_list(struct neap_arena *arena, struct neap_str field);
/* Of `a` those that are not in `b`. */
struct neap_strings neap_account_without(struct neap_arena *arena, const struct neap_strings *a,
					 const struct neap_strings *b);
/* Users whose primary group has the number. */
int neap_account_users_of(const struct neap_view *view, struct neap_arena *arena, uint32_t gid,
			  struct neap_strings *ret, struct neap_error **err);
/* Whether the group of the user's name, which has this number, is the user's alone. */
int neap_account_is_own_group(const struct neap_view *view, struct neap_arena *arena, const char *user,
			      uint32_t gid, bool *ret, struct neap_error **err);
/* How a list of names changes; nothing when it does not. */
void neap_account_names_diff(struct neap_diff *diff, const char *param, const struct neap_strings *before,
			     const struct neap_strings *join, const struct neap_strings *leave);
