#include "tests/support/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/vec.h"
#include "modules/modules.h"
#include "tests/support/opaque.h"

uint32_t world_random(struct world_random *random, uint32_t below)
{
	random->state += 0x9e3779b97f4a7c15u;
	uint64_t z = random->state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % below);
}

#define PICK(random, array) (array)[world_random(random, sizeof(array) / sizeof *(array))]

static const char *const directories[] = { "/a", "/a/b", "/a/b/c", "/d" };
static const char *const leaves[] = { "/x",       "/a/x", "/a/y", "/a/b/x", "/a/b/y",  "/a/b/c/x",
				      "/a/b/c/y", "/d/x", "/d/y", "/d/e/x", "/a/n/m/x" };
static const char *const contents[] = { "",
					"one\n",
					"two\n",
					"one\ntwo\nthree\n",
					"k=1\r\nk=2\r\n",
					"no newline",
					"\n\n",
					"a\nk=1\n",
					"one\r\ntwo",
					"z\n# BEGIN neap: w\nold\n# END neap: w\nz\n",
					"# BEGIN neap: w\r\nb1\r\n# END neap: w",
					"one\n# BEGIN neap: w\nlost\n" };
static const char *const block_contents[] = { "", "b1\n", "b1\n\nb2\n", "b1" };
static const char *const key_values[] = { "1", "2", "a b" };
static const char *const modes[] = { "0644", "0600", "0755", "4755", "0000" };
static const char *const owners[] = { "0", "12", "34" };
static const char *const targets[] = { "/a", "b", "../d", "/d/x", "nowhere", "x", "/a/b" };
static const char *const lines[] = { "one", "k=2", "new line", "two", "k=3" };

static void make_machine(struct world *world, struct world_random *random, bool with_owners)
{
	static const char *const own[] = { "/m", "/m/a", "/m/ab", "/m/abc", "/m/d" };
	static const char *const aside[4][2] = { { "/m/a", "m/a" },
						 { "/m/ab", "../m/ab" },
						 { "/m/abc", "../../m/abc" },
						 { "/m/d", "../../m/d" } };
	static const char *const aliases[] = { "/d", "d", "/a", "../a", "b", "/a/b" };
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		world->nodes[world->node_count++] =
			(struct world_node){ .path = own[i], .kind = NEAP_FILE_DIRECTORY, .mode = 0755 };
	for (size_t i = 0; i < 4 + sizeof leaves / sizeof *leaves; i++) {
		const char *path = i < 4 ? directories[i] : leaves[i - 4];
		uint32_t dice = world_random(random, 100);
		struct world_node node = { .path = path, .mode = 0644 };
		node.kind = dice < (i < 4 ? 20 : 40)   ? NEAP_FILE_ABSENT
			    : dice < (i < 4 ? 25 : 80) ? NEAP_FILE_REGULAR
			    : dice < (i < 4 ? 90 : 87) ? NEAP_FILE_DIRECTORY
						       : NEAP_FILE_LINK;
		struct neap_str parent = neap_path_parent(neap_str(path));
		bool possible = parent.len == 1;
		for (unsigned n = 0; n < world->node_count && !possible; n++)
			possible = neap_str_equal(parent, neap_str(world->nodes[n].path)) &&
				   world->nodes[n].kind == NEAP_FILE_DIRECTORY;
		if (!possible)
			continue;
		if (node.kind == NEAP_FILE_ABSENT)
			continue;
		static const uint32_t file_modes[] = { 0644, 0600, 0755, 04755 };
		if (node.kind == NEAP_FILE_REGULAR) {
			node.data = PICK(random, contents);
			node.mode = PICK(random, file_modes);
		} else if (node.kind == NEAP_FILE_DIRECTORY) {
			node.mode = world_random(random, 4) ? 0755 : world_random(random, 2) ? 0700 : 02775;
		} else {
			/* A directory's link leads where no resource owns anything, each to a place of its
			 * own; seldom to where they do, so that one thing has two names. */
			bool alias = i < 4 && world_random(random, 8) == 0;
			node.data = i >= 4  ? PICK(random, targets)
				    : alias ? PICK(random, aliases)
					    : aside[i][world_random(random, 2)];
			world->aliased |= alias;
			node.mode = 0777;
		}
		if (with_owners && node.kind == NEAP_FILE_REGULAR && world_random(random, 3) == 0)
			node.uid = node.gid = 12;
		world->nodes[world->node_count++] = node;
	}
}

static unsigned users_of(const struct world *world, const char *path)
{
	unsigned count = 0;
	for (unsigned i = 0; i < world->resource_count; i++)
		count += world->resources[i].type != &neap_test_opaque &&
			 strcmp(world->resources[i].path, path) == 0;
	return count;
}

