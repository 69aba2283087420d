/*
 * A growable array of any type: NEAP_VEC(struct x) xs = { 0 }; neap_vec_push(&xs, value); free with
 * neap_vec_done(&xs). Items are at xs.items[0 … xs.count).
 */
#pragma once

#include <stdlib.h>

#include "base/arena.h"

#define NEAP_VEC(type)                                                                                       \
	struct {                                                                                             \
		type *items;                                                                                 \
		size_t count, size;                                                                          \
	}

void *neap_vec_grow(void *items, size_t *size, size_t item_size); /* doubles *size */

#define neap_vec_push(vec, ...)                                                                              \
	do {                                                                                                 \
		if ((vec)->count == (vec)->size)                                                             \
			(vec)->items = neap_vec_grow((vec)->items, &(vec)->size, sizeof *(vec)->items);      \
		(vec)->items[(vec)->count++] = (__VA_ARGS__);                                                \
	} while (0)

#define neap_vec_done(vec)                                                                                   \
	do {                                                                                                 \
		free((vec)->items);                                                                          \
		(vec)->items = NULL;                                                                         \
		(vec)->count = (vec)->size = 0;                                                              \
	} while (0)
