/*
 * The network of the memory machine: lists, searched from end to end, and the kernel's rules told in the
 * plainest way. It shares nothing with the overlay's model, which tests hold against it.
 */
#pragma once

#include "base/vec.h"
#include "host/host.h"

struct neap_memory_net {
	struct neap_arena *arena;  /* of the machine */
	struct neap_map *settings; /* of the kernel: path → value */
	NEAP_VEC(struct neap_memory_link {
		struct neap_net_link link;
		bool mtu_fixed; /* a bridge whose MTU was set no longer follows its members */
	})
	links;
	NEAP_VEC(struct neap_net_address) addresses;
	NEAP_VEC(struct neap_net_route) routes;
	NEAP_VEC(struct neap_net_neighbour) neighbours; /* of vxlans */
	struct neap_net net;                            /* as others read it */
};

void neap_memory_net_done(struct neap_memory_net *memory);
const struct neap_net *neap_memory_net_read(struct neap_memory_net *memory);
/* 0 or an errno. */
int neap_memory_net_land(struct neap_memory_net *memory, const struct neap_net_change *change);
