#include "tests/support/truth.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/path.h"
#include "tests/support/opaque.h"

struct shot { /* what is at a resource's path */
	struct neap_stat stat;
	struct neap_content content;
	const char *target;
};

struct truth {
	const struct world *world;
	struct neap_arena *arena;
	const char *dump;
	struct shot shots[WORLD_RESOURCES];
};

static bool is(const struct world_resource *r, const char *type)
{
	return strcmp(r->type->name, type) == 0;
}

static struct shot take(const struct neap_view *view, const char *path, struct neap_arena *arena)
{
	struct shot shot = { 0 };
	struct neap_stat ignored;

	/* A file on the way: nothing is there. */
	if (neap_view_file(view, path, arena, &shot.stat, &shot.content, NULL) == 0 &&
	    shot.stat.kind == NEAP_FILE_LINK)
		neap_view_link(view, path, arena, &ignored, &shot.target, NULL);
	return shot;
}

struct truth *truth_before(const struct world *world, const struct neap_view *view, struct neap_arena *arena)
{
	struct truth *truth = neap_arena_new_of(arena, struct truth);

	truth->world = world;
	truth->arena = arena;
	truth->dump = world_dump(view, arena);
	for (unsigned i = 0; i < world->resource_count; i++)
		truth->shots[i] = take(view, world->resources[i].path, arena);
	return truth;
}

/* ---- who stands on whom ------------------------------------------------------------------------------ */

uint32_t truth_below(const struct neap_graph *graph, uint32_t number)
{
	uint64_t reached = (uint64_t)1 << number, before = 0;

	while (reached != before) { /* nodes are few: resources and a join each */
		before = reached;
		for (size_t i = 0; i < graph->edges.count; i++)
			if (reached >> graph->edges.items[i].from & 1)
				reached |= (uint64_t)1 << graph->edges.items[i].to;
	}
	return (uint32_t)(reached & ~((uint64_t)1 << number)) & ((1U << graph->resources.count) - 1);
}

static bool names(const char *const *paths, unsigned count, const char *path)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(paths[i], path) == 0)
			return true;
	return false;
}

bool truth_alone(const struct world *world, unsigned number)
{
	const char *path = world->resources[number].path;

	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];

		if ((i != number && strcmp(r->path, path) == 0) || names(r->changes, r->change_count, path) ||
		    names(r->plants, r->plant_count, path))
			return false;
	}
	return !world->aliased;
}

static enum neap_maybe weight(const struct neap_result *result)
{
	return result->action == NEAP_ACTION_NONE      ? NEAP_NO
	       : result->action == NEAP_ACTION_UNKNOWN ? NEAP_MAYBE
						       : NEAP_YES;
}

/* What a process says that it changes is unknown, and where it is a link, what it leads to. */
static bool changes_a_link(const struct world *world, const struct world_resource *opaque)
{
	for (unsigned k = 0; k < opaque->change_count; k++) {
		for (unsigned i = 0; i < world->node_count; i++)
			if (world->nodes[i].kind == NEAP_FILE_LINK &&
			    strcmp(world->nodes[i].path, opaque->changes[k]) == 0)
				return true;
		for (unsigned i = 0; i < world->resource_count; i++)
			if (world->resources[i].target &&
			    strcmp(world->resources[i].path, opaque->changes[k]) == 0)
				return true;
	}
	return false;
}

/* Whether an unknown entry has something to be unknown for: a process that has not run yet, above it or said
 * to change what lies where it works; or such an unknown entry, again. */
static bool may_be_unknown(const struct world *world, const struct neap_run *run, unsigned number,
			   const uint32_t *below)
{
	const char *path = world->resources[number].path;

	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];
		bool opaque = r->type == &neap_test_opaque;

		if (i == number || run->results[i].action == NEAP_ACTION_NONE)
			continue;
		if (opaque && ((below[i] >> number & 1) || changes_a_link(world, r)))
			return true;
		/* Of what is missing above the path, too, it is not known whether it comes. */
		for (unsigned k = 0; opaque && k < r->change_count; k++)
			if (world_same_top(r->changes[k], path))
				return true;
		if (!opaque && run->results[i].action == NEAP_ACTION_UNKNOWN && world_same_top(r->path, path))
			return true;
	}
	return world->aliased;
}

