/*
 * neap.user: a user of the machine's own files, with its groups, its password and, when asked, its home.
 *
 * Everything that apply() does was worked out by read(), to the number that the user gets. No byte of
 * /etc/shadow leaves it: what was there is compared and never kept.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include <inttypes.h>

#include "base/map.h"
#include "base/path.h"
#include "engine/account.h"
#include "engine/home.h"

enum {
	NAME,
	ENSURE,
	UID,
	GROUP,
	GID,
	GROUPS,
	GROUPS_EXCLUSIVE,
	COMMENT,
	HOME,
	SHELL,
	PASSWORD,
	CREATE_HOME,
	SYSTEM,
	REMOVE_HOME,
	PARAM_COUNT
};
enum { F_NAME, F_PASSWORD, F_UID, F_GID, F_COMMENT, F_HOME, F_SHELL, FIELDS }; /* of passwd */

#define GROUP_USERS 100 /* of Debian, for who has USERGROUPS_ENAB no */

struct user_want {
	struct neap_want base;
	const char *name;
	unsigned ensure;
	int64_t uid, gid;
	const char *group;
	struct neap_strings groups;
	struct neap_text comment, password;
	const char *home, *shell;
	bool groups_exclusive, create_home, system, remove_home;
};

struct user_have {
	bool there;
	const char *is[FIELDS]; /* of passwd; the password not */
	uint32_t uid, gid;      /* as they are, or as they will be */
	const char *to[FIELDS]; /* what changes, or all of a new one; NULL stays */
	const char *group, *group_before;
	bool makes_group; /* of its own name, number `gid` */
	struct neap_strings groups, join, leave;
	bool password, half; /* half: there, and not in shadow */
	struct neap_account_ranges ranges;
	struct neap_home_plan home;
	bool home_stays; /* a new user finds one there */

	/* ensure = "absent" */
	bool removes_group;
};

/* ---- what can be wrong with a recipe ----------------------------------------------------------------- */

/* Of what may have come from another resource. */
static int check_values(const struct user_want *want, struct neap_error **err)
{
	if (neap_given(want, COMMENT) &&
	    neap_account_check_field("comment", want->comment.data, want->comment.len, err) < 0)
		return -1;
	return neap_given(want, PASSWORD)
		       ? neap_account_check_password("password", want->password.data, want->password.len, err)
		       : 0;
}

static int check_present(const struct user_want *want, struct neap_error **err)
{
	if (neap_given(want, REMOVE_HOME))
		return neap_error_set(err, "remove_home has no meaning without ensure = \"absent\"");
	if (neap_given(want, GROUP) && neap_given(want, GID)) {
		neap_error_set(err, "group and gid contradict each other");
		return neap_error_hint(
			err, "group names one that is there, by name or number; gid is the number of "
			     "the user's own");
	}
	if (want->groups_exclusive && !neap_given(want, GROUPS)) {
		neap_error_set(err, "groups_exclusive has no meaning without groups");
		return neap_error_hint(err, "groups = {} says that it is to be in none");
	}
	if (neap_given(want, GROUPS) && neap_account_check_names("groups", &want->groups, err) < 0)
		return -1;
	if (neap_given(want, HOME) &&
	    neap_account_check_field("home", want->home, strlen(want->home), err) < 0)
		return -1;
	if (neap_given(want, SHELL) &&
	    neap_account_check_field("shell", want->shell, strlen(want->shell), err) < 0)
		return -1;
	/* A value that is not known yet stands here as the empty text; read() looks again. */
	return neap_given(want, PASSWORD) && !want->password.len ? 0 : check_values(want, err);
}

static int user_check(const void *wanted, struct neap_error **err)
{
	const struct user_want *want = wanted;

	if (neap_account_check_name("name", want->name, err) < 0)
		return -1;
	if (want->ensure == NEAP_PRESENT)
		return check_present(want, err);
	return neap_absent_check(want, UID, SYSTEM, err);
}

static const char *wanted_home(const struct user_want *want, struct neap_arena *arena)
{
	return neap_given(want, HOME) ? want->home : neap_arena_printf(arena, "/home/%s", want->name);
}

