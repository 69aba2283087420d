/* What the JSON of a run and of a graph have in common. Private to the reports. */
#pragma once

#include "engine/emit.h"
#include "engine/graph.h"

/* "source": {file, line} */
void neap_report_emit_source(struct neap_emit *emit, struct neap_position at);
/* "requires": what the resource stands on: [{address, why}, {group, why}] */
void neap_report_emit_requires(struct neap_emit *emit, const struct neap_graph *graph, uint32_t resource);
/* "groups": {j1: [addresses]}: the lists that stand for several resources */
void neap_report_emit_groups(struct neap_emit *emit, const struct neap_graph *graph);
