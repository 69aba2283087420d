/*
 * See attributes.h. Reads and describes; must not change a machine nor know a resource type.
 */
#include "engine/attributes.h"

static int read_owner(const struct neap_view *view, struct neap_arena *arena, const char *wanted,
		      const struct neap_stat *stat, struct neap_attributes_state *ret,
		      struct neap_error **err)
{
	int r = neap_view_user(view, wanted, &ret->uid, err);
	if (r)
		return r;
	if (stat && stat->uid == ret->uid)
		return 0;
	ret->owner = neap_view_user_name(view, ret->uid, arena);
	if (stat) {
		ret->owner_before = neap_view_user_name(view, stat->uid, arena);
		ret->differ = true;
	}
	return 0;
}

static int read_group(const struct neap_view *view, struct neap_arena *arena, const char *wanted,
		      const struct neap_stat *stat, struct neap_attributes_state *ret,
		      struct neap_error **err)
{
	int r = neap_view_group(view, wanted, &ret->gid, err);
	if (r)
		return r;
	if (stat && stat->gid == ret->gid)
		return 0;
	ret->group = neap_view_group_name(view, ret->gid, arena);
	if (stat) {
		ret->group_before = neap_view_group_name(view, stat->gid, arena);
		ret->differ = true;
	}
	return 0;
}

int neap_attributes_read(const struct neap_view *view, struct neap_arena *arena,
			 const struct neap_attributes *wanted, const struct neap_stat *stat,
			 struct neap_attributes_state *ret, struct neap_error **err)
{
	struct neap_attributes_state state = {
		.uid = NEAP_KEEP,
		.gid = NEAP_KEEP,
		.mode = wanted->mode,
		.mode_before = stat ? stat->mode : NEAP_KEEP,
	};
	int r = wanted->owner ? read_owner(view, arena, wanted->owner, stat, &state, err) : 0;
	if (r == 0 && wanted->group)
		r = read_group(view, arena, wanted->group, stat, &state, err);
	if (r)
		return r;
	if (stat && state.mode != NEAP_KEEP && state.mode != stat->mode)
		state.differ = true;
	*ret = state;
	return 0;
}

void neap_attributes_diff(const struct neap_attributes_state *state, struct neap_diff *diff)
{
	if (state->owner)
		neap_diff_string(diff, "owner", state->owner_before, state->owner);
	if (state->group)
		neap_diff_string(diff, "group", state->group_before, state->group);
	if (state->mode != NEAP_KEEP && state->mode != state->mode_before)
		neap_diff_mode(diff, "mode", state->mode_before, state->mode);
}

int neap_attributes_numbers(const struct neap_view *view, const struct neap_attributes *wanted,
			    uint32_t *ret_uid, uint32_t *ret_gid, struct neap_error **err)
{
	uint32_t uid = NEAP_KEEP, gid = NEAP_KEEP;

	if (wanted->owner && neap_view_user(view, wanted->owner, &uid, err) < 0)
		return -1;
	if (wanted->group && neap_view_group(view, wanted->group, &gid, err) < 0)
		return -1;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

int neap_parents_read(const struct neap_view *view, struct neap_arena *arena, const char *path,
		      struct neap_parents *ret, struct neap_error **err)
{
	return neap_view_missing_parents(view, path, arena, &ret->paths, &ret->count, err);
}

void neap_parents_diff(const struct neap_parents *parents, struct neap_diff *diff)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	if (parents->count == 0)
		return;
	for (size_t i = 0; i < parents->count; i++) {
		if (i)
			neap_buf_puts(&text, ", ");
		neap_buf_puts(&text, parents->paths[i]);
	}
	neap_diff_list(diff, "parents", NULL, 0, parents->paths, parents->count);
	neap_diff_reason(diff, "makes %s", text.data);
}
