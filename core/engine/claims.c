/*
 * Who owns what: resources claim aspects of paths, two owners of one are found, and edges between what lies
 * above and below each other are made. Knows paths as text only; what is one object through links is not
 * seen.
 */
#include <stdio.h>
#include <string.h>

#include "base/lines.h"
#include "base/path.h"
#include "base/regex.h"
#include "engine/claims_private.h"
#include "engine/firewall.h"

static const struct neap_resource *resource_of(const struct neap_claims *claims, uint32_t number)
{
	return &claims->graph->resources.items[number];
}

const char *neap_claims_named(struct neap_claims *claims, uint32_t number)
{
	return neap_arena_printf(claims->graph->arena, "%s (%s)", resource_of(claims, number)->address,
				 neap_graph_where(claims->graph, number));
}

/* A problem of two resources: placed where the later one is declared. */
static void conflict(struct neap_claims *claims, uint32_t a, uint32_t b, const char *what, const char *path)
{
	uint32_t first = a < b ? a : b, second = a < b ? b : a;

	neap_problem_add(claims->graph->problems, resource_of(claims, second)->at,
			 resource_of(claims, second)->address, "%s and %s both own %s %s",
			 neap_claims_named(claims, first), neap_claims_named(claims, second), what,
			 neap_firewall_named(path, claims->graph->arena));
}

static struct claim *claim_of(struct neap_claims *claims, const char *path)
{
	struct neap_graph *graph = claims->graph;
	struct neap_str key = neap_str(path);
	struct claim *claim = neap_map_get(&graph->owned, key);

	if (claim)
		return claim;
	/* A copy: the type may have built the path somewhere that does not last. */
	key.data = neap_arena_copy(graph->arena, key.data, key.len);
	claim = neap_arena_new_of(graph->arena, struct claim);
	*claim = (struct claim){
		.path = key,
		.owner = { NONE, NONE, NONE },
		.first_part = NONE,
		.last_part = NONE,
		.first_place = NONE,
		.last_place = NONE,
	};
	neap_map_put(&graph->owned, key, claim);
	return claim;
}

static bool probed(struct neap_claims *claims, const char *path)
{
	if (claims->probe)
		claims->probed |= strcmp(claims->probe, path) == 0;
	return claims->probe;
}

void neap_claim_path(struct neap_claims *claims, const char *path, unsigned aspects, bool absent)
{
	static const char *const names[ASPECTS] = { "the existence of", "the content of",
						    "mode and owner of" };
	struct claim *claim;
	uint32_t self = claims->resource;
	bool told = false;
	unsigned i;

	if (probed(claims, path))
		return;
	claim = claim_of(claims, path);
	claim->tree |= (aspects & NEAP_ASPECT_TREE) != 0;
	claims->graph->build->trees |= claim->tree;
	for (i = 0; i < ASPECTS; i++) {
		if (!(aspects & 1U << i))
			continue;
		if (claim->owner[i] == NONE) {
			claim->owner[i] = self;
			if (i == EXISTENCE)
				claim->absent = absent;
		} else if (claim->owner[i] != self && !told) {
			conflict(claims, claim->owner[i], self, names[i], path);
			told = true;
		}
	}
	if ((aspects & NEAP_ASPECT_CONTENT) && claim->first_part != NONE && claim->first_part != self &&
	    !told && !absent)
		conflict(claims, claim->first_part, self, names[CONTENT], path);
	else if ((aspects & NEAP_ASPECT_CONTENT) && claim->entries && !told && !absent)
		conflict(claims, claim->entries->resource, self, names[CONTENT], path);
}

void neap_claim_entries(struct neap_claims *claims, const char *path)
{
	struct claim *claim;
	struct entries *own;
	uint32_t owner;

	if (probed(claims, path))
		return;
	claim = claim_of(claims, path);
	owner = claim->owner[CONTENT];
	if (owner != NONE && owner != claims->resource &&
	    !(owner == claim->owner[EXISTENCE] && claim->absent))
		conflict(claims, owner, claims->resource, "the content of", path);
	own = neap_arena_new_of(claims->graph->arena, struct entries);
	*own = (struct entries){ claim->entries, claims->resource };
	claim->entries = own;
}

