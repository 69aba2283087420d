/* See net.h. */
#include "engine/net.h"

#include <errno.h>
#include <string.h>

#include "engine/diff.h"

int neap_net_check_name(const char *param, const char *name, struct neap_error **err)
{
	if (neap_net_name_ok(name))
		return 0;
	neap_error_set(err, "%s: \"%s\" is no name of a link", param, name);
	if (strlen(name) >= NEAP_NET_NAME)
		return neap_error_hint(err, "it has %zu bytes, and the kernel takes %d", strlen(name),
				       NEAP_NET_NAME - 1);
	if (strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
		return neap_error_hint(
			err, "the kernel has it for the settings of all links, net.ipv4.conf.%s", name);
	if (strchr(name, '%'))
		return neap_error_hint(err,
				       "of one with %% the kernel makes another, \"a%%d\" is a0: say the one "
				       "that is meant");
	return neap_error_hint(err,
			       "at most %d bytes of ASCII, without blanks, slashes, colons and quotes, "
			       "and not . or ..",
			       NEAP_NET_NAME - 1);
}

struct neap_net_change neap_net_link_change(const char *name, const char *kind, enum neap_net_op op,
					    unsigned fields)
{
	struct neap_net_change change = { .op = op, .fields = fields };

	neap_net_set_name(change.link.name, name);
	neap_net_set_name(change.link.kind, kind);
	return change;
}

int neap_net_read_link(const struct neap_view *view, const char *name, const char *kind,
		       struct neap_net_link *ret, bool *ret_found, struct neap_error **err)
{
	int r = neap_view_net_link(view, name, ret, ret_found, err);

	/* Of what a plan only takes to be there the kind may not be known. */
	if (r != 0 || !*ret_found || strcmp(ret->kind, kind) == 0)
		return r;
	neap_error_set(err, "the link %s is there, and is no %s but %s%s", name, kind,
		       ret->kind[0] ? "a " : "a device", ret->kind);
	return neap_error_hint(err, "choose another name, or remove it by hand");
}

int neap_net_no_link(const char *name, struct neap_error **err)
{
	neap_error_set(err, "there is no link %s", name);
	neap_error_mark(err, ENODEV);
	return neap_error_hint(err, "what makes it has to come first: require it here");
}

void neap_net_diff_boolean(struct neap_diff *diff, const char *param, bool found, bool before, bool after)
{
	neap_diff_string(diff, param, !found ? NULL : before ? "true" : "false", after ? "true" : "false");
}

void neap_net_diff_mtu(struct neap_diff *diff, bool found, uint32_t before, uint32_t after)
{
	struct neap_arena *arena = neap_diff_arena(diff);

	neap_diff_string(diff, "mtu",
			 !found   ? NULL
			 : before ? neap_arena_printf(arena, "%u", before)
				  : "(as its members)",
			 neap_arena_printf(arena, "%u", after));
}

const char *neap_net_seconds(struct neap_arena *arena, uint32_t hundredths)
{
	if (hundredths % 100)
		return neap_arena_printf(arena, "%u.%02us", hundredths / 100, hundredths % 100);
	return neap_arena_printf(arena, "%us", hundredths / 100);
}

static int check_spelling(const char *param, const char *text, const char *right, struct neap_error **err)
{
	if (strcmp(text, right) == 0)
		return 0;
	neap_error_set(err, "%s: \"%s\" is spelled %s", param, text, right);
	return neap_error_hint(err, "one spelling, so that two resources for one thing are found");
}

int neap_net_check_ip(const char *param, const char *text, struct neap_net_ip *ret, struct neap_error **err)
{
	char right[NEAP_NET_TEXT];

	if (!neap_net_ip_parse(text, ret))
		return neap_error_set(err, "%s: \"%s\" is no IP address", param, text);
	return check_spelling(param, text, neap_net_ip_print(ret, right), err);
}

enum kind { ORDINARY, UNSPECIFIED, LOOPBACK, MULTICAST, BROADCAST, KINDS };

static enum kind kind_of(const struct neap_net_ip *ip)
{
	return neap_net_unspecified(ip)         ? UNSPECIFIED
	       : neap_net_loopback(ip)          ? LOOPBACK
	       : neap_net_multicast(ip)         ? MULTICAST
	       : neap_net_limited_broadcast(ip) ? BROADCAST
						: ORDINARY;
}

int neap_net_check_use(const char *param, const struct neap_net_ip *ip, enum neap_net_use use,
		       struct neap_error **err)
{
	static const char *const kinds[KINDS] = { "", "the unspecified address", "a loopback address",
						  "a multicast address", "the broadcast address" };
	static const char *const uses[NEAP_NET_USES] = { "a link cannot have", "a link cannot have",
							 "no gateway has", "no packet is sent from" };
	/* Of IPv4 a link takes all but the unspecified one, in silence. */
	static const bool refused[2][NEAP_NET_USES][KINDS] = {
		{ /* IPv4 */
		  [NEAP_NET_OF_LINK] = { [UNSPECIFIED] = true },
		  [NEAP_NET_OF_LO] = { [UNSPECIFIED] = true },
		  [NEAP_NET_OF_GATEWAY] = { false, true, true, true, true },
		  [NEAP_NET_OF_SOURCE] = { [UNSPECIFIED] = true, [MULTICAST] = true, [BROADCAST] = true } },
		{ /* IPv6 */
		  [NEAP_NET_OF_LINK] = { [UNSPECIFIED] = true, [LOOPBACK] = true, [MULTICAST] = true },
		  [NEAP_NET_OF_LO] = { [UNSPECIFIED] = true, [MULTICAST] = true },
		  [NEAP_NET_OF_GATEWAY] = { false, true, true, true, true },
		  [NEAP_NET_OF_SOURCE] = { [UNSPECIFIED] = true, [MULTICAST] = true } },
	};
	enum kind kind = kind_of(ip);
	char text[NEAP_NET_TEXT];

	if (!refused[ip->family == 6][use][kind])
		return 0;
	neap_net_ip_print(ip, text);
	if (use == NEAP_NET_OF_LINK && kind == LOOPBACK)
		return neap_error_set(err, "%s: %s is a loopback address, which only lo can have", param,
				      text);
	return neap_error_set(err, "%s: %s is %s, which %s", param, text, kinds[kind], uses[use]);
}

int neap_net_check_machine(const char *param, const char *text, struct neap_net_ip *ret,
			   struct neap_error **err)
{
	if (neap_net_check_ip(param, text, ret, err) < 0)
		return -1;
	if (kind_of(ret) == ORDINARY || kind_of(ret) == LOOPBACK)
		return 0;
	return neap_error_set(err, "%s: %s is not the address of one machine", param, text);
}

int neap_net_check_mac(const char *param, const char *text, uint8_t ret[NEAP_NET_MAC],
		       struct neap_error **err)
{
	static const uint8_t none[NEAP_NET_MAC];

	if (!neap_net_mac_parse(text, ret)) {
		neap_error_set(err, "%s: \"%.60s\" is no hardware address", param, text);
		return neap_error_hint(err, "six bytes in small letters, such as 02:00:00:00:00:01");
	}
	if ((ret[0] & 1) || memcmp(ret, none, sizeof(none)) == 0)
		return neap_error_set(err, "%s: %s is not the hardware address of one machine", param, text);
	return 0;
}

int neap_net_check_prefix(const char *param, const char *text, struct neap_net_prefix *ret,
			  struct neap_error **err)
{
	char right[NEAP_NET_TEXT];

	if (!neap_net_prefix_parse(text, ret)) {
		neap_error_set(err, "%s: \"%s\" is no IP address with the length of its network", param,
			       text);
		return neap_error_hint(err, "such as 10.0.0.1/24 or fd00::1/64");
	}
	return check_spelling(param, text, neap_net_prefix_print(ret, right), err);
}
