/* Where what neap says goes: stdout for what was asked for, stderr for all else. */
#pragma once

#include <stdbool.h>

struct neap_cli_options;

/* Before anything is printed: from now on the reason why stdout fails is remembered. */
void neap_cli_output_begin(void);
/* Asks by ioctl only what is a device: a plan into a pipe makes no such call. */
bool neap_cli_output_terminal(int fd);
/* Whether to color what goes to descriptor 1 or 2. */
bool neap_cli_output_color(const struct neap_cli_options *options, int fd);
/* Columns of the terminal, else 80. */
unsigned neap_cli_output_width(void);
/* Flushes stdout. `code`, or, when stdout could not take it all, says so and returns `code` if that tells of
 * a failure already, else `failure`. */
int neap_cli_output_end(int code, int failure);
