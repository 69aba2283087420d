/* What a recipe prints: to stderr at once, since stdout belongs to the report. */
#pragma once

#include <stddef.h>

/* Callable in a signal handler. */
void neap_console_write_to(int fd, const char *data, size_t len);
void neap_console_write(const char *data, size_t len);
