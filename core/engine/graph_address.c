/* Addresses: how a resource is called, from its KEY parameters, and what a wrong one was meant to be. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph_private.h"
#include "engine/shown.h"

/* The value of a KEY parameter as text. Numbers are written into `number`. */
static struct neap_text key_text(const struct neap_resource *resource, unsigned index, char number[24])
{
	const struct neap_param *param = &resource->type->params[index];
	const void *member = (const char *)resource->want + param->offset;

	switch (param->kind) {
	case NEAP_PARAM_TEXT:
		return *(const struct neap_text *)member;
	case NEAP_PARAM_STRING:
	case NEAP_PARAM_PATH:
	case NEAP_PARAM_OWNER:
		return neap_text(*(const char *const *)member);
	case NEAP_PARAM_SOURCE:
		return neap_text(((const struct neap_source *)member)->path);
	case NEAP_PARAM_CHOICE:
		return neap_text(param->choices[*(const unsigned *)member]);
	case NEAP_PARAM_BOOLEAN:
		return neap_text(*(const bool *)member ? "true" : "false");
	case NEAP_PARAM_RESOURCE:
		return neap_text(((const struct neap_related *)member)->path);
	case NEAP_PARAM_INTEGER:
	case NEAP_PARAM_DURATION:
		snprintf(number, 24, "%" PRId64, *(const int64_t *)member);
		return neap_text(number);
	case NEAP_PARAM_MODE:
		snprintf(number, 24, "%04o", *(const uint32_t *)member);
		return neap_text(number);
	case NEAP_PARAM_REGEX:
		return neap_text(((const struct neap_pattern *)member)->text);
	case NEAP_PARAM_STRINGS:
	case NEAP_PARAM_ARGV:
	case NEAP_PARAM_TEXTS:
	case NEAP_PARAM_INTEGERS:
		break;
	}
	return neap_text("");
}

static bool is_key(const struct neap_resource *resource, unsigned index)
{
	const struct neap_param *params = resource->type->params;
	uint64_t given = resource->want->given;
	unsigned i;

	if (!(params[index].flags & NEAP_PARAM_KEY) || !(given >> index & 1))
		return false;
	if (!(params[index].flags & NEAP_PARAM_KEY_ELSE))
		return true;
	for (i = 0; i < resource->type->param_count; i++)
		if (i != index && (given >> i & 1) &&
		    (params[i].flags & (NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED)) == NEAP_PARAM_KEY)
			return false;
	return true;
}

/* The name as it is, when it is short and plain: the common case, without a copy when it is one string. */
static const char *plain_name(struct neap_arena *arena, const struct neap_resource *resource, size_t *ret_len)
{
	char buffer[NEAP_SHOWN_NAME + 1], number[24];
	const char *only = NULL;
	size_t len = 0;
	unsigned i;

	for (i = 0; i < resource->type->param_count; i++) {
		struct neap_text text;

		if (!is_key(resource, i))
			continue;
		text = key_text(resource, i, number);
		if (text.span_count || len + text.len + 2 > NEAP_SHOWN_NAME ||
		    !neap_shown_plain(text.data, text.len))
			return NULL;
		only = !len && text.data != number && resource->type->params[i].kind != NEAP_PARAM_TEXT
			       ? text.data
			       : NULL;
		if (len) {
			buffer[len++] = ':';
			buffer[len++] = ' ';
		}
		memcpy(buffer + len, text.data, text.len);
		len += text.len;
	}
	*ret_len = len;
	return only ? only : neap_arena_copy(arena, buffer, len);
}

static const char *odd_name(struct neap_arena *arena, const struct neap_resource *resource, size_t *ret_len)
{
	NEAP_AUTO_TEXT_BUILDER struct neap_text_builder builder = { 0 };
	struct neap_str shown;
	char number[24];
	unsigned i;

	for (i = 0; i < resource->type->param_count; i++) {
		if (!is_key(resource, i))
			continue;
		if (builder.bytes.len)
			neap_text_builder_add(&builder, neap_text(": "));
		neap_text_builder_add(&builder, key_text(resource, i, number));
	}
	shown = neap_shown(arena,
			   (struct neap_text){ builder.bytes.data ? builder.bytes.data : "",
					       builder.bytes.len, builder.spans, builder.span_count },
			   NEAP_SHOWN_NAME);
	*ret_len = shown.len;
	return shown.data;
}

/* As the type calls it; NULL: it does not. */
static const char *own_name(struct neap_arena *arena, const struct neap_resource *resource, size_t *ret_len)
{
	const char *name = resource->type->name_of ? resource->type->name_of(resource->want, arena) : NULL;
	struct neap_str shown = { 0 };

	if (name)
		shown = neap_shown(arena, neap_text(name), NEAP_SHOWN_NAME);
	*ret_len = shown.len;
	return shown.data;
}

void neap_graph_address(struct neap_graph *graph, struct neap_resource *resource, bool complete)
{
	size_t type_len = strlen(resource->type->name), len = 1;
	char *address;

	resource->name = complete ? own_name(graph->arena, resource, &len) : "?";
	if (!resource->name)
		resource->name = plain_name(graph->arena, resource, &len);
	if (!resource->name)
		resource->name = odd_name(graph->arena, resource, &len);
	address = neap_arena_bytes(graph->arena, type_len + len + 3);
	memcpy(address, resource->type->name, type_len);
	address[type_len] = '[';
	memcpy(address + type_len + 1, resource->name, len);
	memcpy(address + type_len + 1 + len, "]", 2);
	resource->address = address;
}

bool neap_graph_same_key(const struct neap_resource *a, const struct neap_resource *b)
{
	char left[24], right[24];
	unsigned i;

	for (i = 0; i < a->type->param_count; i++) {
		if (is_key(a, i) != is_key(b, i))
			return false;
		if (is_key(a, i) && !neap_text_equal(key_text(a, i, left), key_text(b, i, right)))
			return false;
	}
	return true;
}

const char *neap_graph_nearest(struct neap_graph *graph, const char *address, uint32_t asking)
{
	NEAP_AUTO_FREE const char **names = NULL;
	size_t len = strlen(address), count = 0, i;

	/* Comparing costs; a recipe with thousands of wrong names gets hints for the first ones. */
	if (len > 4 * NEAP_SHOWN_NAME || graph->build->hints < graph->resources.count)
		return NULL;
	graph->build->hints -= graph->resources.count;
	names = neap_alloc((graph->resources.count + 1) * sizeof *names);
	for (i = 0; i < graph->resources.count; i++) {
		const char *name = graph->resources.items[i].address;
		size_t other = strlen(name);

		/* As far off as neap_str_nearest() would go, on one of the ends or the other. */
		if ((other > len ? other - len : len - other) > len / 3 + 1)
			continue;
		if (i == asking)
			continue;
		if (!graph->build->broken.items[i] || neap_map_get(&graph->by_address, neap_str(name)))
			names[count++] = name;
	}
	names[count] = NULL;
	return neap_str_nearest(address, names);
}
