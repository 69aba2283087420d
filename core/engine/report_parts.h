/* What several reports have in common. Private to the reports. */
#pragma once

#include "engine/emit.h"
#include "engine/run.h"

/* "source": {file, line} */
void neap_report_emit_source(struct neap_emit *emit, struct neap_position at);
/* "requires": what the resource stands on: [{address, why}, {group, why}] */
void neap_report_emit_requires(struct neap_emit *emit, const struct neap_graph *graph, uint32_t resource);
/* "groups": {j1: [addresses]}: the lists that stand for several resources */
void neap_report_emit_groups(struct neap_emit *emit, const struct neap_graph *graph);

/* Every count of a summary, by the names that scripts see, sorted. */
struct neap_summary_part {
	const char *name;
	size_t offset; /* of an unsigned in struct neap_summary */
};
#define NEAP_SUMMARY_PARTS 10
extern const struct neap_summary_part neap_summary_parts[NEAP_SUMMARY_PARTS];
static inline unsigned neap_summary_get(const struct neap_summary *summary, size_t part)
{
	return *(const unsigned *)((const char *)summary + neap_summary_parts[part].offset);
}
/* "summary": {create, delete …} */
void neap_report_emit_summary(struct neap_emit *emit, const struct neap_summary *summary);
/* In a plan a resource that was not planned has the action "error", and this says why; in an apply it is that
 * of one that failed. NULL: it is none. */
const char *neap_report_error(const struct neap_run *run, const struct neap_result *result);
/* "stopped": {signal, timeout}, or null: it came to its end */
void neap_report_emit_stopped(struct neap_emit *emit, const struct neap_run *run);
/* "timed out after 10m", "stopped by SIGTERM". False: it came to its end. */
bool neap_report_put_stop(struct neap_buf *buf, const struct neap_run *run);
/* "1 failed, 3 created"; of a plan "3 to create". Whether there was anything to say. */
bool neap_report_put_counts(struct neap_buf *buf, const struct neap_summary *summary, bool plan);
