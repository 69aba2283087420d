/*
 * What is in a list of values: many questions to one long list. It must not outlive the list.
 */
#pragma once

#include "base/map.h"
#include "base/value.h"

struct neap_items {
	const struct neap_value *list;
	struct neap_map strings; /* bytes → the first item with them */
};

/* Of what is no list: nothing is in it. */
void neap_items_init(struct neap_items *items, const struct neap_value *list);
void neap_items_done(struct neap_items *items);
/* As neap_value_equal() with one of them. */
bool neap_items_has(const struct neap_items *items, const struct neap_value *item);
