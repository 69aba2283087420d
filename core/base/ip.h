/* IP addresses as values: two texts of one address are equal. */
#pragma once

#include "base/str.h"

struct neap_ip {
	bool six;
	uint8_t bytes[16];
	struct neap_str scope; /* of "fe80::1%eth0", borrowed; empty: none */
};

/* IPv4 in four decimal numbers without leading zeros, or IPv6. */
bool neap_ip_parse(struct neap_str text, struct neap_ip *ret);
bool neap_ip_equal(const struct neap_ip *a, const struct neap_ip *b);
