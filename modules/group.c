/*
 * neap.group: a group of the machine's own files, its number and its members.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include <inttypes.h>

#include "engine/account.h"

enum { NAME, ENSURE, GID, SYSTEM, MEMBERS, MEMBERS_EXCLUSIVE, PARAM_COUNT };

struct group_want {
	struct neap_want base;
	const char *name;
	unsigned ensure;
	int64_t gid;
	bool system, members_exclusive;
	struct neap_strings members;
};

struct group_have {
	bool there;
	uint32_t gid;     /* as it is; of a new one as it will be */
	uint32_t new_gid; /* of one that is there, when it changes; else NEAP_KEEP */
	struct neap_strings members, join, leave;
	struct neap_strings users; /* whose primary group it is, when their number changes with it */
};

static int group_check(const void *wanted, struct neap_error **err)
{
	const struct group_want *want = wanted;

	if (neap_account_check_name("name", want->name, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, GID, PARAM_COUNT - 1, err);
	if (want->members_exclusive && !neap_given(want, MEMBERS)) {
		neap_error_set(err, "members_exclusive has no meaning without members");
		return neap_error_hint(err, "members = {} says that there are to be none");
	}
	return neap_given(want, MEMBERS) ? neap_account_check_names("members", &want->members, err) : 0;
}

static void group_claim(const void *wanted, struct neap_claims *claims)
{
	const struct group_want *want = wanted;

	neap_claim_account(claims, NEAP_ACCOUNT_GROUP, want->name,
			   want->ensure == NEAP_ABSENT ? NEAP_ACCOUNT_REMOVES : NEAP_ACCOUNT_MAKES);
	for (size_t i = 0; neap_given(want, MEMBERS) && i < want->members.count; i++)
		neap_claim_member(claims, want->name, want->members.items[i]);
	if (want->members_exclusive)
		neap_claim_only_members(claims, NEAP_ACCOUNT_GROUP, want->name);
	neap_claim_entries(claims, neap_account_path(NEAP_ETC_GSHADOW));
	neap_claim_entries(claims, neap_account_path(NEAP_ETC_GROUP));
	neap_claim_entries(claims, neap_account_path(NEAP_ETC_PASSWD)); /* a new number goes there too */
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static int read_there(const struct neap_view *view, struct neap_arena *arena, const struct group_want *want,
		      const struct neap_account_entry *entry, struct group_have *have,
		      struct neap_error **err)
{
	static const struct neap_strings nobody = { 0 };
	struct neap_str members = entry->count > 3 ? entry->fields[3] : NEAP_STR("");
	int r;

	have->gid = entry->number;
	if (neap_given(want, MEMBERS)) {
		have->members = neap_account_list(arena, members);
		have->join = neap_account_without(arena, &want->members, &have->members);
		have->leave = want->members_exclusive
				      ? neap_account_without(arena, &have->members, &want->members)
				      : nobody;
	}
	if (!neap_given(want, GID) || have->gid == (uint32_t)want->gid)
		return 0;
	have->new_gid = (uint32_t)want->gid;
	r = neap_account_check_number(view, NEAP_ACCOUNT_GROUP, want->name, have->new_gid, err);
	return r == 0 ? neap_account_users_of(view, arena, have->gid, &have->users, err) : r;
}

static int read_new(const struct neap_view *view, struct neap_arena *arena, const struct group_want *want,
		    struct group_have *have, struct neap_error **err)
{
	static const struct neap_strings nobody = { 0 };

	if (neap_given(want, MEMBERS))
		have->join = neap_account_without(arena, &want->members, &nobody);
	if (!neap_given(want, GID))
		return neap_account_new_number(view, NEAP_ACCOUNT_GROUP, want->system, NEAP_KEEP, &have->gid,
					       err);
	have->gid = (uint32_t)want->gid;
	return neap_account_check_number(view, NEAP_ACCOUNT_GROUP, want->name, have->gid, err);
}

static int read_unwanted(const struct neap_view *view, struct neap_arena *arena,
			 const struct group_want *want, const struct neap_account_entry *entry,
			 struct neap_error **err)
{
	struct neap_strings users;
	int r;

	if (!entry->count)
		return 0;
	r = neap_account_users_of(view, arena, entry->number, &users, err);
	if (r != 0 || !users.count)
		return r;
	neap_error_set(err, "remove group %s: it is the primary group of user %s%s", want->name,
		       users.items[0], users.count > 1 ? " and others" : "");
	return neap_error_hint(err, "give that user another group first, or remove it");
}

static int group_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct group_want *want = wanted;
	struct group_have *have = had;
	struct neap_account_entry entry;
	int r = neap_account_entry(view, NEAP_ETC_GROUP, want->name, &entry, err);

	if (r != 0)
		return r;
	have->there = entry.count > 0;
	have->new_gid = NEAP_KEEP;
	if (want->ensure == NEAP_ABSENT)
		return read_unwanted(view, ctx->scratch, want, &entry, err);
	return have->there ? read_there(view, ctx->scratch, want, &entry, have, err)
			   : read_new(view, ctx->scratch, want, have, err);
}

/* ---- saying ------------------------------------------------------------------------------------------ */

static const char *decimal(struct neap_diff *diff, uint32_t number)
{
	return neap_arena_printf(neap_diff_arena(diff), "%" PRIu32, number);
}

static int group_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff, struct neap_error **err)
{
	const struct group_want *want = wanted;
	const struct group_have *have = had;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (have->there)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (!have->there) {
		neap_diff_ensure(diff, NEAP_PRESENT);
		neap_diff_string(diff, "gid", NULL, decimal(diff, have->gid));
	} else if (have->new_gid != NEAP_KEEP) {
		neap_diff_string(diff, "gid", decimal(diff, have->gid), decimal(diff, have->new_gid));
		if (have->users.count == 1)
			neap_diff_reason(diff, "and user %s with it", have->users.items[0]);
		else if (have->users.count)
			neap_diff_reason(diff, "and %zu users with it", have->users.count);
		neap_diff_reason(diff, "files of group %" PRIu32 " stay as they are", have->gid);
	}
	neap_account_names_diff(diff, "members", &have->members, &have->join, &have->leave);
	return 0;
}