void neap_claim_common(struct neap_claims *claims, const char *path)
{
	neap_claim_entries(claims, path);
	if (!claims->probe)
		claim_of(claims, path)->common = true;
}

void neap_claim_place(struct neap_claims *claims, const char *path)
{
	struct claim *claim;
	uint32_t self = claims->resource;

	if (claims->probe) {
		struct neap_str place = neap_str(path), probe = neap_str(claims->probe);

		/* Also what has to be made on the way. */
		claims->probed |= neap_str_equal(probe, place) || neap_path_below(probe, place) ||
				  neap_path_below(place, probe);
		return;
	}
	claim = claim_of(claims, path);
	/* Of several the first one makes it. */
	if (claim->first_place == NONE)
		claim->first_place = self;
	else if (claim->last_place != self)
		neap_graph_edge(claims->graph, claim->last_place, self, NEAP_WHY_AUTOREQUIRE, false,
				resource_of(claims, self)->at);
	claim->last_place = self;
}

/* Whether it goes by a name that somebody may have in the directories of the one above its own. */
static bool is_anywhere(const struct neap_graph *graph, struct neap_str path)
{
	struct neap_str above = neap_path_parent(neap_path_parent(path)), name = neap_path_name(path);
	char key[512];
	int len;

	if (!graph->build->anywhere.count)
		return false;
	len = snprintf(key, sizeof(key), "%.*s/%.*s", (int)above.len, above.data, (int)name.len, name.data);
	return len > 0 && (size_t)len < sizeof(key) &&
	       neap_map_get(&graph->build->anywhere, (struct neap_str){ key, (size_t)len });
}

const char *neap_graph_anywhere(const struct neap_graph *graph, const char *directory, size_t *at)
{
	const struct neap_map *anywhere = &graph->build->anywhere;
	struct neap_str above = neap_path_parent(neap_str(directory));

	while (*at < anywhere->count) {
		struct neap_str key = anywhere->entries[(*at)++].key;

		if (neap_str_equal(neap_path_parent(key), above))
			return neap_path_name(key).data; /* keys end in NUL */
	}
	return NULL;
}

/* The owner of what `name` is of a path, or NONE; who asks first owns it from now on. Names of parts do not
 * begin with a newline. */
static uint32_t part_owner(struct neap_claims *claims, const struct claim *claim, const char *kind,
			   struct neap_str name, bool take)
{
	struct neap_graph *graph = claims->graph;
	struct neap_arena_mark mark = neap_arena_mark(graph->arena);
	size_t len = claim->path.len + 1 + strlen(kind) + name.len;
	char *key = neap_arena_bytes(graph->arena, len + 1), *to = key;
	struct neap_str whole = { key, len };
	void *found;

	to = mempcpy(to, claim->path.data, claim->path.len + 1);
	to = mempcpy(to, kind, strlen(kind));
	if (name.len)
		memcpy(to, name.data, name.len);
	found = neap_map_get(&graph->build->parts, whole);
	if (!found && take)
		neap_map_put(&graph->build->parts, whole, (void *)((uintptr_t)claims->resource + 1));
	else
		neap_arena_rewind(graph->arena, mark);
	return found ? (uint32_t)((uintptr_t)found - 1) : NONE;
}

/* The owner of the part, of one that it lies in, or of one that lies in it; NONE: it is one's own now. */
static uint32_t part_taken(struct neap_claims *claims, const struct claim *claim, struct neap_str part)
{
	static const char itself[] = "", inside[] = "\n"; /* what something in it was claimed by */
	const char *newline = part.len ? memchr(part.data, '\n', part.len) : NULL;
	uint32_t self = claims->resource, owner = part_owner(claims, claim, itself, part, true);

	if (owner != NONE || !newline)
		return owner;
	owner = part_owner(claims, claim, inside, part, false);
	for (;;) {
		if (owner != NONE && owner != self)
			return owner;
		newline = memchr(newline + 1, '\n', (size_t)(part.data + part.len - newline) - 1);
		if (!newline)
			return NONE;
		struct neap_str outer = { part.data, (size_t)(newline - part.data) };
		owner = part_owner(claims, claim, itself, outer, false);
		part_owner(claims, claim, inside, outer, true);
	}
}

