/* What the types of the network share: names, and how things are said. */
#pragma once

#include "engine/resource.h"

#define NEAP_NET_MTU_MIN NEAP_NET_SIX_MTU
#define NEAP_NET_MTU_MAX 65535

/* "name: \"a b\" is no name of a link" */
int neap_net_check_name(const char *param, const char *name, struct neap_error **err);
/* A change of the link `name` of that kind, to fill what `fields` say. */
struct neap_net_change neap_net_link_change(const char *name, const char *kind, enum neap_net_op op,
					    unsigned fields);
/* The link that a resource keeps: one of another kind is an error. */
int neap_net_read_link(const struct neap_view *view, const char *name, const char *kind,
		       struct neap_net_link *ret, bool *ret_found, struct neap_error **err);
/* "there is no link eth1" */
int neap_net_no_link(const char *name, struct neap_error **err);
void neap_net_diff_boolean(struct neap_diff *diff, const char *param, bool found, bool before, bool after);
void neap_net_diff_mtu(struct neap_diff *diff, bool found, uint32_t before, uint32_t after);
/* "15s", "0.5s": of hundredths of a second. */
const char *neap_net_seconds(struct neap_arena *arena, uint32_t hundredths);
/* An IP address or prefix as the kernel writes it: what is spelled in another way is an error that says how.
 */
int neap_net_check_ip(const char *param, const char *text, struct neap_net_ip *ret, struct neap_error **err);
/* What an address is for. */
enum neap_net_use {
	NEAP_NET_OF_LINK,
	NEAP_NET_OF_LO, /* of the link lo */
	NEAP_NET_OF_GATEWAY,
	NEAP_NET_OF_SOURCE,
	NEAP_NET_USES,
};
/* What the kernel would refuse whatever the machine is like, or take for none: "via: 224.0.0.1 is a multicast
 * address, which no gateway has". */
int neap_net_check_use(const char *param, const struct neap_net_ip *ip, enum neap_net_use use,
		       struct neap_error **err);
/* As neap_net_check_ip(): of one machine, no group and not nobody. */
int neap_net_check_machine(const char *param, const char *text, struct neap_net_ip *ret,
			   struct neap_error **err);
int neap_net_check_mac(const char *param, const char *text, uint8_t ret[NEAP_NET_MAC],
		       struct neap_error **err);
int neap_net_check_prefix(const char *param, const char *text, struct neap_net_prefix *ret,
			  struct neap_error **err);
