/*
 * The list of everything wrong with a recipe. Knows nothing of graphs or Lua: places, texts and their order.
 */
#include "engine/problem.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"

static struct neap_problem *add(struct neap_problems *problems, bool warning, struct neap_position at,
				const char *address)
{
	struct neap_problem problem = { .at = at };

	if (address)
		problem.address = neap_arena_strdup(problems->arena, address);
	if (warning) {
		neap_vec_push(&problems->warnings, problem);
		return &problems->warnings.items[problems->warnings.count - 1];
	}
	neap_vec_push(&problems->errors, problem);
	return &problems->errors.items[problems->errors.count - 1];
}

int neap_problem_add(struct neap_problems *problems, struct neap_position at, const char *address,
		     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(problems, false, at, address)->message = neap_arena_vprintf(problems->arena, format, args);
	va_end(args);
	return -1;
}

int neap_problem_take(struct neap_problems *problems, struct neap_position at, const char *address,
		      struct neap_error **err)
{
	struct neap_problem *problem = add(problems, false, at, address);
	struct neap_error *taken = *err;

	problem->message =
		neap_arena_strdup(problems->arena, taken && taken->message ? taken->message : "failed");
	if (taken && taken->hint)
		problem->hint = neap_arena_strdup(problems->arena, taken->hint);
	neap_error_free(taken);
	*err = NULL;
	return -1;
}

void neap_problem_hint(struct neap_problems *problems, const char *format, ...)
{
	va_list args;

	if (!problems->errors.count)
		return;
	va_start(args, format);
	problems->errors.items[problems->errors.count - 1].hint =
		neap_arena_vprintf(problems->arena, format, args);
	va_end(args);
}

void neap_problem_warn(struct neap_problems *problems, struct neap_position at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(problems, true, at, NULL)->message = neap_arena_vprintf(problems->arena, format, args);
	va_end(args);
}

/* ---- order ------------------------------------------------------------------------------------------- */

struct ranked {
	struct neap_problem problem;
	size_t rank; /* place in the list: makes qsort stable */
};

static int by_place(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;
	int order;

	/* What has no place is about the whole recipe: first. */
	if (!a->problem.at.file != !b->problem.at.file)
		return a->problem.at.file ? 1 : -1;
	if (a->problem.at.file) {
		order = strcmp(a->problem.at.file, b->problem.at.file);
		if (order)
			return order;
	}
	if (a->problem.at.line != b->problem.at.line)
		return a->problem.at.line < b->problem.at.line ? -1 : 1;
	return a->rank < b->rank ? -1 : 1;
}

/* What makes two problems the same one, as bytes. */
static struct neap_str identity(struct neap_arena *arena, const struct neap_problem *problem)
{
	const char *const texts[] = { problem->at.file, problem->address, problem->message };
	size_t len = sizeof problem->at.line, i, part;
	char *data, *at;

	for (i = 0; i < 3; i++)
		len += texts[i] ? strlen(texts[i]) + 2 : 1;
	data = at = neap_arena_bytes(arena, len);
	memcpy(at, &problem->at.line, sizeof problem->at.line);
	at += sizeof problem->at.line;
	for (i = 0; i < 3; i++) {
		*at++ = texts[i] ? 1 : 0;
		if (!texts[i])
			continue;
		part = strlen(texts[i]) + 1;
		memcpy(at, texts[i], part);
		at += part;
	}
	return (struct neap_str){ data, len };
}

static size_t sort(struct neap_problem *items, size_t count)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = NULL;
	struct ranked *ranked;
	struct neap_map seen = { 0 };
	size_t i, kept = 0;

	if (count < 2)
		return count;
	arena = neap_arena_new();
	ranked = neap_alloc(count * sizeof *ranked);
	for (i = 0; i < count; i++) {
		if (neap_map_put(&seen, identity(arena, &items[i]), &items[i]))
			continue;
		ranked[kept].problem = items[i];
		ranked[kept].rank = i;
		kept++;
	}
	qsort(ranked, kept, sizeof *ranked, by_place);
	for (i = 0; i < kept; i++)
		items[i] = ranked[i].problem;
	free(ranked);
	neap_map_done(&seen);
	return kept;
}

void neap_problems_sort(struct neap_problems *problems)
{
	problems->errors.count = sort(problems->errors.items, problems->errors.count);
	problems->warnings.count = sort(problems->warnings.items, problems->warnings.count);
}
