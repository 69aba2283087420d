/*
 * See probe.h. Each try has an end of its own, so that one that hangs is not all that is tried; between two
 * the process sleeps, in pieces: a signal may come just before a sleep begins.
 */
#include "host/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT 60
#define DELAY 1
#define TRY_MS 30000
#define PIECE_MS 500

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct waiting {
	const struct neap_probe *probe;
	const struct neap_web_tls *tls;
	const struct neap_view *view;
	const struct neap_machine_watch *watch;
	int64_t deadline;
};

/* For one try: milliseconds that are left, within reason. */
static unsigned left_ms(const struct waiting *waiting)
{
	int64_t left = waiting->deadline - now_ms();

	return left < 1 ? 1 : left > TRY_MS ? TRY_MS : (unsigned)left;
}

/* The head is what was asked for. */
static int enough(void *ctx, const struct neap_web_answer *answer, struct neap_error **err)
{
	(void)ctx, (void)answer, (void)err;
	return 1;
}

static int try_url(const struct waiting *waiting, struct neap_arena *arena, struct neap_error **err)
{
	const struct neap_probe *probe = waiting->probe;
	struct neap_web_answer answer;
	struct neap_web_request request = {
		.url = probe->url,
		.headers = probe->headers,
		.tls = waiting->tls,
		.connect_ms = left_ms(waiting),
		.total_ms = left_ms(waiting),
		.watch = waiting->watch,
		.head = enough,
	};

	if (neap_web_get(&request, arena, &answer, err) < 0)
		return -1;
	if (probe->status ? answer.status == probe->status : answer.status >= 200 && answer.status < 400)
		return 0;
	neap_error_set(err, "the server answers %u", answer.status);
	if (probe->status)
		neap_error_hint(err, "%u is wanted", probe->status);
	return -1;
}

static int try_port(const struct waiting *waiting, struct neap_arena *arena, struct neap_error **err)
{
	const struct neap_probe *probe = waiting->probe;
	bool bare = strchr(probe->host, ':'); /* an IPv6 address */
	struct neap_web_answer answer;
	struct neap_web_request request = {
		.url = neap_arena_printf(arena, bare ? "http://[%s]:%u/" : "http://%s:%u/", probe->host,
					 probe->port),
		.connect_only = true,
		.connect_ms = left_ms(waiting),
		.total_ms = left_ms(waiting),
		.watch = waiting->watch,
	};

	return neap_web_get(&request, arena, &answer, err);
}

static int try_command(const struct waiting *waiting, struct neap_arena *arena, struct neap_error **err)
{
	struct neap_process process = *waiting->probe->command;
	struct neap_process_result result;
	const char *said;

	process.timeout = (left_ms(waiting) + 999) / 1000;
	process.shared = false;
	if (neap_view_query(waiting->view, &process, arena, &result, err) < 0)
		return -1;
	if (!result.status)
		return 0;
	said = neap_process_said(&result, arena);
	neap_error_set(err, "%s: exit %d", process.argv[0], result.status);
	return *said ? neap_error_hint(err, "it said: %s", said) : -1;
}

static int try_once(const struct waiting *waiting, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	if (waiting->probe->url)
		return try_url(waiting, arena, err);
	if (waiting->probe->host)
		return try_port(waiting, arena, err);
	return try_command(waiting, arena, err);
}

/* False: there is no time for another try, or nobody wants one. */
static bool pause_between(const struct waiting *waiting)
{
	unsigned delay = waiting->probe->delay ? waiting->probe->delay : DELAY;
	int64_t until = now_ms() + (int64_t)delay * 1000;

	if (until >= waiting->deadline)
		return false;
	while (!neap_web_stopped(waiting->watch)) {
		int64_t left = until - now_ms();
		struct timespec piece = { 0, (left < PIECE_MS ? left : PIECE_MS) * 1000000 };

		if (left <= 0)
			return true;
		nanosleep(&piece, NULL);
	}
	return false;
}

int neap_probe_wait(const struct neap_probe *probe, const struct neap_web_tls *tls,
		    const struct neap_view *view, const struct neap_machine_watch *watch,
		    struct neap_error **err)
{
	unsigned timeout = probe->timeout ? probe->timeout : TIMEOUT;
	struct waiting waiting = { probe, tls, view, watch, now_ms() + (int64_t)timeout * 1000 };
	struct neap_error *last = NULL;

	do {
		neap_error_free(last);
		last = NULL;
		if (try_once(&waiting, &last) == 0)
			return 0;
	} while (!neap_web_stopped(watch) && pause_between(&waiting));
	if (neap_web_stopped(watch))
		neap_error_errno(err, EINTR, "wait");
	else
		neap_error_set(err, "%s, for %u s", last->message, timeout);
	if (last->hint)
		neap_error_hint(err, "%s", last->hint);
	neap_error_free(last);
	return -1;
}