static void make_resource(struct world *world, struct world_random *random, struct world_resource *r,
			  bool with_owners)
{
	static const char *const made[] = { "/m/0", "/m/1", "/m/2", "/m/3", "/m/4",  "/m/5",
					    "/m/6", "/m/7", "/m/8", "/m/9", "/m/10", "/m/11" };
	uint32_t dice = world_random(random, 100);
	const char *type = dice < 38   ? "file"
			   : dice < 55 ? "directory"
			   : dice < 66 ? "link"
			   : dice < 76 ? "line"
			   : dice < 82 ? "block"
			   : dice < 87 ? "ini"
				       : NULL;
	r->type = type ? neap_registry_find(&neap_modules, type) : &neap_test_opaque;
	r->absent = type && world_random(random, 5) == 0;
	r->path = !type                                                       ? made[world->resource_count]
		  : strcmp(type, "directory") == 0 && world_random(random, 5) ? PICK(random, directories)
									      : PICK(random, leaves);
	if (type && strcmp(type, "file") == 0 && !r->absent) {
		r->content = world_random(random, 6) ? PICK(random, contents) : NULL;
		r->secret = r->content && world_random(random, 8) == 0;
		r->backup = world_random(random, 10) == 0;
	}
	if (type && (strcmp(type, "file") == 0 || strcmp(type, "directory") == 0) && !r->absent) {
		r->mode = world_random(random, 3) ? NULL : PICK(random, modes);
		r->owner = with_owners && world_random(random, 4) == 0 ? PICK(random, owners) : NULL;
	}
	if (type && strcmp(type, "directory") == 0) {
		r->purge = !r->absent && world_random(random, 4) == 0;
		r->recurse = (r->absent || r->purge) && world_random(random, 2);
	}
	if (type && strcmp(type, "link") == 0 && !r->absent)
		r->target = PICK(random, targets);
	if (type && strcmp(type, "line") == 0) {
		r->line = PICK(random, lines);
		r->match = world_random(random, 3) && strncmp(r->line, "k=", 2) == 0 ? "^k=" : NULL;
		r->insert_after = !r->absent && world_random(random, 3) == 0 ? "^one" : NULL;
	}
	if (type && strcmp(type, "block") == 0) {
		r->block = "w";
		r->content = r->absent ? NULL : PICK(random, block_contents);
		r->secret = r->content && world_random(random, 8) == 0;
		r->insert_after = !r->absent && world_random(random, 3) == 0 ? "^one" : NULL;
	}
	if (type && strcmp(type, "ini") == 0) {
		r->key = "k";
		r->value = r->absent ? NULL : PICK(random, key_values);
	}
	unsigned needs = world_random(random, 3);
	while (world->resource_count && r->require_count < needs) {
		r->requires[r->require_count++] = world_random(random, world->resource_count);
	}
	r->subscribes = !type && world_random(random, 2);
	r->lies = !type && world_random(random, 25) == 0;
}

/* Blocks and keys have their file for themselves: where one of several parts fails, the next ones go where it
 * would have gone, and after the repair they stand in another order. */
static bool share(const struct world_resource *r, const struct world_resource *o)
{
	if (strcmp(r->path, o->path) != 0 || (r->line && o->line))
		return false;
	return world_is_part(r) && world_is_part(o);
}

/* Mostly recipes that hold together are wanted: the graph's refusals have tests of their own. */
static bool contradicts(const struct world *world, const struct world_resource *r)
{
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *o = &world->resources[i];
		struct neap_str a = neap_str(r->path), b = neap_str(o->path);
		bool both_lines = r->line && o->line && !(r->match && o->match) &&
				  strcmp(r->line, o->line) != 0 &&
				  !((r->match || o->match) && r->line[0] == 'k' && o->line[0] == 'k');
		if (neap_str_equal(a, b) && !both_lines)
			return true;
		/* What is in a directory that goes has to go, too. */
		bool gone = o->absent && !world_is_part(o) && r->absent && !world_is_part(r);
		if (!gone && ((o->absent && !world_is_part(o) && neap_path_below(a, b)) ||
			      (r->absent && !world_is_part(r) && neap_path_below(b, a))))
			return true;
	}
	return false;
}

/* The commands that resource `number` stands on by what it requires, directly or not, as bits. */
static uint32_t commands_above(const struct world *world, unsigned number)
{
	const struct world_resource *r = &world->resources[number];
	uint32_t above = 0;
	for (unsigned n = 0; n < r->require_count; n++) {
		unsigned other = r->requires[n]; /* declared before */
		above |= commands_above(world, other);
		if (world->resources[other].type == &neap_test_opaque)
			above |= 1U << other;
	}
	return above;
}