static void user_claim(const void *wanted, struct neap_claims *claims)
{
	const struct user_want *want = wanted;
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	bool absent = want->ensure == NEAP_ABSENT;

	neap_claim_account(claims, NEAP_ACCOUNT_USER, want->name,
			   absent ? NEAP_ACCOUNT_REMOVES : NEAP_ACCOUNT_MAKES);
	if (!neap_given(want, GROUP))
		neap_claim_account(claims, NEAP_ACCOUNT_GROUP, want->name,
				   absent ? NEAP_ACCOUNT_REMOVES_ELSE : NEAP_ACCOUNT_MAKES_ELSE);
	for (size_t i = 0; neap_given(want, GROUPS) && i < want->groups.count; i++) {
		neap_claim_account(claims, NEAP_ACCOUNT_GROUP, want->groups.items[i], NEAP_ACCOUNT_NEEDS);
		neap_claim_member(claims, want->groups.items[i], want->name);
	}
	if (want->groups_exclusive || absent)
		neap_claim_only_members(claims, NEAP_ACCOUNT_USER, want->name);
	for (size_t file = 0; file < NEAP_ETC_FILES; file++)
		neap_claim_entries(claims, neap_account_path((enum neap_account_file)file));
	if (want->create_home)
		neap_claim_place(claims, wanted_home(want, arena));
}

/* ---- reading: groups --------------------------------------------------------------------------------- */

static int no_group(const char *name, struct neap_error **err)
{
	neap_error_set(err, "group %s does not exist", name);
	return neap_error_hint(err, "declare it: neap.group { name = … }");
}

/* The group that `group` names, by name or number. */
static int read_named(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
		      struct user_have *have, struct neap_error **err)
{
	struct neap_account_entry entry;
	uint32_t gid;
	int r = neap_view_group(view, want->group, &gid, err);

	if (r == 0)
		r = neap_account_by_number(view, NEAP_ETC_GROUP, gid, &entry, err);
	if (r != 0)
		return r;
	if (!entry.count)
		return no_group(want->group, err);
	have->gid = gid;
	have->group = neap_arena_copy(arena, entry.fields[0].data, entry.fields[0].len);
	return 0;
}

/* The user's own group: one that is there, or one to be made. */
static int read_own(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
		    struct user_have *have, struct neap_error **err)
{
	struct neap_account_entry own, taken = { 0 };
	bool given = neap_given(want, GID);
	int r = neap_account_entry(view, NEAP_ETC_GROUP, want->name, &own, err);

	if (r == 0 && given)
		r = neap_account_by_number(view, NEAP_ETC_GROUP, (uint32_t)want->gid, &taken, err);
	if (r != 0)
		return r;
	have->group = want->name;
	if (taken.count) {
		have->gid = (uint32_t)want->gid;
		have->group = neap_arena_copy(arena, taken.fields[0].data, taken.fields[0].len);
		return 0;
	}
	if (own.count && given) {
		neap_error_set(err, "gid %" PRId64 ": the group %s is there, and has the number %" PRIu32,
			       want->gid, want->name, own.number);
		return neap_error_hint(err, "neap.group { name = …, gid = … } changes the number of a group");
	}
	if (own.count) {
		have->gid = own.number;
		return 0;
	}
	have->makes_group = true;
	if (given) {
		have->gid = (uint32_t)want->gid;
		return 0;
	}
	return neap_account_new_number(view, NEAP_ACCOUNT_GROUP, want->system, have->uid, &have->gid, err);
}

static int read_primary(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
			struct user_have *have, struct neap_error **err)
{
	struct neap_account_entry users;
	const char *own_groups;
	int r;

	if (neap_given(want, GROUP))
		return read_named(view, arena, want, have, err);
	r = neap_account_setting(view, "USERGROUPS_ENAB", &own_groups, err);
	if (r != 0)
		return r;
	if (neap_given(want, GID) || !own_groups || strcmp(own_groups, "no") != 0)
		return read_own(view, arena, want, have, err);
	r = neap_account_by_number(view, NEAP_ETC_GROUP, GROUP_USERS, &users, err);
	if (r == 0 && !users.count)
		r = no_group("100", err);
	if (r != 0)
		return r;
	have->gid = GROUP_USERS;
	have->group = neap_arena_copy(arena, users.fields[0].data, users.fields[0].len);
	return 0;
}

static int read_groups(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
		       struct user_have *have, struct neap_error **err)
{
	const char *const *names;
	size_t count;
	int r = neap_account_groups_of(view, want->name, arena, &names, &count, err);

