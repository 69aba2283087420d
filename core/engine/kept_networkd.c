/*
 * See kept_networkd.h. Nothing is said but what is given, and what makes a link as it is when neap makes it:
 * without a carrier, and a vxlan with sums in its packets.
 */
#include "engine/kept_networkd.h"

#include "base/path.h"
#include "engine/net.h"
#include "engine/networkd.h"

#define MTU_OF_NEW 1500
#define FORWARDS_MAX 1024 /* with one more networkd uses nothing of a file */
#define MADE "# Made by neap for systemd-networkd, which reads it when it starts.\n"

/* ---- texts --------------------------------------------------------------------------------------------- */

static struct neap_str taken(struct neap_buf *text, struct neap_arena *arena)
{
	return (struct neap_str){ neap_arena_copy(arena, text->data, text->len), text->len };
}

static void put_seconds(struct neap_buf *out, const char *name, uint32_t hundredths)
{
	neap_buf_printf(out, "%s=%u", name, hundredths / 100);
	if (hundredths % 100)
		neap_buf_printf(out, ".%02u", hundredths % 100);
	neap_buf_putc(out, '\n');
}

/* No .network file asks for one that goes over no link: so it has to come by itself. Without a word of sums
 * networkd sends IPv4 packets that have none. */
static void put_vxlan(struct neap_buf *out, const struct neap_net_change *change)
{
	const struct neap_net_link *link = &change->link;
	char text[NEAP_NET_TEXT];

	neap_buf_printf(out, "\n[VXLAN]\nVNI=%u\n", link->id);
	if (link->local.family)
		neap_buf_printf(out, "Local=%s\n", neap_net_ip_print(&link->local, text));
	neap_buf_printf(out, "DestinationPort=%u\n", link->port);
	if (change->fields & NEAP_NET_LEARNING)
		neap_buf_printf(out, "MacLearning=%s\n", link->learning ? "yes" : "no");
	if (change->fields & NEAP_NET_TTL)
		neap_buf_printf(out, "TTL=%u\n", link->ttl);
	neap_buf_puts(out, "UDPChecksum=yes\n");
	if (!link->under[0])
		neap_buf_puts(out, "Independent=yes\n");
}

/* A bridge holds to its MTU when its members have another once it was told to take it; what it has already is
 * never told. So it begins with another. */
static struct neap_str netdev(const struct neap_net_change *change, uint32_t mtu, struct neap_arena *arena)
{
	const struct neap_net_link *link = &change->link;
	unsigned fields = change->fields;
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	char mac[NEAP_NET_MAC_TEXT];

	neap_buf_printf(&out, MADE "[NetDev]\nName=%s\nKind=%s\n", link->name, link->kind);
	if (fields & NEAP_NET_ADDRESS)
		neap_buf_printf(&out, "MACAddress=%s\n", neap_net_mac_print(link->mac, mac));
	if (mtu == MTU_OF_NEW && strcmp(link->kind, "bridge") == 0)
		neap_buf_printf(&out, "MTUBytes=%d\n", NEAP_NET_MTU_MIN);
	if (link->peer[0])
		neap_buf_printf(&out, "\n[Peer]\nName=%s\n", link->peer);
	if (fields & (NEAP_NET_STP | NEAP_NET_FORWARD_DELAY | NEAP_NET_AGEING_TIME))
		neap_buf_puts(&out, "\n[Bridge]\n");
	if (fields & NEAP_NET_STP)
		neap_buf_printf(&out, "STP=%s\n", link->stp ? "yes" : "no");
	if (fields & NEAP_NET_FORWARD_DELAY)
		put_seconds(&out, "ForwardDelaySec", link->forward_delay);
	if (fields & NEAP_NET_AGEING_TIME)
		put_seconds(&out, "AgeingTimeSec", link->ageing_time);
	if (strcmp(link->kind, "vxlan") == 0)
		put_vxlan(&out, change);
	return taken(&out, arena);
}

static void put_neighbour(struct neap_buf *out, const struct neap_net_neighbour *neighbour)
{
	bool forwards = neighbour->key.kind != NEAP_NET_NEIGHBOUR;
	char ip[NEAP_NET_TEXT], mac[NEAP_NET_MAC_TEXT];

	neap_net_ip_print(&neighbour->ip, ip);
	neap_net_mac_print(neighbour->mac, mac);
	if (forwards)
		neap_buf_printf(out, "\n[BridgeFDB]\nMACAddress=%s\nDestination=%s\n", mac, ip);
	else
		neap_buf_printf(out, "\n[Neighbor]\nAddress=%s\nLinkLayerAddress=%s\n", ip, mac);
}

/* Nobody who waits for the network waits for a carrier, which a bridge alone never has. */
static struct neap_str network(const struct neap_kept_net *net, const char *link, uint32_t mtu,
			       struct neap_arena *arena)
{
	const struct neap_net_change *adding = net->changes;
	struct neap_buf out NEAP_AUTO_BUF = { 0 };

