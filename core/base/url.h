/* URLs of the web, http and https, as far as neap must understand them. Nothing is decoded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define NEAP_URL_MAX 4095

struct neap_url {
	bool secure;          /* https */
	struct neap_str host; /* as it stands there: "[::1]" with its brackets */
	uint16_t port;
};

/* Says what is wrong. A name or password in it is refused: it would be shown in plans. `ret` may be NULL. */
int neap_url_parse(const char *text, struct neap_url *ret, struct neap_error **err);
/* The same server: scheme, host and port. */
bool neap_url_same_server(const struct neap_url *a, const struct neap_url *b);
