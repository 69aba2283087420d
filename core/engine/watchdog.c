/*
 * The watchdog: an interval timer on the CPU time of the process and its signal. Knows nothing of what it
 * watches. Everything below expire() is called in a signal handler.
 */
#include "engine/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/console.h"
#include "engine/emit.h"

#define AGAIN_USEC 500000
#define FORMAT_VERSION 1 /* of docs/schema/errors.schema.json */

static struct {
	neap_watchdog_fn *expired;
	void *ctx;
	unsigned expiry;
	bool running, was_blocked;
	struct sigaction before;
} watchdog;

static void expire(int signal_number)
{
	int saved = errno;

	(void)signal_number;
	if (watchdog.expired)
		watchdog.expired(watchdog.ctx, ++watchdog.expiry);
	errno = saved;
}

int neap_watchdog_start(unsigned seconds, neap_watchdog_fn *expired, void *ctx, struct neap_error **err)
{
	struct sigaction action = { .sa_handler = expire, .sa_flags = SA_RESTART };
	const struct itimerval timer = {
		.it_value = { .tv_sec = seconds },
		.it_interval = { .tv_usec = AGAIN_USEC },
	};
	sigset_t set, before;

	neap_watchdog_stop();
	watchdog.expired = expired;
	watchdog.ctx = ctx;
	watchdog.expiry = 0;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGPROF, &action, &watchdog.before) < 0)
		return neap_error_errno(err, errno, "watch the evaluation");
	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	sigprocmask(SIG_UNBLOCK, &set, &before);
	watchdog.was_blocked = sigismember(&before, SIGPROF) == 1;
	watchdog.running = true;
	if (setitimer(ITIMER_PROF, &timer, NULL) < 0) {
		neap_error_errno(err, errno, "set the timer of the evaluation");
		neap_watchdog_stop();
		return -1;
	}
	return 0;
}

void neap_watchdog_stop(void)
{
	const struct itimerval none = { 0 };
	sigset_t set;

	if (!watchdog.running)
		return;
	setitimer(ITIMER_PROF, &none, NULL);
	watchdog.expired = NULL; /* one that is already on its way finds nobody */
	if (watchdog.was_blocked) {
		sigemptyset(&set);
		sigaddset(&set, SIGPROF);
		sigprocmask(SIG_BLOCK, &set, NULL);
	}
	sigaction(SIGPROF, &watchdog.before, NULL);
	watchdog.running = false;
}

/* ---- the last resort ----------------------------------------------------------------------------------- */

/*
 * The list stands still, because the evaluation is stuck in one function; nothing here allocates: the buffer
 * has room for the longest text, escaped, and is empty before each.
 */
#define TEXT_MAX 4096

struct words {
	struct neap_buf buf;
	int fd;
};

static void say(struct words *words)
{
	neap_console_write_to(words->fd, words->buf.data, words->buf.len);
	words->buf.len = 0;
}

/* A text of at most TEXT_MAX bytes. */
static struct neap_str cut(const char *text)
{
	return (struct neap_str){ text, strnlen(text, TEXT_MAX) };
}

static void say_text(struct words *words, const char *before, const char *text, const char *after)
{
	neap_buf_puts(&words->buf, before);
	neap_emit_safe(&words->buf, cut(text), false);
	neap_buf_puts(&words->buf, after);
	say(words);
}

static void say_problem(struct words *words, const struct neap_problem *problem)
{
	if (problem->at.file)
		say_text(words, "", problem->at.file, problem->at.line > 0 ? ":" : ": ");
	if (problem->at.file && problem->at.line > 0)
		neap_buf_printf(&words->buf, "%d: ", problem->at.line);
	if (problem->address)
		say_text(words, "", problem->address, ": ");
	say_text(words, "", problem->message ? problem->message : "failed", "\n");
	if (problem->hint)
		say_text(words, "    ", problem->hint, "\n");
}

static void emit_member(struct words *words, struct neap_emit *emit, const char *key, const char *text)
{
	neap_emit_key(emit, key);
	if (text)
		neap_emit_text(emit, cut(text));
	else
		neap_emit_word(emit, "null");
	say(words);
}

static void emit_problem(struct words *words, struct neap_emit *emit, const struct neap_problem *problem)
{
	neap_emit_line(emit);
	neap_emit_open(emit, '{');
	emit_member(words, emit, "address", problem->address);
	emit_member(words, emit, "file", problem->at.file);
	emit_member(words, emit, "hint", problem->hint);
	neap_emit_key(emit, "line");
	if (problem->at.line > 0)
		neap_emit_integer(emit, problem->at.line);
	else
		neap_emit_word(emit, "null");
	emit_member(words, emit, "message", problem->message ? problem->message : "failed");
	neap_emit_close(emit, '}');
}

/* As neap_report_problems_json() would. */
static void emit_all(struct words *words, const struct neap_problems *problems,
		     const struct neap_problem *last)
{
	struct neap_emit emit = { .buf = &words->buf };

	neap_emit_open(&emit, '{');
	neap_emit_line(&emit);
	neap_emit_key(&emit, "errors");
	neap_emit_open(&emit, '[');
	for (size_t i = 0; i < problems->errors.count; i++)
		emit_problem(words, &emit, &problems->errors.items[i]);
	emit_problem(words, &emit, last);
	neap_emit_close(&emit, ']');
	neap_emit_line(&emit);
	neap_emit_key(&emit, "format_version");
	neap_emit_integer(&emit, FORMAT_VERSION);
	neap_buf_puts(&words->buf, "\n}\n");
	say(words);
}

void neap_watchdog_exit(const struct neap_problems *problems, const struct neap_problem *last, bool json,
			bool run, int code)
{
	static char room[8 * TEXT_MAX]; /* not on a stack that may be nearly full */
	struct words words = { { .data = room, .size = sizeof(room) }, json ? STDOUT_FILENO : STDERR_FILENO };

	if (json) {
		emit_all(&words, problems, last);
		_exit(code);
	}
	for (size_t i = 0; i < problems->errors.count; i++)
		say_problem(&words, &problems->errors.items[i]);
	say_problem(&words, last);
	if (!run)
		neap_buf_printf(&words.buf, "%zu error%s; nothing was applied\n", problems->errors.count + 1,
				problems->errors.count ? "s" : "");
	else
		neap_buf_puts(&words.buf, "the run has ended here as if killed; another one does the rest\n");
	say(&words);
	_exit(code);
}
