/* See acquaintance.h: whom a link has to know, as a recipe says it. It must not ask a machine. */
#include "engine/acquaintance.h"

#include <string.h>

#include "base/map.h"
#include "engine/net.h"

size_t neap_acquaintance_count(const struct neap_acquaintance_want *want, enum neap_net_neighbour_kind kind)
{
	const size_t counts[] = { want->peers.count, want->fdb.count, want->neighbours.count };

	return counts[kind];
}

/* All of it is checked. */
static struct neap_net_neighbour wanted(const struct neap_acquaintance_want *want, const char *link,
					enum neap_net_neighbour_kind kind, size_t i)
{
	struct neap_net_ip ip = { 0 };
	uint8_t mac[NEAP_NET_MAC] = { 0 };

	switch (kind) {
	case NEAP_NET_PEER:
		(void)neap_net_ip_parse(want->peers.items[i], &ip);
		break;
	case NEAP_NET_FORWARD:
		(void)neap_net_mac_parse(want->fdb.names[i], mac);
		(void)neap_net_ip_parse(want->fdb.texts[i].data, &ip);
		break;
	case NEAP_NET_NEIGHBOUR:
	case NEAP_NET_NEIGHBOUR_KINDS:
		(void)neap_net_ip_parse(want->neighbours.names[i], &ip);
		(void)neap_net_mac_parse(want->neighbours.texts[i].data, mac);
		break;
	}
	return neap_net_neighbour_of(link, kind, &ip, mac);
}

void neap_acquaintance_init(struct neap_acquaintance *ret, const struct neap_acquaintance_want *want,
			    const char *link, enum neap_net_neighbour_kind kind, struct neap_arena *arena)
{
	size_t count = neap_acquaintance_count(want, kind);

	*ret = (struct neap_acquaintance){ .wanted_count = count, .differs = count > 0 };
	ret->wanted = neap_arena_array_of(arena, struct neap_net_neighbour, count + 1);
	ret->is_there = neap_arena_array_of(arena, bool, count + 1);
	for (size_t i = 0; i < count; i++) {
		ret->wanted[i] = wanted(want, link, kind, i);
		ret->is_there[i] = false;
	}
}

size_t neap_acquaintance_put_all(const struct neap_acquaintance_want *want, const char *link,
				 struct neap_net_change *ret)
{
	size_t put = 0;

	for (unsigned kind = 0; kind < NEAP_NET_NEIGHBOUR_KINDS; kind++)
		for (size_t i = 0; i < neap_acquaintance_count(want, kind); i++)
			ret[put++] = (struct neap_net_change){ .op = NEAP_NET_NEIGHBOUR_PUT,
							       .neighbour = wanted(want, link, kind, i) };
	return put;
}

/* ---- checking ------------------------------------------------------------------------------------------ */

/* Another vxlan's machine: in the family that the packets are of. */
static int check_other(const struct neap_net_link *vxlan, const char *param, const char *text,
		       struct neap_error **err)
{
	const struct neap_net_ip *local = &vxlan->local;
	struct neap_net_ip ip;

	if (neap_net_check_machine(param, text, &ip, err) < 0)
		return -1;
	if (neap_net_ip_equal(&ip, local))
		return neap_error_set(err, "%s: %s is its own local_address", param, text);
	if (ip.family == neap_net_family(vxlan))
		return 0;
	if (local->family)
		return neap_error_set(err, "%s: %s is IPv%u, and local_address is IPv%u", param, text,
				      ip.family, local->family);
	neap_error_set(err, "%s: %s is IPv6, and without local_address a vxlan is one of IPv4", param, text);
	return neap_error_hint(err, "give local_address, an IPv6 address of this machine");
}

/* The kernel takes its own without a word, and sends itself to another machine. */
static int check_other_mac(const struct neap_net_link *vxlan, const char *param, const char *text,
			   struct neap_error **err)
{
	uint8_t mac[NEAP_NET_MAC];

	if (neap_net_check_mac(param, text, mac, err) < 0)
		return -1;
	if (memcmp(mac, vxlan->mac, sizeof(mac)) != 0)
		return 0;
	neap_error_set(err, "%s: %s is its own mac", param, text);
	return neap_error_hint(err, "in it are the other machines: leave this one out");
}

/* A value of a table may be any text. */
static int check_text(const char *param, const struct neap_text *text, struct neap_error **err)
{
	size_t line = strcspn(text->data, "\r\n");

	if (line == text->len && line < NEAP_NET_TEXT)
		return 0;
	return neap_error_set(err, "%s: \"%.*s…\" is no address", param,
			      (int)(line < NEAP_NET_TEXT ? line : NEAP_NET_TEXT), text->data);
}

static int check_peers(const struct neap_strings *peers, const struct neap_net_link *vxlan,
		       struct neap_error **err)
{
	struct neap_map seen = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < peers->count; i++) {
		const char *peer = peers->items[i];

		if (neap_map_put(&seen, neap_str(peer), (void *)(uintptr_t)peer))
			r = neap_error_set(err, "peers: %s is there twice", peer);
		else
			r = check_other(vxlan, "peers", peer, err);
	}
	neap_map_done(&seen);
	return r;
}

int neap_acquaintance_check(const struct neap_acquaintance_want *want, const struct neap_net_link *vxlan,
			    struct neap_error **err)
{
	struct neap_net_ip ip;

	if (check_peers(&want->peers, vxlan, err) < 0)
		return -1;
	for (size_t i = 0; i < want->fdb.count; i++)
		if (check_other_mac(vxlan, "fdb", want->fdb.names[i], err) < 0 ||
		    check_text("fdb", &want->fdb.texts[i], err) < 0 ||
		    check_other(vxlan, "fdb", want->fdb.texts[i].data, err) < 0)
			return -1;
	for (size_t i = 0; i < want->neighbours.count; i++)
		if (neap_net_check_machine("neighbours", want->neighbours.names[i], &ip, err) < 0 ||
		    check_text("neighbours", &want->neighbours.texts[i], err) < 0 ||
		    check_other_mac(vxlan, "neighbours", want->neighbours.texts[i].data, err) < 0)
			return -1;
	return 0;
}
