/*
 * The network of a machine as values: links, their addresses, routes, and whom vxlans know; a table of them,
 * and one change of it.
 * Only what lies in the namespace that neap runs in. It must not know how a machine is asked or changed.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"

#define NEAP_NET_NAME 16 /* of a link, with its NUL: the kernel's IFNAMSIZ */
#define NEAP_NET_TABLE_MAIN 254
#define NEAP_NET_SIX_MTU 1280 /* less, and a link has no IPv6 */

struct neap_net_ip {
	uint8_t family; /* 4, 6; 0: none */
	uint8_t bytes[16];
};

/* An address and the length of its network. */
struct neap_net_prefix {
	struct neap_net_ip ip;
	uint8_t len;
};

#define NEAP_NET_TEXT 52 /* of either, with its NUL */

bool neap_net_ip_parse(const char *text, struct neap_net_ip *ret);
bool neap_net_prefix_parse(const char *text, struct neap_net_prefix *ret); /* "10.0.0.1/24" */
const char *neap_net_ip_print(const struct neap_net_ip *ip, char ret[NEAP_NET_TEXT]);
const char *neap_net_prefix_print(const struct neap_net_prefix *prefix, char ret[NEAP_NET_TEXT]);
bool neap_net_ip_equal(const struct neap_net_ip *a, const struct neap_net_ip *b);
bool neap_net_has(const struct neap_net_prefix *network, const struct neap_net_ip *ip);
/* Without the bits of the host. */
struct neap_net_prefix neap_net_network(const struct neap_net_prefix *prefix);
/* fe80::/10: good only together with a link. */
bool neap_net_link_local(const struct neap_net_ip *ip);
bool neap_net_unspecified(const struct neap_net_ip *ip); /* 0.0.0.0, :: */
bool neap_net_loopback(const struct neap_net_ip *ip);    /* 127.0.0.0/8, ::1 */
bool neap_net_multicast(const struct neap_net_ip *ip);   /* 224.0.0.0/4, ff00::/8 */
/* 255.255.255.255: everybody on the link. */
bool neap_net_limited_broadcast(const struct neap_net_ip *ip);
/* Of a setting of the kernel, "net/ipv4/conf/eth0/forwarding": whether it is one link's, and whose. */
bool neap_net_link_of_setting(const char *name, char ret[NEAP_NET_NAME]);
/* Whether a link can be called so. */
bool neap_net_name_ok(const char *name);
/* All bytes behind it are 0: names are compared and hashed with them. What does not fit is cut. */
void neap_net_set_name(char ret[NEAP_NET_NAME], const char *name);

#define NEAP_NET_MAC 6
#define NEAP_NET_MAC_TEXT 18 /* with its NUL */

/* "02:00:00:00:00:01", in small letters: a hardware address. */
bool neap_net_mac_parse(const char *text, uint8_t ret[NEAP_NET_MAC]);
const char *neap_net_mac_print(const uint8_t mac[NEAP_NET_MAC], char ret[NEAP_NET_MAC_TEXT]);

struct neap_net_link {
	char name[NEAP_NET_NAME];
	char kind[NEAP_NET_NAME]; /* "bridge", "veth", "vxlan" …; empty: a device of its own */
	bool up;
	uint32_t mtu; /* 0: what its members make it */
	char master[NEAP_NET_NAME];
	bool no_frames;           /* of Ethernet, as lo and tunnels of IP: no bridge takes it */
	char peer[NEAP_NET_NAME]; /* of a veth, where it is in this namespace */
	bool stp;                 /* of a bridge; hundredths of a second: */
	uint32_t forward_delay, ageing_time;
	uint8_t mac[NEAP_NET_MAC]; /* 0: the kernel's to choose */
	/* Of a vxlan. What it is known by; none of it changes: */
	uint32_t id;
	uint16_t port;
	struct neap_net_ip local;  /* family 0: none, and then it is one of IPv4 */
	char under[NEAP_NET_NAME]; /* the link that its packets go over, and that it goes with; or none */
	bool learning;
	uint16_t ttl; /* 0: the machine's */
	bool six;     /* of IPv6 without a local address, as by whom it sends to */
	bool special; /* takes packets of a sort that neap's do not (gbp, external …) */
	bool both;    /* of either family (external) */
};
#define NEAP_NET_TTL_INHERIT 256 /* of the packet inside */

