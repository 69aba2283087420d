/*
 * What resources of the network keep by systemd-networkd: a link's own .netdev and .network, and what is
 * dropped in to the .network of the link that an address, a route or a member belongs to.
 */
#pragma once

#include "engine/kept_net.h"

#define NEAP_KEPT_NETWORKD_FILES 3 /* a link's own */

/* The files of a resource that makes a link: *ret_count of them, none for others. With `wanted` their text.
 */
void neap_kept_networkd_own(const struct neap_kept_net *net, bool wanted, struct neap_arena *arena,
			    struct neap_kept_file ret[NEAP_KEPT_NETWORKD_FILES], size_t *ret_count);
/* Those that a link `name` may have had as another: but for `own`, *ret_count of them. */
void neap_kept_networkd_former(const char *name, const struct neap_kept_file *own, size_t own_count,
			       struct neap_arena *arena, struct neap_kept_file ret[NEAP_KEPT_NETWORKD_FILES],
			       size_t *ret_count);
/* What it drops in to others' files: their name, in whatever directory they are. */
const char *neap_kept_networkd_name(const char *type, const char *name, struct neap_arena *arena);
/* Those that shall be (with `wanted`), and those of its name that are elsewhere and shall not; nor shall
 * those of the names `former` (NULL-terminated). 0, negative, NEAP_UNKNOWN. */
int neap_kept_networkd_dropped_in(const struct neap_view *view, struct neap_arena *arena,
				  const struct neap_kept_net *net, bool wanted, const char *const *former,
				  struct neap_kept_file **ret, size_t *ret_count, struct neap_error **err);
/* More than networkd takes is an error of the recipe. */
int neap_kept_networkd_check_size(const struct neap_kept_net *net, struct neap_error **err);
/* The .network files of its own have to be those that networkd uses. */
int neap_kept_networkd_check(const struct neap_view *view, struct neap_arena *arena,
			     const struct neap_kept_net *net, struct neap_error **err);
