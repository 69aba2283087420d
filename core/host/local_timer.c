/*
 * The clock of a change that waits for its confirmation: a timer of the service manager where one runs the
 * machine that neap is in, else a process that has let go of all that neap was started by. Either runs the
 * program that takes the change back. It must not know how that is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/local_confirm.h"
#include "host/local_units.h"

#define TIMER_SECONDS 25

/* Whether process 1 is in the same namespace of the kind "net", "mnt". */
static bool is_shared(struct neap_arena *arena, const char *kind)
{
	struct stat own, first;

	return stat(neap_arena_printf(arena, "/proc/self/ns/%s", kind), &own) == 0 &&
	       stat(neap_arena_printf(arena, "/proc/1/ns/%s", kind), &first) == 0 &&
	       own.st_ino == first.st_ino;
}

/* What the manager starts sees its network and its files, not ours. */
static bool has_manager(struct neap_local *local, struct neap_arena *arena)
{
	return neap_local_units(local)->there && geteuid() == 0 && is_shared(arena, "net") &&
	       is_shared(arena, "mnt");
}

/* ---- a timer ------------------------------------------------------------------------------------------- */

static int start_timer(struct neap_local *local, const struct neap_armed *armed, struct neap_arena *arena,
		       struct neap_error **err)
{
	struct neap_local_units *units = neap_local_units(local);
	const char *path = getenv("PATH");
	const struct neap_bus_timer timer = {
		.name = neap_arena_printf(arena, "neap-revert-%s", armed->id),
		.description =
			neap_arena_printf(arena, "Take back %s unless it is confirmed",
					  neap_str_is_utf8(neap_str(armed->what)) ? armed->what : "a change"),
		.seconds = armed->within,
		.argv = { local->program, "revert", armed->id, "--state-dir", neap_local_state_path(local) },
		.environment = path ? neap_arena_printf(arena, "PATH=%s", path) : "LANG=C",
	};

	return neap_bus_timer(units->bus, &timer, TIMER_SECONDS, arena, err);
}

/* ---- a process ----------------------------------------------------------------------------------------- */

/* Only what is safe between fork and exec. Does not return. */
static void child(char *const *argv, int report)
{
	int none = open("/dev/null", O_RDWR | O_CLOEXEC), errnum;
	sigset_t signals;
	pid_t pid;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&signals);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	if (setsid() < 0 || none < 0 || chdir("/") < 0)
		goto failed;
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(none, fd) < 0)
			goto failed;
	if (report != 3 && dup3(report, 3, O_CLOEXEC) < 0)
		goto failed;
	report = 3;
	close_range(4, ~0U, 0);
	pid = fork();
	if (pid < 0)
		goto failed;
	if (pid > 0)
		_exit(0);
	execv(argv[0], argv);
failed:
	errnum = errno;
	if (write(report, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

static int start_process(struct neap_local *local, const struct neap_armed *armed, struct neap_error **err)
{
	char *argv[] = { (char *)(uintptr_t)local->program,
			 (char *)(uintptr_t) "revert",
			 (char *)(uintptr_t)armed->id,
			 (char *)(uintptr_t) "--state-dir",
			 (char *)(uintptr_t)neap_local_state_path(local),
			 NULL };
	sigset_t all, before;
	int report[2], errnum = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return neap_error_errno(err, errno, "make a pipe");
	sigfillset(&all); /* no handler of ours may run in the child */
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		child(argv, report[1]);
	errnum = pid < 0 ? errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(report[1]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* Its end closes with the start of the program, or says why there is none. */
	do {
		got = pid < 0 ? 0 : read(report[0], &errnum, sizeof(errnum));
	} while (got < 0 && errno == EINTR);
	close(report[0]);
	return errnum ? neap_error_errno(err, errnum, "run %s", local->program) : 0;
}

/* ---- both ---------------------------------------------------------------------------------------------- */

const char *neap_local_state_path(const struct neap_local *local)
{
	return neap_state_path(local->state);
}

int neap_local_timer_start(struct neap_local *local, const struct neap_armed *armed, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	local->armed_by_manager = has_manager(local, arena);
	return local->armed_by_manager ? start_timer(local, armed, arena, err)
				       : start_process(local, armed, err);
}

/* A process sees by itself that nothing waits any more. */
void neap_local_timer_stop(struct neap_local *local)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const volatile sig_atomic_t *stop = local->machine.watch.stop;
	struct neap_bus_call call = {
		.method = "StopUnit",
		.strings = { neap_arena_printf(arena, "neap-revert-%s.timer", local->armed.id), "replace" },
	};

	if (!local->armed_by_manager)
		return;
	local->armed_by_manager = false;
	local->machine.watch.stop = NULL; /* it would end the question */
	(void)neap_bus_ask(neap_local_units(local)->bus, &call, 1, TIMER_SECONDS, arena, NULL);
	local->machine.watch.stop = stop;
}
