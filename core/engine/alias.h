/*
 * Two names of one file. Claims are text, but a directory on the way may be a link: then /run/x and
 * /var/run/x are one file, and whoever changes one changes what the other owns. This finds out, for one run,
 * where the claimed paths of a graph really lead.
 */
#pragma once

#include "engine/graph.h"
#include "host/host.h"

struct neap_aliases;

/* Looks at each directory above a claimed path once, when first asked. Where homes are (of claims such as
 * "/~eve/.ssh") it sees as soon as there is one, links made later when it is told to. */
struct neap_aliases *neap_aliases_new(const struct neap_graph *graph, const struct neap_view *view);
void neap_aliases_free(struct neap_aliases *aliases);
/* A link was made or removed; and: what stands now is to be seen. */
void neap_aliases_moved(struct neap_aliases *aliases);
void neap_aliases_renew(struct neap_aliases *aliases);
/* The claimed path that leads to `path` (which goes through no link) by another name, or NULL. */
const char *neap_aliases_claimed(struct neap_aliases *aliases, const char *path);
/* What kept it from knowing all of them, or NULL. Borrowed. */
const struct neap_error *neap_aliases_blind(const struct neap_aliases *aliases);
/* As neap_graph_owns(), by where paths lead. */
bool neap_aliases_own(struct neap_aliases *aliases, const char *path);
