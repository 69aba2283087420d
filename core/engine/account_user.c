/*
 * What only users have, see account.h: passwords, their aging, and ranges of subordinate ids. What is written
 * is what useradd writes.
 */
#include <inttypes.h>

#include "engine/account.h"

#define DAY 86400

/* ---- passwords --------------------------------------------------------------------------------------- */

/* "$id$salt$hash", as crypt(3) has them today; its alphabet has no colon. The old ones without "$" look like
 * what somebody might type, and are too weak to be missed. */
static bool is_hash(const char *text, size_t len)
{
	size_t dollars = 0, last = 0;

	if (len < 4 || len > 384 || text[0] != '$')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!c || (!plain && !strchr("$./=,+-_", c)))
			return false;
		if (c == '$') {
			dollars++;
			last = i;
		}
	}
	return dollars >= 3 && text[1] != '$' && len - last - 1 >= 20;
}

int neap_account_check_password(const char *param, const char *text, size_t len, struct neap_error **err)
{
	if (len && strspn(text, "!*") >= len)
		return 0;
	if (len && text[0] == '!') { /* locked, and can be unlocked */
		text++;
		len--;
	}
	if (len && is_hash(text, len))
		return 0;
	neap_error_set(err, "%s must be a hash of crypt(3), such as $y$… or $6$…, or \"!\" or \"*\"", param);
	return neap_error_hint(err,
			       "mkpasswd (package whois) and openssl passwd -6 make one; the password itself "
			       "belongs in no recipe");
}

/* Of login.defs, or empty. */
static int aging(const struct neap_view *view, struct neap_arena *arena, const char *name, uint64_t fallback,
		 const char **ret, struct neap_error **err)
{
	const char *text;
	uint64_t days;
	int r = neap_account_setting(view, name, &text, err);

	if (r == 0 && text && text[0] == '-') { /* -1: no limit */
		*ret = "";
		return 0;
	}
	if (r == 0)
		r = neap_account_setting_number(view, name, fallback, &days, err);
	if (r == 0)
		*ret = neap_arena_printf(arena, "%" PRIu64, days);
	return r;
}

int neap_account_add_shadow(struct neap_account_edits *edits, const struct neap_view *view, const char *name,
			    const char *password, bool there, bool system, struct neap_error **err)
{
	struct neap_arena *arena = edits->arena;
	struct neap_account_entry old = { 0 };
	const char *fields[NEAP_ACCOUNT_FIELDS] = { name, password };
	int r = 0;

	fields[2] = neap_arena_printf(arena, "%" PRId64, neap_view_clock(view) / DAY);
	if (there)
		r = neap_account_entry(view, NEAP_ETC_SHADOW, name, &old, err);
	if (r == 0 && !old.count && !system)
		r = aging(view, arena, "PASS_MIN_DAYS", 0, &fields[3], err);
	if (r == 0 && !old.count && !system)
		r = aging(view, arena, "PASS_MAX_DAYS", 99999, &fields[4], err);
	if (r == 0 && !old.count && !system)
		r = aging(view, arena, "PASS_WARN_AGE", 7, &fields[5], err);
	if (r == 0)
		neap_account_add(edits, NEAP_ETC_SHADOW, name,
				 neap_account_text(arena, &old, fields, NEAP_ACCOUNT_FIELDS));
	return r;
}

/* ---- ranges ------------------------------------------------------------------------------------------ */

/* As useradd: an ordinary user gets ranges where there are files of them. */
static int read_range(const struct neap_view *view, const char *name, bool gid,
		      struct neap_account_range_new *ret, struct neap_error **err)
{
	enum neap_account_file file = gid ? NEAP_ETC_SUBGID : NEAP_ETC_SUBUID;
	struct neap_account_entry entry;
	uint64_t min, max;
	bool present;
	int r = neap_account_file_present(view, file, &present, err);

	if (r != 0 || !present)
		return r;
	r = neap_account_entry(view, file, name, &entry, err);
	if (r == 0)
		r = neap_account_setting_number(view, gid ? "SUB_GID_COUNT" : "SUB_UID_COUNT", 65536,
						&ret->count, err);
	if (r == 0)
		r = neap_account_setting_number(view, gid ? "SUB_GID_MIN" : "SUB_UID_MIN", 100000, &min, err);
	if (r == 0)
		r = neap_account_setting_number(view, gid ? "SUB_GID_MAX" : "SUB_UID_MAX", 600100000, &max,
						err);
	if (r != 0 || !ret->count || entry.count)
		return r;
	r = neap_account_free_range(view, file, min, max, *&ret->count, &ret->first, err);
	ret->makes = r == 0;
	return r < 0 ? neap_error_prefix(err, "%s", neap_account_path(file)) : r;
}

int neap_account_ranges_read(const struct neap_view *view, const char *name, uint32_t uid,
			     struct neap_account_ranges *ret, struct neap_error **err)
{
	uint64_t min, max;
	int r = neap_account_setting_number(view, "UID_MIN", 1000, &min, err);

	if (r == 0)
		r = neap_account_setting_number(view, "UID_MAX", 60000, &max, err);
	if (r != 0 || uid < min || uid > max)
		return r;
	r = read_range(view, name, false, &ret->uids, err);
	if (r == 0)
		r = read_range(view, name, true, &ret->gids, err);
	return r;
}

void neap_account_ranges_diff(const struct neap_account_ranges *ranges, struct neap_diff *diff)
{
	if (ranges->uids.makes)
		neap_diff_reason(diff, "subordinate uids from %" PRIu64, ranges->uids.first);
	if (ranges->gids.makes)
		neap_diff_reason(diff, "subordinate gids from %" PRIu64, ranges->gids.first);
}

static void add_range(struct neap_account_edits *edits, enum neap_account_file file, const char *name,
		      const struct neap_account_range_new *range)
{
	if (range->makes)
		neap_account_add(edits, file, name,
				 neap_arena_printf(edits->arena, "%s:%" PRIu64 ":%" PRIu64, name,
						   range->first, range->count));
}

void neap_account_add_ranges(struct neap_account_edits *edits, const char *name,
			     const struct neap_account_ranges *ranges)
{
	add_range(edits, NEAP_ETC_SUBUID, name, &ranges->uids);
	add_range(edits, NEAP_ETC_SUBGID, name, &ranges->gids);
}