/* A file where `r` needs a directory: a command may take it away without a word, if all below it stand on
 * that. */
static void clear_way(struct world *world, const struct world_resource *r, unsigned command)
{
	struct world_resource *o = &world->resources[command];
	for (unsigned i = 0; i < world->node_count; i++) {
		const struct world_node *node = &world->nodes[i];
		bool theirs = false;
		if (node->kind != NEAP_FILE_REGULAR ||
		    !neap_path_below(neap_str(r->path), neap_str(node->path)) || o->clear_count == 4)
			continue;
		for (unsigned k = 0; k < world->resource_count; k++) {
			const char *path = world->resources[k].path;
			bool sweeps = world->resources[k].purge || world->resources[k].absent;
			theirs |= strcmp(path, node->path) == 0 ||
				  (sweeps && neap_path_below(neap_str(node->path), neap_str(path))) ||
				  (neap_path_below(neap_str(path), neap_str(node->path)) &&
				   !(commands_above(world, k) >> command & 1));
		}
		if (!theirs)
			o->clears[o->clear_count++] = node->path;
	}
}

/* An opaque change may touch what one resource, that stands on it, owns: what it says, or what was absent. */
static void plant(struct world *world, struct world_random *random)
{
	for (unsigned i = 0; i < world->resource_count; i++) {
		struct world_resource *r = &world->resources[i];
		uint32_t above = commands_above(world, i);
		/* Two names of one thing: not only who stands on the command may own it. */
		if (r->type == &neap_test_opaque || !above || world->aliased)
			continue;
		unsigned command = 0;
		for (unsigned n = 0; n < i; n++)
			if ((above >> n & 1) && (command == 0 || world_random(random, 2)))
				command = n;
		struct world_resource *o = &world->resources[command];
		if (o->type != &neap_test_opaque)
			continue;
		clear_way(world, r, command);
		if (users_of(world, r->path) != 1 || strcmp(r->type->name, "directory") == 0)
			continue;
		for (unsigned n = 0; n < r->require_count; n++)
			if (world->resources[r->requires[n]].type == &neap_test_opaque && r->content &&
			    world_random(random, 3) == 0) {
				r->referring = true;
				r->secret = false;
			}
		if (world_random(random, 2) && o->change_count < 4)
			o->changes[o->change_count++] = r->path;
		else if (world_random(random, 2) && o->plant_count < 4)
			o->plants[o->plant_count++] = r->path;
	}
}

void world_make(struct world *world, uint64_t seed, bool with_owners)
{
	struct world_random random = { seed };
	*world = (struct world){ 0 };
	make_machine(world, &random, with_owners);
	unsigned count = 1 + world_random(&random, WORLD_RESOURCES);
	for (unsigned tries = 0; world->resource_count < count && tries < 100; tries++) {
		struct world_resource r = { 0 };
		make_resource(world, &random, &r, with_owners);
		bool shares = false;
		for (unsigned i = 0; i < world->resource_count; i++)
			shares |= share(&r, &world->resources[i]);
		if (shares)
			continue;
		if (world_random(&random, world_is_part(&r) ? 5 : 30) && contradicts(world, &r))
			continue;
		world->resources[world->resource_count++] = r;
		if (r.type == &neap_test_opaque && world_random(&random, 4) == 0) /* has run before */
			world->nodes[world->node_count++] =
				(struct world_node){ r.path, NEAP_FILE_REGULAR, 0644, 0, 0, "made\n" };
	}
	plant(world, &random);
}

void world_put_memory(const struct world *world, struct neap_machine *memory)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		const struct world_node *node = &world->nodes[i];
		neap_host_memory_put(memory, node->path, node->kind, node->mode, node->uid, node->gid,
				     node->data, node->data ? strlen(node->data) : 0);
	}
}

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		_exit(99);
	}
}

void world_put_directory(const struct world *world, const char *root)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		const struct world_node *node = &world->nodes[i];
		char path[4096];
		snprintf(path, sizeof path, "%s%s", root, node->path);
		if (node->kind == NEAP_FILE_LINK) {
			must(symlink(node->data, path), path);
			continue;
		}
		if (node->kind == NEAP_FILE_DIRECTORY) {
			must(mkdir(path, 0700), path);
		} else {
			int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
			must(fd, path);
			must((int)write(fd, node->data, strlen(node->data)), path);
			close(fd);
		}
		must(chown(path, node->uid, node->gid), path);
		must(chmod(path, node->mode), path);
	}
}

