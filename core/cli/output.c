/* See output.h. */
#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/emit.h"

static int output_errnum; /* of the first write that failed */

/* stdio forgets why a write failed by the time anybody asks. */
static ssize_t write_all(void *cookie, const char *data, size_t len)
{
	size_t done = 0;
	(void)cookie;
	while (done < len) {
		ssize_t n = write(STDOUT_FILENO, data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			output_errnum = output_errnum ? output_errnum : errno;
			return 0;
		}
		done += (size_t)n;
	}
	return (ssize_t)len;
}

void neap_cli_output_begin(void)
{
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_all });
	if (!out)
		neap_out_of_memory();
	setvbuf(out, NULL, _IOFBF, 65536);
	stdout = out;
}

bool neap_cli_output_terminal(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && isatty(fd);
}

bool neap_cli_output_color(const struct neap_cli_options *options, int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	if (options->color != NEAP_CLI_COLOR_AUTO)
		return options->color == NEAP_CLI_COLOR_ALWAYS;
	return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0 && neap_cli_output_terminal(fd);
}

unsigned neap_cli_output_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	char *end = NULL;
	unsigned long width = columns && *columns ? strtoul(columns, &end, 10) : 0;
	if (!end || *end || width < 20 || width > 1000)
		width = neap_cli_output_terminal(STDOUT_FILENO) &&
					ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0
				? size.ws_col
				: 0;
	return width >= 20 ? (unsigned)width : 80;
}

int neap_cli_output_end(int code, int failure)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	bool failed = fflush(stdout) != 0 || ferror(stdout);
	if (!failed)
		return code;
	neap_error_errno(&err, output_errnum ? output_errnum : EIO, "write standard output");
	neap_cli_complain(err);
	return code == NEAP_EXIT_OK || code == 2 ? failure : code;
}

void neap_cli_complain(const struct neap_error *err)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	neap_buf_puts(&buf, "neap: ");
	neap_emit_safes(&buf, err->message);
	neap_buf_putc(&buf, '\n');
	for (const char *line = err->hint ? err->hint : ""; *line;) {
		size_t len = strcspn(line, "\n");

		neap_buf_puts(&buf, "    ");
		neap_emit_safe(&buf, (struct neap_str){ line, len }, false);
		neap_buf_putc(&buf, '\n');
		line += len + (line[len] == '\n');
	}
	fwrite(buf.data, 1, buf.len, stderr);
}
