/*
 * See kept_net.h. The lines are those of neap_kept_network: each file's in the order in which they are to be
 * done, and files in the order of their names.
 *
 * Another kind of link has its turn here, its words in put_link(), and its section in kept_networkd.c.
 */
#include "engine/kept_net.h"

#include "engine/kept_networkd.h"
#include "engine/networkd.h"

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-@+"

/* In what order files are read: links that need no other come first, routes to gateways last. */
#define LINKS 3 /* the first so many make one */
static const struct {
	const char *type;
	unsigned number;
} turns[] = {
	{ "veth", 10 }, { "bridge", 20 }, { "vxlan", 30 }, { "address", 50 }, { "route", 70 },
};

static const char *path_of(const char *type, const char *name, struct neap_arena *arena)
{
	unsigned turn = 0;

	for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
		if (strcmp(turns[i].type, type) == 0)
			turn = turns[i].number;
	return neap_arena_printf(arena, "%s/%02u-%s-%s.conf", neap_kept_network.directory, turn, type, name);
}

const char *neap_kept_net_name(const struct neap_net_prefix *prefix, struct neap_arena *arena)
{
	char text[NEAP_NET_TEXT];

	if (prefix->ip.family == 4 && !prefix->len)
		return "default";
	return neap_arena_printf(arena, "%s-%u", neap_net_ip_print(&prefix->ip, text), prefix->len);
}

/* ---- lines of ip(8) ------------------------------------------------------------------------------------ */

static void put_mtu(struct neap_buf *out, const struct neap_net_change *change)
{
	if (change->fields & NEAP_NET_MTU)
		neap_buf_printf(out, " mtu %u", change->link.mtu);
}

/* No port is the kernel's own, 8472: it is said always. */
static void put_vxlan(struct neap_buf *out, const struct neap_net_change *change)
{
	const struct neap_net_link *link = &change->link;
	char text[NEAP_NET_TEXT];

	neap_buf_printf(out, " id %u", link->id);
	if (link->local.family)
		neap_buf_printf(out, " local %s", neap_net_ip_print(&link->local, text));
	if (link->under[0])
		neap_buf_printf(out, " dev %s", link->under);
	neap_buf_printf(out, " dstport %u", link->port);
	if (change->fields & NEAP_NET_LEARNING)
		neap_buf_puts(out, link->learning ? " learning" : " nolearning");
	if (change->fields & NEAP_NET_TTL)
		neap_buf_printf(out, " ttl %u", link->ttl);
}

static void put_link(struct neap_buf *out, const struct neap_net_change *change)
{
	const struct neap_net_link *link = &change->link;
	char mac[NEAP_NET_MAC_TEXT];

	neap_buf_printf(out, "link add name %s", link->name);
	if (change->fields & NEAP_NET_ADDRESS)
		neap_buf_printf(out, " address %s", neap_net_mac_print(link->mac, mac));
	put_mtu(out, change);
	neap_buf_printf(out, " type %s", link->kind);
	if (change->fields & NEAP_NET_STP)
		neap_buf_printf(out, " stp_state %d", link->stp);
	if (change->fields & NEAP_NET_FORWARD_DELAY)
		neap_buf_printf(out, " forward_delay %u", link->forward_delay);
	if (change->fields & NEAP_NET_AGEING_TIME)
		neap_buf_printf(out, " ageing_time %u", link->ageing_time);
	if (link->peer[0]) {
		neap_buf_printf(out, " peer name %s", link->peer);
		put_mtu(out, change);
	}
	if (strcmp(link->kind, "vxlan") == 0)
		put_vxlan(out, change);
	neap_buf_putc(out, '\n');
	if (!(change->fields & NEAP_NET_UP) || !link->up)
		return;
	neap_buf_printf(out, "link set dev %s up\n", link->name);
	if (link->peer[0])
		neap_buf_printf(out, "link set dev %s up\n", link->peer);
}

static void put_setting(struct neap_buf *out, const struct neap_net_change *change)
{
	neap_buf_printf(out, "link set dev %s", change->link.name);
	put_mtu(out, change);
	if (change->fields & NEAP_NET_MASTER)
		neap_buf_printf(out, " master %s", change->link.master);
	neap_buf_putc(out, '\n');
}

static void put_address(struct neap_buf *out, const struct neap_net_address *address)
{
	struct neap_net_prefix prefix = neap_net_address_prefix(address);
	char text[NEAP_NET_TEXT];

	neap_buf_printf(out, "address replace %s%s dev %s\n", neap_net_prefix_print(&prefix, text),
			prefix.ip.family == 4 && prefix.len < 31 ? " brd +" : "", address->key.link);
}