/* What is there, whole and with nothing in between, is known even where much is pending. */
static bool must_be_known(const struct world *world, const struct neap_run *run, unsigned number)
{
	const struct world_resource *self = &world->resources[number];
	struct neap_str path = neap_str(self->path);
	bool regular = false;

	if (self->type == &neap_test_opaque || self->referring || is(self, "directory") || world->aliased)
		return false;
	for (unsigned i = 0; i < world->node_count; i++) {
		const struct world_node *node = &world->nodes[i];

		if (strcmp(node->path, self->path) == 0)
			regular = node->kind == NEAP_FILE_REGULAR;
	}
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];

		if (i == number)
			continue;
		if (strcmp(r->path, self->path) == 0 || neap_path_below(path, neap_str(r->path)) ||
		    changes_a_link(world, r))
			return false;
		for (unsigned k = 0; k < r->change_count; k++)
			if (strcmp(r->changes[k], self->path) == 0 ||
			    neap_path_below(path, neap_str(r->changes[k])))
				return false;
	}
	return regular && run->results[number].refresh != NEAP_MAYBE;
}

static const char *resource_of_run(const struct world *world, const struct neap_run *run, unsigned number,
				   const uint32_t *below)
{
	const struct world_resource *r = &world->resources[number];
	const struct neap_result *result = &run->results[number];
	enum neap_maybe refresh = NEAP_NO;
	bool stands = true; /* nothing above has failed */

	for (unsigned i = 0; i < world->resource_count; i++)
		if (below[i] >> number & 1)
			stands = stands && run->results[i].outcome != NEAP_OUTCOME_FAILED;
	if ((result->outcome == NEAP_OUTCOME_SKIPPED) == stands)
		return stands ? "skipped, though nothing above it failed"
			      : "not skipped, though something above it failed";
	if (!stands)
		return result->cause < world->resource_count && (below[result->cause] >> number & 1) &&
				       run->results[result->cause].outcome == NEAP_OUTCOME_FAILED
			       ? NULL
			       : "skipped for another cause";
	if (result->outcome == NEAP_OUTCOME_FAILED)
		return !r->lies && strstr(result->error->message, "did not converge") ? "did not converge"
										      : NULL;
	/* One that certainly changes is enough. */
	for (unsigned i = 0; r->subscribes && i < r->require_count && refresh != NEAP_YES; i++)
		if (weight(&run->results[r->requires[i]]) != NEAP_NO)
			refresh = weight(&run->results[r->requires[i]]);
	if (result->refresh != refresh)
		return "not refreshed as what it subscribes to says";
	if (result->action != NEAP_ACTION_UNKNOWN)
		return NULL;
	if (run->mode == NEAP_RUN_APPLY)
		return "unknown in an apply";
	if (refresh == NEAP_MAYBE)
		return NULL;
	if (!may_be_unknown(world, run, number, below))
		return "unknown for no reason";
	return must_be_known(world, run, number) ? "unknown, though what is there is known" : NULL;
}

const char *truth_of_run(const struct world *world, const struct neap_run *run, unsigned *ret_number)
{
	uint32_t below[WORLD_RESOURCES];

	for (unsigned i = 0; i < world->resource_count; i++)
		below[i] = truth_below(run->graph, i);
	for (unsigned i = 0; i < world->resource_count; i++) {
		const char *wrong = resource_of_run(world, run, i, below);

		*ret_number = i;
		if (wrong)
			return wrong;
	}
	return NULL;
}

/* ---- lines, once more and plainly -------------------------------------------------------------------- */

#define LINES_MAX 16

struct split {
	struct neap_str text[LINES_MAX], ending[LINES_MAX];
	unsigned count;
};

static void split(const struct neap_content *content, struct split *ret)
{
	const char *at = content->data, *end = at + content->size;

	for (ret->count = 0; at < end; ret->count++) {
		const char *stop = at;

		while (stop < end && *stop != '\n')
			stop++;
		const char *next = stop < end ? stop + 1 : end;
		if (stop < end && stop > at && stop[-1] == '\r')
			stop--;
		ret->text[ret->count] = (struct neap_str){ at, (size_t)(stop - at) };
		ret->ending[ret->count] = (struct neap_str){ stop, (size_t)(next - stop) };
		at = next;
	}
}

static void put_in(struct split *lines, unsigned at, const char *text, struct neap_str ending)
{
	for (unsigned i = lines->count++; i > at; i--) {
		lines->text[i] = lines->text[i - 1];
		lines->ending[i] = lines->ending[i - 1];
	}
	lines->text[at] = neap_str(text);
	lines->ending[at] = ending;
}

