/*
 * What systemd-networkd would use of the files of a machine for a link. Reads only, and knows no resource
 * type.
 */
#pragma once

#include "engine/resource.h"

#define NEAP_NETWORKD_DIRECTORY "/etc/systemd/network"
#define NEAP_NETWORKD_UNIT "systemd-networkd.service"

/*
 * The name of the file that networkd uses for `link`, "50-eth1.network": the first that fits. One that fits
 * other links too is an error, and so is one of which that cannot be told: what is dropped in there would be
 * said of others. `own` (or NULL) counts as there and as fitting: one that fits before it is an error. No
 * file at all is one, too. 0, negative, NEAP_UNKNOWN.
 */
int neap_networkd_file(const struct neap_view *view, struct neap_arena *arena, const char *link,
		       const char *own, const char **ret, struct neap_error **err);

/* The files called one of `names` (NULL-terminated) that are dropped in to any .network file below
 * NEAP_NETWORKD_DIRECTORY. */
int neap_networkd_dropped_in(const struct neap_view *view, struct neap_arena *arena, const char *const *names,
			     const char *const **ret, size_t *ret_count, struct neap_error **err);

/* How a [Match] section, in the text of a .network file, stands to a link. */
enum neap_networkd_match {
	NEAP_NETWORKD_FITS_NOT,
	NEAP_NETWORKD_FITS,    /* this one and no other */
	NEAP_NETWORKD_OTHERS,  /* and others, too */
	NEAP_NETWORKD_PERHAPS, /* by more than its name */
};
enum neap_networkd_match neap_networkd_judge(struct neap_str text, const char *link);