	if (r != 0)
		return r;
	have->groups = (struct neap_strings){ names, count };
	have->join = neap_account_without(arena, &want->groups, &have->groups);
	if (want->groups_exclusive)
		have->leave = neap_account_without(arena, &have->groups, &want->groups);
	for (size_t i = 0; i < have->join.count; i++) {
		struct neap_account_entry entry;

		r = neap_account_entry(view, NEAP_ETC_GROUP, have->join.items[i], &entry, err);
		if (r != 0)
			return r;
		if (!entry.count)
			return no_group(have->join.items[i], err);
	}
	return 0;
}

/* ---- reading: a new user ----------------------------------------------------------------------------- */

static int read_new(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
		    struct user_have *have, struct neap_error **err)
{
	struct neap_account_entry shadow;
	int r;

	if (neap_given(want, UID)) {
		have->uid = (uint32_t)want->uid;
		r = neap_account_check_number(view, NEAP_ACCOUNT_USER, want->name, have->uid, err);
	} else {
		r = neap_account_new_number(view, NEAP_ACCOUNT_USER, want->system, NEAP_KEEP, &have->uid,
					    err);
	}
	if (r == 0)
		r = read_primary(view, arena, want, have, err);
	if (r == 0)
		r = want->system ? 0
				 : neap_account_ranges_read(view, want->name, have->uid, &have->ranges, err);
	if (r == 0) /* whether it can be read at all */
		r = neap_account_entry(view, NEAP_ETC_SHADOW, want->name, &shadow, err);
	if (r != 0)
		return r;
	have->to[F_NAME] = want->name;
	have->to[F_PASSWORD] = "x";
	have->to[F_UID] = neap_arena_printf(arena, "%" PRIu32, have->uid);
	have->to[F_GID] = neap_arena_printf(arena, "%" PRIu32, have->gid);
	have->to[F_COMMENT] = neap_given(want, COMMENT) && want->comment.len ? want->comment.data : "";
	have->to[F_HOME] = wanted_home(want, arena);
	have->to[F_SHELL] = neap_given(want, SHELL) ? want->shell
			    : want->system          ? "/usr/sbin/nologin"
						    : "/bin/sh";
	have->password = true;
	return 0;
}

/* ---- reading: one that is there ---------------------------------------------------------------------- */

static void change(struct user_have *have, unsigned field, const char *wanted)
{
	if (strcmp(have->is[field], wanted) != 0)
		have->to[field] = wanted;
}

static int read_password(const struct neap_view *view, const struct user_want *want,
			 const struct neap_account_entry *passwd, struct user_have *have,
			 struct neap_error **err)
{
	struct neap_str wanted = { want->password.data, want->password.len };
	bool given = neap_given(want, PASSWORD),
	     shadowed = neap_str_equal(passwd->fields[F_PASSWORD], NEAP_STR("x"));
	struct neap_account_entry shadow;
	int r;

	if (!given && !shadowed)
		return 0;
	r = neap_account_entry(view, NEAP_ETC_SHADOW, want->name, &shadow, given ? err : NULL);
	if (r != 0) /* not everybody may look, and nothing was asked; it may come yet all the same */
		return given || r == NEAP_UNKNOWN ? r : 0;
	if (!shadowed)
		have->to[F_PASSWORD] = "x"; /* it is looked for in passwd: from now on in shadow */
	have->half = shadowed && !shadow.count;
	have->password = have->half || (given && (!shadowed || !neap_str_equal(shadow.fields[1], wanted)));
	return 0;
}

/* A removal that was interrupted, and is not wanted any more: what it had begun with is made again. */
static int read_half(const struct neap_view *view, const struct user_want *want, struct user_have *have,
		     struct neap_error **err)
{
	struct neap_account_entry group;
	int r = 0;

	if (have->half && !want->system)
		r = neap_account_ranges_read(view, want->name, have->uid, &have->ranges, err);
	if (r == 0)
		r = neap_account_by_number(view, NEAP_ETC_GROUP, have->gid, &group, err);
	if (r != 0 || group.count || neap_given(want, GROUP) || neap_given(want, GID))
		return r;
	r = neap_account_entry(view, NEAP_ETC_GROUP, want->name, &group, err);
	have->group = want->name;
	have->makes_group = r == 0 && !group.count;
	return r == NEAP_UNKNOWN ? 0 : r;
}

