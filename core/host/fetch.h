/* Bytes by URL into an open file, checked as they come. Private to host/: everything above asks a host
 * (neap_host_fetch). */
#pragma once

#include "base/checksum.h"
#include "host/web.h"

struct neap_fetch_order {
	const char *const *urls; /* tried in order, NULL-terminated */
	const char *const *headers;
	struct neap_checksum checksum;
	const struct neap_web_tls *tls;
	unsigned timeout; /* seconds, for each try; 0: 4 hours */
	uint64_t max;     /* bytes; 0: 16 GB */
	const struct neap_machine_watch *watch;
};

/*
 * `fd` is open for reading and writing, and may hold the beginning of what is wanted, of a run that died: it
 * is gone on with. On success it holds the whole. On failure it holds what may be gone on with another time,
 * or nothing. *ret: size and digest.
 */
int neap_fetch_into(const struct neap_fetch_order *order, int fd, struct neap_content *ret,
		    struct neap_error **err);