static bool fits(struct neap_str text, const char *start) /* the world's regexps all say "^…" */
{
	return start && text.len >= strlen(start + 1) &&
	       strncmp(text.data, start + 1, strlen(start + 1)) == 0;
}

static void remove_lines(struct split *lines, unsigned first, unsigned count)
{
	bool open = !lines->ending[lines->count - 1].len;

	for (unsigned i = first; i + count < lines->count; i++) {
		lines->text[i] = lines->text[i + count];
		lines->ending[i] = lines->ending[i + count];
	}
	lines->count -= count;
	if (open && lines->count)
		lines->ending[lines->count - 1].len = 0;
}

/* Of the world's only block: its marks. False: they are not there, or not both. */
static bool block_at(const struct split *lines, unsigned *ret_begin, unsigned *ret_end, bool *ret_broken)
{
	unsigned begin = LINES_MAX, end = LINES_MAX;

	for (unsigned i = 0; i < lines->count; i++) {
		if (neap_str_equal(lines->text[i], NEAP_STR("# BEGIN neap: w")))
			begin = i;
		if (neap_str_equal(lines->text[i], NEAP_STR("# END neap: w")))
			end = i;
	}
	*ret_begin = begin;
	*ret_end = end;
	*ret_broken = (begin == LINES_MAX) != (end == LINES_MAX);
	return begin != LINES_MAX && end != LINES_MAX;
}

/* New lines at `at`; the file ends as it ended. */
static void put_all(struct split *lines, unsigned at, const char *const *texts, unsigned count,
		    struct neap_str ending)
{
	bool open = at == lines->count && at && !lines->ending[at - 1].len;

	if (open)
		lines->ending[at - 1] = ending;
	for (unsigned i = 0; i < count; i++)
		put_in(lines, at + i, texts[i], ending);
	if (open)
		lines->ending[lines->count - 1].len = 0;
}

static bool block_result(const struct world_resource *r, struct split *lines, struct neap_str ending)
{
	unsigned begin, end, at = lines->count, count = 0;
	const char *texts[8] = { "# BEGIN neap: w" };
	char *copy = r->content ? strdup(r->content) : NULL, *rest = copy;
	bool broken, there = block_at(lines, &begin, &end, &broken);

	for (unsigned i = 0; i < lines->count; i++)
		if (fits(lines->text[i], r->insert_after))
			at = i + 1;
	for (char *line; rest && *rest && (line = strsep(&rest, "\n"));)
		texts[++count] = line;
	texts[count + 1] = "# END neap: w";
	if (!broken && there && r->absent) {
		remove_lines(lines, begin, end - begin + 1);
	} else if (!broken && there) {
		if (end - begin > 1)
			remove_lines(lines, begin + 1, end - begin - 1);
		put_all(lines, begin + 1, texts + 1, count, ending);
	} else if (!broken && !r->absent) {
		put_all(lines, at, texts, count + 2, ending);
	}
	for (unsigned i = 0; i < lines->count; i++) /* what is freed below */
		for (unsigned k = 1; k <= count; k++)
			if (lines->text[i].data == texts[k])
				lines->text[i].data = strstr(r->content, texts[k]);
	free(copy);
	return !broken;
}

/* No sections in this world: one key, above all of them. */
static bool ini_result(const struct world_resource *r, struct split *lines, struct neap_str ending,
		       char buffer[64])
{
	unsigned found = 0, last = 0, at = 0;

	for (unsigned i = 0; i < lines->count; i++) {
		if (lines->text[i].len)
			at = i + 1;
		if (!fits(lines->text[i], "^k=") && !fits(lines->text[i], "^k ="))
			continue;
		found++;
		last = i;
		if (!r->absent)
			continue;
		remove_lines(lines, i, 1);
		i--;
	}
	if (r->absent || found > 1)
		return found < 2 || r->absent;
	if (!found) {
		snprintf(buffer, 64, "k = %s", r->value);
		put_all(lines, at, (const char *const[]){ buffer }, 1, ending);
		return true;
	}
	snprintf(buffer, 64, "%s%s", fits(lines->text[last], "^k = ") ? "k = " : "k=", r->value);
	lines->text[last] = neap_str(buffer);
	return true;
}

static bool join(const struct split *lines, struct neap_buf *ret)
{
	for (unsigned i = 0; i < lines->count; i++) {
		neap_buf_append(ret, lines->text[i].data, lines->text[i].len);
		neap_buf_append(ret, lines->ending[i].data, lines->ending[i].len);
	}
	return true;
}

