/* How far a run is: one line on a terminal's stderr, rewritten, gone at the end. Nothing elsewhere. */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "engine/run.h"

struct neap_cli_options;

struct neap_cli_progress {
	struct neap_run_observer observer;
	bool terminal, shown;
	size_t done;
	uint32_t number; /* of the resource begun last */
	struct timespec last;
};

/* The observer points to `progress`, which must stay where it is. */
void neap_cli_progress_init(struct neap_cli_progress *progress, const struct neap_cli_options *options);
void neap_cli_progress_done(struct neap_cli_progress *progress);
