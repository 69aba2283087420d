/*
 * The graph's digest: equal graphs, equal digests; a reviewed plan is bound to it. Goes over types,
 * addresses, parameters and edges; not over places in the recipe. Never prints anything.
 */
#include <string.h>

#include "base/digest.h"
#include "engine/graph_private.h"

struct sum {
	struct neap_digest_state *state;
	size_t len;
	unsigned char bytes[4096]; /* many small pieces, few calls */
};

static void add(struct sum *sum, const void *data, size_t len)
{
	if (len > sizeof sum->bytes - sum->len) {
		neap_digest_update(sum->state, sum->bytes, sum->len);
		sum->len = 0;
	}
	if (len > sizeof sum->bytes / 2) {
		neap_digest_update(sum->state, data, len);
	} else if (len) {
		memcpy(sum->bytes + sum->len, data, len);
		sum->len += len;
	}
}

/* Lowest byte first, whatever the machine. */
static void add_number(struct sum *sum, uint64_t number)
{
	unsigned char bytes[8];
	int i;

	for (i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	add(sum, bytes, sizeof bytes);
}

static void add_bytes(struct sum *sum, const void *data, size_t len)
{
	add_number(sum, len);
	add(sum, data, len);
}

static void add_string(struct sum *sum, const char *text)
{
	add_bytes(sum, text ? text : "", text ? strlen(text) : 0);
}

/* Secret bytes stay out, even hashed: a plan shows the digest, and a weak secret could be guessed from it. */
static void add_text(struct sum *sum, struct neap_text text)
{
	size_t i, from = 0;

	add_number(sum, text.span_count ? 0 : text.len);
	add_number(sum, text.span_count);
	for (i = 0; i < text.span_count; i++) {
		const struct neap_span *span = &text.spans[i];

		add_bytes(sum, text.data + from, span->start - from);
		from = span->start + span->len;
	}
	if (text.len > from)
		add(sum, text.data + from, text.len - from);
}

static void add_member(struct sum *sum, const struct neap_param *param, const struct neap_want *want)
{
	const void *member = (const char *)want + param->offset;
	const struct neap_source *source;
	const struct neap_strings *strings;
	const struct neap_texts *texts;
	const struct neap_integers *integers;
	size_t i;

	switch (param->kind) {
	case NEAP_PARAM_TEXT:
		add_text(sum, *(const struct neap_text *)member);
		return;
	case NEAP_PARAM_STRING:
	case NEAP_PARAM_PATH:
	case NEAP_PARAM_OWNER:
		add_string(sum, *(const char *const *)member);
		return;
	case NEAP_PARAM_SOURCE: /* its bytes; where the recipe lies does not matter */
		source = member;
		add_number(sum, source->content.size);
		if (source->content.data)
			add(sum, source->content.data, source->content.size);
		else
			add(sum, source->content.digest, sizeof source->content.digest);
		return;
	case NEAP_PARAM_CHOICE:
		add_string(sum, param->choices[*(const unsigned *)member]);
		return;
	case NEAP_PARAM_BOOLEAN:
		add_number(sum, *(const bool *)member);
		return;
	case NEAP_PARAM_RESOURCE:
		add_string(sum, ((const struct neap_related *)member)->path);
		return;
	case NEAP_PARAM_INTEGERS:
		integers = member;
		add_number(sum, integers->count);
		for (i = 0; i < integers->count; i++)
			add_number(sum, (uint64_t)integers->items[i]);
		return;
	case NEAP_PARAM_TEXTS:
		texts = member;
		add_number(sum, texts->count);
		for (i = 0; i < texts->count; i++) {
			add_string(sum, texts->names[i]);
			if (param->flags & NEAP_PARAM_OR_FALSE)
				add_number(sum, texts->texts[i].data != NULL);
			add_text(sum, texts->texts[i]);
		}
		return;
	case NEAP_PARAM_INTEGER:
	case NEAP_PARAM_DURATION:
		add_number(sum, (uint64_t) * (const int64_t *)member);
		return;
	case NEAP_PARAM_MODE:
		add_number(sum, *(const uint32_t *)member);
		return;
	case NEAP_PARAM_REGEX:
		add_string(sum, ((const struct neap_pattern *)member)->text);
		return;
	case NEAP_PARAM_STRINGS:
	case NEAP_PARAM_ARGV:
		strings = member;
		add_number(sum, strings->count);
		for (i = 0; i < strings->count; i++)
			add_string(sum, strings->items[i]);
		return;
	}
}

/* Parts of an expression may be shared: each goes in once, later by its number. */
static void add_expr(struct sum *sum, const struct neap_expr *const *root)
{
	NEAP_VEC(const struct neap_expr *const *) stack = { 0 };
	struct neap_map seen = { 0 };
	size_t i;

	neap_vec_push(&stack, root);
	while (stack.count) {
		const struct neap_expr *const *place = stack.items[--stack.count], *expr = *place;
		void **slot = neap_map_slot(&seen, (struct neap_str){ (const char *)place, sizeof *place });
		size_t count = expr->op == NEAP_EXPR_CONCAT                                   ? expr->count
			       : expr->op == NEAP_EXPR_ESCAPE || expr->op == NEAP_EXPR_BASE64 ? 1
											      : 0;

		if (*slot) {
			add_number(sum, UINT64_MAX);
			add_number(sum, (uintptr_t)*slot);
			continue;
		}
		*slot = (void *)(uintptr_t)seen.count;
		add_number(sum, expr->op);
		if (expr->op == NEAP_EXPR_TEXT) {
			add_text(sum, expr->text);
		} else if (expr->op == NEAP_EXPR_OUTPUT) {
			add_number(sum, expr->resource);
			add_string(sum, expr->output);
			add_number(sum, expr->secret);
		}
		add_number(sum, count);
		for (i = count; i; i--)
			neap_vec_push(&stack, &expr->args[i - 1]);
	}
	neap_vec_done(&stack);
	neap_map_done(&seen);
}

static void add_params(struct sum *sum, const struct neap_resource_type *type, const struct neap_want *want,
		       uint64_t given)
{
	for (size_t i = 0; i < type->param_count; i++) {
		if (!(given >> i & 1))
			continue;
		add_string(sum, type->params[i].name);
		add_member(sum, &type->params[i], want);
	}
}

void neap_graph_digest(const struct neap_graph *graph, char ret[NEAP_DIGEST_HEX_SIZE])
{
	struct sum sum = { .state = neap_digest_begin() };
	uint8_t digest[NEAP_DIGEST_SIZE];
	size_t i, j;

	add_number(&sum, graph->resources.count);
	for (i = 0; i < graph->resources.count; i++) {
		const struct neap_resource *resource = &graph->resources.items[i];
		uint64_t given = resource->want->given;

		add_string(&sum, resource->type->name);
		add_string(&sum, resource->address);
		for (j = 0; j < resource->deferred_count; j++)
			given &= ~(UINT64_C(1)
				   << resource->deferred[j].param); /* a run may have filled it in */
		add_params(&sum, resource->type, resource->want, given);
		if (resource->meta)
			add_params(&sum, &neap_meta, &resource->meta->base, resource->meta->base.given);
		add_number(&sum, resource->deferred_count);
		for (j = 0; j < resource->deferred_count; j++) {
			add_string(&sum, resource->type->params[resource->deferred[j].param].name);
			add_expr(&sum, &resource->deferred[j].expr);
		}
	}
	add_number(&sum, graph->edges.count);
	for (i = 0; i < graph->edges.count; i++) {
		const struct neap_edge *edge = &graph->edges.items[i];

		add_number(&sum, (uint64_t)edge->from << 32 | edge->to);
		add_number(&sum, (uint64_t)edge->why << 1 | edge->refresh);
	}
	neap_digest_update(sum.state, sum.bytes, sum.len);
	neap_digest_end(sum.state, digest);
	neap_digest_hex(digest, ret);
}