/* What the file must hold afterwards. False: the part cannot be brought about. */
static bool part_result(const struct world_resource *r, const struct neap_content *before,
			struct neap_buf *ret)
{
	struct split lines;
	unsigned fitting = 0, equal = 0, last = 0, at;
	char buffer[64];

	split(before, &lines);
	struct neap_str ending =
		lines.count && lines.ending[0].len ? lines.ending[0] : (struct neap_str){ "\n", 1 };
	if (r->block && !block_result(r, &lines, ending))
		return false;
	if (r->key && !ini_result(r, &lines, ending, buffer))
		return false;
	if (!r->line)
		return join(&lines, ret);
	at = lines.count;
	for (unsigned i = 0; i < lines.count; i++) {
		if (neap_str_equal(lines.text[i], neap_str(r->line)))
			equal++;
		if (fits(lines.text[i], r->match)) {
			fitting++;
			last = i;
		}
		if (fits(lines.text[i], r->insert_after))
			at = i + 1;
	}
	if (r->absent) {
		bool open = lines.count && !lines.ending[lines.count - 1].len;
		unsigned kept = 0;

		for (unsigned i = 0; i < lines.count; i++) {
			if (neap_str_equal(lines.text[i], neap_str(r->line)) || fits(lines.text[i], r->match))
				continue;
			lines.text[kept] = lines.text[i];
			lines.ending[kept++] = lines.ending[i];
		}
		lines.count = kept;
		if (open && kept)
			lines.ending[kept - 1].len = 0;
	} else if (fitting > 1) {
		return false;
	} else if (fitting == 1) {
		lines.text[last] = neap_str(r->line);
	} else if (!equal || r->match) {
		if (at == lines.count && at && !lines.ending[at - 1].len) {
			lines.ending[at - 1] = ending;
			ending.len = 0;
		}
		put_in(&lines, at, r->line, ending);
	}
	return join(&lines, ret);
}

/* ---- what was wanted --------------------------------------------------------------------------------- */

static uint32_t octal(const char *mode)
{
	return (uint32_t)strtoul(mode, NULL, 8);
}

static bool holds(const struct shot *shot, const char *data, size_t size)
{
	return shot->stat.kind == NEAP_FILE_REGULAR && shot->content.size == size &&
	       memcmp(shot->content.data, data, size) == 0;
}

static const char *wanted_part(const struct world_resource *r, const struct shot *before,
			       const struct shot *after, bool failed)
{
	NEAP_AUTO_BUF struct neap_buf result = { 0 };
	const struct neap_content nothing = { .data = "" };
	bool there = before->stat.kind == NEAP_FILE_REGULAR;

	neap_buf_puts(&result, "");
	if (before->stat.kind == NEAP_FILE_DIRECTORY || before->stat.kind == NEAP_FILE_LINK)
		return failed ? NULL : "a line in what is no file";
	if (r->absent && !there)
		return failed || after->stat.kind == NEAP_FILE_ABSENT ? NULL : "a file for no line";
	if (!part_result(r, there ? &before->content : &nothing, &result))
		return failed ? NULL : "what cannot be was not refused";
	if (failed)
		return NULL;
	if (!r->referring && !holds(after, result.data, result.len))
		return "other lines than wanted";
	if (after->stat.mode != (there ? before->stat.mode : r->secret && *r->content ? 0600 : 0644))
		return "another mode than that of the file";
	return there && after->stat.uid != before->stat.uid ? "another owner than that of the file" : NULL;
}

static const char *wanted_attributes(const struct world_resource *r, const struct shot *before,
				     const struct shot *after, enum neap_file_kind kind, uint32_t new_mode)
{
	bool there = before->stat.kind == kind;
	uint32_t mode = r->mode ? octal(r->mode) : there ? before->stat.mode : new_mode;

	if (after->stat.kind != kind)
		return "it is not there";
	if (after->stat.mode != mode)
		return "another mode than wanted";
	if (r->owner && after->stat.uid != (uint32_t)atoi(r->owner))
		return "another owner than wanted";
	return !r->owner && there && after->stat.uid != before->stat.uid ? "another owner than before" : NULL;
}

