/*
 * What the overlay's files about the network share. Private to overlay_net*.c.
 *
 *	overlay_net.c       the table, taking back, links, and which change is which
 *	overlay_net_ways.c  addresses and routes: what follows from theirs and from links'
 *	overlay_net_neighbours.c  vxlans and whom they know
 *	overlay_net_mtu.c   bridges that follow their members, and links too small for IPv6
 *	overlay_net_along.c what a step has taken along
 */
#pragma once

#include "host/overlay_parts.h"

struct neap_overlay_net {
	struct neap_net net;
	struct neap_map firsts;  /* IPv4: key of a network on a link → its address that is not secondary */
	struct neap_map made;    /* links made here → step + 1 */
	struct neap_map fixed;   /* bridges whose MTU has been set here */
	struct neap_map widened; /* links that were too small for IPv6 before → step + 1 */
	NEAP_VEC(struct undo {
		struct neap_map *map;
		struct neap_str key;
		void *before;
	})
	log;
	size_t held, held_before; /* changes */
	bool odd;                 /* a route has a metric that is not usual */
};

/* `value` NULL: nothing any more. The key lies in the table's memory. Can be taken back. */
void neap_overlay_net_set(struct neap_overlay_net *own, struct neap_map *map, struct neap_str key,
			  void *value);
void neap_overlay_net_set_link(struct neap_overlay_net *own, const struct neap_net_link *link);
void neap_overlay_net_set_route(struct neap_overlay_net *own, const struct neap_net_route *route);
void neap_overlay_net_set_address(struct neap_overlay_net *own, const struct neap_net_address *address);
/* The key of an address's network on its link. */
struct neap_str neap_overlay_net_network_name(struct neap_overlay_net *own,
					      const struct neap_net_address *address);

static inline struct neap_str neap_overlay_net_route_name(const struct neap_net_route *route)
{
	return (struct neap_str){ (const char *)&route->key, sizeof(route->key) };
}

static inline struct neap_str neap_overlay_net_address_name(const struct neap_net_address *address)
{
	return (struct neap_str){ (const char *)&address->key, sizeof(address->key) };
}

static inline struct neap_str neap_overlay_net_neighbour_name(const struct neap_net_neighbour *neighbour)
{
	return (struct neap_str){ (const char *)&neighbour->key, sizeof(neighbour->key) };
}

/* The route to its network that comes with an address; false: none does. */
bool neap_overlay_net_network_route(const struct neap_net_address *address, struct neap_net_route *ret);
/* Each 0 or the errno that the kernel would give. */
int neap_overlay_net_put_route(struct neap_overlay_net *own, const struct neap_net_route *wanted);
int neap_overlay_net_add_address(struct neap_overlay_net *own, const struct neap_net_address *wanted);
int neap_overlay_net_remove_address(struct neap_overlay *overlay, const struct neap_net_address *wanted);
/* Takes a route away. */
void neap_overlay_net_cut(struct neap_overlay_net *own, const struct neap_net_route *gone);
/* Routes over a link that goes down are gone, and its IPv6 addresses; of one that goes, the others too; of
 * one that gets too small for IPv6 only what is of IPv6. */
enum neap_overlay_net_cut { NEAP_OVERLAY_NET_CUT_SIX, NEAP_OVERLAY_NET_CUT_DOWN, NEAP_OVERLAY_NET_CUT_ALL };
void neap_overlay_net_cut_link(struct neap_overlay_net *own, const char *name, enum neap_overlay_net_cut cut);
/* It has come up: the networks of its addresses are reached. */
void neap_overlay_net_reconnect(struct neap_overlay_net *own, const char *name);

/* The MTU that a link has, also where it is what others make it. */
uint32_t neap_overlay_net_mtu(const struct neap_overlay_net *own, const struct neap_net_link *link);
/* Whether a bridge has the MTU of its smallest member: one that was never set has. That it was set is not to
 * be seen but by another MTU than theirs, so one that was set to theirs by hand is taken for one that
 * follows. */
bool neap_overlay_net_follows(const struct neap_overlay_net *own, const char *bridge);
/* Its members are others, or of other MTUs: it was seen before that it follows them. */
void neap_overlay_net_follow(struct neap_overlay_net *own, const char *bridge);
/* Its MTU has been set to another: it follows no more. */
void neap_overlay_net_fix(struct neap_overlay_net *own, const char *bridge);
/* Whether there can be no IPv6 on a link. */
bool neap_overlay_net_is_small(const struct neap_overlay_net *own, const char *name);
/* The MTU of a link may be another than before: IPv6 goes with too small a one. */
void neap_overlay_net_resized(struct neap_overlay *overlay, const char *name, bool was_small);
/* Whether a change has been refused because there is no IPv6 on its link: then *err says so, with a hint. */
bool neap_overlay_net_refuse_small(const struct neap_overlay_net *own, const struct neap_net_change *change,
				   int errnum, struct neap_error **err);

/* Fills what a new vxlan is like: 0 or an errno. */
int neap_overlay_net_vxlan(const struct neap_overlay_net *own, const struct neap_net_link *wanted,
			   unsigned fields, struct neap_net_link *ret);
/* Whether packets of that size fit through what the link goes over. */
bool neap_overlay_net_fits(const struct neap_overlay_net *own, const struct neap_net_link *link,
			   uint32_t mtu);
/* Whether `link` is `other`, goes over it, or has it for a member, at any depth. */
bool neap_overlay_net_stands_on(const struct neap_overlay_net *own, const char *link, const char *other);
int neap_overlay_net_put_neighbour(struct neap_overlay_net *own, const struct neap_net_neighbour *wanted);
int neap_overlay_net_remove_neighbour(struct neap_overlay_net *own, const struct neap_net_neighbour *gone);
void neap_overlay_net_set_neighbour(struct neap_overlay_net *own, const struct neap_net_neighbour *neighbour);
/* Of a link: the neighbours of a family, of both (0), or those and what it forwards. */
#define NEAP_OVERLAY_NET_ALL 1
void neap_overlay_net_forget_neighbours(struct neap_overlay_net *own, const char *link, uint8_t family);
/* Routes of usual metrics are found by their keys. */
#define NEAP_OVERLAY_NET_USUAL 3
extern const uint32_t neap_overlay_net_usual[NEAP_OVERLAY_NET_USUAL];
bool neap_overlay_net_is_odd(const struct neap_net_route *route);
