/*
 * What ends a run before its end: a signal, and the time limit of --timeout. Both set one flag, which whoever
 * works looks at: no new step is begun, what only waits is ended, what is under way is brought to its end.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

#define NEAP_CLI_TIMED_OUT 1000 /* what the flag is when it was no signal */

/* The number of the signal, or NEAP_CLI_TIMED_OUT; 0: nothing has come. The first that comes counts. */
extern const volatile sig_atomic_t *const neap_cli_stop;

/* The clock of --timeout begins to run. 0: without a limit. */
void neap_cli_stop_after(unsigned seconds);
/* From the first step to the end signals set the flag: before, the default, to die, is right; after the last
 * step only the report is left, and what was done must not go untold. */
void neap_cli_stop_catch_signals(void);
/* At most `seconds`, and no more than is left of the limit. */
unsigned neap_cli_stop_within(unsigned seconds);
