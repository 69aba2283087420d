/*
 * Building the graph: resources come in by begin, set, relate, end; finish resolves what was named by
 * address and hands over to claims.c and graph_order.c. Knows no resource type by name and no machine.
 *
 * Everything wrong becomes a problem and building goes on, so that one run shows all of it. A resource with
 * a problem of its own stays in the graph (others may name it) but is marked broken and claims nothing.
 */
#include "engine/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/regex.h"
#include "engine/graph_private.h"
#include "engine/shown.h"

const char *neap_why_name(enum neap_why why)
{
	static const char *const names[] = {
		[NEAP_WHY_REQUIRE] = "require",     [NEAP_WHY_BEFORE] = "before",
		[NEAP_WHY_NOTIFY] = "notify",       [NEAP_WHY_SUBSCRIBE] = "subscribe",
		[NEAP_WHY_REFERENCE] = "reference", [NEAP_WHY_AUTOREQUIRE] = "autorequire",
	};

	return names[why];
}

struct neap_graph *neap_graph_new(const struct neap_registry *registry, struct neap_sources *sources,
				  struct neap_problems *problems)
{
	struct neap_arena *arena = neap_arena_new();
	struct neap_graph *graph = neap_arena_new_of(arena, struct neap_graph);

	graph->arena = arena;
	graph->problems = problems;
	graph->registry = registry;
	graph->schema = (struct neap_schema_context){ .arena = arena, .sources = sources, .directory = "" };
	graph->build = neap_arena_new_of(arena, struct neap_graph_build);
	graph->secrets = neap_secrets_new();
	graph->build->open = NEAP_GRAPH_NONE;
	graph->build->hints = 200000;
	return graph;
}

void neap_graph_free(struct neap_graph *graph)
{
	struct neap_graph_build *build;
	size_t i;

	if (!graph)
		return;
	if (graph->loader)
		graph->loader_free(graph->loader);
	build = graph->build;
	for (i = 0; i < build->regexes.count; i++)
		neap_regex_free(build->regexes.items[i]);
	neap_vec_done(&build->regexes);
	neap_vec_done(&build->broken);
	neap_vec_done(&build->pending);
	neap_buf_done(&build->list);
	neap_map_done(&build->joins);
	neap_map_done(&build->parts);
	neap_map_done(&build->anywhere);
	neap_map_done(&build->above);
	neap_vec_done(&graph->resources);
	neap_vec_done(&graph->joins);
	neap_vec_done(&graph->edges);
	neap_map_done(&graph->by_address);
	neap_map_done(&graph->owned);
	neap_map_done(&graph->accounts[NEAP_ACCOUNT_USER]);
	neap_map_done(&graph->accounts[NEAP_ACCOUNT_GROUP]);
	neap_secrets_free(graph->secrets);
	neap_arena_free(graph->arena);
}

const char *neap_graph_where(struct neap_graph *graph, uint32_t resource)
{
	struct neap_position at = graph->resources.items[resource].at;

	return neap_arena_printf(graph->arena, "%s:%d", at.file ? at.file : "?", at.line);
}

/* ---- one resource ------------------------------------------------------------------------------------ */

static struct neap_resource *resource_of(struct neap_graph *graph, uint32_t number)
{
	assert(number < graph->resources.count);
	return &graph->resources.items[number];
}

/* The resource's problems so far were found before it had an address. */
static void name_problems(struct neap_graph *graph, const struct neap_resource *resource)
{
	struct neap_problems *problems = graph->problems;
	const char *address = NULL;
	size_t i;

	for (i = graph->build->first_error; i < problems->errors.count; i++) {
		if (problems->errors.items[i].address)
			continue;
		if (!address)
			address = neap_arena_strdup(problems->arena, resource->address);
		problems->errors.items[i].address = address;
	}
}

/* begin without end: the loader gave up half way, and has said why. */
static void abandon(struct neap_graph *graph)
{
	struct neap_graph_build *build = graph->build;
	struct neap_resource *resource;

	if (build->open == NEAP_GRAPH_NONE)
		return;
	resource = resource_of(graph, build->open);
	neap_graph_address(graph, resource, false);
	build->broken.items[build->open] = true;
	build->open = NEAP_GRAPH_NONE;
}

uint32_t neap_graph_begin(struct neap_graph *graph, const struct neap_resource_type *type,
			  struct neap_position at, const char *directory)
{
	struct neap_graph_build *build = graph->build;
	struct neap_resource resource = {
		.type = type,
		.index = (uint32_t)graph->resources.count,
		.at = at,
		.want = neap_arena_alloc(graph->arena, type->want_size),
	};

