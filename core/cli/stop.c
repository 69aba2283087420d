/* See stop.h. */
#include "cli/stop.h"

#include <limits.h>
#include <stddef.h>
#include <sys/time.h>

#include "lua/recipe.h"

static volatile sig_atomic_t stop;
const volatile sig_atomic_t *const neap_cli_stop = &stop;
static unsigned limit;

static void on_signal(int number)
{
	if (!stop)
		stop = number;
}

void neap_cli_stop_catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, old;
		sigemptyset(&action.sa_mask);
		/* Ignored ones (nohup) stay ignored. */
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

/* Each second while a recipe is evaluated, else once. */
static void on_alarm(int number)
{
	const struct itimerval none = { 0 };
	(void)number;
	if (!stop)
		stop = NEAP_CLI_TIMED_OUT;
	if (!neap_recipe_stop())
		setitimer(ITIMER_REAL, &none, NULL);
}

void neap_cli_stop_after(unsigned seconds)
{
	const struct itimerval timer = {
		.it_value = { .tv_sec = seconds <= INT_MAX ? (time_t)seconds : INT_MAX },
		.it_interval = { .tv_sec = 1 },
	};
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigset_t alarm;
	limit = seconds;
	if (!seconds)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

unsigned neap_cli_stop_within(unsigned seconds)
{
	struct itimerval timer;
	if (!limit || getitimer(ITIMER_REAL, &timer) < 0)
		return seconds;
	if (stop)
		return 0;
	unsigned left = (unsigned)timer.it_value.tv_sec + (timer.it_value.tv_usec > 0);
	return left < seconds ? left : seconds;
}
