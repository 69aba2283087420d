/*
 * The table of held states, its log, and the search for where a path leads. See overlay_tree.h.
 */
#include "host/overlay_tree.h"

#include <errno.h>
#include <stdlib.h>

#include "base/path.h"

#define LINKS_MAX 40                /* as the kernel */
#define WAYS_MAX ((size_t)16 << 20) /* bytes of remembered ways */
#define UNKNOWN_KIND NEAP_OVERLAY_UNKNOWN_KIND

/* A name that is asked for below a link so that the machine judges the link. It need not exist. */
#define PROBE "/neap"

void neap_overlay_tree_init(struct neap_overlay_tree *tree, const struct neap_view *machine,
			    struct neap_arena *arena)
{
	*tree = (struct neap_overlay_tree){
		.machine = machine,
		.arena = arena,
		.ways_arena = neap_arena_new(),
		.scratch = neap_arena_new(),
		.step = 1,
		.made = 1,
		.removed = 1,
		.moved = 1,
	};
}

void neap_overlay_tree_done(struct neap_overlay_tree *tree)
{
	neap_map_done(&tree->nodes);
	neap_map_done(&tree->children);
	neap_map_done(&tree->ways);
	neap_vec_done(&tree->log);
	neap_buf_done(&tree->at);
	neap_buf_done(&tree->rest);
	neap_buf_done(&tree->probe);
	neap_arena_free(tree->ways_arena);
	neap_arena_free(tree->scratch);
}

/* ---- states ------------------------------------------------------------------------------------------ */

const struct neap_overlay_state *neap_overlay_tree_get(const struct neap_overlay_tree *tree,
						       struct neap_str path)
{
	const struct neap_overlay_node *node = neap_map_get(&tree->nodes, path);

	return node && node->state.held ? &node->state : NULL;
}

const struct neap_overlay_node *neap_overlay_tree_below(const struct neap_overlay_tree *tree,
							struct neap_str path)
{
	return neap_map_get(&tree->children, path);
}

static struct neap_overlay_node *make_node(struct neap_overlay_tree *tree, struct neap_str path)
{
	struct neap_overlay_node *node = neap_arena_new_of(tree->arena, struct neap_overlay_node);
	void **first;

	node->path = (struct neap_str){ neap_arena_copy(tree->arena, path.data, path.len), path.len };
	if (path.len > 1) {
		first = neap_map_slot(&tree->children, neap_path_parent(node->path));
		node->sibling = *first;
		*first = node;
	}
	return node;
}

static void change_state(struct neap_overlay_tree *tree, struct neap_overlay_node *node,
			 const struct neap_overlay_state *state)
{
	if (node->logged != tree->step) {
		neap_vec_push(&tree->log, (struct neap_overlay_undo){ node, node->state });
		node->logged = tree->step;
	}
	tree->active += (size_t)state->held;
	tree->active -= (size_t)node->state.held;
	node->state = *state;
}

/* Whether ways may lead through a thing of this kind. */
static bool is_way(enum neap_file_kind kind)
{
	return kind == NEAP_FILE_DIRECTORY || kind == NEAP_FILE_LINK || kind == UNKNOWN_KIND;
}

void neap_overlay_tree_set(struct neap_overlay_tree *tree, struct neap_str path, enum neap_file_kind before,
			   const struct neap_overlay_state *state)
{
	struct neap_overlay_node *node = neap_map_get(&tree->nodes, path);

	if (!node) {
		node = make_node(tree, path);
		neap_map_put(&tree->nodes, node->path, node);
	}
	change_state(tree, node, state);
	if (before == state->kind && before != NEAP_FILE_LINK)
		return;
	tree->made++;
	if (before == NEAP_FILE_DIRECTORY)
		tree->removed++;
	else if (is_way(before))
		tree->moved++;
	if (is_way(before) || is_way(state->kind))
		tree->structural = true;
}

void neap_overlay_tree_drop_below(struct neap_overlay_tree *tree, struct neap_str path)
{
	static const struct neap_overlay_state nothing;
	NEAP_VEC(struct neap_overlay_node *) todo = { 0 };
	struct neap_overlay_node *node = neap_map_get(&tree->children, path);

	for (;;) {
		for (; node; node = node->sibling)
			neap_vec_push(&todo, node);
		if (!todo.count)
			break;
		node = todo.items[--todo.count];
		if (node->state.held)
			change_state(tree, node, &nothing);
		node = neap_map_get(&tree->children, node->path);
	}
	neap_vec_done(&todo);
	tree->moved++;
	tree->structural = true;
}