	assert(type->param_count <= 64 && type->want_size >= sizeof(struct neap_want));
	resource.want->type = type;
	if (resource.index >= NEAP_GRAPH_JOIN - 1)
		neap_out_of_memory();
	abandon(graph);
	neap_vec_push(&graph->resources, resource);
	neap_vec_push(&build->broken, false);
	build->open = resource.index;
	build->tried = 0;
	build->first_error = graph->problems->errors.count;
	graph->schema.directory = directory;
	return resource.index;
}

struct reference {
	struct neap_graph *graph;
	uint32_t resource;
};

static void add_reference(void *ctx, const struct neap_expr *output)
{
	const struct reference *reference = ctx;
	struct neap_position at = resource_of(reference->graph, reference->resource)->at;

	assert(output->resource < reference->resource); /* it was declared before its output could be named */
	neap_graph_edge(reference->graph, output->resource, reference->resource, NEAP_WHY_REFERENCE, false,
			at);
}

static int defer(struct neap_graph *graph, struct neap_resource *resource, unsigned param,
		 const struct neap_value *value, struct neap_error **err)
{
	const struct neap_param *table = &resource->type->params[param];
	struct reference reference = { graph, resource->index };
	struct neap_deferred *deferred;

	if ((table->flags & (NEAP_PARAM_KEY | NEAP_PARAM_KNOWN)) ||
	    (table->kind != NEAP_PARAM_TEXT && table->kind != NEAP_PARAM_STRING))
		return neap_error_set(err, "%s must be known when the recipe is evaluated", table->name);
	if (!(table->flags & NEAP_PARAM_SECRET) && neap_value_has_secret(value))
		return neap_error_set(err, "%s cannot hold a secret", table->name);
	deferred = neap_arena_array_of(graph->arena, struct neap_deferred, resource->deferred_count + 1);
	if (resource->deferred_count)
		memcpy(deferred, resource->deferred, resource->deferred_count * sizeof *deferred);
	deferred[resource->deferred_count].param = param;
	deferred[resource->deferred_count].expr = neap_value_copy(graph->arena, value).expr;
	resource->deferred = deferred;
	resource->deferred_count++;
	neap_expr_walk(value->expr, add_reference, &reference);
	return 0;
}

void neap_graph_set(struct neap_graph *graph, uint32_t number, unsigned param, const struct neap_value *value)
{
	struct neap_resource *resource = resource_of(graph, number);
	const struct neap_param *table = &resource->type->params[param];
	struct neap_error *err = NULL;
	int r;

	assert(number == graph->build->open && param < resource->type->param_count);
	if (value->kind == NEAP_NIL)
		return;
	graph->build->tried |= UINT64_C(1) << param;
	if (value->kind == NEAP_EXPRESSION || (value->kind == NEAP_STRING && value->text.span_count))
		neap_arena_wipe(graph->arena); /* a secret is, or will be, in it */
	if (value->kind == NEAP_EXPRESSION)
		r = defer(graph, resource, param, value, &err);
	else
		r = neap_schema_set(&graph->schema, resource->type, param, value, resource->want, &err);
	if (r < 0) {
		neap_problem_take(graph->problems, resource->at, NULL, &err);
		graph->build->broken.items[number] = true;
	} else if (table->kind == NEAP_PARAM_REGEX) {
		const struct neap_pattern *pattern = (const void *)((char *)resource->want + table->offset);
		neap_vec_push(&graph->build->regexes, (struct neap_regex *)pattern->regex);
	}
}

void neap_graph_set_meta(struct neap_graph *graph, uint32_t number, unsigned param,
			 const struct neap_value *value)
{
	struct neap_resource *resource = resource_of(graph, number);
	struct neap_error *err = NULL;

	assert(number == graph->build->open && param < NEAP_META_COUNT);
	if (!resource->meta) {
		resource->meta = neap_arena_new_of(graph->arena, struct neap_meta);
		resource->meta->delay = 1;
	}
	if (neap_schema_set(&graph->schema, &neap_meta, param, value, &resource->meta->base, &err) == 0)
		return;
	neap_problem_take(graph->problems, resource->at, NULL, &err);
	graph->build->broken.items[number] = true;
}

static const char *path_of(const struct neap_resource *resource)
{
	const struct neap_resource_type *type = resource->type;
	unsigned i;

	for (i = 0; i < type->param_count; i++)
		if ((type->params[i].flags & NEAP_PARAM_KEY) && type->params[i].kind == NEAP_PARAM_PATH)
			return *(const char *const *)(const void *)((const char *)resource->want +
								    type->params[i].offset);
	return NULL;
}

