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

#define AGAIN_USEC 500000

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

/* Into a buffer, so that it comes out in one piece. */
struct line {
	char data[4096];
	size_t len;
};

static void add(struct line *line, const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof(line->data) - line->len)
		len = sizeof(line->data) - line->len;
	memcpy(line->data + line->len, text, len);
	line->len += len;
}

void neap_watchdog_exit(const char *file, int line_number, const char *message, const char *hint)
{
	static struct line line; /* not on a stack that may be nearly full */
	char number[16];
	size_t at = sizeof(number) - 1;

	if (file) {
		number[at] = '\0';
		for (unsigned n = line_number > 0 ? (unsigned)line_number : 0;
		     n > 0 || at == sizeof(number) - 1; n /= 10)
			number[--at] = (char)('0' + n % 10);
		add(&line, file);
		add(&line, ":");
		add(&line, number + at);
		add(&line, ": ");
	}
	add(&line, message);
	add(&line, "\n");
	if (hint) {
		add(&line, "  ");
		add(&line, hint);
		add(&line, "\n");
	}
	neap_console_write(line.data, line.len);
	_exit(1);
}