void neap_overlay_tree_mark(struct neap_overlay_tree *tree, struct neap_str path, uint32_t cause)
{
	const struct neap_overlay_state unknown = {
		.held = true,
		.kind = UNKNOWN_KIND,
		.fill = NEAP_OVERLAY_UNSURE,
		.cause = cause,
		.mode = NEAP_KEEP,
		.uid = NEAP_KEEP,
		.gid = NEAP_KEEP,
	};

	neap_overlay_tree_drop_below(tree, path);
	neap_overlay_tree_set(tree, path, UNKNOWN_KIND, &unknown);
	neap_overlay_tree_stale(tree);
}

/* ---- steps ------------------------------------------------------------------------------------------- */

void neap_overlay_tree_begin(struct neap_overlay_tree *tree)
{
	tree->log.count = 0;
	tree->step++;
}

void neap_overlay_tree_undo(struct neap_overlay_tree *tree)
{
	while (tree->log.count) {
		const struct neap_overlay_undo *undo = &tree->log.items[--tree->log.count];

		tree->active += (size_t)undo->before.held;
		tree->active -= (size_t)undo->node->state.held;
		undo->node->state = undo->before;
		undo->node->logged = 0;
		tree->moved++;
	}
}

void neap_overlay_tree_forget(struct neap_overlay_tree *tree)
{
	neap_map_clear(&tree->nodes);
	neap_map_clear(&tree->children);
	tree->active = 0;
	tree->made++;
	if (tree->structural)
		tree->moved++;
	tree->structural = false;
	neap_overlay_tree_begin(tree);
}

void neap_overlay_tree_stale(struct neap_overlay_tree *tree)
{
	tree->moved++;
}

/* ---- ways -------------------------------------------------------------------------------------------- */

static struct neap_str text_of(const struct neap_buf *buf)
{
	return buf->len ? (struct neap_str){ buf->data, buf->len } : NEAP_STR("/");
}

static void append_name(struct neap_buf *path, struct neap_str name)
{
	neap_buf_putc(path, '/');
	neap_buf_append(path, name.data, name.len);
}

static void cut_name(struct neap_buf *path)
{
	while (path->len && path->data[path->len - 1] != '/')
		path->len--;
	if (path->len)
		path->len--;
	if (path->data)
		path->data[path->len] = '\0';
}

static void set_text(struct neap_buf *buf, struct neap_str text)
{
	buf->len = 0;
	neap_buf_append(buf, text.data, text.len == 1 && text.data[0] == '/' ? 0 : text.len);
}

/* What a directory that was reached holds besides the states below it: as the nearest held one above says. */
static void fill_of(const struct neap_overlay_tree *tree, struct neap_str path, enum neap_overlay_fill *ret,
		    uint32_t *ret_cause)
{
	const struct neap_overlay_state *state = neap_overlay_tree_get(tree, path);

	while (!state && path.len > 1) {
		path = neap_path_parent(path);
		state = neap_overlay_tree_get(tree, path);
	}
	*ret = state ? state->fill : NEAP_OVERLAY_THROUGH;
	*ret_cause = state ? state->cause : 0;
}

struct found {
	enum neap_file_kind kind;
	const char *target;
	bool held;
};

/* What is at tree->at, in a directory with this fill. */
static int look(struct neap_overlay_tree *tree, enum neap_overlay_fill *fill, uint32_t *cause,
		struct found *ret, struct neap_error **err)
{
	const struct neap_overlay_state *state = neap_overlay_tree_get(tree, text_of(&tree->at));
	struct neap_stat stat;
	int r;

	if (state) {
		*ret = (struct found){ state->kind, state->target, true };
		*fill = state->fill;
		*cause = state->cause;
		return 0;
	}
	*ret = (struct found){ .kind = NEAP_FILE_ABSENT };
	if (*fill == NEAP_OVERLAY_UNSURE)
		ret->kind = UNKNOWN_KIND;
	if (*fill != NEAP_OVERLAY_THROUGH)
		return 0;
	r = tree->machine->reads->link(tree->machine, tree->at.data, tree->scratch, &stat, &ret->target, err);
	if (r != 0)
		return r;
	ret->kind = stat.kind;
	return 0;
}

