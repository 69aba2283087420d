/* Values of the network, and the table of them. */
#include "host/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- addresses ----------------------------------------------------------------------------------------- */

static unsigned bits_of(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

bool neap_net_ip_parse(const char *text, struct neap_net_ip *ret)
{
	struct neap_net_ip ip = { .family = strchr(text, ':') ? 6 : 4 };

	if (inet_pton(ip.family == 4 ? AF_INET : AF_INET6, text, ip.bytes) != 1)
		return false;
	*ret = ip;
	return true;
}

bool neap_net_prefix_parse(const char *text, struct neap_net_prefix *ret)
{
	const char *slash = strchr(text, '/');
	char ip[NEAP_NET_TEXT];
	unsigned len = 0;

	if (!slash || (size_t)(slash - text) >= sizeof(ip) || strlen(slash + 1) > 3 || !slash[1] ||
	    slash[1 + strspn(slash + 1, "0123456789")] || (slash[1] == '0' && slash[2]))
		return false;
	memcpy(ip, text, (size_t)(slash - text));
	ip[slash - text] = '\0';
	for (const char *digit = slash + 1; *digit; digit++)
		len = len * 10 + (unsigned)(*digit - '0');
	if (!neap_net_ip_parse(ip, &ret->ip) || len > bits_of(ret->ip.family))
		return false;
	ret->len = (uint8_t)len;
	return true;
}

/* Below 1000, and what follows it. */
static char *put_number(char *to, unsigned number, char behind)
{
	if (number >= 100)
		*to++ = (char)('0' + number / 100);
	if (number >= 10)
		*to++ = (char)('0' + number / 10 % 10);
	*to++ = (char)('0' + number % 10);
	*to++ = behind;
	return to;
}

/* Each address of a recipe is printed once, to see that it is spelled as the kernel does: for IPv4 by hand,
 * which glibc does with sprintf(). */
const char *neap_net_ip_print(const struct neap_net_ip *ip, char ret[NEAP_NET_TEXT])
{
	char *to = ret;

	ret[0] = '\0';
	for (unsigned i = 0; ip->family == 4 && i < 4; i++)
		to = put_number(to, ip->bytes[i], i < 3 ? '.' : '\0');
	if (ip->family == 6)
		inet_ntop(AF_INET6, ip->bytes, ret, NEAP_NET_TEXT);
	return ret;
}

const char *neap_net_prefix_print(const struct neap_net_prefix *prefix, char ret[NEAP_NET_TEXT])
{
	size_t len = strlen(neap_net_ip_print(&prefix->ip, ret));

	ret[len++] = '/';
	put_number(ret + len, prefix->len, '\0');
	return ret;
}

bool neap_net_ip_equal(const struct neap_net_ip *a, const struct neap_net_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct neap_net_prefix neap_net_network(const struct neap_net_prefix *prefix)
{
	struct neap_net_prefix network = *prefix;

	for (unsigned i = 0; i < sizeof(network.ip.bytes); i++) {
		unsigned kept = prefix->len > 8 * i ? prefix->len - 8 * i : 0;

		if (kept < 8)
			network.ip.bytes[i] &= (uint8_t)(0xff00U >> kept);
	}
	return network;
}

bool neap_net_has(const struct neap_net_prefix *network, const struct neap_net_ip *ip)
{
	struct neap_net_prefix mine = neap_net_network(network), its = { *ip, network->len };

	its = neap_net_network(&its);
	return neap_net_ip_equal(&mine.ip, &its.ip);
}

bool neap_net_link_local(const struct neap_net_ip *ip)
{
	return ip->family == 6 && ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

bool neap_net_unspecified(const struct neap_net_ip *ip)
{
	static const uint8_t none[sizeof(ip->bytes)];

	return ip->family && memcmp(ip->bytes, none, sizeof(none)) == 0;
}

bool neap_net_loopback(const struct neap_net_ip *ip)
{
	static const uint8_t six[sizeof(ip->bytes)] = { [15] = 1 };

	return ip->family == 4 ? ip->bytes[0] == 127
			       : ip->family == 6 && memcmp(ip->bytes, six, sizeof(six)) == 0;
}

bool neap_net_multicast(const struct neap_net_ip *ip)
{
	return ip->family == 4 ? (ip->bytes[0] & 0xf0) == 0xe0 : ip->family == 6 && ip->bytes[0] == 0xff;
}

bool neap_net_limited_broadcast(const struct neap_net_ip *ip)
{
	static const uint8_t all[] = { 255, 255, 255, 255 };

	return ip->family == 4 && memcmp(ip->bytes, all, sizeof(all)) == 0;
}

bool neap_net_mac_parse(const char *text, uint8_t ret[NEAP_NET_MAC])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != NEAP_NET_MAC_TEXT - 1)
		return false;
	for (size_t i = 0; i < NEAP_NET_MAC; i++, text += 3) {
		const char *high = strchr(digits, text[0]), *low = strchr(digits, text[1]);

		if (!text[0] || !high || !low || text[2] != (i + 1 < NEAP_NET_MAC ? ':' : '\0'))
			return false;
		ret[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return true;
}

const char *neap_net_mac_print(const uint8_t mac[NEAP_NET_MAC], char ret[NEAP_NET_MAC_TEXT])
{
	snprintf(ret, NEAP_NET_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return ret;
}

void neap_net_set_name(char ret[NEAP_NET_NAME], const char *name)
{
	size_t len = strnlen(name, NEAP_NET_NAME - 1);

	memset(ret, 0, NEAP_NET_NAME);
	memcpy(ret, name, len);
}

bool neap_net_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= NEAP_NET_NAME || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (const char *at = name; *at; at++)
		if (*at <= ' ' || *at >= 0x7f || strchr("/:%\"\\", *at))
			return false;
	/* Where its settings lie, these stand for others. */
	return strcmp(name, "all") != 0 && strcmp(name, "default") != 0;
}

bool neap_net_link_of_setting(const char *name, char ret[NEAP_NET_NAME])
{
	static const char *const places[] = { "net/ipv4/conf/", "net/ipv6/conf/", "net/ipv4/neigh/",
					      "net/ipv6/neigh/" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		size_t before = strlen(places[i]), len;

		if (strncmp(name, places[i], before) != 0)
			continue;
		len = strcspn(name + before, "/");
		if (len >= NEAP_NET_NAME || !name[before + len])
			return false;
		memcpy(ret, name + before, len);
		ret[len] = '\0';
		return neap_net_name_ok(ret);
	}
	return false;
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

struct neap_net_address_key neap_net_address_key(const char *link, const struct neap_net_prefix *prefix)
{
	struct neap_net_address_key key = { .family = prefix->ip.family,
					    .len = prefix->ip.family == 4 ? prefix->len : 0 };

	snprintf(key.link, sizeof(key.link), "%s", link);
	memcpy(key.bytes, prefix->ip.bytes, sizeof(key.bytes));
	return key;
}

struct neap_net_route_key neap_net_route_key(const struct neap_net_prefix *to, uint32_t table,
					     uint32_t metric)
{
	struct neap_net_route_key key = {
		.table = table, .metric = metric, .family = to->ip.family, .len = to->len
	};

	memcpy(key.bytes, to->ip.bytes, sizeof(key.bytes));
	return key;
}

struct neap_net_prefix neap_net_address_prefix(const struct neap_net_address *address)
{
	struct neap_net_prefix prefix = { .ip.family = address->key.family, .len = address->len };

	memcpy(prefix.ip.bytes, address->key.bytes, sizeof(prefix.ip.bytes));
	return prefix;
}

struct neap_net_prefix neap_net_route_to(const struct neap_net_route *route)
{
	struct neap_net_prefix prefix = { .ip.family = route->key.family, .len = route->key.len };

	memcpy(prefix.ip.bytes, route->key.bytes, sizeof(prefix.ip.bytes));
	return prefix;
}

uint32_t neap_net_metric(uint8_t family)
{
	return family == 4 ? 0 : 1024;
}

struct neap_net_neighbour neap_net_neighbour_of(const char *link, enum neap_net_neighbour_kind kind,
						const struct neap_net_ip *ip, const uint8_t mac[NEAP_NET_MAC])
{
	struct neap_net_neighbour made = { .key.kind = (uint8_t)kind, .ip = *ip };

	snprintf(made.key.link, sizeof(made.key.link), "%s", link);
	if (kind != NEAP_NET_PEER)
		memcpy(made.mac, mac, sizeof(made.mac));
	if (kind == NEAP_NET_FORWARD) {
		memcpy(made.key.bytes, mac, sizeof(made.mac));
	} else {
		made.key.family = ip->family;
		memcpy(made.key.bytes, ip->bytes, sizeof(ip->bytes));
	}
	return made;
}

static const char *peer_print(const char *ip, const struct neap_net_neighbour_key *key,
			      struct neap_arena *arena)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	neap_buf_puts(&text, ip);
	if (key->port)
		neap_buf_printf(&text, " port %u", key->port);
	if (key->id)
		neap_buf_printf(&text, " id %u", key->id);
	if (key->through[0])
		neap_buf_printf(&text, " through %s", key->through);
	return neap_arena_copy(arena, text.data, text.len);
}

const char *neap_net_neighbour_print(const struct neap_net_neighbour *neighbour, struct neap_arena *arena)
{
	char ip[NEAP_NET_TEXT], mac[NEAP_NET_MAC_TEXT];

	neap_net_mac_print(neighbour->mac, mac);
	if (!neighbour->ip.family)
		return neap_arena_printf(arena, "%s (in another way)", mac);
	neap_net_ip_print(&neighbour->ip, ip);
	switch (neighbour->key.kind) {
	case NEAP_NET_PEER:
		return peer_print(ip, &neighbour->key, arena);
	case NEAP_NET_FORWARD:
		return neap_arena_printf(arena, "%s %s", mac, ip);
	default:
		return neap_arena_printf(arena, "%s %s", ip, mac);
	}
}

uint8_t neap_net_family(const struct neap_net_link *vxlan)
{
	return vxlan->six || vxlan->local.family == 6 ? 6 : 4;
}

bool neap_net_lies_over(const char *kind)
{
	static const char *const kinds[] = { "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	return false;
}

uint32_t neap_net_overhead(const struct neap_net_link *vxlan)
{
	return neap_net_family(vxlan) == 6 ? 70 : 50;
}

/* ---- who stands in the way of a vxlan ------------------------------------------------------------------ */

static bool is_vxlan_at(const struct neap_net_link *link, uint16_t port)
{
	return link && strcmp(link->kind, "vxlan") == 0 && link->port == port;
}

const struct neap_net_link *neap_net_rival(const struct neap_net *net, const struct neap_net_link *wanted)
{
	for (size_t i = 0; i < net->links.count; i++) {
		const struct neap_net_link *link = net->links.entries[i].value;

		if (is_vxlan_at(link, wanted->port) && link->id == wanted->id && !link->special &&
		    neap_net_family(link) == neap_net_family(wanted))
			return link;
	}
	return NULL;
}

/* Those of a port share one socket, but for one that is bound to a link, or takes packets of another sort. */
const struct neap_net_link *neap_net_port_holder(const struct neap_net *net,
						 const struct neap_net_link *wanted)
{
	for (size_t i = 0; i < net->links.count; i++) {
		const struct neap_net_link *link = net->links.entries[i].value;

		if (is_vxlan_at(link, wanted->port) && link->up &&
		    (link->special || neap_net_link_local(&link->local)) &&
		    (link->both || neap_net_family(link) == neap_net_family(wanted)))
			return link;
	}
	return NULL;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

void neap_net_init(struct neap_net *net)
{
	*net = (struct neap_net){ .arena = neap_arena_new() };
}

void neap_net_done(struct neap_net *net)
{
	neap_map_done(&net->links);
	neap_map_done(&net->addresses);
	neap_map_done(&net->routes);
	neap_map_done(&net->neighbours);
	neap_arena_free(net->arena);
	*net = (struct neap_net){ 0 };
}

static struct neap_str bytes_of(const void *key, size_t size)
{
	return (struct neap_str){ key, size };
}

const struct neap_net_link *neap_net_link(const struct neap_net *net, const char *name)
{
	return neap_map_get(&net->links, neap_str(name));
}

const struct neap_net_address *neap_net_address(const struct neap_net *net,
						const struct neap_net_address_key *key)
{
	return neap_map_get(&net->addresses, bytes_of(key, sizeof(*key)));
}

const struct neap_net_route *neap_net_route(const struct neap_net *net, const struct neap_net_route_key *key)
{
	return neap_map_get(&net->routes, bytes_of(key, sizeof(*key)));
}

const struct neap_net_neighbour *neap_net_neighbour(const struct neap_net *net,
						    const struct neap_net_neighbour_key *key)
{
	return neap_map_get(&net->neighbours, bytes_of(key, sizeof(*key)));
}

void neap_net_put_link(struct neap_net *net, const struct neap_net_link *link)
{
	struct neap_net_link *copy = neap_arena_new_of(net->arena, struct neap_net_link);

	*copy = *link;
	neap_map_put(&net->links, neap_str(copy->name), copy);
}

void neap_net_put_address(struct neap_net *net, const struct neap_net_address *address)
{
	struct neap_net_address *copy = neap_arena_new_of(net->arena, struct neap_net_address);

	*copy = *address;
	neap_map_put(&net->addresses, bytes_of(&copy->key, sizeof(copy->key)), copy);
}

void neap_net_put_route(struct neap_net *net, const struct neap_net_route *route)
{
	struct neap_net_route *copy = neap_arena_new_of(net->arena, struct neap_net_route);

	*copy = *route;
	neap_map_put(&net->routes, bytes_of(&copy->key, sizeof(copy->key)), copy);
}

void neap_net_put_neighbour(struct neap_net *net, const struct neap_net_neighbour *neighbour)
{
	struct neap_net_neighbour *copy = neap_arena_new_of(net->arena, struct neap_net_neighbour);

	*copy = *neighbour;
	neap_map_put(&net->neighbours, bytes_of(&copy->key, sizeof(copy->key)), copy);
}

/* ---- changes ------------------------------------------------------------------------------------------- */

void neap_net_merge(struct neap_net_link *to, const struct neap_net_link *from, unsigned fields)
{
	if (fields & NEAP_NET_UP)
		to->up = from->up;
	if (fields & NEAP_NET_MTU)
		to->mtu = from->mtu;
	if (fields & NEAP_NET_MASTER)
		memcpy(to->master, from->master, sizeof(to->master));
	if (fields & NEAP_NET_STP)
		to->stp = from->stp;
	if (fields & NEAP_NET_FORWARD_DELAY)
		to->forward_delay = from->forward_delay;
	if (fields & NEAP_NET_AGEING_TIME)
		to->ageing_time = from->ageing_time;
	if (fields & NEAP_NET_LEARNING)
		to->learning = from->learning;
	if (fields & NEAP_NET_TTL)
		to->ttl = from->ttl;
	if (fields & NEAP_NET_ADDRESS)
		memcpy(to->mac, from->mac, sizeof(to->mac));
}

const char *neap_net_route_print(const struct neap_net_route *route, struct neap_arena *arena)
{
	struct neap_net_prefix to = neap_net_route_to(route);
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	char text[NEAP_NET_TEXT];

	neap_buf_printf(&buf, "route %s",
			to.ip.family == 4 && !to.len ? "default" : neap_net_prefix_print(&to, text));
	if (route->via.family)
		neap_buf_printf(&buf, " via %s", neap_net_ip_print(&route->via, text));
	if (route->link[0])
		neap_buf_printf(&buf, " on %s", route->link);
	if (route->key.metric != neap_net_metric(to.ip.family) && !route->kernels)
		neap_buf_printf(&buf, " metric %u", route->key.metric);
	if (route->key.table != NEAP_NET_TABLE_MAIN)
		neap_buf_printf(&buf, " table %u", route->key.table);
	return neap_arena_copy(arena, buf.data, buf.len);
}

unsigned neap_net_alike(const struct neap_net_link *a, const struct neap_net_link *b)
{
	return (a->up == b->up ? NEAP_NET_UP : 0) | (a->mtu == b->mtu ? NEAP_NET_MTU : 0) |
	       (strcmp(a->master, b->master) == 0 ? NEAP_NET_MASTER : 0) |
	       (a->stp == b->stp ? NEAP_NET_STP : 0) |
	       (a->forward_delay == b->forward_delay ? NEAP_NET_FORWARD_DELAY : 0) |
	       (a->ageing_time == b->ageing_time ? NEAP_NET_AGEING_TIME : 0) |
	       (a->learning == b->learning ? NEAP_NET_LEARNING : 0) | (a->ttl == b->ttl ? NEAP_NET_TTL : 0) |
	       (memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 ? NEAP_NET_ADDRESS : 0);
}

static const char *neighbour_object(const struct neap_net_neighbour *neighbour, struct neap_arena *arena)
{
	static const char *const words[] = { [NEAP_NET_PEER] = "peer",
					     [NEAP_NET_FORWARD] = "forwarding",
					     [NEAP_NET_NEIGHBOUR] = "neighbour" };

	return neap_arena_printf(arena, "the %s %s on %s", words[neighbour->key.kind],
				 neap_net_neighbour_print(neighbour, arena), neighbour->key.link);
}

const char *neap_net_object(const struct neap_net_change *change, struct neap_arena *arena)
{
	char text[NEAP_NET_TEXT];
	struct neap_net_prefix prefix;

	switch (change->op) {
	case NEAP_NET_LINK_ADD:
	case NEAP_NET_LINK_SET:
	case NEAP_NET_LINK_REMOVE:
		return neap_arena_printf(arena, "the link %s", change->link.name);
	case NEAP_NET_ADDRESS_ADD:
	case NEAP_NET_ADDRESS_REMOVE:
		prefix = neap_net_address_prefix(&change->address);
		return neap_arena_printf(arena, "the address %s on %s", neap_net_prefix_print(&prefix, text),
					 change->address.key.link);
	case NEAP_NET_NEIGHBOUR_PUT:
	case NEAP_NET_NEIGHBOUR_REMOVE:
		return neighbour_object(&change->neighbour, arena);
	case NEAP_NET_ROUTE_PUT:
	case NEAP_NET_ROUTE_REMOVE:
		break;
	}
	prefix = neap_net_route_to(&change->route);
	return neap_arena_printf(arena, "the route to %s, metric %u in table %u",
				 neap_net_prefix_print(&prefix, text), change->route.key.metric,
				 change->route.key.table);
}

/* ", via 10.0.0.9, through eth1, from 10.0.0.1": what of it may be at fault. */
static void put_way(struct neap_buf *buf, const struct neap_net_route *route)
{
	char text[NEAP_NET_TEXT];

	if (route->via.family)
		neap_buf_printf(buf, ", via %s", neap_net_ip_print(&route->via, text));
	if (route->link[0])
		neap_buf_printf(buf, ", through %s", route->link);
	if (route->source.family)
		neap_buf_printf(buf, ", from %s", neap_net_ip_print(&route->source, text));
}

const char *neap_net_describe(const struct neap_net_change *change, struct neap_arena *arena)
{
	static const char *const words[] = {
		[NEAP_NET_LINK_ADD] = "add",
		[NEAP_NET_LINK_SET] = "set up",
		[NEAP_NET_LINK_REMOVE] = "remove",
		[NEAP_NET_ADDRESS_ADD] = "add",
		[NEAP_NET_ADDRESS_REMOVE] = "remove",
		[NEAP_NET_ROUTE_PUT] = "put",
		[NEAP_NET_ROUTE_REMOVE] = "remove",
		[NEAP_NET_NEIGHBOUR_PUT] = "put",
		[NEAP_NET_NEIGHBOUR_REMOVE] = "remove",
	};

	struct neap_buf buf NEAP_AUTO_BUF = { 0 };

	neap_buf_printf(&buf, "%s %s", words[change->op], neap_net_object(change, arena));
	if (change->op == NEAP_NET_LINK_ADD && strcmp(change->link.kind, "vxlan") == 0)
		neap_buf_printf(&buf, ", a vxlan with id %u on port %u of IPv%u", change->link.id,
				change->link.port, neap_net_family(&change->link));
	if (change->op == NEAP_NET_LINK_SET && (change->fields & NEAP_NET_MASTER) && change->link.master[0])
		neap_buf_printf(&buf, ", as a member of %s", change->link.master);
	if (change->op == NEAP_NET_ROUTE_PUT)
		put_way(&buf, &change->route);
	return neap_arena_copy(arena, buf.data, buf.len);
}

/* Of a route: the gateway is looked for before the source. */
static int route_refused(const struct neap_net_route *route, int errnum, struct neap_error **err)
{
	char text[NEAP_NET_TEXT];

	if ((errnum == ENETUNREACH || errnum == EHOSTUNREACH) && route->via.family)
		return neap_error_hint(
			err, "no link that is up%s%s has an address in the network of the gateway %s",
			route->link[0] ? ", and is " : "", route->link, neap_net_ip_print(&route->via, text));
	if (errnum == ENETDOWN && route->link[0])
		return neap_error_hint(err, "the link %s is not up", route->link);
	if (errnum == EINVAL && route->source.family)
		return neap_error_hint(err, "source has to be an address of this machine%s",
				       route->via.family ? ", and via must not be one" : "");
	if (errnum == EINVAL && route->via.family)
		return neap_error_hint(err,
				       "the gateway %s must not be an address of this machine, nor the "
				       "broadcast address of a network that it is in",
				       neap_net_ip_print(&route->via, text));
	return -1;
}

/* The name may be taken, and of a vxlan its id. Whoever has the latter may have been moved elsewhere. */
static int taken(const struct neap_net_link *link, const struct neap_net *net, struct neap_error **err)
{
	bool vxlan = strcmp(link->kind, "vxlan") == 0;
	const struct neap_net_link *rival;

	if (!vxlan || (net && neap_net_link(net, link->name)))
		return neap_error_hint(err, "a link %s%s%s is there already", link->name,
				       link->peer[0] ? " or " : "", link->peer);
	rival = net ? neap_net_rival(net, link) : NULL;
	if (!rival)
		return neap_error_hint(err,
				       "a vxlan with this id and port is there already, in another namespace "
				       "perhaps: choose another id or port");
	return neap_error_hint(
		err,
		"the vxlan %s has this id and port already: choose others, or remove it first, "
		"by neap.vxlan { name = \"%s\", ensure = \"absent\" } or by hand",
		rival->name, rival->name);
}

static int port_taken(const struct neap_net_link *link, const struct neap_net *net, struct neap_error **err)
{
	const struct neap_net_link *is = net ? neap_net_link(net, link->name) : NULL, *holder;

	link = is ? is : link; /* of one that is there what is set need not say its port */
	holder = net ? neap_net_port_holder(net, link) : NULL;
	if (!holder)
		return neap_error_hint(err,
				       "a program of this machine has the UDP port %u (ss -ulpn says which): "
				       "choose another port, or stop it",
				       link->port);
	return neap_error_hint(
		err,
		"the vxlan %s has the UDP port %u, in a way that no other can share (%s): choose "
		"another port, or set it down or remove it first",
		holder->name, link->port,
		holder->special ? "it was made with external, gbp or the like"
				: "its local address is of one link only");
}

static int link_refused(const struct neap_net_change *change, int errnum, const struct neap_net *net,
			struct neap_error **err)
{
	const struct neap_net_link *link = &change->link;

	if (change->op == NEAP_NET_LINK_ADD && errnum == EEXIST)
		return taken(link, net, err);
	if (errnum == EADDRINUSE && strcmp(link->kind, "vxlan") == 0)
		return port_taken(link, net, err);
	if (change->op == NEAP_NET_LINK_ADD && errnum == EOPNOTSUPP)
		return neap_error_hint(
			err, "this kernel has no links of the kind %s: the module of that name brings them",
			link->kind);
	if (change->op == NEAP_NET_LINK_SET && errnum == ELOOP)
		return neap_error_hint(err, "a bridge cannot be a member of a bridge");
	if (change->op == NEAP_NET_LINK_SET && change->fields == NEAP_NET_MASTER && errnum == EINVAL)
		return neap_error_hint(err, "a bridge takes links of Ethernet, with a hardware address");
	if (change->op == NEAP_NET_LINK_SET && change->fields == NEAP_NET_MASTER && errnum == EOPNOTSUPP)
		return neap_error_hint(err, "%s is of a kind that no bridge takes, as most of wireless are",
				       link->name);
	if (change->op == NEAP_NET_LINK_SET && errnum == ERANGE)
		return neap_error_hint(err, "with spanning tree a forward_delay is from 2s to 30s");
	return -1;
}

int neap_net_refused(const struct neap_net_change *change, int errnum, const struct neap_net *net,
		     struct neap_error **err)
{
	if (errnum == EPERM)
		return neap_error_hint(err, "the network is root's to change (CAP_NET_ADMIN)");
	switch (change->op) {
	case NEAP_NET_LINK_ADD:
	case NEAP_NET_LINK_SET:
	case NEAP_NET_LINK_REMOVE:
		return link_refused(change, errnum, net, err);
	case NEAP_NET_ROUTE_PUT:
		return route_refused(&change->route, errnum, err);
	case NEAP_NET_ADDRESS_ADD:
	case NEAP_NET_ADDRESS_REMOVE:
	case NEAP_NET_ROUTE_REMOVE:
	case NEAP_NET_NEIGHBOUR_PUT:
	case NEAP_NET_NEIGHBOUR_REMOVE:
		break;
	}
	return -1;
}