/* ---- the graph --------------------------------------------------------------------------------------- */

static const struct neap_registry *registry(void)
{
	static const struct neap_resource_type *types[128];
	static const struct neap_registry all = { types };
	if (!types[0]) {
		size_t n = 0;
		bool placed = false;
		for (const struct neap_resource_type *const *type = neap_modules.types; *type; type++) {
			if (!placed && strcmp((*type)->name, "opaque") > 0) {
				types[n++] = &neap_test_opaque;
				placed = true;
			}
			must(n + 3 < sizeof types / sizeof *types ? 0 : -1, "room for all types");
			types[n++] = *type;
		}
		if (!placed)
			types[n] = &neap_test_opaque;
	}
	return &all;
}

static void set(struct neap_graph *graph, uint32_t number, const char *name, struct neap_value value)
{
	int param = neap_schema_find(graph->resources.items[number].type, name);
	neap_graph_set(graph, number, (unsigned)param, &value);
}

static void set_string(struct neap_graph *graph, uint32_t number, const char *name, const char *value)
{
	if (value)
		set(graph, number, name, neap_value_string(value));
}

static void set_true(struct neap_graph *graph, uint32_t number, const char *name, bool value)
{
	if (value)
		set(graph, number, name, (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
}

static void set_list(struct neap_graph *graph, uint32_t number, const char *name, const char *const *items,
		     size_t count)
{
	struct neap_value values[4];
	for (size_t i = 0; i < count; i++)
		values[i] = neap_value_string(items[i]);
	if (count)
		set(graph, number, name,
		    (struct neap_value){ .kind = NEAP_LIST, .list = { .items = values, .count = count } });
}

static void set_content(struct neap_graph *graph, uint32_t number, const struct world *world,
			const struct world_resource *r)
{
	struct neap_text text = neap_text(r->content);
	if (r->secret && text.len)
		text = neap_text_secret(graph->arena, text.data, text.len);
	struct neap_value value = neap_value_text(text);
	for (unsigned i = 0; r->referring && i < r->require_count; i++) {
		if (world->resources[r->requires[i]].type != &neap_test_opaque)
			continue;
		struct neap_expr *expr = neap_arena_new_of(graph->arena, struct neap_expr);
		*expr = (struct neap_expr){ .op = NEAP_EXPR_OUTPUT,
					    .resource = r->requires[i],
					    .output = "value" };
		value = (struct neap_value){ .kind = NEAP_EXPRESSION, .expr = expr };
		break;
	}
	set(graph, number, "content", value);
}

struct neap_graph *world_graph(const struct world *world, struct neap_problems *problems)
{
	*problems = (struct neap_problems){ .arena = neap_arena_new() };
	struct neap_graph *graph = neap_graph_new(registry(), NULL, problems);
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];
		uint32_t n = neap_graph_begin(graph, r->type,
					      (struct neap_position){ "world.lua", (int)i + 1 }, "");
		bool opaque = r->type == &neap_test_opaque;
		if (opaque) {
			set_string(graph, n, "name", strrchr(r->path, '/') + 1);
			set_string(graph, n, "creates", r->path);
			set_list(graph, n, "changes", r->changes, r->change_count);
			set_list(graph, n, "plants", r->plants, r->plant_count);
			set_list(graph, n, "clears", r->clears, r->clear_count);
			set_true(graph, n, "lies", r->lies);
		} else {
			set_string(graph, n, "path", r->path);
			set_string(graph, n, "ensure", r->absent ? "absent" : NULL);
			if (r->content)
				set_content(graph, n, world, r);
			set_string(graph, n, "mode", r->mode);
			set_string(graph, n, "owner", r->owner);
			set_string(graph, n, "target", r->target);
			set_string(graph, n, "line", r->line);
			set_string(graph, n, "match", r->match);
			set_string(graph, n, "insert_after", r->insert_after);
			set_string(graph, n, "name", r->block);
			set_string(graph, n, "key", r->key);
			set_string(graph, n, "value", r->value);
			set_true(graph, n, "purge", r->purge);
			set_true(graph, n, "recurse", r->recurse);
			set_true(graph, n, "backup", r->backup);
		}
		struct neap_target to[4];
		for (unsigned t = 0; t < r->require_count; t++)
			to[t] = (struct neap_target){ .resource = r->requires[t] };
		if (r->require_count)
			neap_graph_relate(graph, n, r->subscribes ? NEAP_SUBSCRIBE : NEAP_REQUIRE, to,
					  r->require_count);
		neap_graph_end(graph, n);
	}
	if (neap_graph_finish(graph) < 0) {
		neap_graph_free(graph);
		return NULL;
	}
	return graph;
}