/* What is at its path now, by its parameters. */
static const char *wanted(const struct world_resource *r, const struct shot *before, const struct shot *after,
			  bool failed)
{
	enum neap_file_kind was = before->stat.kind;
	const char *wrong;

	if (world_is_part(r))
		return wanted_part(r, before, after, failed);
	if (is(r, "directory") ? was == NEAP_FILE_REGULAR || was == NEAP_FILE_LINK
	    : is(r, "link")    ? was == NEAP_FILE_REGULAR || was == NEAP_FILE_DIRECTORY
			       : was == NEAP_FILE_DIRECTORY)
		return failed ? NULL : "something else is there, and was not refused";
	if (failed)
		return NULL;
	if (r->absent)
		return after->stat.kind == NEAP_FILE_ABSENT ? NULL : "it is still there";
	if (is(r, "link"))
		return after->target && strcmp(after->target, r->target) == 0 ? NULL : "another target";
	if (is(r, "directory"))
		return wanted_attributes(r, before, after, NEAP_FILE_DIRECTORY, 0755);
	wrong = wanted_attributes(r, before, after, NEAP_FILE_REGULAR,
				  r->secret && *r->content ? 0600 : 0644);
	if (wrong || r->referring)
		return wrong;
	if (r->content)
		return holds(after, r->content, strlen(r->content)) ? NULL : "other bytes than wanted";
	return was == NEAP_FILE_REGULAR
		       ? (holds(after, before->content.data, before->content.size) ? NULL : "other bytes")
	       : after->content.size ? "bytes that nobody wanted"
				     : NULL;
}

/* ---- what was said ----------------------------------------------------------------------------------- */

static const struct neap_change_entry *entry_of(const struct neap_result *result, const char *param)
{
	for (size_t i = 0; i < result->change_count; i++)
		if (strcmp(result->changes[i].param, param) == 0)
			return &result->changes[i];
	return NULL;
}

static bool says(const struct neap_value *value, const char *data, size_t size)
{
	return value->kind == NEAP_STRING && value->text.len == size &&
	       memcmp(value->text.data, data, size) == 0;
}

/* An entry for a number that is shown as text: there exactly when it changed, with both values. */
static bool said_number(const struct neap_result *result, const char *param, const char *format, bool there,
			uint32_t before, uint32_t after)
{
	const struct neap_change_entry *entry = entry_of(result, param);
	char was[16], now[16];

	snprintf(was, sizeof was, format, before);
	snprintf(now, sizeof now, format, after);
	if (!entry)
		return !there || before == after;
	if (!says(&entry->after, now, strlen(now)))
		return false;
	return there ? before != after && says(&entry->before, was, strlen(was))
		     : entry->before.kind == NEAP_NIL;
}

/* Without recurse only a purge removes anything, and that only right in its directory. */
static bool only_names(const struct world_resource *r, const struct neap_change_entry *entries)
{
	for (size_t i = 0; entries && i < entries->before.list.count; i++) {
		const char *path = entries->before.list.items[i].text.data;

		if (!r->purge || strrchr(path, '/') != path + strlen(r->path))
			return false;
	}
	return true;
}

static const char *said(const struct world_resource *r, const struct neap_result *result,
			const struct shot *before, const struct shot *after)
{
	bool there = before->stat.kind == after->stat.kind;
	bool same_bytes = there && before->content.size == after->content.size &&
			  (!before->content.size ||
			   memcmp(before->content.data, after->content.data, before->content.size) == 0);
	const struct neap_change_entry *content = entry_of(result, "content"),
				       *target = entry_of(result, "target");

	if (result->outcome == NEAP_OUTCOME_UNCHANGED)
		return !there || before->stat.mode != after->stat.mode ||
				       before->stat.uid != after->stat.uid || !same_bytes ||
				       (before->target && strcmp(before->target, after->target) != 0)
			       ? "changed without a word"
			       : NULL;
	if (result->action == NEAP_ACTION_CREATE && !world_is_part(r) &&
	    before->stat.kind != NEAP_FILE_ABSENT)
		return "says that it makes what was there";
	if (result->action == NEAP_ACTION_UPDATE && before->stat.kind == NEAP_FILE_ABSENT)
		return "says that it changes what was not there";
	if (result->action == NEAP_ACTION_DELETE && !r->absent)
		return "says that it removes what is wanted";
	if (!r->recurse && !only_names(r, entry_of(result, "entries")))
		return "removes what is not right in it, or directories, and was not told to recurse";
	if (is(r, "link") && !r->absent && (!target || !says(&target->after, r->target, strlen(r->target))))
		return "does not say the new target";
	if (r->absent || world_is_part(r) || is(r, "link"))
		return NULL;
	if (!said_number(result, "mode", "%04o", there, before->stat.mode, after->stat.mode) ||
	    (there && r->mode && before->stat.mode != after->stat.mode && !entry_of(result, "mode")))
		return "does not say how the mode changes";
	if (!said_number(result, "owner", "%u", there, before->stat.uid, after->stat.uid))
		return "does not say how the owner changes";
	if (!is(r, "file"))
		return NULL;
	if (there ? !content != same_bytes : !content && r->content)
		return "does not say whether the content changes";
	return !content || says(&content->after, after->content.data, after->content.size)
		       ? NULL
		       : "says another content";
}

