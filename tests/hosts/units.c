/*
 * The machine's units without a recipe, for units.bats: says and does what its arguments say, in order, over
 *one connection to the service manager.
 *
 *	state NAME                     "loaded active running", with ", stale"
 *	start|stop|restart|reload NAME nothing when it is done, else the error, and its hint below it
 *	daemon-reload
 *	expect NAME… --
 *	timeout SECONDS, secret        of the jobs that follow
 *	sh COMMAND                     runs it beside
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/machine.h"

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	stop = signal;
}

static int say(const struct neap_error *err)
{
	printf("%s\n", err->message);
	if (err->hint)
		printf("%s\n", err->hint);
	return 1;
}

static int state(struct neap_machine *machine, const char *name)
{
	static const char *const loads[] = { "missing", "loaded", "masked", "broken" };
	static const char *const actives[] = { "inactive", "active", "activating", "deactivating", "failed" };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_unit_state unit;

	if (neap_view_unit(&machine->view, name, arena, &unit, &err) < 0)
		return say(err);
	printf("%s %s %s%s\n", loads[unit.load], actives[unit.active], unit.sub, unit.stale ? ", stale" : "");
	return 0;
}

/* 0, 1, or -1: that is no job. */
static int job(struct neap_machine *machine, const char *verb, struct neap_unit_job *job)
{
	static const char *const verbs[] = { "start", "stop", "restart", "reload" };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	size_t i = 0;

	while (i < 4 && strcmp(verb, verbs[i]) != 0)
		i++;
	if (i == 4)
		return -1;
	job->verb = (enum neap_unit_verb)i;
	return machine->ops->unit(machine, job, &err) < 0 ? say(err) : 0;
}

static int reload(struct neap_machine *machine)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	return machine->ops->units_reload(machine, &err) < 0 ? say(err) : 0;
}

static int expect(struct neap_machine *machine, char **names)
{
	int count = 0;

	while (names[count] && strcmp(names[count], "--") != 0)
		count++;
	neap_view_units_expected(&machine->view, (const char *const *)names, (size_t)count);
	return count;
}

int main(int argc, char **argv)
{
	struct neap_unit_job next = { .name = NULL };
	struct neap_machine *machine;
	int status = 0, r;

	(void)argc;
	setlinebuf(stdout);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	if (neap_host_local_new("/", NULL, &machine, NULL) < 0)
		return 2;
	machine->watch.stop = &stop;
	for (char **word = argv + 1; *word; word++) {
		if (strcmp(*word, "daemon-reload") == 0) {
			status |= reload(machine);
		} else if (strcmp(*word, "secret") == 0) {
			next.secret = true;
		} else if (!word[1]) {
			return 2;
		} else if (strcmp(*word, "state") == 0) {
			status |= state(machine, *++word);
		} else if (strcmp(*word, "timeout") == 0) {
			next.timeout = (unsigned)strtoul(*++word, NULL, 10);
		} else if (strcmp(*word, "sh") == 0) {
			status |= system(*++word) != 0;
		} else if (strcmp(*word, "expect") == 0) {
			word += 1 + expect(machine, word + 1);
		} else {
			next.name = word[1];
			r = job(machine, *word++, &next);
			if (r < 0)
				return 2;
			status |= r;
		}
	}
	neap_machine_free(machine);
	return status;
}