/* ---- looking ----------------------------------------------------------------------------------------- */

const char *world_dump(const struct neap_view *view, struct neap_arena *arena)
{
	struct neap_buf out = { 0 };
	NEAP_VEC(const char *) queue = { 0 };
	neap_vec_push(&queue, "/");
	while (queue.count) {
		const char *directory = queue.items[--queue.count];
		struct neap_entry *entries;
		size_t count;
		if (neap_view_list(view, directory, arena, &entries, &count, NULL) != 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			const char *path = neap_arena_printf(arena, "%s/%s", directory[1] ? directory : "",
							     entries[i].name);
			struct neap_stat stat, ignored;
			struct neap_content content = { 0 };
			const char *target = NULL;
			must(neap_view_file(view, path, arena, &stat, &content, NULL), path);
			if (stat.kind == NEAP_FILE_LINK)
				must(neap_view_link(view, path, arena, &ignored, &target, NULL), path);
			bool link = stat.kind == NEAP_FILE_LINK;
			neap_buf_printf(&out, "%s %s %04o %u:%u %s%.*s|\n", path,
					neap_file_kind_name(stat.kind), link ? 0 : stat.mode, stat.uid,
					stat.gid, link ? target : "", (int)content.size,
					content.data ? content.data : "");
			if (stat.kind == NEAP_FILE_DIRECTORY)
				neap_vec_push(&queue, path);
		}
	}
	const char *text = neap_arena_copy(arena, out.data ? out.data : "", out.len);
	neap_buf_done(&out);
	neap_vec_done(&queue);
	return text;
}

bool world_same_top(const char *a, const char *b)
{
	size_t len = strcspn(a + 1, "/");

	return len == strcspn(b + 1, "/") && strncmp(a + 1, b + 1, len) == 0;
}

void world_canonical(const struct world *world, const char *path, char ret[256])
{
	snprintf(ret, 256, "%s", path);
	for (unsigned i = 0; i < world->node_count; i++) {
		const struct world_node *node = &world->nodes[i];
		if (node->kind != NEAP_FILE_LINK || !strstr(node->data, "m/") ||
		    !neap_path_below(neap_str(path), neap_str(node->path)))
			continue;
		snprintf(ret, 256, "/%s%s", strstr(node->data, "m/"), path + strlen(node->path));
		return;
	}
}

const char *world_line(const struct world *world, const char *dump, const char *path, size_t *ret_len)
{
	char real[256];
	world_canonical(world, path, real);
	for (const char *at = dump; *at;) {
		const char *stop = strstr(at, "|\n") + 2;
		*ret_len = (size_t)(stop - at);
		if (strncmp(at, real, strlen(real)) == 0 && at[strlen(real)] == ' ')
			return at;
		at = stop;
	}
	*ret_len = 0;
	return "";
}

void world_print(const struct world *world)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		const struct world_node *n = &world->nodes[i];
		fprintf(stderr, "  %s: %s %04o %u \"%s\"\n", n->path, neap_file_kind_name(n->kind), n->mode,
			n->uid, n->data ? n->data : "");
	}
	for (unsigned i = 0; i < world->resource_count; i++) {
		const struct world_resource *r = &world->resources[i];
		fprintf(stderr,
			"  %u %s[%s]%s content=%s%s mode=%s owner=%s target=%s line=%s match=%s key=%s "
			"after=%s%s%s",
			i, r->type->name, r->path, r->absent ? " absent" : "", r->content ? r->content : "-",
			r->referring ? " (refers)" : "", r->mode ? r->mode : "-", r->owner ? r->owner : "-",
			r->target ? r->target : "-", r->line ? r->line : "-", r->match ? r->match : "-",
			r->value ? r->value : "-", r->insert_after ? r->insert_after : "-",
			r->purge ? " purge" : "",
			r->recurse ? " recurse"
			: r->lies  ? " lies"
				   : "");
		for (unsigned t = 0; t < r->require_count; t++)
			fprintf(stderr, " %s %u", r->subscribes ? "subscribes" : "requires", r->requires[t]);
		for (unsigned t = 0; t < r->change_count; t++)
			fprintf(stderr, " changes %s", r->changes[t]);
		for (unsigned t = 0; t < r->plant_count; t++)
			fprintf(stderr, " plants %s", r->plants[t]);
		for (unsigned t = 0; t < r->clear_count; t++)
			fprintf(stderr, " clears %s", r->clears[t]);
		fprintf(stderr, "\n");
	}
}
