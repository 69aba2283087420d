#include "tests/support/snippets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lua/recipe.h"
#include "modules/modules.h"

static void put_choice(struct world_random *random, const char **at, struct neap_buf *ret)
{
	const char *end = strchr(*at, '}'), *start = *at + 1;
	unsigned count = 1, chosen;

	for (const char *p = start; p < end; p++)
		count += *p == '|';
	chosen = world_random(random, count);
	for (; chosen > 0; chosen--)
		start = strchr(start, '|') + 1;
	neap_buf_append(ret, start, strcspn(start, "|}"));
	*at = end + 1;
}

static void put_snippet(struct world_random *random, const char *text, unsigned before, struct neap_buf *ret)
{
	while (*text) {
		if (*text == '{' && text[1] != ' ' && memchr(text, '|', strcspn(text, "}"))) {
			put_choice(random, &text, ret);
		} else if ((*text == '@' || *text == '~') && text[1] == ' ') {
			if (before > 0 && world_random(random, 2) == 0)
				neap_buf_printf(ret, "%s = r[%u],", *text == '@' ? "require" : "subscribe",
						world_random(random, before) + 1);
			text++;
		} else {
			neap_buf_putc(ret, *text++);
		}
	}
}

/* NEAP_TYPES=,bridge,veth, draws these types only. */
static const char *draw_snippet(struct world_random *random, const char *const *snippets, size_t count)
{
	const char *only = getenv("NEAP_TYPES");
	char name[40];

	for (;;) {
		const char *snippet = snippets[world_random(random, (uint32_t)count)];

		snprintf(name, sizeof name, ",%.*s,", (int)strcspn(snippet, " "), snippet);
		if (!only || strstr(only, name))
			return snippet;
	}
}

void neap_test_draw(struct world_random *random, const char *const *snippets, size_t snippet_count,
		    unsigned count, struct neap_buf *ret)
{
	for (unsigned i = 0; i < count; i++) {
		neap_buf_printf(ret, "r[%u] = neap.", i + 1);
		put_snippet(random, draw_snippet(random, snippets, snippet_count), i, ret);
		neap_buf_putc(ret, '\n');
	}
}

void neap_test_write(const char *directory, const struct neap_buf *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/site.lua", directory);
	file = fopen(path, "we");
	assert_non_null(file);
	fwrite(text->data, 1, text->len, file);
	fclose(file);
}

void neap_test_evaluate(const char *directory, struct neap_test_recipe *ret)
{
	char path[256];

	*ret = (struct neap_test_recipe){ .arena = neap_arena_new() };
	ret->problems.arena = ret->arena;
	snprintf(path, sizeof path, "%s/site.lua", directory);
	assert_int_equal(neap_sources_open(ret->arena, path, NULL, &ret->sources, NULL), 0);
	ret->graph = neap_graph_new(&neap_modules, ret->sources, &ret->problems);
	struct neap_recipe_options options = { .sources = ret->sources, .timeout = 60 };
	if (neap_recipe_evaluate(&options, ret->graph) == 0)
		return;
	neap_graph_free(ret->graph);
	ret->graph = NULL;
}

void neap_test_recipe_done(struct neap_test_recipe *recipe)
{
	if (recipe->graph)
		neap_graph_free(recipe->graph);
	neap_vec_done(&recipe->problems.errors);
	neap_vec_done(&recipe->problems.warnings);
	neap_arena_free(recipe->arena);
}