/* ---- nothing else ------------------------------------------------------------------------------------ */

static bool same_path(const struct world *world, const char *path, struct neap_str line)
{
	char real[256];

	world_canonical(world, path, real);
	return line.len > strlen(real) && strncmp(line.data, real, strlen(real)) == 0 &&
	       line.data[strlen(real)] == ' ';
}

static bool listed(const struct world *world, const struct neap_result *result, const char *param, bool after,
		   struct neap_str line)
{
	const struct neap_change_entry *entry = entry_of(result, param);
	const struct neap_value *value = entry ? (after ? &entry->after : &entry->before) : NULL;

	for (size_t i = 0; value && value->kind == NEAP_LIST && i < value->list.count; i++) {
		char path[256];

		snprintf(path, sizeof path, "%.*s", (int)value->list.items[i].text.len,
			 value->list.items[i].text.data);
		if (same_path(world, path, line))
			return true;
	}
	return false;
}

/* Whether some result says that this line of a dump goes, or comes. */
static bool accounted(const struct world *world, const struct neap_run *apply, struct neap_str line,
		      bool comes)
{
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];
		const struct neap_result *result = &apply->results[i];

		if (result->outcome != NEAP_OUTCOME_CHANGED &&
		    !(r->lies && result->outcome == NEAP_OUTCOME_FAILED))
			continue;
		if (same_path(world, r->path, line) ||
		    listed(world, result, comes ? "parents" : "entries", comes, line))
			return true;
		for (unsigned k = 0; k < r->change_count; k++)
			if (same_path(world, r->changes[k], line))
				return true;
		for (unsigned k = 0; k < r->plant_count; k++)
			if (same_path(world, r->plants[k], line))
				return true;
		for (unsigned k = 0; k < r->clear_count; k++)
			if (same_path(world, r->clears[k], line))
				return true;
	}
	return false;
}

/* Lines of `dump` that are not in `other` must be accounted for. */
static bool all_accounted(const struct world *world, const struct neap_run *apply, const char *dump,
			  const char *other, bool comes)
{
	for (const char *at = dump; *at;) {
		const char *stop = strstr(at, "|\n") + 2;
		struct neap_str line = { at, (size_t)(stop - at) };
		const char *hit = memmem(other, strlen(other), line.data, line.len);

		at = stop;
		if (hit && (hit == other || hit[-1] == '\n'))
			continue;
		if (!accounted(world, apply, line, comes)) {
			fprintf(stderr, "nobody said that this %s: %.*s", comes ? "comes" : "goes",
				(int)line.len, line.data);
			return false;
		}
	}
	return true;
}

const char *truth_of_apply(const struct truth *truth, const struct neap_run *apply,
			   const struct neap_view *view, unsigned *ret_number)
{
	const struct world *world = truth->world;
	const char *dump = world_dump(view, truth->arena);

	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];
		const struct neap_result *result = &apply->results[i];
		struct shot after = take(view, r->path, truth->arena);
		bool failed = result->outcome == NEAP_OUTCOME_FAILED;
		const char *wrong;

		*ret_number = i;
		if (result->outcome == NEAP_OUTCOME_SKIPPED || result->outcome == NEAP_OUTCOME_NOT_DONE ||
		    !truth_alone(world, i))
			continue;
		if (r->type == &neap_test_opaque) {
			if (!failed && after.stat.kind != NEAP_FILE_REGULAR)
				return "a command that has not run";
			continue;
		}
		wrong = wanted(r, &truth->shots[i], &after, failed);
		if (!wrong && !failed)
			wrong = said(r, result, &truth->shots[i], &after);
		if (wrong)
			return wrong;
	}
	*ret_number = 0;
	if (world->aliased)
		return NULL;
	return all_accounted(world, apply, truth->dump, dump, false) &&
			       all_accounted(world, apply, dump, truth->dump, true)
		       ? NULL
		       : "something else has happened";
}