/*
 * The machine judges who may lead us where: links are followed here, so it is asked once for something below
 * each of its links. What it says of the target does not count, for here the target may differ.
 */
static int judge_link(struct neap_overlay_tree *tree, struct neap_error **err)
{
	struct neap_error *verdict NEAP_AUTO_ERROR = NULL;
	struct neap_stat stat;

	set_text(&tree->probe, text_of(&tree->at));
	neap_buf_puts(&tree->probe, PROBE);
	if (tree->machine->reads->stat(tree->machine, tree->probe.data, &stat, &verdict) >= 0)
		return 0;
	if (verdict->errnum == ENOTDIR || verdict->errnum == ENOENT || verdict->errnum == ELOOP ||
	    verdict->errnum == ENAMETOOLONG)
		return 0;
	return neap_error_pass(err, &verdict);
}

/* Puts `target` before what is left of the way at `offset`. */
static void follow_target(struct neap_overlay_tree *tree, const char *target, size_t offset)
{
	struct neap_buf rest = { 0 };

	neap_buf_puts(&rest, target);
	if (offset < tree->rest.len) {
		neap_buf_putc(&rest, '/');
		neap_buf_append(&rest, tree->rest.data + offset, tree->rest.len - offset);
	}
	neap_buf_done(&tree->rest);
	tree->rest = rest;
}

/* The next component of tree->rest from *offset on; false at the end. "" and "." are passed over. */
static bool next_name(const struct neap_buf *rest, size_t *offset, struct neap_str *ret)
{
	for (;;) {
		size_t start;

		while (*offset < rest->len && rest->data[*offset] == '/')
			++*offset;
		start = *offset;
		while (*offset < rest->len && rest->data[*offset] != '/')
			++*offset;
		*ret = (struct neap_str){ rest->data + start, *offset - start };
		if (!ret->len)
			return false;
		if (ret->len > 1 || ret->data[0] != '.')
			return true;
	}
}

static bool is_dots(struct neap_str name)
{
	return name.len == 2 && name.data[0] == '.' && name.data[1] == '.';
}

/* Nothing to walk through from here on: the rest is text. */
static void finish_as_text(struct neap_overlay_tree *tree, size_t offset)
{
	struct neap_str name;

	while (next_name(&tree->rest, &offset, &name)) {
		if (is_dots(name))
			cut_name(&tree->at);
		else
			append_name(&tree->at, name);
	}
}

static struct neap_str keep_text(struct neap_overlay_tree *tree, struct neap_str text)
{
	return (struct neap_str){ neap_arena_copy(tree->ways_arena, text.data, text.len), text.len };
}

/* From the directory tree->at through tree->rest. Fills end, fill, cause, links and stop of `way`. */
static int walk(struct neap_overlay_tree *tree, struct neap_overlay_way *way, struct neap_error **err)
{
	struct neap_str name;
	size_t offset = 0;

	while (next_name(&tree->rest, &offset, &name)) {
		enum neap_overlay_fill fill = way->fill;
		uint32_t cause = way->cause;
		struct found found;
		int r;

		if (is_dots(name)) {
			cut_name(&tree->at);
			fill_of(tree, text_of(&tree->at), &way->fill, &way->cause);
			way->twisted = true;
			continue;
		}
		append_name(&tree->at, name);
		r = look(tree, &fill, &cause, &found, err);
		if (r != 0)
			return r;
		switch ((int)found.kind) {
		case NEAP_FILE_DIRECTORY:
		case UNKNOWN_KIND:
			way->fill = fill;
			way->cause = cause;
			continue;
		case NEAP_FILE_LINK:
			if (++way->links > LINKS_MAX)
				return neap_error_errno(err, ELOOP, "open %s", tree->at.data);
			if (!found.held && judge_link(tree, err) < 0)
				return -1;
			follow_target(tree, found.target, offset);
			offset = 0;
			if (found.target[0] == '/') {
				tree->at.len = 0;
				fill_of(tree, text_of(&tree->at), &way->fill, &way->cause);
			} else {
				cut_name(&tree->at);
			}
			continue;
		case NEAP_FILE_ABSENT:
			way->end = found.held ? NEAP_OVERLAY_REMOVED : NEAP_OVERLAY_ABSENT;
			break;
		default:
			way->end = NEAP_OVERLAY_FILE;
			break;
		}
		way->stop = keep_text(tree, text_of(&tree->at));
		finish_as_text(tree, offset);
		return 0;
	}
	way->end = NEAP_OVERLAY_DIRECTORY;
	return 0;
}

