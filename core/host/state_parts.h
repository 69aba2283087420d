/* What the files that write neap's state share. Private to state*.c. */
#pragma once

#include "host/state.h"

struct neap_state {
	char *directory;
	int fd, lock, stages;
	off_t kept, end; /* of the record: what stays for the next run, and all of it */
	int journal;     /* or -1 */
	off_t journal_end;
	size_t owed; /* notices in it */
};

/* Removes what nobody has gone on with for a week. */
void neap_state_sweep_downloads(struct neap_state *state);

/* Makes `name` below the directory `at` when absent, 0700 and durably, and opens it. -1 with errno. */
int neap_state_sub_directory(int at, const char *name);
