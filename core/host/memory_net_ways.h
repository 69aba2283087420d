/*
 * Addresses, routes and neighbours of the memory machine, and what of them comes and goes with links. Private
 * to memory_net*.c. It must not know how links are made and changed.
 */
#pragma once

#include "host/memory_net.h"

#define NEAP_MEMORY_NET_SIX 1280 /* the least MTU of a link for IPv6 */

/* The path of a link's own setting of the kernel. */
const char *neap_memory_net_setting(struct neap_memory_net *memory, const char *link, const char *name);
/* NULL: there is none. */
struct neap_memory_link *neap_memory_net_link(const struct neap_memory_net *memory, const char *name);
/* Of a vxlan: whether its packets are of IPv6. */
static inline bool neap_memory_net_is_six(const struct neap_net_link *vxlan)
{
	return vxlan->six || vxlan->local.family == 6;
}

/* Each 0 or an errno. */
int neap_memory_net_add_address(struct neap_memory_net *memory, const struct neap_net_address *wanted);
int neap_memory_net_remove_address(struct neap_memory_net *memory, const struct neap_net_address *wanted);
int neap_memory_net_put_route(struct neap_memory_net *memory, const struct neap_net_route *wanted);
int neap_memory_net_remove_route(struct neap_memory_net *memory, const struct neap_net_route_key *key);
int neap_memory_net_put_neighbour(struct neap_memory_net *memory, const struct neap_net_neighbour *wanted);
int neap_memory_net_remove_neighbour(struct neap_memory_net *memory, const struct neap_net_neighbour *gone);

/* The link is down, or has another hardware address: of this family (0: both) nobody is known. */
void neap_memory_net_cut_neighbours(struct neap_memory_net *memory, const char *link, uint8_t family);
/* It has become too small for IPv6. */
void neap_memory_net_cut_six(struct neap_memory_net *memory, const char *name);
/* It has gone down. */
void neap_memory_net_go_down(struct neap_memory_net *memory, const char *name);
/* It is down, and about to go itself. */
void neap_memory_net_cut_link(struct neap_memory_net *memory, const char *name);
/* It has come up: the networks of its addresses are reached. */
void neap_memory_net_reconnect(struct neap_memory_net *memory, const char *name);