void neap_graph_set_resource(struct neap_graph *graph, uint32_t number, unsigned param, uint32_t other)
{
	struct neap_resource *resource = resource_of(graph, number);
	const struct neap_resource *target = resource_of(graph, other);
	const struct neap_param *table = &resource->type->params[param];
	const char *path = path_of(target);

	assert(number == graph->build->open && table->kind == NEAP_PARAM_RESOURCE && other < number);
	graph->build->tried |= UINT64_C(1) << param;
	if (!path) {
		graph->build->broken.items[number] = true;
		if (!graph->build->broken.items[other])
			neap_problem_add(graph->problems, resource->at, NULL,
					 "%s takes a resource that has a path: %s has none", table->name,
					 target->address);
		return;
	}
	*(struct neap_related *)(void *)((char *)resource->want + table->offset) =
		(struct neap_related){ .path = path, .type = target->type, .want = target->want };
	resource->want->given |= UINT64_C(1) << param;
	neap_graph_edge(graph, other, number, NEAP_WHY_REFERENCE, false, resource->at);
}

void neap_graph_set_wrong(struct neap_graph *graph, uint32_t number, unsigned param, struct neap_error **err)
{
	assert(number == graph->build->open && param < resource_of(graph, number)->type->param_count);
	graph->build->tried |= UINT64_C(1) << param;
	neap_problem_take(graph->problems, resource_of(graph, number)->at, NULL, err);
	graph->build->broken.items[number] = true;
}

void neap_graph_set_unknown(struct neap_graph *graph, uint32_t number, const char *wrong_name)
{
	const struct neap_resource *resource = resource_of(graph, number);
	const char *hint = neap_schema_hint(resource->type, wrong_name, graph->arena);

	neap_problem_add(graph->problems, resource->at, resource->address, "unknown parameter \"%s\"",
			 neap_shown(graph->arena, neap_text(wrong_name), NEAP_SHOWN_VALUE).data);
	if (hint)
		neap_problem_hint(graph->problems, "%s", hint);
	graph->build->broken.items[number] = true;
}

/* A parameter not known yet counts as given where a type says what it owns and what contradicts what: the
 * empty text stands in for it. */
static void stand_in(struct neap_resource *resource, bool on)
{
	size_t i;

	for (i = 0; i < resource->deferred_count; i++) {
		unsigned param = resource->deferred[i].param;
		const struct neap_param *table = &resource->type->params[param];
		void *member = (char *)resource->want + table->offset;

		if (table->kind == NEAP_PARAM_TEXT)
			*(struct neap_text *)member = on ? neap_text("") : (struct neap_text){ 0 };
		else
			*(const char **)member = on ? "" : NULL;
		if (on)
			resource->want->given |= UINT64_C(1) << param;
		else
			resource->want->given &= ~(UINT64_C(1) << param);
	}
}

void neap_graph_claim(struct neap_resource *resource, struct neap_claims *claims)
{
	if (!resource->type->claim)
		return;
	stand_in(resource, true);
	resource->type->claim(resource->want, claims);
	stand_in(resource, false);
}

static int check(struct neap_resource *resource, struct neap_error **err)
{
	int r;

	if (!resource->type->check)
		return 0;
	stand_in(resource, true);
	r = resource->type->check(resource->want, err);
	stand_in(resource, false);
	return r;
}

/* Every required parameter is there. *ret_key: all that make the address have a value. */
static bool check_required(struct neap_graph *graph, struct neap_resource *resource, bool *ret_key)
{
	const struct neap_resource_type *type = resource->type;
	bool complete = true, any_key = false;
	unsigned i;

	*ret_key = true;
	for (i = 0; i < type->param_count; i++) {
		unsigned flags = type->params[i].flags;
		bool given = resource->want->given >> i & 1, tried = graph->build->tried >> i & 1;

		any_key |= (flags & NEAP_PARAM_KEY) && given;
		if (!given && (flags & NEAP_PARAM_KEY) && (tried || (flags & NEAP_PARAM_REQUIRED)))
			*ret_key = false;
		if (tried || !(flags & NEAP_PARAM_REQUIRED))
			continue;
		neap_problem_add(graph->problems, resource->at, NULL, "%s is required", type->params[i].name);
		complete = false;
	}
	/* A KEY parameter that is not required may be left out when another makes the name. */
	for (i = 0; i < type->param_count && !any_key && *ret_key; i++) {
		if (!(type->params[i].flags & NEAP_PARAM_KEY))
			continue;
		neap_problem_add(graph->problems, resource->at, NULL, "%s is required", type->params[i].name);
		complete = *ret_key = false;
	}
	return complete;
}