/* Of a vxlan: the family of its packets, 4 or 6. */
uint8_t neap_net_family(const struct neap_net_link *vxlan);
/* Whether links of this kind, of which neap makes none, lie over another and go with it, as a macvlan does.
 */
bool neap_net_lies_over(const char *kind);
/* What a vxlan adds to each packet: its own MTU is the lower one's without it. */
uint32_t neap_net_overhead(const struct neap_net_link *vxlan);

/* IPv6 has one address once on a link, whatever its length; IPv4 once with each length. */
struct neap_net_address_key {
	char link[NEAP_NET_NAME];
	uint8_t bytes[16];
	uint8_t family, len, unused[2];
};
struct neap_net_address {
	struct neap_net_address_key key; /* first */
	uint8_t len;
	bool secondary; /* goes with the first one of its network, unless the kernel is told to promote it */
	bool routeless; /* came without a route to its network */
	bool peered;    /* of a line to one other machine: neap makes no such address */
	bool kernels;   /* each link has it by itself: fe80::/10, where the kernel says so */
};

struct neap_net_route_key {
	uint8_t bytes[16];
	uint32_t table, metric;
	uint8_t family, len, unused[2];
};
struct neap_net_route {
	struct neap_net_route_key key; /* first */
	struct neap_net_ip via;        /* family 0: on the link itself */
	struct neap_net_ip source;
	char link[NEAP_NET_NAME];
	bool plain;   /* one way, to somewhere: no blackhole, not several ways */
	bool kernels; /* it came with an address */
};

/* Whom a vxlan knows because somebody said so; not whom it has met by itself. */
enum neap_net_neighbour_kind {
	NEAP_NET_PEER,      /* a machine that gets what is for everybody, or for nobody known */
	NEAP_NET_FORWARD,   /* the machine that a hardware address is behind */
	NEAP_NET_NEIGHBOUR, /* the hardware address of an IP address, as ARP and ND find it */
	NEAP_NET_NEIGHBOUR_KINDS,
};
struct neap_net_neighbour_key {
	char link[NEAP_NET_NAME];
	uint8_t bytes[16]; /* of the IP address, of FORWARD the hardware one */
	/* Of a PEER that others put there, where it is not as of the vxlan itself: through what link, with
	 * what number and to what port. Such a one is only looked at and removed. */
	char through[NEAP_NET_NAME];
	uint32_t id;
	uint16_t port;
	uint8_t kind, family;
};
struct neap_net_neighbour {
	struct neap_net_neighbour_key key; /* first */
	struct neap_net_ip ip;             /* family 0: it is more than that */
	uint8_t mac[NEAP_NET_MAC];
};

struct neap_net_address_key neap_net_address_key(const char *link, const struct neap_net_prefix *prefix);
struct neap_net_route_key neap_net_route_key(const struct neap_net_prefix *to, uint32_t table,
					     uint32_t metric);
/* The entry with its key: of PEER `mac` is not looked at. */
struct neap_net_neighbour neap_net_neighbour_of(const char *link, enum neap_net_neighbour_kind kind,
						const struct neap_net_ip *ip,
						const uint8_t mac[NEAP_NET_MAC]);
/* "192.0.2.2", "192.0.2.2 through eth1", "02:00:00:00:00:01 192.0.2.2": as people write it. */
const char *neap_net_neighbour_print(const struct neap_net_neighbour *neighbour, struct neap_arena *arena);
/* "route default via 192.0.2.1 on eth0 metric 100 table 7" */
const char *neap_net_route_print(const struct neap_net_route *route, struct neap_arena *arena);
struct neap_net_prefix neap_net_address_prefix(const struct neap_net_address *address);
struct neap_net_prefix neap_net_route_to(const struct neap_net_route *route);
/* The metric of a route for which none is said. */
uint32_t neap_net_metric(uint8_t family);

/* ---- a table ------------------------------------------------------------------------------------------- */

enum neap_net_part {
	NEAP_NET_LINKS = 1 << 0,
	NEAP_NET_ADDRESSES = 1 << 1,
	NEAP_NET_ROUTES = 1 << 2,
	NEAP_NET_FORWARDS = 1 << 3,   /* PEER and FORWARD: the forwarding database */
	NEAP_NET_NEIGHBOURS = 1 << 4, /* NEIGHBOUR */
};
#define NEAP_NET_ALL ((1U << 5) - 1)

