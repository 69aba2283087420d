/* What the types that ask a server have in common: URLs, headers and certificates as parameters. Nothing here
 * asks anything, and nothing here knows which type it is for. */
#pragma once

#include "engine/resource.h"

/* Each says which parameter is wrong. The empty string stands for one that is not known yet. */
int neap_remote_check_url(const char *param, const char *url, struct neap_error **err);
int neap_remote_check_headers(const struct neap_texts *headers, struct neap_error **err);

/* "Name: value", NULL-terminated, in `arena`, which is wiped when they hold a secret. */
const char *const *neap_remote_headers(const struct neap_texts *headers, struct neap_arena *arena);
/* The files; a related resource that is not given has no path. The key is that of the resource that is the
 * client certificate, when none is said: its parameter "key". */
struct neap_tls_files neap_remote_tls(const struct neap_related *ca_cert,
				      const struct neap_related *client_cert,
				      const struct neap_related *client_key);
