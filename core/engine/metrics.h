/*
 * --metrics: a run as numbers for Prometheus, in its text format: a file for the textfile collector of
 * node_exporter. No timestamps: the file's time is when it was written, and values that are moments say so.
 */
#pragma once

#include "engine/report.h"

struct neap_metric { /* of a resource: what its type measures */
	const struct neap_measure *measure;
	const char *label; /* value of the label */
	double value;
};

struct neap_metrics {
	const struct neap_run *run; /* NULL: no resource was looked at */
	int exit_code;
	int64_t ended;        /* milliseconds since 1970 */
	double seconds;       /* it took */
	int64_t last_success; /* as `ended`; 0: there was none; negative: not known */
	int64_t pending;      /* notifications; negative: not known */
	const struct neap_metric *measured;
	size_t measured_count;
};

void neap_report_metrics(struct neap_buf *buf, const struct neap_metrics *metrics);