static void put_route(struct neap_buf *out, const struct neap_net_route *route)
{
	struct neap_net_prefix to = neap_net_route_to(route);
	char text[NEAP_NET_TEXT];

	neap_buf_printf(out, "route replace %s",
			to.ip.family == 4 && !to.len ? "default" : neap_net_prefix_print(&to, text));
	if (route->via.family)
		neap_buf_printf(out, " via %s", neap_net_ip_print(&route->via, text));
	if (route->link[0])
		neap_buf_printf(out, " dev %s", route->link);
	if (route->source.family)
		neap_buf_printf(out, " src %s", neap_net_ip_print(&route->source, text));
	if (route->key.table != NEAP_NET_TABLE_MAIN)
		neap_buf_printf(out, " table %u", route->key.table);
	if (route->key.metric != neap_net_metric(to.ip.family))
		neap_buf_printf(out, " metric %u", route->key.metric);
	neap_buf_puts(out, " proto static\n");
}

/* Those of the forwarding database are bridge(8)'s, and known by how they begin. */
static void put_neighbour(struct neap_buf *out, const struct neap_net_neighbour *neighbour)
{
	char ip[NEAP_NET_TEXT], mac[NEAP_NET_MAC_TEXT];

	neap_net_ip_print(&neighbour->ip, ip);
	neap_net_mac_print(neighbour->mac, mac);
	if (neighbour->key.kind == NEAP_NET_NEIGHBOUR)
		neap_buf_printf(out, "neighbour replace %s lladdr %s dev %s nud permanent\n", ip, mac,
				neighbour->key.link);
	else /* of peers there are several under one hardware address, 0 */
		neap_buf_printf(out, "fdb %s %s dev %s dst %s self permanent\n",
				neighbour->key.kind == NEAP_NET_PEER ? "append" : "replace", mac,
				neighbour->key.link, ip);
}

static struct neap_str lines_of(const struct neap_kept_net *net, struct neap_arena *arena)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };

	neap_buf_printf(&out, "# Made by neap for %s, which reads it at boot.\n", neap_kept_network.name);
	for (size_t i = 0; i < net->count; i++) {
		const struct neap_net_change *change = &net->changes[i];

		switch (change->op) {
		case NEAP_NET_LINK_ADD:
			put_link(&out, change);
			break;
		case NEAP_NET_LINK_SET:
			put_setting(&out, change);
			break;
		case NEAP_NET_ADDRESS_ADD:
			put_address(&out, &change->address);
			break;
		case NEAP_NET_ROUTE_PUT:
			put_route(&out, &change->route);
			break;
		case NEAP_NET_NEIGHBOUR_PUT:
			put_neighbour(&out, &change->neighbour);
			break;
		case NEAP_NET_LINK_REMOVE:
		case NEAP_NET_ADDRESS_REMOVE:
		case NEAP_NET_ROUTE_REMOVE:
		case NEAP_NET_NEIGHBOUR_REMOVE:
			break;
		}
	}
	return (struct neap_str){ neap_arena_copy(arena, out.data, out.len), out.len };
}

/* ---- what is kept -------------------------------------------------------------------------------------- */

static bool is_by(const struct neap_kept_net *net, enum neap_persist way)
{
	return net->persist == way && !net->absent;
}

static int check_name(const char *name, struct neap_error **err)
{
	if (name[strspn(name, NAME_BYTES)] == '\0' && name[0] != '-')
		return 0;
	neap_error_set(err, "persist: the link %s cannot be kept by its name", name);
	return neap_error_hint(err, "letters, digits and _ . @ + - are in a name that is kept, no - first");
}

int neap_kept_net_check(const struct neap_kept_net *net, struct neap_error **err)
{
	for (size_t i = 0; i < net->count; i++) {
		const struct neap_net_change *change = &net->changes[i];
		const char *const names[] = { change->link.name,         change->link.peer,
					      change->link.master,       change->link.under,
					      change->address.key.link,  change->route.link,
					      change->neighbour.key.link };

		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			if (check_name(names[k], err) < 0)
				return -1;
	}
	return is_by(net, NEAP_PERSIST_NETWORKD) ? neap_kept_networkd_check_size(net, err) : 0;
}

/* ---- whoever had the name ------------------------------------------------------------------------------ */

/* A link has one name, and so has what is kept of it: a bridge b0 that was kept would be made at boot, before
 * or in the place of the vxlan b0 that is wanted now. The names that a resource makes, `ret` ends with NULL.
 */
#define NAMES 2
static void names_made(const struct neap_kept_net *net, const char *ret[NAMES + 1])
{
	const struct neap_net_change *first = net->changes;
	bool makes = net->count && !net->absent && first->op == NEAP_NET_LINK_ADD;

	ret[0] = makes ? first->link.name : NULL;
	ret[1] = makes && first->link.peer[0] ? first->link.peer : NULL;
	ret[2] = NULL;
}

#define FORMER (NAMES * (LINKS + NEAP_KEPT_NETWORKD_FILES))
static void put_former(const struct neap_kept_net *net, struct neap_arena *arena, struct neap_kept *kept,
		       struct neap_kept_file *files)
{
	const char *names[NAMES + 1];
	size_t own = kept->count, count;