static int read_numbers(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
			struct user_have *have, struct neap_error **err)
{
	uint32_t gid = have->gid;
	int r;

	if (neap_given(want, UID) && have->uid != (uint32_t)want->uid) {
		r = neap_account_check_number(view, NEAP_ACCOUNT_USER, want->name, (uint32_t)want->uid, err);
		if (r != 0)
			return r;
		have->uid = (uint32_t)want->uid;
		have->to[F_UID] = neap_arena_printf(arena, "%" PRIu32, have->uid);
	}
	if (!neap_given(want, GROUP) && (!neap_given(want, GID) || gid == (uint32_t)want->gid))
		return 0;
	r = read_primary(view, arena, want, have, err);
	if (r != 0 || have->gid == gid)
		return r;
	have->group_before = neap_view_group_name(view, gid, arena);
	have->to[F_GID] = neap_arena_printf(arena, "%" PRIu32, have->gid);
	return 0;
}

static int keep_entry(struct neap_arena *arena, const struct user_want *want,
		      const struct neap_account_entry *entry, struct user_have *have, struct neap_error **err)
{
	for (size_t i = 0; i < FIELDS; i++)
		have->is[i] = i < entry->count && i != F_PASSWORD
				      ? neap_arena_copy(arena, entry->fields[i].data, entry->fields[i].len)
				      : "";
	have->uid = entry->number;
	if (neap_account_number(entry->fields[F_GID], &have->gid))
		return 0;
	return neap_error_set(err, "/etc/passwd: the entry of %s is malformed: its group is no number",
			      want->name);
}

static int read_there(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
		      const struct neap_account_entry *entry, struct user_have *have, struct neap_error **err)
{
	int r;

	/* First what looks into `entry`, which later questions may move. */
	r = read_password(view, want, entry, have, err);
	if (r == 0)
		r = read_half(view, want, have, err);
	if (r == 0)
		r = read_numbers(view, arena, want, have, err);
	if (r != 0)
		return r;
	if (neap_given(want, COMMENT))
		change(have, F_COMMENT, want->comment.len ? want->comment.data : "");
	if (neap_given(want, HOME))
		change(have, F_HOME, want->home);
	if (neap_given(want, SHELL))
		change(have, F_SHELL, want->shell);
	return 0;
}

static int read_home(const struct neap_view *view, struct neap_arena *arena, const struct user_want *want,
		     struct user_have *have, struct neap_error **err)
{
	const char *home = have->to[F_HOME] ? have->to[F_HOME] : have->is[F_HOME];
	struct neap_str path;
	int r;

	if (neap_path_normalise(arena, neap_str(home), &path, err) < 0)
		return neap_error_prefix(err, "the home of %s", want->name);
	r = neap_home_read(view, arena, path.data, have->uid, &have->home, err);
	have->home_stays = r == 0 && !have->there && !have->home.make && !have->home.complete;
	return r;
}

/* ---- reading: one that is to go ---------------------------------------------------------------------- */

static int read_leaving(const struct neap_view *view, const struct neap_context *ctx,
			const struct user_want *want, struct user_have *have, struct neap_error **err)
{
	struct neap_account_entry shadow;
	const char *const *names;
	size_t count;
	int r = neap_account_groups_of(view, want->name, ctx->scratch, &names, &count, err);

	if (r == 0) {
		have->leave = (struct neap_strings){ names, count };
		/* Not when a resource of the graph decides about it. */
		if (!ctx->accounted || !ctx->accounted(ctx->engine, NEAP_ACCOUNT_GROUP, want->name))
			r = neap_account_is_own_group(view, ctx->scratch, want->name, have->gid,
						      &have->removes_group, err);
	}
	if (r == 0) { /* whether it can be read at all */
		r = neap_account_entry(view, NEAP_ETC_SHADOW, want->name, &shadow, err);
		r = r == NEAP_UNKNOWN ? 0 : r;
	}
	if (r != 0 || !want->remove_home)
		return r;
	return neap_home_read_leaving(view, ctx, want->name, have->is[F_HOME], have->uid, &have->home, err);
}