	neap_buf_printf(&out, MADE "[Match]\nName=%s\n\n[Link]\n", link);
	if (mtu)
		neap_buf_printf(&out, "MTUBytes=%u\n", mtu);
	neap_buf_puts(&out, adding->link.up ? "RequiredForOnline=no-carrier\n"
					    : "ActivationPolicy=manual\nRequiredForOnline=no\n");
	neap_buf_puts(&out, "\n[Network]\nConfigureWithoutCarrier=yes\n");
	for (size_t i = 0; i < net->count; i++)
		if (net->changes[i].op == NEAP_NET_NEIGHBOUR_PUT)
			put_neighbour(&out, &net->changes[i].neighbour);
	return taken(&out, arena);
}

static struct neap_str dropped_in(const struct neap_net_change *change, struct neap_arena *arena)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	struct neap_net_prefix prefix;
	char text[NEAP_NET_TEXT];

	neap_buf_puts(&out, MADE);
	if (change->op == NEAP_NET_LINK_ADD) {
		neap_buf_printf(&out, "[Network]\nVXLAN=%s\n", change->link.name);
	} else if (change->op == NEAP_NET_LINK_SET) {
		neap_buf_printf(&out, "[Network]\nBridge=%s\n", change->link.master);
	} else if (change->op == NEAP_NET_ADDRESS_ADD) {
		prefix = neap_net_address_prefix(&change->address);
		neap_buf_printf(&out, "[Address]\nAddress=%s\n", neap_net_prefix_print(&prefix, text));
	} else {
		const struct neap_net_route *route = &change->route;

		prefix = neap_net_route_to(route);
		neap_buf_printf(&out, "[Route]\nDestination=%s\n", neap_net_prefix_print(&prefix, text));
		if (route->via.family)
			neap_buf_printf(&out, "Gateway=%s\n", neap_net_ip_print(&route->via, text));
		if (route->source.family)
			neap_buf_printf(&out, "PreferredSource=%s\n",
					neap_net_ip_print(&route->source, text));
		if (route->key.table != NEAP_NET_TABLE_MAIN)
			neap_buf_printf(&out, "Table=%u\n", route->key.table);
		if (route->key.metric != neap_net_metric(prefix.ip.family))
			neap_buf_printf(&out, "Metric=%u\n", route->key.metric);
	}
	return taken(&out, arena);
}

/* ---- a link's own files -------------------------------------------------------------------------------- */

static bool makes_link(const struct neap_kept_net *net)
{
	return net->count && net->changes[0].op == NEAP_NET_LINK_ADD;
}

/* The MTU may be set by a change of its own. */
static uint32_t mtu_of(const struct neap_kept_net *net)
{
	for (size_t i = 0; i < net->count; i++)
		if (net->changes[i].fields & NEAP_NET_MTU)
			return net->changes[i].link.mtu;
	return 0;
}

static const char *network_name(const char *link, bool peer, struct neap_arena *arena)
{
	return neap_arena_printf(arena, "%d-neap-%s.network", peer ? 51 : 50, link);
}

static const char *netdev_path(const char *link, struct neap_arena *arena)
{
	return neap_arena_printf(arena, NEAP_NETWORKD_DIRECTORY "/50-neap-%s.netdev", link);
}

static const char *network_path(const char *link, bool peer, struct neap_arena *arena)
{
	return neap_arena_printf(arena, NEAP_NETWORKD_DIRECTORY "/%s", network_name(link, peer, arena));
}

/* The other end of a veth is a link, too, with what is dropped in for it. */
static bool has_peer(const struct neap_kept_net *net)
{
	return strcmp(net->type, "veth") == 0;
}

void neap_kept_networkd_own(const struct neap_kept_net *net, bool wanted, struct neap_arena *arena,
			    struct neap_kept_file ret[NEAP_KEPT_NETWORKD_FILES], size_t *ret_count)
{
	const struct neap_net_change *adding = net->changes;
	uint32_t mtu = mtu_of(net);

	*ret_count = 0;
	if (!makes_link(net))
		return;
	ret[(*ret_count)++] = (struct neap_kept_file){
		.param = "persistent.netdev",
		.path = netdev_path(net->name, arena),
		.text = wanted ? netdev(adding, mtu, arena) : (struct neap_str){ 0 },
	};
	for (unsigned peer = 0; peer <= has_peer(net); peer++)
		ret[(*ret_count)++] = (struct neap_kept_file){
			.param = peer ? "persistent.peer" : "persistent.network",
			.path = network_path(net->name, peer, arena),
			.text = wanted ? network(net, peer ? adding->link.peer : adding->link.name, mtu,
						 arena)
				       : (struct neap_str){ 0 },
		};
}

static bool is_among(const struct neap_kept_file *files, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(files[i].path, path) == 0)
			return true;
	return false;
}