/* ---- doing ------------------------------------------------------------------------------------------- */

/* Who has the group first gets its new number before it does: done the other way round, an end half way would
 * leave nobody who knows whose it was. */
static int change_users(struct neap_host *host, const struct group_have *have, struct neap_arena *arena,
			struct neap_error **err)
{
	NEAP_AUTO_EDITS struct neap_account_edits edits = { .arena = arena };
	const char *fields[4] = { NULL, NULL, NULL, neap_arena_printf(arena, "%" PRIu32, have->new_gid) };

	for (size_t i = 0; i < have->users.count; i++) {
		struct neap_account_entry entry;
		int r = neap_account_entry(&host->view, NEAP_ETC_PASSWD, have->users.items[i], &entry, err);

		if (r != 0)
			return r;
		neap_account_add(&edits, NEAP_ETC_PASSWD, have->users.items[i],
				 neap_account_text(arena, &entry, fields, 4));
		edits.list.items[i].pinned = true;
	}
	return neap_account_edit(host, edits.list.items, edits.list.count, err);
}

static int group_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct group_want *want = wanted;
	const struct group_have *have = had;
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	NEAP_AUTO_EDITS struct neap_account_edits edits = { .arena = arena };
	int r = 0;
	(void)ctx;

	if (!have) {
		neap_account_unsettle(host);
		return 0;
	}
	neap_arena_wipe(arena);
	if (have->users.count && change_users(host, have, arena, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		r = neap_account_remove_group(&edits, &host->view, want->name, err);
	else if (!have->there)
		r = neap_account_add_group(&edits, &host->view, want->name, have->gid, &have->join, err);
	else
		r = neap_account_change_group(&edits, &host->view, want->name, have->new_gid, &have->join,
					      &have->leave, err);
	return r == 0 ? neap_account_edit(host, edits.list.items, edits.list.count, err) : r;
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The group. At most 32 bytes; no colon, comma, slash or white space, not all digits.",
		.offset = offsetof(struct group_want, name),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the group is to be there. With `\"absent\"` no other parameter may be given; one that is "
		       "the primary group of a user is not removed.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct group_want, ensure),
	},
	[GID] = {
		.name = "gid",
		.kind = NEAP_PARAM_INTEGER,
		.min = 0,
		.max = 4294967294,
		.doc = "Its number. Where it changes, the users whose primary group this is change with it; files do not.",
		.fallback = "of a new group the next free one, as the plan says; else left alone",
		.offset = offsetof(struct group_want, gid),
	},
	[SYSTEM] = {
		.name = "system",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether a new group without `gid` gets its number from the range for system groups.",
		.fallback = "false",
		.offset = offsetof(struct group_want, system),
	},
	[MEMBERS] = {
		.name = "members",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Users who are to be members, by name. They are not looked up: a member may come from elsewhere.",
		.fallback = "left alone",
		.offset = offsetof(struct group_want, members),
	},
	[MEMBERS_EXCLUSIVE] = {
		.name = "members_exclusive",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether nobody else is to be a member.",
		.fallback = "false: other members stay",
		.offset = offsetof(struct group_want, members_exclusive),
	},
};

static const char description[] =
	"A group in `/etc/group`, and in `/etc/gshadow` where there is one.\n"
	"\n"
	"- Only what is given is compared.\n"
	"- A new number is chosen as `groupadd` does, by `/etc/login.defs` below the root.\n"
	"- Lines of others, comments, NIS lines and malformed ones are kept byte for byte. A malformed\n"
	"  line of this very name is an error that says where it is.\n"
	"- A group comes before every resource that names it as owner, and before users with it.\n";

static const char example[] =
	"neap.group { name = \"etcd\", system = true }\n"
	"neap.group { name = \"deploy\", gid = 1500, members = { \"alice\", \"bob\" } }\n";

extern const struct neap_resource_type neap_type_group;
const struct neap_resource_type neap_type_group = {
	.name = "group",
	.summary = "a group of users: number and members",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct group_want),
	.have_size = sizeof(struct group_have),
	.check = group_check,
	.claim = group_claim,
	.read = group_read,
	.diff = group_diff,
	.apply = group_apply,
};
