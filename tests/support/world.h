/*
 * Random machines and random graphs, from a seed: a small world of few names, so that everything collides.
 * One world can be put on a memory machine or into a real directory, and its graph built again and again.
 */
#pragma once

#include "engine/graph.h"
#include "host/machine.h"

#define WORLD_RESOURCES 12
#define WORLD_PATHS 48

struct world_random {
	uint64_t state;
};
uint32_t world_random(struct world_random *random, uint32_t below);

struct world_node { /* what is there before */
	const char *path;
	enum neap_file_kind kind;
	uint32_t mode, uid, gid;
	const char *data;
};

struct world_resource {
	const struct neap_resource_type *type;
	const char *path; /* but of an opaque: what it creates */
	bool absent;
	const char *content;    /* file, block; NULL: none */
	bool secret, referring; /* of content: is secret; is an output of the first required opaque */
	const char *mode;
	const char *owner;
	const char *target; /* link */
	const char *line, *match, *insert_after;
	const char *block;       /* its name */
	const char *key, *value; /* ini */
	bool purge, recurse, backup;
	const char *changes[4], *plants[4], *clears[4];
	unsigned change_count, plant_count, clear_count;
	unsigned requires[4];
	unsigned require_count;
	bool subscribes; /* opaque: what it requires also refreshes it */
	bool lies;       /* opaque: does not make what it creates, so the apply must find it out */
};

/* Whether it owns a part of a file only. */
static inline bool world_is_part(const struct world_resource *r)
{
	return r->line || r->block || r->key;
}

struct world {
	struct world_node nodes[WORLD_PATHS];
	unsigned node_count;
	struct world_resource resources[WORLD_RESOURCES];
	unsigned resource_count;
	bool aliased; /* a directory is a link to another that resources own: one thing, two names */
};

void world_make(struct world *world, uint64_t seed, bool owners);
void world_put_memory(const struct world *world, struct neap_machine *memory);
void world_put_directory(const struct world *world, const char *root);
/* NULL when the recipe is refused (a conflict, a cycle). Free graph, then problems' arena. */
struct neap_graph *world_graph(const struct world *world, struct neap_problems *problems);
/* Everything on the machine as text: path, kind, mode, owner, content. In `arena`. */
const char *world_dump(const struct neap_view *view, struct neap_arena *arena);
/* The line of a dump that is about `path`, through the links of the world's machine; length 0: none. */
const char *world_line(const struct world *world, const char *dump, const char *path, size_t *ret_len);
/* Whether both lie in one directory of "/". */
bool world_same_top(const char *a, const char *b);
/* `path` as a dump has it. */
void world_canonical(const struct world *world, const char *path, char ret[256]);
/* For a failing seed: the world as text on stderr. */
void world_print(const struct world *world);
