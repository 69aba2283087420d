/* What a person or a script gets to see of a run, or of a recipe's problems. Secrets are masked here and in
 * diff.c, nowhere else. */
#pragma once

#include <stdio.h>

#include "engine/facts.h"
#include "engine/problem.h"
#include "engine/run.h"
#include "engine/source.h"
#include "host/confirm.h"
#include "host/record.h"

struct neap_report_options {
	bool diff; /* unified diffs of content */
	bool color;
	bool quiet;       /* nothing when nothing changed, else one line */
	unsigned verbose; /* 1: unchanged resources too */
	unsigned width;
	const char *recipe;                    /* as given on the command line */
	const struct neap_param_value *params; /* -D values, sorted by name */
	size_t param_count;
	const struct neap_sources *sources;
	const char *const *tags; /* of a selection */
	size_t tag_count, chosen, needed;
	struct neap_facts *facts; /* or NULL */
};
struct neap_param_value {
	const char *name, *value;
};

/* "applied: 2 updated, 40 unchanged": how it went, in a line without its end. */
void neap_report_verdict(struct neap_buf *buf, const struct neap_run *run);
/* The plan or the apply report as text: verdict and counts first and last. */
void neap_report_text(FILE *out, const struct neap_run *run, const struct neap_report_options *options);
/* Only what failed: "file[/etc/x] (site.lua:12): open /etc/x: Permission denied" and the hint below, each;
 * and what stopped the run, and before what. */
void neap_report_failures_text(FILE *out, const struct neap_run *run, bool color);
/* One JSON document by docs/schema/. Ends in a newline. */
void neap_report_json(FILE *out, const struct neap_run *run, const struct neap_report_options *options);

/* "site.lua:12: file[/etc/x]: message" and the hint below, each; then a count. */
void neap_report_problems_text(FILE *out, const struct neap_problems *problems, bool color);
void neap_report_problems_json(FILE *out, const struct neap_problems *problems);

/* neap graph */
enum neap_graph_format { NEAP_GRAPH_DOT, NEAP_GRAPH_MERMAID, NEAP_GRAPH_JSON };
void neap_report_graph(FILE *out, const struct neap_graph *graph, enum neap_graph_format format);

/* neap facts: a line each, and below it those that the machine has not; as a file for --facts. Facts that
 * cannot be had go to `problems`. */
void neap_report_facts_text(FILE *out, struct neap_facts *facts, struct neap_problems *problems);
void neap_report_facts_json(FILE *out, struct neap_facts *facts, struct neap_problems *problems);

/* neap status */
struct neap_unconfirmed { /* a change that waits, or that was not confirmed */
	const char *address;
	int64_t since, until; /* seconds since 1970 */
	enum neap_armed_phase phase;
};
struct neap_status {
	const char *directory; /* neap's state */
	int64_t now;           /* seconds since 1970 */
	const struct neap_look *look;
	const struct neap_notice *pending; /* notifications that are still to be delivered */
	size_t pending_count;
	const struct neap_unconfirmed *unconfirmed;
	size_t unconfirmed_count;
};
/* The last run, if there was one, went well, and nothing is pending. */
bool neap_status_is_well(const struct neap_status *status);
/* How many somebody will have to deliver: noop is only told of. */
size_t neap_status_pending(const struct neap_notice *notices, size_t count);
void neap_report_status_text(FILE *out, const struct neap_status *status, bool color);
void neap_report_status_json(FILE *out, const struct neap_status *status);

/* neap doc, docs/reference.md, lua/meta/neap.lua */
void neap_doc_type_text(FILE *out, const struct neap_resource_type *type, unsigned width, bool color);
/* The facts there are. */
void neap_doc_facts_text(FILE *out, unsigned width, bool color);
void neap_doc_list_text(FILE *out, const struct neap_registry *registry);
void neap_doc_reference(FILE *out, const struct neap_registry *registry);
void neap_doc_annotations(FILE *out, const struct neap_registry *registry);
