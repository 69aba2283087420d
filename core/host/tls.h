/* Certificates and keys of a machine, for requests. Private to host/. */
#pragma once

#include "host/web.h"

/* The files' text, in `arena`. Errors name the file that is missing or is none. 0, negative, or NEAP_UNKNOWN
 * when one of them is not known in this plan, and no other is wrong. */
int neap_tls_read(const struct neap_view *view, const struct neap_tls_files *files, struct neap_arena *arena,
		  struct neap_web_tls *ret, struct neap_error **err);
