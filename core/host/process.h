/* Runs one program to its end. Private to host/: everything above asks a host (neap_host_run). */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "host/host.h"

/* No shell; argv[0] is looked up in PATH and the system's usual directories; standard input is empty; the
 * environment is PATH, HOME, LANG and LC_ALL. 0 when the program ended, whatever its status; negative when it
 * could not be started or had to be killed because its time was over. */
int neap_process_run(const struct neap_process *process, struct neap_arena *arena,
		     struct neap_process_result *ret, struct neap_error **err);
