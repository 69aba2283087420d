/* See acquaintance.h. Must not change a machine but through the host. */
#include "engine/acquaintance.h"

#include <string.h>

#include "base/map.h"
#include "engine/diff.h"

static struct neap_str key_of(const struct neap_net_neighbour *neighbour)
{
	return (struct neap_str){ (const char *)&neighbour->key, sizeof(neighbour->key) };
}

int neap_acquaintance_read(const struct neap_view *view, struct neap_arena *arena, const char *link,
			   enum neap_net_neighbour_kind kind, struct neap_acquaintance *ret,
			   struct neap_error **err)
{
	struct neap_map keys = { 0 };
	int r = 0;

	ret->differs = false;
	for (size_t i = 0; i < ret->wanted_count; i++) {
		const struct neap_net_neighbour *one = &ret->wanted[i];
		struct neap_net_neighbour there;
		bool found;

		r = neap_view_net_neighbour(view, &one->key, &there, &found, err);
		if (r != 0)
			break;
		ret->is_there[i] = found && neap_net_ip_equal(&there.ip, &one->ip) &&
				   memcmp(there.mac, one->mac, sizeof(there.mac)) == 0;
		ret->differs = ret->differs || !ret->is_there[i];
		neap_map_put(&keys, key_of(one), &ret->wanted[i]);
	}
	if (r == 0)
		r = neap_view_net_neighbours(view, link, kind, arena, &ret->there, &ret->there_count, err);
	if (r == 0) {
		ret->stays = neap_arena_array_of(arena, bool, ret->there_count + 1);
		for (size_t i = 0; i < ret->there_count; i++) {
			ret->stays[i] = neap_map_get(&keys, key_of(ret->there[i])) != NULL;
			ret->differs = ret->differs || !ret->stays[i];
		}
	}
	neap_map_done(&keys);
	return r;
}

/* What changes comes first: of long lists only the beginning is shown. */
void neap_acquaintance_diff(const struct neap_acquaintance *knows, const char *param, struct neap_diff *diff)
{
	struct neap_arena *arena = neap_diff_arena(diff);
	const char **before = neap_arena_array_of(arena, const char *, knows->there_count + 1);
	const char **after = neap_arena_array_of(arena, const char *, knows->wanted_count + 1);
	size_t before_count = 0, after_count = 0;

	if (!knows->differs)
		return;
	for (unsigned same = 0; same < 2; same++) {
		for (size_t i = 0; i < knows->there_count; i++)
			if (knows->stays[i] == same)
				before[before_count++] = neap_net_neighbour_print(knows->there[i], arena);
		for (size_t i = 0; i < knows->wanted_count; i++)
			if (knows->is_there[i] == same)
				after[after_count++] = neap_net_neighbour_print(&knows->wanted[i], arena);
	}
	neap_diff_list(diff, param, before, before_count, after, after_count);
}

/* Who is new first: nobody whom it has to know is missing meanwhile. */
int neap_acquaintance_apply(struct neap_host *host, const struct neap_acquaintance *knows, bool all,
			    struct neap_error **err)
{
	for (size_t i = 0; i < knows->wanted_count; i++) {
		struct neap_net_change change = { .op = NEAP_NET_NEIGHBOUR_PUT,
						  .neighbour = knows->wanted[i] };

		if ((all || !knows->is_there[i]) && neap_host_net(host, &change, err) < 0)
			return -1;
	}
	return all ? 0 : neap_acquaintance_leave(host, knows, err);
}

int neap_acquaintance_leave(struct neap_host *host, const struct neap_acquaintance *knows,
			    struct neap_error **err)
{
	for (size_t i = 0; i < knows->there_count; i++) {
		struct neap_net_change change = { .op = NEAP_NET_NEIGHBOUR_REMOVE,
						  .neighbour = *knows->there[i] };

		if (!knows->stays[i] && neap_host_net(host, &change, err) < 0)
			return -1;
	}
	return 0;
}
