/* The one way from a recipe to the terminal. Errors are ignored: nobody is left to hear of them. */
#include "engine/console.h"

#include <errno.h>
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

void neap_console_write(const char *data, size_t len)
{
	neap_console_write_to(STDERR_FILENO, data, len);
}