	names_made(net, names);
	for (size_t i = 0; names[i]; i++) {
		for (size_t k = 0; k < LINKS; k++) {
			const char *path = path_of(turns[k].type, names[i], arena);

			if (strcmp(path, files[0].path) != 0)
				files[kept->count++] = (struct neap_kept_file){ .param = "persistent.former",
										.path = path,
										.former = true };
		}
		neap_kept_networkd_former(names[i], files, own, arena, files + kept->count, &count);
		kept->count += count;
	}
}

/* What of it was dropped in to others' files. */
static const char *const *former_drops(const struct neap_kept_net *net, struct neap_arena *arena)
{
	const char *own = neap_kept_networkd_name(net->type, net->name, arena), *names[NAMES + 1];
	const char **drops = neap_arena_array_of(arena, const char *, NAMES *LINKS + 1);
	size_t count = 0;

	names_made(net, names);
	for (size_t i = 0; names[i]; i++)
		for (size_t k = 0; k < LINKS; k++) {
			const char *drop = neap_kept_networkd_name(turns[k].type, names[i], arena);

			if (strcmp(drop, own) != 0)
				drops[count++] = drop;
		}
	drops[count] = NULL;
	return drops;
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

/* Whatever is not asked for is not to be there: one way takes the place of another. These are the files that
 * are known without a look at the machine. */
static struct neap_kept known(const struct neap_kept_net *net, struct neap_arena *arena)
{
	struct neap_kept_file *files =
		neap_arena_array_of(arena, struct neap_kept_file, 1 + NEAP_KEPT_NETWORKD_FILES + FORMER);
	struct neap_kept kept = { .files = files, .absent = net->absent };
	size_t own;

	files[kept.count++] = (struct neap_kept_file){
		.param = "persistent",
		.path = path_of(net->type, net->name, arena),
		.text = is_by(net, NEAP_PERSIST_UNIT) ? lines_of(net, arena) : (struct neap_str){ 0 },
	};
	neap_kept_networkd_own(net, is_by(net, NEAP_PERSIST_NETWORKD), arena, files + kept.count, &own);
	kept.count += own;
	put_former(net, arena, &kept, files);
	if (is_by(net, NEAP_PERSIST_UNIT))
		kept.unit = &neap_kept_network;
	return kept;
}

/* And what is dropped in to the files of links. */
static int look(const struct neap_view *view, struct neap_arena *arena, const struct neap_kept_net *net,
		struct neap_kept *ret, struct neap_error **err)
{
	bool wanted = is_by(net, NEAP_PERSIST_NETWORKD);
	struct neap_kept kept = known(net, arena);
	struct neap_kept_file *dropped, *all;
	size_t count;
	int r = 0;

	if (wanted)
		r = neap_kept_networkd_check(view, arena, net, err);
	if (r == 0)
		r = neap_kept_networkd_dropped_in(view, arena, net, wanted, former_drops(net, arena),
						  &dropped, &count, err);
	if (r == 0 && count) {
		all = neap_arena_array_of(arena, struct neap_kept_file, kept.count + count);
		memcpy(all, kept.files, kept.count * sizeof *all);
		memcpy(all + kept.count, dropped, count * sizeof *all);
		kept.files = all;
		kept.count += count;
	}
	*ret = kept;
	return r;
}

void neap_kept_net_claim(const struct neap_kept_net *net, struct neap_claims *claims)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_kept kept = known(net, arena);

	neap_kept_claim(&kept, claims);
	if (!is_by(net, NEAP_PERSIST_NETWORKD))
		return;
	neap_claim_boot(claims, NEAP_NETWORKD_UNIT, true);
	/* In whose directory is known when the files of links are read, which others may make. */
	neap_claim_anywhere(claims, NEAP_NETWORKD_DIRECTORY,
			    neap_kept_networkd_name(net->type, net->name, arena));
	neap_claim_after(claims, NEAP_NETWORKD_DIRECTORY);
}

int neap_kept_net_read(const struct neap_view *view, const struct neap_context *ctx,
		       const struct neap_kept_net *net, struct neap_kept_state *ret, struct neap_error **err)
{
	struct neap_kept kept;
	int r = look(view, ctx->scratch, net, &kept, err);

	return r == 0 ? neap_kept_read(view, ctx, &kept, ret, err) : r;
}

int neap_kept_net_make(struct neap_host *host, struct neap_arena *arena, const struct neap_kept_net *net,
		       struct neap_error **err)
{
	struct neap_kept kept;

	/* In a plan: where what is dropped in goes may not be known either. */
	if (look(&host->view, arena, net, &kept, NULL) != 0)
		kept = known(net, arena);
	return neap_kept_make(host, &kept, err);
}
