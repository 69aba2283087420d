/*
 * Which layer answers for a path, and the overlay's reads. It must not know of changes, nor who asks.
 *
 * Where nothing is held there is nothing to locate: the machine is asked with the path as it came.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/path.h"
#include "host/overlay_parts.h"

#define UNKNOWN_KIND NEAP_OVERLAY_UNKNOWN_KIND

static int unknown(struct neap_overlay *overlay, uint32_t cause)
{
	overlay->cause = cause;
	return NEAP_UNKNOWN;
}

/* ---- locating ---------------------------------------------------------------------------------------- */

static struct neap_str name_below(const char *path, struct neap_str parent)
{
	return neap_str(path + parent.len + (parent.len > 1));
}

static int not_a_directory(const char *path, const struct neap_overlay_way *way, struct neap_error **err)
{
	neap_error_set(err, "stat %s: %s is not a directory", path, way->stop.data);
	return neap_error_mark(err, ENOTDIR);
}

int neap_overlay_locate(struct neap_overlay *overlay, const char *path, struct neap_overlay_place *ret,
			struct neap_error **err)
{
	struct neap_str asked = neap_str(path), parent = neap_path_parent(asked);
	const struct neap_overlay_way *way;
	struct neap_str full = asked;
	int r;

	*ret = (struct neap_overlay_place){ .path = path };
	if (asked.len == 1) {
		ret->state = neap_overlay_tree_get(&overlay->tree, asked);
		ret->where = ret->state ? NEAP_OVERLAY_AT_STATE : NEAP_OVERLAY_AT_MACHINE;
		return 0;
	}
	r = neap_overlay_tree_follow(&overlay->tree, parent, &way, err);
	if (r != 0)
		return r;
	ret->way = way;
	if (way->path.data != way->asked.data) { /* else canonical as it is */
		struct neap_str name = name_below(path, parent);

		overlay->path.len = 0;
		neap_buf_append(&overlay->path, way->path.data, way->path.len > 1 ? way->path.len : 0);
		neap_buf_putc(&overlay->path, '/');
		neap_buf_append(&overlay->path, name.data, name.len);
		full = (struct neap_str){ overlay->path.data, overlay->path.len };
		ret->path = full.data;
	}
	if (way->end == NEAP_OVERLAY_DIRECTORY || neap_overlay_pends(overlay))
		ret->state = neap_overlay_tree_get(&overlay->tree, full);
	if (ret->state)
		ret->where = NEAP_OVERLAY_AT_STATE;
	else if (way->end == NEAP_OVERLAY_FILE)
		return not_a_directory(path, way, err);
	else if (way->end != NEAP_OVERLAY_DIRECTORY || way->fill == NEAP_OVERLAY_EMPTY)
		ret->where = NEAP_OVERLAY_AT_NOTHING;
	else if (way->fill == NEAP_OVERLAY_UNSURE)
		ret->where = NEAP_OVERLAY_AT_UNKNOWN;
	else
		ret->where = NEAP_OVERLAY_AT_MACHINE;
	ret->cause = way->cause;
	return 0;
}

/* ---- reads ------------------------------------------------------------------------------------------- */

int neap_overlay_settle(struct neap_overlay *overlay, int r, bool absent, struct neap_error **local,
			struct neap_error **err)
{
	if (r < 0 && neap_overlay_pends(overlay)) {
		neap_error_free(*local);
		return unknown(overlay, overlay->pending);
	}
	if (r < 0) {
		neap_error_pass(err, local);
		return r;
	}
	if (r > 0)
		return unknown(overlay,
			       neap_overlay_below(overlay)->reads->cause(neap_overlay_below(overlay)));
	if (absent && neap_overlay_pends(overlay))
		return unknown(overlay, overlay->pending);
	return 0;
}

static int settle(struct neap_overlay *overlay, int r, const struct neap_stat *stat,
		  struct neap_error **local, struct neap_error **err)
{
	return neap_overlay_settle(overlay, r, r == 0 && stat && stat->kind == NEAP_FILE_ABSENT, local, err);
}

/*
 * Locates for a read. 0: `place` is NEAP_OVERLAY_AT_MACHINE or a known AT_STATE. Positive: unknown. A place
 * with nothing comes back as NEAP_OVERLAY_AT_STATE with a state that says so.
 */
static int locate_to_read(struct neap_overlay *overlay, const char *path, struct neap_overlay_place *ret,
			  struct neap_error **err)
{
	static const struct neap_overlay_state absent = { .kind = NEAP_FILE_ABSENT };
	struct neap_error *local = NULL;
	int r;

