/* The growth of neap_vec. */
#include "base/vec.h"

#include <stdint.h>

void *neap_vec_grow(void *items, size_t *size, size_t item_size)
{
	size_t more = *size ? *size * 2 : 8;

	if (more > PTRDIFF_MAX / item_size)
		neap_out_of_memory();
	items = neap_realloc(items, more * item_size);
	*size = more;
	return items;
}