static int user_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct user_want *want = wanted;
	struct user_have *have = had;
	struct neap_account_entry entry;
	int r;

	if (want->ensure == NEAP_PRESENT && check_values(want, err) < 0)
		return -1;
	r = neap_account_entry(view, NEAP_ETC_PASSWD, want->name, &entry, err);
	if (r != 0)
		return r;
	have->there = entry.count > 0;
	if (have->there && keep_entry(ctx->scratch, want, &entry, have, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		return have->there ? read_leaving(view, ctx, want, have, err) : 0;
	r = have->there ? read_there(view, ctx->scratch, want, &entry, have, err)
			: read_new(view, ctx->scratch, want, have, err);
	if (r == 0 && neap_given(want, GROUPS))
		r = read_groups(view, ctx->scratch, want, have, err);
	if (r == 0 && want->create_home)
		r = read_home(view, ctx->scratch, want, have, err);
	return r;
}

/* ---- saying ------------------------------------------------------------------------------------------ */

/* Neither the old hash nor the new one is anybody's to read, however the recipe came by it. */
static void diff_password(const struct user_want *want, const struct user_have *have, struct neap_diff *diff)
{
	struct neap_arena *arena = neap_diff_arena(diff);
	struct neap_text hidden = neap_text_secret(arena, "hidden", 6);
	struct neap_text after = neap_text_secret(arena, want->password.data, want->password.len);

	if (have->password && neap_given(want, PASSWORD))
		neap_diff_text(diff, "password", have->there ? &hidden : NULL, &after);
	else if (have->half)
		neap_diff_string(diff, "password", NULL, "!");
}

static void diff_reasons(const struct user_want *want, const struct user_have *have, struct neap_diff *diff)
{
	if (have->half)
		neap_diff_reason(diff, "it is not in /etc/shadow");
	if (have->makes_group)
		neap_diff_reason(diff, "makes group %s, gid %" PRIu32, have->group, have->gid);
	if (have->there && have->to[F_UID])
		neap_diff_reason(diff, "files of user %s stay as they are", have->is[F_UID]);
	neap_account_ranges_diff(&have->ranges, diff);
	if (have->home_stays && want->create_home)
		neap_diff_reason(diff, "%s is there, and stays as it is", have->home.path);
	neap_home_diff(&have->home, diff);
}

static void diff_leaving(const struct user_want *want, const struct user_have *have, struct neap_diff *diff)
{
	neap_diff_ensure(diff, NEAP_ABSENT);
	if (have->leave.count)
		neap_diff_list(diff, "groups", have->leave.items, have->leave.count, NULL, 0);
	if (have->removes_group)
		neap_diff_reason(diff, "removes group %s", want->name);
	if (have->home.remove)
		neap_diff_reason(diff, "removes %s and all that is in it", have->home.path);
	else
		neap_diff_reason(diff, "%s stays", have->is[F_HOME]);
}

static int user_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct user_want *want = wanted;
	const struct user_have *have = had;
	static const struct {
		unsigned field;
		const char *param;
	} plain[] = { { F_UID, "uid" }, { F_COMMENT, "comment" }, { F_HOME, "home" }, { F_SHELL, "shell" } };
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (have->there)
			diff_leaving(want, have, diff);
		return 0;
	}
	if (!have->there)
		neap_diff_ensure(diff, NEAP_PRESENT);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		const char *to = have->to[plain[i].field];

		if (to && (have->there || *to))
			neap_diff_string(diff, plain[i].param, have->there ? have->is[plain[i].field] : NULL,
					 to);
		if (plain[i].field == F_UID && (have->to[F_GID] || have->makes_group))
			neap_diff_string(diff, "group", have->group_before, have->group);
	}
	neap_account_names_diff(diff, "groups", &have->groups, &have->join, &have->leave);
	diff_password(want, have, diff);
	if (have->home.make || have->home.complete)
		neap_diff_string(diff, "create_home", NULL, "true");
	diff_reasons(want, have, diff);
	return 0;
}

/* ---- doing ------------------------------------------------------------------------------------------- */

static int add_groups(struct neap_account_edits *edits, const struct neap_view *view,
		      const struct user_want *want, const struct user_have *have, struct neap_error **err)
{
	static const struct neap_strings nobody = { 0 };
	const struct neap_strings self = { &want->name, 1 };
	int r = 0;

	if (have->makes_group)
		r = neap_account_add_group(edits, view, want->name, have->gid, &nobody, err);
	for (size_t i = 0; r == 0 && i < have->join.count; i++)
		r = neap_account_change_group(edits, view, have->join.items[i], NEAP_KEEP, &self, &nobody,
					      err);
	for (size_t i = 0; r == 0 && i < have->leave.count; i++)
		if (!have->removes_group || strcmp(have->leave.items[i], want->name) != 0)
			r = neap_account_change_group(edits, view, have->leave.items[i], NEAP_KEEP, &nobody,
						      &self, err);
	return r;
}

