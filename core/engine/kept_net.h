/*
 * What resources of the network keep for the boot. A resource says by what changes it is made where nothing
 * of it is there; from these come the lines of ip(8) for neap's unit, or the files of systemd-networkd.
 */
#pragma once

#include "engine/kept.h"

struct neap_kept_net {
	const char *type, *name; /* "address", "br0-10.0.0.1-24": of its file */
	unsigned persist;        /* enum neap_persist */
	bool absent;             /* the resource shall be */
	const struct neap_net_change *changes;
	size_t count;
};

/* Names that neither a line of ip(8) nor a file's name can hold are errors of the recipe. */
int neap_kept_net_check(const struct neap_kept_net *net, struct neap_error **err);
void neap_kept_net_claim(const struct neap_kept_net *net, struct neap_claims *claims);
int neap_kept_net_read(const struct neap_view *view, const struct neap_context *ctx,
		       const struct neap_kept_net *net, struct neap_kept_state *ret, struct neap_error **err);
/* What is there is not known: all of it. */
int neap_kept_net_make(struct neap_host *host, struct neap_arena *arena, const struct neap_kept_net *net,
		       struct neap_error **err);
/* "10.0.0.0-8": a network in the name of a file. */
const char *neap_kept_net_name(const struct neap_net_prefix *prefix, struct neap_arena *arena);