	if (!overlay->tree.active) {
		*ret = (struct neap_overlay_place){ .where = NEAP_OVERLAY_AT_MACHINE, .path = path };
		return 0;
	}
	r = neap_overlay_locate(overlay, path, ret, &local);
	if (r < 0 && neap_overlay_pends(overlay)) {
		ret->state = neap_overlay_tree_get(&overlay->tree, neap_str(path));
		if (ret->state) {
			neap_error_free(local);
			ret->where = NEAP_OVERLAY_AT_STATE;
			r = 0;
		}
	}
	if (r != 0)
		return settle(overlay, r, NULL, &local, err);
	if (ret->where == NEAP_OVERLAY_AT_UNKNOWN)
		return unknown(overlay, ret->cause);
	if (ret->where == NEAP_OVERLAY_AT_STATE && ret->state->kind == UNKNOWN_KIND)
		return unknown(overlay, ret->state->cause);
	if (ret->where == NEAP_OVERLAY_AT_NOTHING) {
		if (ret->way->end != NEAP_OVERLAY_REMOVED && neap_overlay_pends(overlay))
			return unknown(overlay, overlay->pending);
		ret->where = NEAP_OVERLAY_AT_STATE;
		ret->state = &absent;
	}
	return 0;
}

static struct neap_stat stat_of(const struct neap_overlay_state *state)
{
	return (struct neap_stat){
		.kind = state->kind,
		.mode = state->mode,
		.uid = state->uid,
		.gid = state->gid,
		.size = state->kind == NEAP_FILE_REGULAR ? state->content.size : 0,
		.links = state->links,
		.mount = state->mount,
	};
}

static int overlay_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
			struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	struct neap_error *local = NULL;
	struct neap_stat stat;
	struct neap_overlay_place place;
	int r = locate_to_read(overlay, path, &place, err);

	if (r != 0)
		return r;
	if (place.where == NEAP_OVERLAY_AT_STATE) {
		*ret = stat_of(place.state);
		return 0;
	}
	r = neap_overlay_below(overlay)->reads->stat(neap_overlay_below(overlay), place.path, &stat, &local);
	r = settle(overlay, r, &stat, &local, err);
	if (r == 0)
		*ret = stat;
	return r;
}

/* The bytes of a stream that is not too long to be held. */
static int read_stream(struct neap_arena *arena, struct neap_content *content, struct neap_error **err)
{
	const struct neap_stream *stream = content->stream;
	char *bytes = neap_arena_bytes(arena, content->size + 1);
	uint64_t len = 0;
	ssize_t got = 0;
	void *reader;

	if (stream->open(stream->ctx, &reader, err) < 0)
		return -1;
	while (len < content->size &&
	       (got = stream->read(reader, bytes + len, (size_t)(content->size - len), err)) > 0)
		len += (uint64_t)got;
	stream->close(reader);
	if (got < 0)
		return -1;
	if (len < content->size)
		return neap_error_set(err, "read content that is held: it ends early");
	bytes[len] = '\0';
	content->data = bytes;
	return 0;
}

static int copy_content(struct neap_arena *arena, const struct neap_content *content,
			struct neap_content *ret, struct neap_error **err)
{
	struct neap_content copy = *content;

	copy.source = content->source ? neap_arena_strdup(arena, content->source) : NULL;
	if (content->data && content->size > NEAP_CONTENT_MAX)
		copy.data = NULL; /* as the machine would answer; the digest is there */
	else if (content->data)
		copy.data = neap_arena_copy(arena, content->data, content->size);
	else if (content->stream && content->size <= NEAP_CONTENT_MAX && read_stream(arena, &copy, err) < 0)
		return -1;
	*ret = copy;
	return 0;
}

/* Where only the attributes are held, the machine has answered for the rest. */
static void own_attributes(const struct neap_overlay_place *place, struct neap_stat *stat)
{
	if (place->where != NEAP_OVERLAY_AT_STATE || stat->kind != NEAP_FILE_REGULAR)
		return;
	stat->mode = place->state->mode;
	stat->uid = place->state->uid;
	stat->gid = place->state->gid;
}

static int read_file(const struct neap_view *view, const char *path, bool small, struct neap_arena *arena,
		     struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));
	struct neap_overlay *overlay = neap_overlay_of(view);
	struct neap_content content = { 0 };
	struct neap_error *local = NULL;
	struct neap_stat stat;
	struct neap_overlay_place place;
	int r = locate_to_read(overlay, path, &place, err);

	if (r != 0)
		return r;
	if (place.where == NEAP_OVERLAY_AT_STATE && !place.state->machines) {
		if (place.state->content.unknown)
			return unknown(overlay, place.state->cause);
		*ret = stat_of(place.state);
		if (place.state->kind == NEAP_FILE_REGULAR)
			return copy_content(arena, &place.state->content, ret_content, err);
		*ret_content = content;
		return 0;
	}
	r = (small ? below->reads->small_file : below->reads->file)(below, place.path, arena, &stat, &content,
								    &local);
	r = settle(overlay, r, &stat, &local, err);
	if (r != 0)
		return r;
	own_attributes(&place, &stat);
	*ret = stat;
	*ret_content = content;
	return 0;
}