static bool changes_passwd(const struct user_have *have)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (have->to[i])
			return true;
	return false;
}

/* The entry of passwd is what makes a user: it comes last, so that one half made is made again. */
static int make(struct neap_host *host, const struct user_want *want, const struct user_have *have,
		struct neap_arena *arena, struct neap_error **err)
{
	NEAP_AUTO_EDITS struct neap_account_edits before = { .arena = arena }, last = { .arena = arena };
	const struct neap_view *view = &host->view;
	struct neap_account_entry old = { 0 };
	int r = add_groups(&before, view, want, have, err);

	if (r == 0 && have->password)
		r = neap_account_add_shadow(&before, view, want->name,
					    neap_given(want, PASSWORD) ? want->password.data : "!",
					    have->there, want->system, err);
	neap_account_add_ranges(&before, want->name, &have->ranges);
	if (r == 0)
		r = neap_account_edit(host, before.list.items, before.list.count, err);
	if (r == 0)
		r = neap_home_make(host, &have->home, have->uid, have->gid, err);
	if (r != 0 || !changes_passwd(have))
		return r;
	if (have->there)
		r = neap_account_entry(view, NEAP_ETC_PASSWD, want->name, &old, err);
	if (r != 0)
		return r;
	neap_account_add(&last, NEAP_ETC_PASSWD, want->name,
			 neap_account_text(arena, &old, have->to, FIELDS));
	return neap_account_edit(host, last.list.items, last.list.count, err);
}

static int leave(struct neap_host *host, const struct user_want *want, const struct user_have *have,
		 struct neap_arena *arena, struct neap_error **err)
{
	static const enum neap_account_file files[] = { NEAP_ETC_SHADOW, NEAP_ETC_SUBUID, NEAP_ETC_SUBGID,
							NEAP_ETC_PASSWD };
	NEAP_AUTO_EDITS struct neap_account_edits edits = { .arena = arena };
	int r = have->home.remove ? neap_host_remove_tree(host, have->home.path, err) : 0;

	if (r == 0)
		r = add_groups(&edits, &host->view, want, have, err);
	if (r == 0 && have->removes_group)
		r = neap_account_remove_group(&edits, &host->view, want->name, err);
	for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(*files); i++)
		r = neap_account_add_removal(&edits, &host->view, files[i], want->name, err);
	return r == 0 ? neap_account_edit(host, edits.list.items, edits.list.count, err) : r;
}

