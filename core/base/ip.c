#include "base/ip.h"

#include <arpa/inet.h>

bool neap_ip_parse(struct neap_str text, struct neap_ip *ret)
{
	const char *scope = text.len ? memchr(text.data, '%', text.len) : NULL;
	struct neap_ip ip = { .six = text.len && memchr(text.data, ':', text.len), .scope = NEAP_STR("") };
	char plain[INET6_ADDRSTRLEN];

	if (scope) {
		ip.scope = (struct neap_str){ scope + 1, (size_t)(text.data + text.len - scope) - 1 };
		text.len = (size_t)(scope - text.data);
		if (!ip.six || !ip.scope.len)
			return false;
	}
	if (!text.len || text.len >= sizeof(plain) || memchr(text.data, '\0', text.len))
		return false;
	memcpy(plain, text.data, text.len);
	plain[text.len] = '\0';
	if (inet_pton(ip.six ? AF_INET6 : AF_INET, plain, ip.bytes) != 1)
		return false;
	*ret = ip;
	return true;
}

bool neap_ip_equal(const struct neap_ip *a, const struct neap_ip *b)
{
	return a->six == b->six && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 &&
	       neap_str_equal(a->scope, b->scope);
}