/*
 * Names are shown masked and shortened, so two different ones may look the same: the later gets " #2" and so
 * on, in the order of declaration.
 */
static bool is_new(struct neap_graph *graph, struct neap_resource *resource)
{
	static const unsigned alike_max = 1000;
	const char *shown = resource->address;
	uint32_t other = 0;

	for (unsigned n = 2; n < alike_max; n++) {
		void **slot = neap_map_slot(&graph->by_address, neap_str(resource->address));

		if (!*slot) {
			*slot = (void *)((uintptr_t)resource->index + 1);
			return true;
		}
		other = (uint32_t)((uintptr_t)*slot - 1);
		if (neap_graph_same_key(resource, &graph->resources.items[other])) {
			neap_problem_add(graph->problems, resource->at, resource->address,
					 "%s is declared twice: here and at %s", resource->address,
					 neap_graph_where(graph, other));
			return false;
		}
		resource->address = neap_arena_printf(graph->arena, "%s #%u", shown, n);
	}
	neap_problem_add(graph->problems, resource->at, shown,
			 "more than %u resources are shown by this name", alike_max);
	return false;
}

void neap_graph_end(struct neap_graph *graph, uint32_t number)
{
	struct neap_resource *resource = resource_of(graph, number);
	struct neap_graph_build *build = graph->build;
	struct neap_error *err = NULL;
	bool key, complete;

	assert(number == build->open);
	complete = check_required(graph, resource, &key);
	neap_graph_address(graph, resource, key);
	if (graph->problems->errors.count != build->first_error)
		name_problems(graph, resource);
	build->open = NEAP_GRAPH_NONE;
	if (!complete || (key && !is_new(graph, resource)))
		build->broken.items[number] = true;
	if (build->broken.items[number])
		return;
	resource->want->guarded =
		resource->meta && (resource->meta->only_if.items || resource->meta->not_if.items);
	if (check(resource, &err) < 0) {
		neap_problem_take(graph->problems, resource->at, resource->address, &err);
		build->broken.items[number] = true;
	}
}

/* ---- relations --------------------------------------------------------------------------------------- */

static bool refreshes(enum neap_relation relation)
{
	return relation == NEAP_NOTIFY || relation == NEAP_SUBSCRIBE;
}

/* Edge between `node` (whose relation it is) and `other`. */
static void add_edge(struct neap_graph *graph, enum neap_relation relation, uint32_t node, uint32_t other,
		     struct neap_position at)
{
	bool first = relation == NEAP_BEFORE || relation == NEAP_NOTIFY;

	neap_graph_edge(graph, first ? node : other, first ? other : node, (enum neap_why)relation,
			refreshes(relation), at);
}

static const char *article(const char *noun)
{
	return strchr("aeiou", noun[0]) ? "an" : "a";
}

static void check_notified(struct neap_graph *graph, const struct neap_resource *from, uint32_t to)
{
	const struct neap_resource *target = &graph->resources.items[to];

	if (target->type->refresh)
		return;
	neap_problem_add(graph->problems, from->at, from->address,
			 "%s cannot be notified: %s %s has nothing to refresh",
			 target->address ? target->address : target->type->name, article(target->type->name),
			 target->type->name);
}

static void names_itself(struct neap_graph *graph, const struct neap_resource *resource,
			 enum neap_relation relation)
{
	neap_problem_add(graph->problems, resource->at, resource->address, "it names itself in %s",
			 neap_common_params[relation].name);
}

/* Connects `node` to one target, now or at finish. */
static void connect(struct neap_graph *graph, const struct neap_resource *resource,
		    enum neap_relation relation, uint32_t node, const struct neap_target *target)
{
	uint32_t to = target->resource;

	if (target->address) {
		uintptr_t found = (uintptr_t)neap_map_get(&graph->by_address, neap_str(target->address));

		if (!found) {
			neap_vec_push(
				&graph->build->pending,
				(struct neap_pending){ resource->index, node, relation,
						       neap_arena_strdup(graph->arena, target->address) });
			return;
		}
		to = (uint32_t)(found - 1);
	}
	assert(to < graph->resources.count);
	if (to == node) {
		names_itself(graph, resource, relation);
		return;
	}
	if (relation == NEAP_NOTIFY)
		check_notified(graph, resource, to);
	add_edge(graph, relation, node, to, resource->at);
}