static int user_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct user_want *want = wanted;
	const struct user_have *have = had;
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	(void)ctx;

	if (!have) {
		neap_account_unsettle(host);
		return 0;
	}
	neap_arena_wipe(arena); /* entries of shadow */
	return want->ensure == NEAP_ABSENT ? leave(host, want, have, arena, err)
					   : make(host, want, have, arena, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The user. At most 32 bytes; no colon, comma, slash or white space, not all digits.",
		.offset = offsetof(struct user_want, name),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the user is to be there. With `\"absent\"` only `remove_home` may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct user_want, ensure),
	},
	[UID] = {
		.name = "uid",
		.kind = NEAP_PARAM_INTEGER,
		.min = 0,
		.max = 4294967294,
		.doc = "Its number, which no other user may have. Where it changes, files do not.",
		.fallback = "of a new user the next free one, as the plan says; else left alone",
		.offset = offsetof(struct user_want, uid),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "Its primary group, by name or number, which has to be there.",
		.fallback = "a new user gets a group of its own name, made if absent; else left alone",
		.offset = offsetof(struct user_want, group),
	},
	[GID] = {
		.name = "gid",
		.kind = NEAP_PARAM_INTEGER,
		.min = 0,
		.max = 4294967294,
		.doc = "The number of its primary group: one that is there, or its own, to be made with this number. "
		       "Not together with `group`.",
		.fallback = "see group",
		.offset = offsetof(struct user_want, gid),
	},
	[GROUPS] = {
		.name = "groups",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Groups that it is to be a member of besides, by name. They have to be there.",
		.fallback = "left alone",
		.offset = offsetof(struct user_want, groups),
	},
	[GROUPS_EXCLUSIVE] = {
		.name = "groups_exclusive",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is to be a member of no other group.",
		.fallback = "false: other memberships stay",
		.offset = offsetof(struct user_want, groups_exclusive),
	},
	[COMMENT] = {
		.name = "comment",
		.kind = NEAP_PARAM_TEXT,
		.doc = "The comment field (GECOS): mostly a name. No colon.",
		.fallback = "left alone; of a new user empty",
		.offset = offsetof(struct user_want, comment),
	},
	[HOME] = {
		.name = "home",
		.kind = NEAP_PARAM_PATH,
		.doc = "Its home directory. Where that changes, what lies in the old one is not moved.",
		.fallback = "left alone; of a new user `/home/NAME`",
		.offset = offsetof(struct user_want, home),
	},
	[SHELL] = {
		.name = "shell",
		.kind = NEAP_PARAM_PATH,
		.doc = "Its login shell.",
		.fallback = "left alone; of a new user `/bin/sh`, of a new system user `/usr/sbin/nologin`",
		.offset = offsetof(struct user_want, shell),
	},
	[PASSWORD] = {
		.name = "password",
		.kind = NEAP_PARAM_TEXT,
		.flags = NEAP_PARAM_SECRET,
		.doc = "The hash of its password, as crypt(3) makes it (`$y$…`, `$6$…`, with `!` in front: locked), or "
		       "`\"!\"` or `\"*\"` for none. It is never shown. A password in clear is refused.",
		.fallback = "left alone; a new user cannot log in by one (`!`)",
		.offset = offsetof(struct user_want, password),
	},
	[CREATE_HOME] = {
		.name = "create_home",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether its home is made when there is none, from `/etc/skel`. One that is there is left as it is.",
		.fallback = "false",
		.offset = offsetof(struct user_want, create_home),
	},
	[SYSTEM] = {
		.name = "system",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether a new user gets its number from the range for system users, no password aging and no "
		       "subordinate ids.",
		.fallback = "false",
		.offset = offsetof(struct user_want, system),
	},
	[REMOVE_HOME] = {
		.name = "remove_home",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "With `ensure = \"absent\"`: whether its home goes with it, and all that is in it.",
		.fallback = "false: the home stays",
		.offset = offsetof(struct user_want, remove_home),
	},
};

static const char description[] =
	"A user in `/etc/passwd` and `/etc/shadow`, with its groups.\n"
	"\n"
	"- Only what is given is compared.\n"
	"- New numbers are chosen as `useradd` does, by `/etc/login.defs` below the root, and the plan\n"
	"  says the very number. The user's own group gets the same one where it is free.\n"
	"- An ordinary new user gets ranges of subordinate ids where there are `/etc/subuid` and\n"
	"  `/etc/subgid`.\n"
	"- A home is made with what `/etc/skel` holds, the user's own, with the mode that\n"
	"  `/etc/login.defs` says. What lies in it comes after the user.\n"
	"- `ensure = \"absent\"` takes the user out of all six files and of all groups, and removes its own\n"
	"  group when nobody else has it. Its processes are not ended.\n"
	"- A user comes before every resource that names it as owner, and after the groups that it names.\n"
	"- Lines of others, comments, NIS lines and malformed ones are kept byte for byte. A malformed\n"
	"  line of this very name is an error that says where it is.\n";

static const char example[] = "neap.user { name = \"etcd\", system = true, home = \"/var/lib/etcd\" }\n"
			      "neap.user {\n"
			      "  name = \"alice\", comment = \"Alice\", shell = \"/bin/bash\",\n"
			      "  groups = { \"sudo\" }, create_home = true,\n"
			      "  password = neap.secret { file = \"alice.hash\" },\n"
			      "}\n"
			      "neap.user { name = \"bob\", ensure = \"absent\", remove_home = true }\n";

extern const struct neap_resource_type neap_type_user;
const struct neap_resource_type neap_type_user = {
	.name = "user",
	.summary = "a user: numbers, groups, password, home",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct user_want),
	.have_size = sizeof(struct user_have),
	.check = user_check,
	.claim = user_claim,
	.read = user_read,
	.diff = user_diff,
	.apply = user_apply,
};