static void keep_lines(struct neap_claims *claims, struct claim *claim, struct neap_str text,
		       const struct neap_regex *pattern)
{
	struct part *own = neap_arena_new_of(claims->graph->arena, struct part);

	*own = (struct part){ claim->parts, claims->resource, text, pattern };
	claim->parts = own;
	claim->patterns |= pattern != NULL;
}

void neap_claim_lines(struct neap_claims *claims, const char *path, struct neap_str text)
{
	if (probed(claims, path) || !text.len)
		return;
	text.data = neap_arena_copy(claims->graph->arena, text.data, text.len);
	keep_lines(claims, claim_of(claims, path), text, NULL);
}

void neap_claim_part(struct neap_claims *claims, const char *path, const char *part,
		     const struct neap_regex *pattern)
{
	struct neap_graph *graph = claims->graph;
	struct claim *claim;
	uint32_t self = claims->resource, owner;
	struct neap_str text = neap_str(part);

	if (probed(claims, path))
		return;
	claim = claim_of(claims, path);
	owner = part_taken(claims, claim, text);
	if (owner != NONE) {
		if (owner != self)
			conflict(claims, owner, self, "the same part of", path);
		return;
	}
	if (!strchr(part, '\n')) {
		text.data = neap_arena_copy(graph->arena, part, text.len);
		keep_lines(claims, claim, text, pattern);
	}

	owner = claim->owner[CONTENT];
	if (owner != NONE && owner != self && !(owner == claim->owner[EXISTENCE] && claim->absent))
		conflict(claims, owner, self, "the content of", path);
	/* Parts come in declaration order, and run in it: where one goes may hang on those before it. */
	if (claim->first_part == NONE)
		claim->first_part = self;
	else if (claim->last_part != self)
		neap_graph_edge(graph, claim->last_part, self, NEAP_WHY_AUTOREQUIRE, false,
				resource_of(claims, self)->at);
	claim->last_part = self;
}

/* Whether the pattern fits one of the lines. */
static bool fits_line(const struct neap_regex *pattern, struct neap_str text)
{
	bool fits = false;
	size_t at = 0;

	do {
		struct neap_line line = { 0 };
		if (text.len)
			line = neap_line_at(text, at);
		if (neap_regex_search(pattern, neap_line_bytes(text, line), &fits, NULL) < 0)
			fits = false;
		at = line.next;
	} while (!fits && at < text.len);
	return fits;
}

/* A line that another's pattern fits would be replaced by it, and put back by its owner, for ever. */
static void check_patterns(struct neap_claims *claims, const struct claim *claim)
{
	for (const struct part *a = claim->parts; claim->patterns && a; a = a->next) {
		for (const struct part *b = a->pattern ? claim->parts : NULL; b; b = b->next) {
			if (a->resource == b->resource || (b->pattern && b->resource > a->resource))
				continue; /* a pair in which both have patterns is looked at from its later
					     one */
			bool fits = fits_line(a->pattern, b->text) ||
				    (b->pattern && fits_line(b->pattern, a->text));
			if (fits)
				conflict(claims, a->resource, b->resource, "one line (match fits both) of",
					 claim->path.data);
		}
	}
}

/* ---- above and below ----------------------------------------------------------------------------------- */

static bool stands(const struct claim *claim)
{
	return claim->owner[EXISTENCE] != NONE || claim->last_place != NONE;
}

/* The nearest path above whose existence somebody owns, or that somebody makes. */
static const struct claim *nearest_above(struct neap_claims *claims, struct neap_str path)
{
	struct neap_str start = neap_path_parent(path), above = start;
	const struct claim *found = NULL;

	if (path.len == 1)
		return NULL;
	for (;; above = neap_path_parent(above)) {
		if (claims->last.len && neap_str_equal(above, claims->last)) {
			found = claims->last_found;
			break;
		}
		found = neap_map_get(&claims->graph->owned, above);
		if (found && stands(found))
			break;
		found = NULL;
		if (above.len == 1)
			break;
	}
	claims->last = start;
	claims->last_found = found;
	return found;
}

static bool has_entries(const struct claim *claim, uint32_t resource)
{
	const struct entries *at = claim->entries;

	while (at && at->resource != resource)
		at = at->next;
	return at;
}