static int overlay_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
			struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	return read_file(view, path, false, arena, ret, ret_content, err);
}

static int overlay_small_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
			      struct neap_stat *ret, struct neap_content *ret_content,
			      struct neap_error **err)
{
	return read_file(view, path, true, arena, ret, ret_content, err);
}

static int overlay_checksum(const struct neap_view *view, const char *path, enum neap_checksum_kind kind,
			    struct neap_stat *ret, struct neap_checksum *ret_checksum,
			    struct neap_error **err)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));
	struct neap_overlay *overlay = neap_overlay_of(view);
	struct neap_checksum checksum = { .kind = kind };
	struct neap_error *local = NULL;
	struct neap_overlay_place place;
	struct neap_stat stat;
	int r = locate_to_read(overlay, path, &place, err);

	if (r != 0)
		return r;
	if (place.where == NEAP_OVERLAY_AT_STATE && !place.state->machines) {
		if (place.state->content.unknown)
			return unknown(overlay, place.state->cause);
		*ret = stat_of(place.state);
		return place.state->kind == NEAP_FILE_REGULAR
			       ? neap_overlay_sum(&place.state->content, kind, ret_checksum, err)
			       : 0;
	}
	r = below->reads->checksum(below, place.path, kind, &stat, &checksum, &local);
	r = settle(overlay, r, &stat, &local, err);
	if (r != 0)
		return r;
	own_attributes(&place, &stat);
	*ret = stat;
	*ret_checksum = checksum;
	return 0;
}

static int overlay_link(const struct neap_view *view, const char *path, struct neap_arena *arena,
			struct neap_stat *ret, const char **ret_target, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	struct neap_error *local = NULL;
	const char *target = NULL;
	struct neap_stat stat;
	struct neap_overlay_place place;
	int r = locate_to_read(overlay, path, &place, err);

	if (r != 0)
		return r;
	if (place.where == NEAP_OVERLAY_AT_STATE) {
		*ret = stat_of(place.state);
		*ret_target = place.state->target ? neap_arena_strdup(arena, place.state->target) : NULL;
		return 0;
	}
	r = neap_overlay_below(overlay)->reads->link(neap_overlay_below(overlay), place.path, arena, &stat,
						     &target, &local);
	r = settle(overlay, r, &stat, &local, err);
	if (r == 0) {
		*ret = stat;
		*ret_target = stat.kind == NEAP_FILE_LINK ? target : NULL;
	}
	return r;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct neap_entry *)a)->name, ((const struct neap_entry *)b)->name);
}

/* Both sorted by name; of two with one name the second counts. ABSENT ones go. */
static size_t merge(const struct neap_entry *first, size_t first_count, const struct neap_entry *second,
		    size_t second_count, struct neap_entry *ret)
{
	size_t i = 0, j = 0, count = 0;

	while (i < first_count || j < second_count) {
		int order = i == first_count    ? 1
			    : j == second_count ? -1
						: strcmp(first[i].name, second[j].name);

		if (order < 0) {
			ret[count++] = first[i++];
			continue;
		}
		i += order == 0;
		if (second[j].kind != NEAP_FILE_ABSENT)
			ret[count++] = second[j];
		j++;
	}
	return count;
}

int neap_overlay_list(struct neap_overlay *overlay, const char *path, bool through, struct neap_arena *arena,
		      struct neap_entry **ret, size_t *ret_count, struct neap_error **err)
{
	const struct neap_overlay_node *first = neap_overlay_tree_below(&overlay->tree, neap_str(path));
	struct neap_entry *theirs = NULL, *ours;
	size_t their_count = 0, count = 0;

