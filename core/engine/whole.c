/* See whole.h. Must not change a machine but through the host, nor know a resource type. */
#include "engine/whole.h"

int neap_whole_read(const struct neap_view *view, struct neap_arena *arena, const struct neap_whole *whole,
		    struct neap_whole_state *ret, struct neap_error **err)
{
	int r = neap_view_small_file(view, whole->path, arena, &ret->stat, &ret->content, err);

	if (r != 0)
		return r;
	switch (ret->stat.kind) {
	case NEAP_FILE_DIRECTORY:
	case NEAP_FILE_OTHER:
		neap_error_set(err, "%s is %s", whole->path, neap_file_kind_name(ret->stat.kind));
		return neap_error_hint(err, whole->text.data
						    ? "a file has to be there: remove what is in its place"
						    : "only a file or a link is removed: see what it is for");
	case NEAP_FILE_ABSENT:
		ret->differs = whole->text.data != NULL;
		return ret->differs ? neap_parents_read(view, arena, whole->path, &ret->parents, err) : 0;
	case NEAP_FILE_LINK:
		ret->differs = true;
		return 0;
	case NEAP_FILE_REGULAR:
		break;
	}
	ret->differs = !whole->text.data || ret->content.size != whole->text.len ||
		       (whole->text.len && (!ret->content.data || memcmp(ret->content.data, whole->text.data,
									 whole->text.len) != 0));
	return 0;
}

void neap_whole_diff(const struct neap_whole *whole, const struct neap_whole_state *state, const char *param,
		     struct neap_diff *diff)
{
	struct neap_content after = { .data = whole->text.data, .size = whole->text.len };
	bool regular = state->stat.kind == NEAP_FILE_REGULAR, link = state->stat.kind == NEAP_FILE_LINK;

	if (!state->differs)
		return;
	if (whole->text.data)
		neap_diff_content(diff, param, regular ? &state->content : NULL, &after, NULL,
				  regular && !(state->stat.mode & 0004));
	else
		neap_diff_string(diff, param, whole->path, NULL);
	neap_diff_reason(diff, "%s %s%s", whole->text.data ? "writes" : "removes", whole->path,
			 link ? ", which is a link" : "");
	neap_parents_diff(&state->parents, diff);
}

static int remove_blindly(struct neap_host *host, const char *path, struct neap_error **err)
{
	struct neap_stat stat;
	int r = neap_view_stat(&host->view, path, &stat, err);

	return r == 0 && stat.kind != NEAP_FILE_ABSENT ? neap_host_unlink(host, path, err) : r < 0 ? r : 0;
}

int neap_whole_apply(struct neap_host *host, const struct neap_whole *whole,
		     const struct neap_whole_state *state, struct neap_error **err)
{
	struct neap_file_write write = {
		.content = { .data = whole->text.data, .size = whole->text.len },
		.mode = state && state->stat.kind == NEAP_FILE_REGULAR ? NEAP_KEEP : whole->mode,
		.uid = NEAP_KEEP,
		.gid = NEAP_KEEP,
	};

	if (state && !state->differs)
		return 0;
	if (!whole->text.data)
		return state ? neap_host_unlink(host, whole->path, err)
			     : remove_blindly(host, whole->path, err);
	if ((!state || state->parents.count > 0) && neap_host_mkdir_parents(host, whole->path, err) < 0)
		return -1;
	return neap_host_write(host, whole->path, &write, err);
}
