/*
 * Runs one program to its end, with a time limit. It must not know why the program runs, nor print what it
 * said: that may be secret.
 */
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

#define OUTPUT_MAX ((size_t)64 << 10)
#define TIMEOUT 300 /* seconds, when none is said */
#define GRACE 5     /* seconds between SIGTERM and SIGKILL */
#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct stream {
	int fd; /* -1 when it has ended */
	struct neap_buf text;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* Under cron the PATH lacks sbin, by hand it has it: the usual directories are always searched too, so that a
 * run at night finds what the run by hand has found. */
static const char *find_program(struct neap_arena *arena, const char *name, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, ":");

		if (len && path[0] == '/') {
			const char *candidate = neap_arena_printf(arena, "%.*s/%s", (int)len, path, name);

			if (is_program(candidate))
				return candidate;
		}
		path += len;
		path += *path == ':';
	}
	return NULL;
}

/* Takes what is there, in a bounded number of reads: a program that never stops talking must not keep us from
 * the clock. What is over the limit is read and dropped, so that the program never blocks. */
static void drain(struct stream *stream, unsigned reads)
{
	while (stream->fd >= 0 && reads--) {
		char bytes[16384];
		ssize_t got = read(stream->fd, bytes, sizeof(bytes));
		size_t room = OUTPUT_MAX - stream->text.len;

		if (got > 0) {
			neap_buf_append(&stream->text, bytes, (size_t)got < room ? (size_t)got : room);
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0 || errno != EAGAIN)
			close_fd(&stream->fd);
		return;
	}
}

/* Until the program has ended. A child of it that lives on may keep the pipes open: nobody waits for that.
 * Returns whether the time was over. */
static bool attend(pid_t pid, int pidfd, struct stream streams[2], unsigned timeout)
{
	int64_t deadline = now_ms() + (int64_t)timeout * 1000;
	int signal_next = SIGTERM;
	bool late = false;

	while (true) {
		struct pollfd fds[3] = {
			{ .fd = streams[0].fd, .events = POLLIN },
			{ .fd = streams[1].fd, .events = POLLIN },
			{ .fd = pidfd, .events = POLLIN },
		};
		int64_t left = deadline - now_ms();
		int rc;

		if (left <= 0) {
			late = true;
			kill(-pid, signal_next);
			signal_next = SIGKILL;
			deadline = now_ms() + GRACE * 1000;
			continue;
		}
		rc = poll(fds, 3, left > INT32_MAX ? INT32_MAX : (int)left);
		if (rc <= 0)
			continue;
		drain(&streams[0], 4);
		drain(&streams[1], 4);
		if (fds[2].revents) {
			drain(&streams[0], 64);
			drain(&streams[1], 64);
			if (late)
				kill(-pid, SIGKILL); /* those it has left behind */
			return late;
		}
	}
}

static int spawn(const char *program, const struct neap_process *process, const char *path, int out,
		 int errors, pid_t *ret)
{
	const char *home = getenv("HOME");
	NEAP_AUTO_BUF struct neap_buf path_variable = { 0 }, home_variable = { 0 };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc;

	neap_buf_printf(&path_variable, "PATH=%s", path);
	neap_buf_printf(&home_variable, "HOME=%s", home && home[0] == '/' ? home : "/");
	char *environment[] = { path_variable.data, home_variable.data, (char[]){ "LANG=C.UTF-8" },
				(char[]){ "LC_ALL=C.UTF-8" }, NULL };

	if (posix_spawn_file_actions_init(&actions) || posix_spawnattr_init(&attributes))
		neap_out_of_memory();
	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	/* Ours are all O_CLOEXEC; what neap itself was started with may not be. */
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (!rc)
		rc = posix_spawnattr_setpgroup(&attributes, 0);
	if (!rc)
		rc = posix_spawnattr_setsigmask(&attributes, &none);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(&attributes, &all);
	if (!rc)
		rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
								   POSIX_SPAWN_SETSIGDEF);
	if (!rc)
		rc = posix_spawn(ret, program, &actions, &attributes, (char *const *)process->argv,
				 environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* A pipe whose ends are above the standard ones, should neap have been started without those. */
static int make_pipe(int ret[2])
{
	if (pipe2(ret, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		int fd;

		if (ret[i] > STDERR_FILENO)
			continue;
		fd = fcntl(ret[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (fd < 0)
			return -1;
		close(ret[i]);
		ret[i] = fd;
	}
	return fcntl(ret[0], F_SETFL, O_NONBLOCK);
}

int neap_process_run(const struct neap_process *process, struct neap_arena *arena,
		     struct neap_process_result *ret, struct neap_error **err)
{
	const char *name = process->argv[0], *inherited = getenv("PATH"), *path, *program;
	unsigned timeout = process->timeout ? process->timeout : TIMEOUT;
	int out[2] = { -1, -1 }, errors[2] = { -1, -1 }, pidfd = -1, status = 0, rc = -1;
	struct stream streams[2] = { { .fd = -1 }, { .fd = -1 } };
	bool late;
	pid_t pid;

	if (!name || !*name)
		return neap_error_set(err, "run: no program is named");
	path = inherited && *inherited ? neap_arena_printf(arena, "%s:%s", inherited, USUAL_PATH)
				       : USUAL_PATH;
	program = strchr(name, '/') ? name : find_program(arena, name, path);
	if (!program)
		return neap_error_errno(err, ENOENT, "run %s", name);
	if (make_pipe(out) < 0 || make_pipe(errors) < 0) {
		neap_error_errno(err, errno, "run %s: make a pipe", name);
		goto done;
	}
	status = spawn(program, process, path, out[1], errors[1], &pid);
	if (status) {
		neap_error_errno(err, status, "run %s", name);
		goto done;
	}
	close_fd(&out[1]);
	close_fd(&errors[1]);
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		neap_error_errno(err, errno, "run %s: watch process %d", name, (int)pid);
		kill(-pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		goto done;
	}
	streams[0].fd = out[0];
	streams[1].fd = errors[0];
	late = attend(pid, pidfd, streams, timeout);
	out[0] = streams[0].fd;
	errors[0] = streams[1].fd;
	while ((rc = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (rc < 0) {
		neap_error_errno(err, errno, "run %s: wait for process %d", name, (int)pid);
		goto done;
	}
	rc = -1;
	if (late) {
		neap_error_set(err, "run %s: did not end within %u s and was killed", name, timeout);
		goto done;
	}
	ret->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	ret->out =
		neap_arena_copy(arena, streams[0].text.data ? streams[0].text.data : "", streams[0].text.len);
	ret->errors =
		neap_arena_copy(arena, streams[1].text.data ? streams[1].text.data : "", streams[1].text.len);
	rc = 0;
done:
	close_fd(&pidfd);
	for (int i = 0; i < 2; i++) {
		close_fd(&out[i]);
		close_fd(&errors[i]);
		neap_buf_done(&streams[i].text);
	}
	return rc;
}
