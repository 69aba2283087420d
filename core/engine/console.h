/* What a recipe prints: to stderr at once, since stdout belongs to the report. */
#pragma once

#include <stddef.h>

/* Callable in a signal handler. */
void neap_console_write_to(int fd, const char *data, size_t len);
/* To stderr, with control characters shown as \x1b: what a recipe prints may come from a file. */
void neap_console_print(const char *data, size_t len);