void neap_kept_networkd_former(const char *name, const struct neap_kept_file *own, size_t own_count,
			       struct neap_arena *arena, struct neap_kept_file ret[NEAP_KEPT_NETWORKD_FILES],
			       size_t *ret_count)
{
	const char *const paths[NEAP_KEPT_NETWORKD_FILES] = { netdev_path(name, arena),
							      network_path(name, false, arena),
							      network_path(name, true, arena) };

	*ret_count = 0;
	for (size_t i = 0; i < NEAP_KEPT_NETWORKD_FILES; i++)
		if (!is_among(own, own_count, paths[i]))
			ret[(*ret_count)++] = (struct neap_kept_file){ .param = "persistent.former",
								       .path = paths[i],
								       .former = true };
}

int neap_kept_networkd_check_size(const struct neap_kept_net *net, struct neap_error **err)
{
	size_t forwards = 0;

	for (size_t i = 0; i < net->count; i++)
		forwards += net->changes[i].op == NEAP_NET_NEIGHBOUR_PUT &&
			    net->changes[i].neighbour.key.kind != NEAP_NET_NEIGHBOUR;
	if (forwards <= FORWARDS_MAX)
		return 0;
	neap_error_set(err, "persist: networkd takes %d of peers and fdb together, and these are %zu",
		       FORWARDS_MAX, forwards);
	return neap_error_hint(err, "persist = \"unit\" takes any number");
}

int neap_kept_networkd_check(const struct neap_view *view, struct neap_arena *arena,
			     const struct neap_kept_net *net, struct neap_error **err)
{
	int r = 0;

	for (unsigned peer = 0; r == 0 && makes_link(net) && peer <= has_peer(net); peer++) {
		const struct neap_net_link *link = &net->changes[0].link;
		const char *used;

		r = neap_networkd_file(view, arena, peer ? link->peer : link->name,
				       network_name(net->name, peer, arena), &used, err);
	}
	return r;
}

/* ---- what is dropped in -------------------------------------------------------------------------------- */

const char *neap_kept_networkd_name(const char *type, const char *name, struct neap_arena *arena)
{
	return neap_arena_printf(arena, "neap-%s-%s.conf", type, name);
}

/* The link to whose file it belongs; NULL: nothing is dropped in. */
static const char *link_of(const struct neap_net_change *change)
{
	switch (change->op) {
	case NEAP_NET_LINK_ADD:
		return change->link.under[0] ? change->link.under : NULL;
	case NEAP_NET_LINK_SET:
		return change->fields & NEAP_NET_MASTER ? change->link.name : NULL;
	case NEAP_NET_ADDRESS_ADD:
		return change->address.key.link;
	case NEAP_NET_ROUTE_PUT:
		return change->route.link;
	default:
		return NULL;
	}
}

static const char *param_of(const struct neap_net_change *change, struct neap_arena *arena)
{
	if (change->op == NEAP_NET_LINK_ADD)
		return "persistent.link";
	return change->op == NEAP_NET_LINK_SET ? neap_arena_printf(arena, "persistent.%s", change->link.name)
					       : "persistent";
}

int neap_kept_networkd_dropped_in(const struct neap_view *view, struct neap_arena *arena,
				  const struct neap_kept_net *net, bool wanted, const char *const *former,
				  struct neap_kept_file **ret, size_t *ret_count, struct neap_error **err)
{
	const char *name = neap_kept_networkd_name(net->type, net->name, arena), **names;
	const char *const *there;
	struct neap_kept_file *files;
	size_t count = 0, there_count, former_count = 0;
	int r;

	while (former[former_count])
		former_count++;
	names = neap_arena_array_of(arena, const char *, former_count + 2);
	names[0] = name;
	memcpy(names + 1, former, (former_count + 1) * sizeof *names);
	r = neap_networkd_dropped_in(view, arena, names, &there, &there_count, err);
	if (r != 0)
		return r;
	files = neap_arena_array_of(arena, struct neap_kept_file, net->count + there_count + 1);
	for (size_t i = 0; wanted && r == 0 && i < net->count; i++) {
		const struct neap_net_change *change = &net->changes[i];
		const char *link = link_of(change), *network;

		if (!link)
			continue;
		r = neap_networkd_file(view, arena, link, NULL, &network, err);
		if (r != 0)
			return r;
		files[count++] = (struct neap_kept_file){
			.param = param_of(change, arena),
			.path = neap_arena_printf(arena, NEAP_NETWORKD_DIRECTORY "/%s.d/%s", network, name),
			.text = dropped_in(change, arena),
			.found = true,
		};
	}
	for (size_t i = 0, kept = count; i < there_count; i++)
		if (!is_among(files, kept, there[i])) {
			bool own = neap_str_equal(neap_path_name(neap_str(there[i])), neap_str(name));

			files[count++] = (struct neap_kept_file){
				.param = own ? "persistent" : "persistent.former",
				.path = there[i],
				.found = true,
				.former = !own,
			};
		}
	*ret = files;
	*ret_count = count;
	return 0;
}
