/*
 * Where claimed paths lead. One read a directory, remembered; nothing at all until somebody asks, and then
 * only what is reached through a link is kept. An answer that cannot be had counts as "no link", and what was
 * in the way is told to who asks: nothing may be removed on the strength of it.
 */
#include "engine/alias.h"

#include <errno.h>
#include <stdlib.h>

#include "base/path.h"
#include "base/vec.h"
#include "host/follow.h"

struct neap_aliases {
	const struct neap_graph *graph;
	const struct neap_view *view;
	struct neap_arena *arena;
	bool built, stale;
	NEAP_VEC(struct neap_str) homeless; /* claims below the home of somebody who was not there */
	uint64_t generation;                /* when they were looked for */
	struct neap_error *blind;           /* the first answer that could not be had */
	struct neap_map leads;              /* directory, as written -> without links */
	struct neap_map names;              /* path without links -> claimed path that leads there */
	struct neap_map above;              /* every directory above one of those */
};

struct neap_aliases *neap_aliases_new(const struct neap_graph *graph, const struct neap_view *view)
{
	struct neap_aliases *aliases = neap_alloc(sizeof *aliases);
	*aliases = (struct neap_aliases){ .graph = graph, .view = view, .arena = neap_arena_new() };
	return aliases;
}

void neap_aliases_free(struct neap_aliases *aliases)
{
	neap_map_done(&aliases->leads);
	neap_map_done(&aliases->names);
	neap_map_done(&aliases->above);
	neap_vec_done(&aliases->homeless);
	neap_error_free(aliases->blind);
	neap_arena_free(aliases->arena);
	free(aliases);
}

static const char *joined(struct neap_aliases *aliases, const char *directory, struct neap_str name)
{
	return neap_arena_printf(aliases->arena, "%s/%.*s", directory[1] ? directory : "", (int)name.len,
				 name.data);
}

/* Where `directory` leads. No recursion: from the top down. */
static const char *lead(struct neap_aliases *aliases, struct neap_str directory)
{
	const char *at = "/";
	struct neap_str known = { "/", 1 };

	for (struct neap_str up = directory; up.len > 1; up = neap_path_parent(up)) {
		const char *found = neap_map_get(&aliases->leads, up);
		if (found) {
			at = found;
			known = up;
			break;
		}
	}
	while (known.len < directory.len) {
		size_t start = known.len + (known.len > 1), len = 0;
		while (start + len < directory.len && directory.data[start + len] != '/')
			len++;
		const char *full = joined(aliases, at, (struct neap_str){ directory.data + start, len });
		const char *target = NULL;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_stat stat;
		at = full;
		int r = neap_view_link(aliases->view, full, aliases->arena, &stat, &target, &err);
		if (r == 0 && target)
			r = neap_view_follow(aliases->view, full, aliases->arena, &at, &stat, &err);
		/* What lies below no directory, or in a loop, leads nowhere. */
		if (r < 0 && err->errnum != ENOTDIR && err->errnum != ELOOP && !aliases->blind) {
			aliases->blind = err;
			err = NULL;
		}
		known = (struct neap_str){ directory.data, start + len };
		neap_map_put(&aliases->leads,
			     (struct neap_str){ neap_arena_copy(aliases->arena, known.data, known.len),
						known.len },
			     (void *)at);
	}
	return at;
}

/* "/~eve/.ssh/x" is below the home of eve, which only the machine knows. */
static bool is_of_home(struct neap_str path)
{
	return path.len > 2 && memcmp(path.data, "/~", 2) == 0;
}

/* Whether there is one, for now. */
static bool find_home(struct neap_aliases *aliases, struct neap_str path)
{
	const char *slash = memchr(path.data + 1, '/', path.len - 1);
	struct neap_str user = { path.data, slash ? (size_t)(slash - path.data) : path.len }, home;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_home found;
	const char *name;

	if (neap_map_get(&aliases->leads, user))
		return true;
	name = neap_arena_copy(aliases->arena, user.data + 2, user.len - 2);
	if (neap_view_home(aliases->view, name, aliases->arena, &found, &err) != 0 ||
	    neap_path_normalise(aliases->arena, neap_str(found.path), &home, &err) < 0 || is_of_home(home))
		return false;
	neap_map_put(&aliases->leads, user, (void *)lead(aliases, home));
	return true;
}

static void put_name(struct neap_aliases *aliases, struct neap_str path)
{
	struct neap_str parent = neap_path_parent(path);
	const char *leads;

	if (path.len == 1)
		return;
	if (is_of_home(path) && !find_home(aliases, path)) {
		neap_vec_push(&aliases->homeless, path);
		return;
	}
	leads = lead(aliases, parent);
	if (neap_str_equal(neap_str(leads), parent))
		return;
	struct neap_str real = neap_str(joined(aliases, leads, neap_path_name(path)));
	void **slot = neap_map_slot(&aliases->names, real);
	if (!*slot)
		*slot = neap_arena_copy(aliases->arena, path.data, path.len);
	for (struct neap_str up = neap_path_parent(real); up.len > 1; up = neap_path_parent(up))
		if (neap_map_put(&aliases->above, up, aliases))
			break;
}

static void build(struct neap_aliases *aliases)
{
	size_t homeless = aliases->homeless.count;

	if (!aliases->built) {
		aliases->built = true;
		aliases->generation = neap_view_generation(aliases->view);
		for (size_t i = 0; i < aliases->graph->owned.count; i++)
			put_name(aliases, aliases->graph->owned.entries[i].key);
	} else if (homeless && neap_view_generation(aliases->view) != aliases->generation) {
		aliases->generation = neap_view_generation(aliases->view);
		for (size_t i = 0; i < homeless; i++)
			put_name(aliases, aliases->homeless.items[i]);
		aliases->homeless.count -= homeless;
		memmove(aliases->homeless.items, aliases->homeless.items + homeless,
			aliases->homeless.count * sizeof *aliases->homeless.items);
	}
}

void neap_aliases_moved(struct neap_aliases *aliases)
{
	aliases->stale = true;
}

void neap_aliases_renew(struct neap_aliases *aliases)
{
	if (!aliases->stale)
		return;
	neap_map_clear(&aliases->leads);
	neap_map_clear(&aliases->names);
	neap_map_clear(&aliases->above);
	aliases->homeless.count = 0;
	aliases->built = aliases->stale = false;
}

const char *neap_aliases_claimed(struct neap_aliases *aliases, const char *path)
{
	build(aliases);
	return neap_map_get(&aliases->names, neap_str(path));
}

const struct neap_error *neap_aliases_blind(const struct neap_aliases *aliases)
{
	return aliases->blind;
}

/* In a directory that, by another name, is claimed with all that is below it. */
static bool in_tree(struct neap_aliases *aliases, struct neap_str path)
{
	while (neap_graph_has_trees(aliases->graph) && path.len > 1) {
		const char *claimed = neap_map_get(&aliases->names, path = neap_path_parent(path));
		if (claimed && neap_graph_owns_tree(aliases->graph, claimed))
			return true;
	}
	return false;
}

bool neap_aliases_own(struct neap_aliases *aliases, const char *path)
{
	if (neap_graph_owns(aliases->graph, path))
		return true;
	build(aliases);
	const char *real = joined(aliases, lead(aliases, neap_path_parent(neap_str(path))),
				  neap_path_name(neap_str(path)));
	return neap_map_get(&aliases->names, neap_str(real)) ||
	       neap_map_get(&aliases->above, neap_str(real)) || in_tree(aliases, neap_str(real)) ||
	       (strcmp(real, path) != 0 && neap_graph_owns(aliases->graph, real));
}
