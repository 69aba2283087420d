/* See progress.h. */
#include "cli/progress.h"

#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "engine/emit.h"

#define INTERVAL_MS 100

/* A run that is over at once shows nothing; later lines come no faster than can be read. */
static bool is_due(struct neap_cli_progress *progress)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long ms = (now.tv_sec - progress->last.tv_sec) * 1000 +
		  (now.tv_nsec - progress->last.tv_nsec) / 1000000;
	if (ms < INTERVAL_MS)
		return false;
	progress->last = now;
	return true;
}

static void show(struct neap_cli_progress *progress, const struct neap_run *run, uint32_t number,
		 const char *how_far)
{
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	if (!is_due(progress))
		return;
	neap_buf_printf(&line, "%zu/%zu %s", progress->done, run->graph->resources.count, how_far);
	neap_emit_safes(&line, run->graph->resources.items[number].address);
	fprintf(stderr, "\r\033[K%.*s", (int)neap_emit_fit(line.data, line.len, neap_cli_output_width() - 1),
		line.data);
	fflush(stderr);
	progress->shown = true;
}

static void begin(void *ctx, const struct neap_run *run, uint32_t number)
{
	struct neap_cli_progress *progress = ctx;
	progress->number = number;
	show(progress, run, number, "");
}

/* "12.3 of 45.6 MB " stands before the address, which may be cut off. */
static void bytes(void *ctx, const struct neap_run *run, uint64_t done, uint64_t total)
{
	struct neap_cli_progress *progress = ctx;
	char text[64];
	if (total)
		snprintf(text, sizeof text, "%.1f of %.1f MB ", (double)done / 1e6, (double)total / 1e6);
	else
		snprintf(text, sizeof text, "%.1f MB ", (double)done / 1e6);
	show(progress, run, progress->number, text);
}

/* In an apply this comes later than the next ones' begin: when it is on the disk. */
static void done(void *ctx, const struct neap_run *run, uint32_t number)
{
	struct neap_cli_progress *progress = ctx;
	progress->done++;
	show(progress, run, number, "");
}

/* Who is to confirm something has to hear of it, on a terminal or not. */
static void waits(void *ctx, const struct neap_run *run, const char *text)
{
	struct neap_cli_progress *progress = ctx;
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	(void)run;
	neap_emit_safes(&line, text);
	fprintf(stderr, "%sneap: %s\n", progress->shown ? "\r\033[K" : "", line.data);
	fflush(stderr);
	progress->shown = false;
}

void neap_cli_progress_init(struct neap_cli_progress *progress, const struct neap_cli_options *options)
{
	const char *term = getenv("TERM");
	bool terminal = !options->quiet && neap_cli_output_terminal(STDERR_FILENO) && term &&
			strcmp(term, "dumb") != 0;
	*progress = (struct neap_cli_progress){ .observer = { .ctx = progress }, .terminal = terminal };
	clock_gettime(CLOCK_MONOTONIC, &progress->last);
	if (!options->quiet)
		progress->observer.waits = waits;
	if (terminal) {
		progress->observer.begin = begin;
		progress->observer.done = done;
		progress->observer.bytes = bytes;
	}
}

void neap_cli_progress_done(struct neap_cli_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
}
