/* What is wrong with a recipe: all of it, collected in one run, each with its place. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"

struct neap_position {
	const char
		*file; /* relative to the recipe's directory, or "@name/…" for embedded ones; NULL: unknown */
	int line;      /* 0: unknown */
};

struct neap_problem {
	struct neap_position at;
	const char *address; /* of the resource, or NULL */
	const char *message;
	const char *hint; /* or NULL */
};

struct neap_problems {
	struct neap_arena *arena; /* owns the texts */
	NEAP_VEC(struct neap_problem) errors;
	NEAP_VEC(struct neap_problem) warnings;
};

/* All return -1. `address` may be NULL. */
int neap_problem_add(struct neap_problems *problems, struct neap_position at, const char *address,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Takes the error (frees it, sets NULL); its hint comes along. */
int neap_problem_take(struct neap_problems *problems, struct neap_position at, const char *address,
		      struct neap_error **err);
void neap_problem_hint(struct neap_problems *problems, const char *format, ...) /* to the newest error */
	__attribute__((format(printf, 2, 3)));
void neap_problem_warn(struct neap_problems *problems, struct neap_position at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* By file and line, stable; equal ones once. */
void neap_problems_sort(struct neap_problems *problems);
