/* The one way from a recipe to the terminal. Errors are ignored: nobody is left to hear of them. */
#include "engine/console.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void neap_console_write_to(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

/* Whether a terminal would obey the byte at `i`: C0, and both bytes of C1 as UTF-8 writes it. */
static bool is_control(const char *data, size_t len, size_t i)
{
	unsigned char before = i > 0 ? (unsigned char)data[i - 1] : 0, c = (unsigned char)data[i];
	unsigned char after = i + 1 < len ? (unsigned char)data[i + 1] : 0;

	return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
	       (c == 0xc2 && after >= 0x80 && after < 0xa0) || (before == 0xc2 && c >= 0x80 && c < 0xa0);
}

void neap_console_print(const char *data, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		char escaped[8];

		if (!is_control(data, len, i))
			continue;
		neap_console_write_to(STDERR_FILENO, data + from, i - from);
		snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned char)data[i]);
		neap_console_write_to(STDERR_FILENO, escaped, strlen(escaped));
		from = i + 1;
	}
	neap_console_write_to(STDERR_FILENO, data + from, len - from);
}
