/* See owned.h. Must not change a machine but through the host, nor know a resource type. */
#include "engine/owned.h"

static uint32_t mode_of(const struct neap_owned *owned)
{
	return owned->secret ? 0600 : 0644;
}

/* Who makes files here has them: root, unless the tree is somebody else's. */
static int read_attributes(const struct neap_view *view, struct neap_arena *arena,
			   const struct neap_owned *owned, struct neap_owned_state *state,
			   struct neap_error **err)
{
	const struct neap_stat *stat = state->stat.kind == NEAP_FILE_REGULAR ? &state->stat : NULL;
	struct neap_attributes wanted = { .mode = mode_of(owned) };
	uint32_t uid, gid;

	if (stat && (stat->uid || stat->gid)) {
		int r = neap_view_creator(view, owned->path, &uid, &gid, err);

		if (r != 0)
			return r;
		wanted.owner = neap_arena_printf(arena, "%u", uid);
		wanted.group = neap_arena_printf(arena, "%u", gid);
	}
	return neap_attributes_read(view, arena, &wanted, stat, &state->attributes, err);
}

int neap_owned_read(const struct neap_view *view, struct neap_arena *arena, const struct neap_owned *owned,
		    struct neap_owned_state *ret, struct neap_error **err)
{
	const char *target;
	int r = neap_view_file(view, owned->path, arena, &ret->stat, &ret->content, err);

	if (r != 0)
		return r;
	switch (ret->stat.kind) {
	case NEAP_FILE_LINK:
		ret->changes = true;
		if (owned->over_link)
			break;
		r = neap_view_link(view, owned->path, arena, &ret->stat, &target, err);
		if (r == 0)
			r = neap_error_set(err, "%s is a link to %s", owned->path, target);
		return r < 0 ? neap_error_hint(err, "a file has to be there: remove the link") : r;
	case NEAP_FILE_DIRECTORY:
	case NEAP_FILE_OTHER:
		neap_error_set(err, "%s is %s", owned->path, neap_file_kind_name(ret->stat.kind));
		return neap_error_hint(err, "a file has to be there: remove what is in its place");
	case NEAP_FILE_ABSENT:
		r = neap_parents_read(view, arena, owned->path, &ret->parents, err);
		ret->changes = true;
		break;
	case NEAP_FILE_REGULAR:
		ret->changes = !neap_content_equal(&ret->content, &owned->content);
		break;
	}
	return r == 0 ? read_attributes(view, arena, owned, ret, err) : r;
}

static void diff_attributes(const struct neap_owned_state *state, const char *param, struct neap_diff *diff)
{
	const struct neap_attributes_state *is = &state->attributes;
	struct neap_arena *arena = neap_diff_arena(diff);

	if (is->owner)
		neap_diff_string(diff, neap_arena_printf(arena, "%s.owner", param), is->owner_before,
				 is->owner);
	if (is->group)
		neap_diff_string(diff, neap_arena_printf(arena, "%s.group", param), is->group_before,
				 is->group);
	if (is->mode != is->mode_before && is->mode_before != NEAP_KEEP)
		neap_diff_mode(diff, neap_arena_printf(arena, "%s.mode", param), is->mode_before, is->mode);
}

void neap_owned_diff(const struct neap_owned *owned, const struct neap_owned_state *state, const char *param,
		     struct neap_diff *diff)
{
	bool there = state->stat.kind == NEAP_FILE_REGULAR;

	if (state->changes)
		neap_diff_content(diff, param, there ? &state->content : NULL, &owned->content, owned->text,
				  there && !(state->stat.mode & 0004));
	if (strcmp(param, "content") == 0)
		neap_attributes_diff(&state->attributes, diff);
	else
		diff_attributes(state, param, diff);
	neap_parents_diff(&state->parents, diff);
	if (there && state->changes && state->stat.links > 1)
		neap_diff_reason(diff, "breaks %llu hard link%s", (unsigned long long)state->stat.links - 1,
				 state->stat.links == 2 ? "" : "s");
}

int neap_owned_apply(struct neap_host *host, const struct neap_owned *owned,
		     const struct neap_owned_state *state, struct neap_error **err)
{
	const struct neap_attributes_state *is = state ? &state->attributes : NULL;
	struct neap_file_write write = {
		.content = owned->content,
		.mode = mode_of(owned),
		.uid = is ? is->uid : NEAP_KEEP,
		.gid = is ? is->gid : NEAP_KEEP,
		.secret = owned->secret,
	};

	if (state && !state->changes)
		return is->differ ? neap_host_attributes(host, owned->path, is->mode, is->uid, is->gid, err)
				  : 0;
	if ((!state || state->parents.count > 0) && neap_host_mkdir_parents(host, owned->path, err) < 0)
		return -1;
	return neap_host_write(host, owned->path, &write, err);
}