	if (through) {
		int r = neap_overlay_below(overlay)->reads->list(neap_overlay_below(overlay), path, arena,
								 &theirs, &their_count, err);

		if (r != 0)
			return r;
	}
	for (const struct neap_overlay_node *node = first; node; node = node->sibling)
		count += node->state.held;
	if (!count) {
		*ret = theirs;
		*ret_count = their_count;
		return 0;
	}
	ours = neap_arena_array_of(arena, struct neap_entry, count);
	count = 0;
	for (const struct neap_overlay_node *node = first; node; node = node->sibling)
		if (node->state.held)
			ours[count++] = (struct neap_entry){
				.name = neap_arena_strdup(arena, neap_path_name(node->path).data),
				.kind = node->state.kind == UNKNOWN_KIND ? NEAP_FILE_OTHER : node->state.kind,
				.unsure = node->state.kind == UNKNOWN_KIND,
			};
	qsort(ours, count, sizeof(*ours), compare_entries);
	*ret = neap_arena_array_of(arena, struct neap_entry, count + their_count);
	*ret_count = merge(theirs, their_count, ours, count, *ret);
	return 0;
}

static int overlay_list(const struct neap_view *view, const char *path, struct neap_arena *arena,
			struct neap_entry **ret, size_t *ret_count, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	struct neap_error *local = NULL;
	struct neap_entry *entries = NULL;
	struct neap_overlay_place place;
	size_t count = 0;
	int r = locate_to_read(overlay, path, &place, err);

	if (r != 0)
		return r;
	if (place.where == NEAP_OVERLAY_AT_STATE && place.state->kind != NEAP_FILE_DIRECTORY)
		r = neap_error_errno(&local, place.state->kind == NEAP_FILE_ABSENT ? ENOENT : ENOTDIR,
				     "list %s", path);
	else if (place.where == NEAP_OVERLAY_AT_STATE && place.state->fill == NEAP_OVERLAY_UNSURE)
		return unknown(overlay, place.state->cause);
	else
		r = neap_overlay_list(overlay, place.path,
				      place.where == NEAP_OVERLAY_AT_MACHINE ||
					      place.state->fill == NEAP_OVERLAY_THROUGH,
				      arena, &entries, &count, &local);
	if (r > 0)
		return r;
	r = settle(overlay, r, NULL, &local, err);
	if (r == 0) {
		*ret = entries;
		*ret_count = count;
	}
	return r;
}

static struct neap_accounts *overlay_accounts(const struct neap_view *view)
{
	struct neap_overlay *overlay = neap_overlay_of(view);

	/* Of an account that is not there yet, or of a number that may be taken. */
	overlay->cause =
		neap_overlay_pends(overlay) ? overlay->pending : neap_accounts_unsettled(overlay->accounts);
	return overlay->accounts;
}

static void overlay_caller(const struct neap_view *view, uint32_t *uid, uint32_t *gid)
{
	const struct neap_overlay *overlay = neap_overlay_of(view);

	neap_overlay_below(overlay)->reads->caller(neap_overlay_below(overlay), uid, gid);
}

/* What is absent reads otherwise where something pends. */
static uint64_t overlay_generation(const struct neap_view *view)
{
	const struct neap_overlay *overlay = neap_overlay_of(view);

	return 2 * overlay->turns + neap_overlay_pends(overlay) + 1;
}

static bool overlay_changed(const struct neap_view *view, uint64_t since, struct neap_arena *arena,
			    const char *const **ret, size_t *ret_count)
{
	const struct neap_overlay *overlay = neap_overlay_of(view);
	uint64_t turn = (since - 1) / 2, count = overlay->turns - turn;
	const struct neap_change *held = overlay->held.items;
	const char **paths;

	if ((overlay_generation(view) ^ since) & 1 || turn < overlay->steady)
		return false;
	paths = neap_arena_array_of(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		paths[i] = held[overlay->held.count - count + i].path;
	*ret = paths;
	*ret_count = count;
	return true;
}

static uint32_t overlay_cause(const struct neap_view *view)
{
	return neap_overlay_of(view)->cause;
}

const struct neap_reads neap_overlay_reads = {
	.stat = overlay_stat,
	.file = overlay_file,
	.small_file = overlay_small_file,
	.link = overlay_link,
	.list = overlay_list,
	.accounts = overlay_accounts,
	.caller = overlay_caller,
	.cause = overlay_cause,
	.generation = overlay_generation,
	.changed = overlay_changed,
	.query = neap_overlay_query,
	.clock = neap_overlay_clock,
	.running = neap_overlay_running,
	.kernel = neap_overlay_kernel_read,
	.net = neap_overlay_net_read,
	.net_settle = neap_overlay_net_settle,
	.ruleset = neap_overlay_ruleset,
	.rule_absent = neap_overlay_rule_absent,
	.rule_wanted = neap_overlay_rule_wanted,
	.rule_form = neap_overlay_rule_form,
	.firewall_name = neap_overlay_firewall_name,
	.cached = neap_overlay_cached,
	.checksum = overlay_checksum,
	.manager = neap_overlay_manager,
	.unit = neap_overlay_unit_read,
	.units_expected = neap_overlay_units_expected,
};
