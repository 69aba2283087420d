/* See items.h. */
#include "base/items.h"

static struct neap_str bytes_of(const struct neap_value *item)
{
	return (struct neap_str){ item->text.data, item->text.len };
}

void neap_items_init(struct neap_items *items, const struct neap_value *list)
{
	*items = (struct neap_items){ .list = list };
	for (size_t i = 0; list->kind == NEAP_LIST && i < list->list.count; i++) {
		struct neap_value *item = &list->list.items[i];

		if (item->kind == NEAP_STRING && !neap_map_get(&items->strings, bytes_of(item)))
			neap_map_put(&items->strings, bytes_of(item), item);
	}
}

void neap_items_done(struct neap_items *items)
{
	neap_map_done(&items->strings);
}

bool neap_items_has(const struct neap_items *items, const struct neap_value *item)
{
	const struct neap_value *list = items->list, *first = NULL;

	if (list->kind != NEAP_LIST)
		return false;
	if (item->kind == NEAP_STRING) {
		first = neap_map_get(&items->strings, bytes_of(item));
		if (!first)
			return false;
		if (neap_value_equal(first, item))
			return true;
	}
	/* The same bytes may be marked in several ways. */
	for (size_t i = 0; i < list->list.count; i++)
		if (neap_value_equal(&list->list.items[i], item))
			return true;
	return false;
}