static void order_below(struct neap_claims *claims, const struct claim *above, const struct claim *claim,
			uint32_t below)
{
	struct neap_graph *graph = claims->graph;
	uint32_t owner = above->owner[EXISTENCE], from, to = below;

	if (owner == NONE)
		owner = above->last_place;
	from = owner;
	if (owner == below)
		return;
	if (above->absent && below == claim->owner[EXISTENCE] && claim->absent) {
		from = below, to = owner; /* what is in it goes first */
	} else if (above->absent) {
		uint32_t later = owner > below ? owner : below;

		if (!has_entries(above, below)) /* else it is said of these */
			neap_problem_add(graph->problems, resource_of(claims, later)->at,
					 resource_of(claims, later)->address,
					 "%s %s %s, which %s makes absent", neap_claims_named(claims, below),
					 neap_firewall_stands(claim->path.data, above->path.data),
					 neap_firewall_named(above->path.data, graph->arena),
					 neap_claims_named(claims, owner));
		return;
	}
	neap_graph_edge(graph, from, to, NEAP_WHY_AUTOREQUIRE, false, resource_of(claims, below)->at);
}

/* `resource` works on what `owner` wants absent. */
static void works_on_absent(struct neap_claims *claims, const struct claim *claim, uint32_t resource)
{
	uint32_t owner = claim->owner[EXISTENCE], later = owner > resource ? owner : resource;

	neap_problem_add(claims->graph->problems, resource_of(claims, later)->at,
			 resource_of(claims, later)->address, "%s works on %s, which %s makes absent",
			 neap_claims_named(claims, resource),
			 neap_firewall_named(claim->path.data, claims->graph->arena),
			 neap_claims_named(claims, owner));
}

/* Those who make the directory where there is none: after what is above, before who owns it. A directory
 * above that belongs to the very account waits for it, and is made on the way. */
static void order_place(struct neap_claims *claims, const struct claim *above, const struct claim *claim)
{
	uint32_t owner = claim->owner[EXISTENCE], upper;

	if (claim->first_place == NONE)
		return;
	upper = !above ? NONE : above->owner[EXISTENCE] != NONE ? above->owner[EXISTENCE] : above->last_place;
	if (upper != NONE && !neap_claims_needs(claims, upper, claim->first_place))
		order_below(claims, above, claim, claim->first_place);
	if (owner == NONE || owner == claim->last_place)
		return;
	if (claim->absent)
		works_on_absent(claims, claim, claim->last_place);
	else
		neap_graph_edge(claims->graph, claim->last_place, owner, NEAP_WHY_AUTOREQUIRE, false,
				resource_of(claims, owner)->at);
}

static void order_entries(struct neap_claims *claims, const struct claim *above, const struct claim *claim)
{
	uint32_t owner = claim->owner[EXISTENCE];

	for (const struct entries *at = claim->entries; at; at = at->next) {
		if (at->resource == owner)
			continue;
		if (owner != NONE && claim->absent) {
			works_on_absent(claims, claim, at->resource);
			return;
		}
		if (owner != NONE)
			neap_graph_edge(claims->graph, owner, at->resource, NEAP_WHY_AUTOREQUIRE, false,
					resource_of(claims, at->resource)->at);
		else if (above)
			order_below(claims, above, claim, at->resource);
	}
}

/* Who works on the path comes after its owner, else after what is above. */
static void order_other(struct neap_claims *claims, const struct claim *above, const struct claim *claim,
			uint32_t other)
{
	uint32_t owner = claim->owner[EXISTENCE];

	if (other == NONE || other == owner)
		return;
	if (owner == NONE) {
		if (above)
			order_below(claims, above, claim, other);
	} else if (claim->absent) {
		works_on_absent(claims, claim, other);
	} else {
		neap_graph_edge(claims->graph, owner, other, NEAP_WHY_AUTOREQUIRE, false,
				resource_of(claims, other)->at);
	}
}

