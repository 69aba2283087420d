/*
 * Errors quote what programs have said, and a program may say what it has read in a file of the recipe's. So
 * before an error becomes a result's, the secrets that are known are looked for in it: those that the recipe
 * made, whatever is marked in parameters (as base64, say), outputs that were used, and private keys, which a
 * program may fold otherwise, or say as base64 of what lies there, as a kubeconfig has it.
 */
#include "engine/run_private.h"

#include <stdlib.h>

#include "base/lines.h"

static void add_parameters(struct neap_secrets *secrets, const struct neap_resource *resource)
{
	for (unsigned i = 0; i < resource->type->param_count; i++) {
		const struct neap_param *param = &resource->type->params[i];
		const void *member = (const char *)resource->want + param->offset;

		if (!(param->flags & NEAP_PARAM_SECRET) || !(resource->want->given >> i & 1))
			continue;
		if (param->kind == NEAP_PARAM_TEXT)
			neap_secrets_add(secrets, *(const struct neap_text *)member);
		for (size_t j = 0;
		     param->kind == NEAP_PARAM_TEXTS && j < ((const struct neap_texts *)member)->count; j++)
			neap_secrets_add(secrets, ((const struct neap_texts *)member)->texts[j]);
	}
}

static bool makes_secrets(const struct neap_resource_type *type)
{
	for (size_t i = 0; i < type->output_count; i++)
		if (type->outputs[i].secret)
			return true;
	return type->secret_file != NULL;
}

/* As base64 of a text with this part in it, wherever there: three bytes are four, so with two on either side
 * that may share these. */
static void add_encoded(struct neap_secrets *secrets, struct neap_arena *arena, struct neap_str text,
			struct neap_str part)
{
	size_t before = part.len && part.data - text.data >= 2 ? 2 : 0;
	size_t after = part.len && text.data + text.len - (part.data + part.len) >= 2 ? 2 : 0;
	struct neap_str bytes = { part.data - before, part.len + before + after };

	for (size_t skipped = 0; skipped < 3 && skipped < bytes.len; skipped++) {
		struct neap_text plain = { .data = bytes.data + skipped,
					   .len = (bytes.len - skipped) / 3 * 3 };
		struct neap_text encoded = neap_text_base64(arena, plain);

		neap_secrets_add_runs(secrets, (struct neap_str){ encoded.data, encoded.len });
	}
}

/* Each line but the armour of PEM, which is in every key; and all of them, however they are folded. */
static void add_key(struct neap_secrets *secrets, struct neap_arena *arena, struct neap_str text)
{
	char *joined = neap_arena_alloc(arena, text.len + 1);
	struct neap_str body = { text.data, 0 };
	struct neap_line line;
	size_t len = 0;

	for (size_t at = 0; at < text.len; at = line.next) {
		struct neap_str bytes;

		line = neap_line_at(text, at);
		bytes = neap_line_bytes(text, line);
		if (!bytes.len || bytes.data[0] == '-')
			continue;
		neap_secrets_add(secrets, neap_text_secret(arena, bytes.data, bytes.len));
		if (!body.len)
			body.data = bytes.data;
		body.len = (size_t)(bytes.data + bytes.len - body.data);
		memcpy(joined + len, bytes.data, bytes.len);
		len += bytes.len;
	}
	neap_secrets_add_runs(secrets, (struct neap_str){ joined, len });
	add_encoded(secrets, arena, text, body);
}

/* What lies there now, unless that has been read before. */
static void add_file(struct run *run, const struct neap_resource *resource, uint64_t *stamp)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *path = resource->type->secret_file(resource->want);
	const struct neap_view *view = &run->machine->view;
	struct neap_content content = { 0 };
	struct neap_stat stat;

	if (!path || neap_view_stat(view, path, &stat, NULL) != 0 || stat.kind != NEAP_FILE_REGULAR ||
	    (stat.stamp && stat.stamp == *stamp))
		return;
	neap_arena_wipe(arena);
	if (neap_view_small_file(view, path, arena, &stat, &content, NULL) != 0 ||
	    stat.kind != NEAP_FILE_REGULAR || !content.data)
		return;
	add_key(run->pub.graph->secrets, arena, (struct neap_str){ content.data, content.size });
	*stamp = stat.stamp;
}

/* What lies there now, used by others or not: a program may have read it. */
static void add_outputs(struct run *run, const struct neap_resource *resource)
{
	const struct neap_view *view = &run->machine->view;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_context context = { .scratch = arena, .passing = arena, .engine = run };
	struct neap_text text;

	neap_arena_wipe(arena);
	for (unsigned i = 0; i < resource->type->output_count; i++)
		if (resource->type->outputs[i].secret &&
		    resource->type->output(view, &context, resource->want, i, &text, NULL) == 0)
			neap_secrets_add(run->pub.graph->secrets,
					 neap_text_secret(arena, text.data, text.len));
}

static void begin(struct run *run)
{
	const struct neap_graph *graph = run->pub.graph;

	for (uint32_t i = 0; i < graph->resources.count; i++) {
		add_parameters(graph->secrets, &graph->resources.items[i]);
		if (makes_secrets(graph->resources.items[i].type))
			neap_vec_push(&run->makers, (struct maker){ .resource = i });
	}
	run->masks = true;
}

static void mask(struct neap_secrets *secrets, char **text)
{
	struct neap_buf masked NEAP_AUTO_BUF = { 0 };

	if (!*text || !neap_secrets_mask(secrets, *text, &masked))
		return;
	explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = masked.data;
	masked.data = NULL;
}

void neap_masking_mask(struct run *run, struct neap_error *err)
{
	const struct neap_graph *graph = run->pub.graph;

	if (!err)
		return;
	if (!run->masks) /* nobody pays for it before something fails */
		begin(run);
	for (size_t i = 0; i < run->makers.count; i++) {
		struct maker *maker = &run->makers.items[i];
		const struct neap_resource *resource = &graph->resources.items[maker->resource];

		add_outputs(run, resource);
		if (resource->type->secret_file)
			add_file(run, resource, &maker->stamp);
	}
	mask(graph->secrets, &err->message);
	mask(graph->secrets, &err->hint);
}