/* The list as bytes, in the build's buffer: the same list from many resources is one join. */
static struct neap_str list_key(struct neap_graph *graph, enum neap_relation relation,
				const struct neap_target *targets, size_t count, uint32_t self)
{
	struct neap_buf *buf = &graph->build->list;
	size_t i;

	buf->len = 0;
	neap_buf_putc(buf, (char)relation);
	for (i = 0; i < count; i++) {
		if (targets[i].address) {
			neap_buf_putc(buf, 'a');
			neap_buf_append(buf, targets[i].address, strlen(targets[i].address) + 1);
		} else if (targets[i].resource != self) {
			char *at = neap_buf_reserve(buf, 1 + sizeof(uint32_t));

			at[0] = 'r';
			memcpy(at + 1, &targets[i].resource, sizeof(uint32_t));
			buf->len += 1 + sizeof(uint32_t);
		}
	}
	return (struct neap_str){ buf->data, buf->len };
}

static const char *join_name(struct neap_arena *arena, size_t number)
{
	char digits[24], *at = digits + sizeof digits;

	for (*--at = '\0'; number; number /= 10)
		*--at = (char)('0' + number % 10);
	*--at = 'j';
	return neap_arena_strdup(arena, at);
}

uint32_t neap_graph_join(struct neap_graph *graph)
{
	uint32_t number = (uint32_t)graph->joins.count;

	neap_vec_push(&graph->joins, (struct neap_join){ join_name(graph->arena, number + 1) });
	return number | NEAP_GRAPH_JOIN;
}

void neap_graph_relate(struct neap_graph *graph, uint32_t number, enum neap_relation relation,
		       const struct neap_target *targets, size_t count)
{
	const struct neap_resource *resource = resource_of(graph, number);
	struct neap_str key;
	uint32_t join;
	size_t i;

	if (!count)
		return;
	if (relation == NEAP_SUBSCRIBE && !resource->type->refresh) {
		neap_problem_add(graph->problems, resource->at, resource->address,
				 "it cannot subscribe: %s %s has nothing to refresh",
				 article(resource->type->name), resource->type->name);
		graph->build->broken.items[number] = true;
	}
	if (count == 1) {
		connect(graph, resource, relation, number, &targets[0]);
		return;
	}

	for (i = 0; i < count; i++) {
		if (!targets[i].address && targets[i].resource == number) {
			names_itself(graph, resource, relation);
			break;
		}
	}
	key = list_key(graph, relation, targets, count, number);
	join = (uint32_t)(uintptr_t)neap_map_get(&graph->build->joins, key);
	if (!join) {
		join = (uint32_t)graph->joins.count + 1;
		key.data = neap_arena_copy(graph->arena, key.data, key.len);
		neap_map_put(&graph->build->joins, key, (void *)(uintptr_t)join);
		neap_graph_join(graph);
		for (i = 0; i < count; i++)
			if (targets[i].address || targets[i].resource != number)
				connect(graph, resource, relation, (join - 1) | NEAP_GRAPH_JOIN, &targets[i]);
	}
	add_edge(graph, relation, number, (join - 1) | NEAP_GRAPH_JOIN, resource->at);
}

static void resolve(struct neap_graph *graph)
{
	size_t i;

	for (i = 0; i < graph->build->pending.count; i++) {
		const struct neap_pending *pending = &graph->build->pending.items[i];
		const struct neap_resource *resource = &graph->resources.items[pending->resource];
		struct neap_target target = { 0, NULL };
		uintptr_t found = (uintptr_t)neap_map_get(&graph->by_address, neap_str(pending->address));
		const char *nearest;

		if (found) {
			target.resource = (uint32_t)(found - 1);
			connect(graph, resource, pending->relation, pending->node, &target);
			continue;
		}
		neap_problem_add(
			graph->problems, resource->at, resource->address,
			"%s names %s, which is not declared", neap_common_params[pending->relation].name,
			neap_shown(graph->arena, neap_text(pending->address), 2 * NEAP_SHOWN_NAME).data);
		nearest = neap_graph_nearest(graph, pending->address, pending->resource);
		if (nearest)
			neap_problem_hint(graph->problems, "did you mean \"%s\"?", nearest);
		else if (!strchr(pending->address, '['))
			neap_problem_hint(graph->problems, "an address looks like file[/etc/motd]");
	}
}

int neap_graph_finish(struct neap_graph *graph)
{
	abandon(graph);
	resolve(graph);
	neap_claims_collect(graph);
	neap_graph_sort(graph);
	neap_problems_sort(graph->problems);
	return graph->problems->errors.count ? -1 : 0;
}