/* Whether a way found earlier still leads there. Where directories were removed it is looked at again. */
static bool is_fresh(const struct neap_overlay_tree *tree, struct neap_overlay_way *way)
{
	const struct neap_overlay_state *state;

	if (way->moved != tree->moved)
		return false;
	if (way->end != NEAP_OVERLAY_DIRECTORY)
		return way->made == tree->made;
	if (way->removed == tree->removed)
		return true;
	state = neap_overlay_tree_get(tree, way->path);
	if (way->twisted || (state && state->kind != NEAP_FILE_DIRECTORY && state->kind != UNKNOWN_KIND))
		return false;
	if (state) { /* it may have been made anew */
		way->fill = state->fill;
		way->cause = state->cause;
	}
	way->removed = tree->removed;
	return true;
}

/* `way` leads on to `asked`, one name longer. */
static int extend(struct neap_overlay_tree *tree, const struct neap_overlay_way *base, struct neap_str asked,
		  struct neap_overlay_way *way, struct neap_error **err)
{
	struct neap_str name = neap_path_name(asked);
	int r;

	*way = *base;
	set_text(&tree->at, base->path);
	if (base->end == NEAP_OVERLAY_DIRECTORY) {
		struct neap_arena_mark mark = neap_arena_mark(tree->scratch);

		set_text(&tree->rest, name);
		r = walk(tree, way, err);
		neap_arena_rewind(tree->scratch, mark);
		if (r != 0)
			return r;
	} else {
		append_name(&tree->at, name);
	}
	return 0;
}

/* The way for `asked`, fresh or not; a new one is not. */
static struct neap_overlay_way *remembered(struct neap_overlay_tree *tree, struct neap_str asked)
{
	struct neap_overlay_way *way = neap_map_get(&tree->ways, asked);

	if (way)
		return way;
	way = neap_arena_new_of(tree->ways_arena, struct neap_overlay_way);
	way->asked = keep_text(tree, asked);
	neap_map_put(&tree->ways, way->asked, way);
	return way;
}

static struct neap_overlay_way *root_way(struct neap_overlay_tree *tree)
{
	struct neap_overlay_way *way = remembered(tree, NEAP_STR("/"));

	if (!is_fresh(tree, way)) {
		way->path = way->asked;
		way->end = NEAP_OVERLAY_DIRECTORY;
		fill_of(tree, way->path, &way->fill, &way->cause);
		way->made = tree->made;
		way->removed = tree->removed;
		way->moved = tree->moved;
	}
	return way;
}

int neap_overlay_tree_follow(struct neap_overlay_tree *tree, struct neap_str asked,
			     const struct neap_overlay_way **ret, struct neap_error **err)
{
	struct neap_overlay_way *way = neap_map_get(&tree->ways, asked);
	struct neap_str prefix = asked;

	if (way && is_fresh(tree, way)) {
		*ret = way;
		return 0;
	}
	if (neap_arena_used(tree->ways_arena) > WAYS_MAX) {
		neap_map_clear(&tree->ways);
		neap_arena_reset(tree->ways_arena);
	}
	/* Back to the longest part that is known, then forward a name at a time. */
	do {
		prefix = neap_path_parent(prefix);
		way = prefix.len == 1 ? root_way(tree) : neap_map_get(&tree->ways, prefix);
	} while (!way || !is_fresh(tree, way));
	while (prefix.len < asked.len) {
		const char *from = asked.data + prefix.len + (prefix.len > 1);
		const char *slash = memchr(from, '/', (size_t)(asked.data + asked.len - from));
		struct neap_overlay_way next, *slot;
		int r;

		prefix.len = slash ? (size_t)(slash - asked.data) : asked.len;
		r = extend(tree, way, prefix, &next, err);
		if (r != 0)
			return r;
		slot = remembered(tree, prefix);
		next.asked = slot->asked;
		next.made = tree->made;
		next.removed = tree->removed;
		next.moved = tree->moved;
		if (neap_str_equal(text_of(&tree->at), next.asked))
			next.path = next.asked;
		else if (slot->path.data && neap_str_equal(text_of(&tree->at), slot->path))
			next.path = slot->path;
		else
			next.path = keep_text(tree, text_of(&tree->at));
		*slot = next;
		way = slot;
	}
	*ret = way;
	return 0;
}