/* Entries never change: another one takes their place. */
struct neap_net {
	unsigned parts;             /* what of it is known */
	struct neap_map links;      /* name → neap_net_link */
	struct neap_map addresses;  /* key → neap_net_address */
	struct neap_map routes;     /* key → neap_net_route */
	struct neap_map neighbours; /* key → neap_net_neighbour, of vxlans */
	struct neap_arena *arena;
};

void neap_net_init(struct neap_net *net);
void neap_net_done(struct neap_net *net);
const struct neap_net_link *neap_net_link(const struct neap_net *net, const char *name);
const struct neap_net_address *neap_net_address(const struct neap_net *net,
						const struct neap_net_address_key *key);
const struct neap_net_route *neap_net_route(const struct neap_net *net, const struct neap_net_route_key *key);
const struct neap_net_neighbour *neap_net_neighbour(const struct neap_net *net,
						    const struct neap_net_neighbour_key *key);
/* Each takes a copy; what had its place is replaced. */
void neap_net_put_link(struct neap_net *net, const struct neap_net_link *link);
void neap_net_put_address(struct neap_net *net, const struct neap_net_address *address);
void neap_net_put_route(struct neap_net *net, const struct neap_net_route *route);
void neap_net_put_neighbour(struct neap_net *net, const struct neap_net_neighbour *neighbour);

/* ---- one change ---------------------------------------------------------------------------------------- */

enum neap_net_op {
	NEAP_NET_LINK_ADD,    /* there must be none of that name */
	NEAP_NET_LINK_SET,    /* what `fields` says, of one that is there */
	NEAP_NET_LINK_REMOVE, /* only what was made, and not a device */
	NEAP_NET_ADDRESS_ADD,
	NEAP_NET_ADDRESS_REMOVE,
	NEAP_NET_ROUTE_PUT, /* takes the place of one with its key */
	NEAP_NET_ROUTE_REMOVE,
	NEAP_NET_NEIGHBOUR_PUT, /* takes the place of one with its key */
	NEAP_NET_NEIGHBOUR_REMOVE,
};

enum neap_net_field {
	NEAP_NET_UP = 1 << 0,
	NEAP_NET_MTU = 1 << 1,
	NEAP_NET_MASTER = 1 << 2, /* empty: none */
	NEAP_NET_STP = 1 << 3,
	NEAP_NET_FORWARD_DELAY = 1 << 4,
	NEAP_NET_AGEING_TIME = 1 << 5,
	NEAP_NET_LEARNING = 1 << 6,
	NEAP_NET_TTL = 1 << 7,
	NEAP_NET_ADDRESS = 1 << 8, /* the hardware one, `mac` */
};

struct neap_net_change {
	enum neap_net_op op;
	unsigned fields; /* LINK_ADD, LINK_SET: which of `link` count, beside name, kind and what is for good
			  */
	struct neap_net_link link; /* of LINK_*: a veth is added with its peer, which is like it */
	struct neap_net_address address;
	struct neap_net_route route;
	struct neap_net_neighbour neighbour;
};

/* "put the route to 10.9.0.0/16, metric 0 in table 254, via 10.0.0.9": for errors. */
const char *neap_net_describe(const struct neap_net_change *change, struct neap_arena *arena);
/* "the link br0", "the route 10.0.0.0/8": what it is about. */
const char *neap_net_object(const struct neap_net_change *change, struct neap_arena *arena);
/* Adds to the error of a change that was refused with `errnum` what would help, where that is known. `net`:
 * what is there, or NULL. -1. */
int neap_net_refused(const struct neap_net_change *change, int errnum, const struct neap_net *net,
		     struct neap_error **err);
/* The vxlan in the place of `wanted`: the kernel has one of each id, port and family. NULL: it is free. */
const struct neap_net_link *neap_net_rival(const struct neap_net *net, const struct neap_net_link *wanted);
/* The vxlan that is up and has the UDP port in a way that keeps `wanted` from coming up, or NULL. */
const struct neap_net_link *neap_net_port_holder(const struct neap_net *net,
						 const struct neap_net_link *wanted);
/* The fields in which both are alike. */
unsigned neap_net_alike(const struct neap_net_link *a, const struct neap_net_link *b);
/* Puts the given fields of `from` into `to`. */
void neap_net_merge(struct neap_net_link *to, const struct neap_net_link *from, unsigned fields);