/* Orders everybody who claims something of one path. */
static void order_path(struct neap_claims *claims, const struct claim *claim)
{
	const struct claim *above = nearest_above(claims, claim->path);
	const uint32_t others[] = { claim->owner[CONTENT], claim->owner[ATTRIBUTES], claim->first_part };
	uint32_t owner = claim->owner[EXISTENCE];
	size_t i, j;

	order_place(claims, above, claim);
	order_entries(claims, above, claim);
	if (above && owner != NONE)
		order_below(claims, above, claim, owner);
	if (claim->last_place != NONE) /* who makes it comes before the rest */
		above = claim;
	for (i = 0; i < sizeof others / sizeof *others; i++) {
		for (j = 0; j < i && others[j] != others[i]; j++)
			;
		if (j == i)
			order_other(claims, above, claim, others[i]);
	}
}

void neap_claims_collect(struct neap_graph *graph)
{
	struct neap_claims claims = { .graph = graph };
	size_t i;

	for (i = 0; i < graph->resources.count; i++) {
		if (graph->build->broken.items[i])
			continue;
		claims.resource = (uint32_t)i;
		neap_graph_claim(&graph->resources.items[i], &claims);
		neap_claims_owners(&claims, &graph->resources.items[i]);
	}
	neap_claims_order_accounts(&claims);
	neap_claims_order_net(&claims);
	for (i = 0; i < graph->owned.count; i++) {
		order_path(&claims, graph->owned.entries[i].value);
		check_patterns(&claims, graph->owned.entries[i].value);
	}
	neap_claims_accounts_done(&claims);
	neap_claims_order_after(&claims);
	neap_map_done(&claims.boots);
}

const struct neap_resource *neap_graph_other_owner(const struct neap_graph *graph, uint32_t resource,
						   const char *path)
{
	const struct claim *claim = neap_map_get(&graph->owned, neap_str(path));
	const struct neap_resource *self = &graph->resources.items[resource];
	struct neap_claims probe = { .resource = resource, .probe = path };

	if (!claim)
		return NULL;
	if (self->type->claim)
		self->type->claim(self->want, &probe);
	if (probe.probed)
		return NULL;
	for (unsigned i = 0; i < ASPECTS; i++)
		if (claim->owner[i] == resource)
			return NULL; /* by a parameter that is not known yet */
	for (unsigned i = 0; i < ASPECTS; i++)
		if (claim->owner[i] != NONE)
			return &graph->resources.items[claim->owner[i]];
	if (claim->first_part != NONE)
		return &graph->resources.items[claim->first_part];
	if (claim->entries)
		return &graph->resources.items[claim->entries->resource];
	return NULL; /* a place is anybody's once it is there */
}

bool neap_graph_is_shared(const struct neap_graph *graph, const char *path)
{
	const struct claim *claim = neap_map_get(&graph->owned, neap_str(path));

	return claim && claim->entries && claim->entries->next;
}

bool neap_graph_is_common(const struct neap_graph *graph, const char *path)
{
	const struct claim *claim = neap_map_get(&graph->owned, neap_str(path));

	return claim && claim->common;
}

bool neap_graph_owns_tree(const struct neap_graph *graph, const char *path)
{
	const struct claim *claim = neap_map_get(&graph->owned, neap_str(path));

	return claim && claim->tree;
}

bool neap_graph_has_trees(const struct neap_graph *graph)
{
	return graph->build->trees;
}

/* In a directory of which somebody owns what lies below. */
static bool in_tree(const struct neap_graph *graph, struct neap_str path)
{
	while (graph->build->trees && path.len > 1) {
		const struct claim *claim = neap_map_get(&graph->owned, path = neap_path_parent(path));

		if (claim && claim->tree)
			return true;
	}
	return false;
}

bool neap_graph_owns(const struct neap_graph *graph, const char *path)
{
	struct neap_graph_build *build = graph->build;
	struct neap_str key = neap_str(path);
	size_t i;

	if (neap_map_get(&graph->owned, key) || in_tree(graph, key) || is_anywhere(graph, key))
		return true;
	if (!build->above_made) {
		/* Only a purge asks. A directory met before has its own parents already. */
		for (i = 0; i < graph->owned.count; i++) {
			struct neap_str above = graph->owned.entries[i].key;

			while (above.len > 1) {
				above = neap_path_parent(above);
				if (neap_map_put(&build->above, above, build))
					break;
			}
		}
		build->above_made = true;
	}
	return neap_map_get(&build->above, key) != NULL;
}
