/* --splay: a wait before all else, so that a fleet whose timers fire at one moment does not begin at one. */
#pragma once

#include <stdint.h>

struct neap_cli_options;

/* Waits as long as it is this machine's turn; a signal ends the process as ever. */
void neap_cli_splay(const struct neap_cli_options *options);
/* How long: from 0 to less than `seconds`, in milliseconds; the same for the same machine and recipe, and
 * spread evenly over machines. */
int64_t neap_cli_splay_ms(const char *machine, const char *recipe, unsigned seconds);
