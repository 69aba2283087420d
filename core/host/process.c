/*
 * Runs one program to its end, with a time limit. It must not know why the program runs, nor print what it
 * said: that may be secret.
 */
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

#define OUTPUT_MAX ((size_t)64 << 10)
#define TIMEOUT 300 /* seconds, when none is said */
#define STOP_MS 500 /* between looks at `stop` */
#define GRACE 5     /* seconds between SIGTERM and SIGKILL */
#define CHILD_STACK ((size_t)32 << 10)
#define SAID_MAX 400 /* bytes of what a program has said, in an error */
#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct stream {
	int fd; /* -1 when it has ended */
	size_t max;
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

/* Where the program may be, in the order of PATH. Under cron the PATH lacks sbin, by hand it has it: the
 * usual directories are always searched too, so that a run at night finds what the run by hand has found. */
static char **candidates(struct neap_arena *arena, const char *name, const char *path)
{
	size_t count = 1;
	char **list;

	for (const char *at = path; *at; at++)
		count += *at == ':';
	list = neap_arena_array_of(arena, char *, count + 1);
	count = 0;
	if (strchr(name, '/'))
		list[count++] = neap_arena_strdup(arena, name);
	while (*path && !strchr(name, '/')) {
		size_t len = strcspn(path, ":");

		if (len && path[0] == '/')
			list[count++] = neap_arena_printf(arena, "%.*s/%s", (int)len, path, name);
		path += len;
		path += *path == ':';
	}
	return list;
}

/* Where programs are looked for outside a root. */
static const char *search_path(struct neap_arena *arena)
{
	const char *inherited = getenv("PATH");

	return inherited && *inherited ? neap_arena_printf(arena, "%s:%s", inherited, USUAL_PATH)
				       : USUAL_PATH;
}

const char *const *neap_process_places(const char *name, struct neap_arena *arena)
{
	return (const char *const *)candidates(arena, name, search_path(arena));
}

const char *neap_process_locate(const char *name, struct neap_arena *arena)
{
	char **file = candidates(arena, name, search_path(arena));

	for (; *file; file++) {
		struct stat st;
		NEAP_AUTO_FREE char *real = NULL;

		if (access(*file, X_OK) < 0 || stat(*file, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		real = realpath(*file, NULL);
		if (real)
			return neap_arena_strdup(arena, real);
	}
	return NULL;
}

const char *neap_process_said(const struct neap_process_result *result, struct neap_arena *arena)
{
	const char *said = result->errors[0] ? result->errors : result->out, *start;
	size_t len = strlen(said);
	char *text;

	while (len && (said[len - 1] == '\n' || said[len - 1] == ' '))
		len--;
	start = len > SAID_MAX ? said + len - SAID_MAX : said;
	while (((unsigned char)*start & 0xc0) == 0x80 && start > said) /* it would be cut in a character */
		start++;
	text = neap_arena_printf(arena, "%s%.*s", start > said ? "…" : "",
				 (int)(len - (size_t)(start - said)), start);
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = *at == '\n' ? '|' : ' '; /* lines are told apart */
	if (!neap_str_is_utf8(neap_str(text)))
		for (char *at = text; *at; at++)
			if ((unsigned char)*at >= 0x80)
				*at = '?';
	return text;
}

/* Takes what is there, in a bounded number of reads: a program that never stops talking must not keep us from
 * the clock. What is over the limit is read and dropped, so that the program never blocks. */
static void drain(struct stream *stream, unsigned reads)
{
	while (stream->fd >= 0 && reads--) {
		char bytes[16384];
		ssize_t got = read(stream->fd, bytes, sizeof(bytes));
		size_t room = stream->max - stream->text.len;

		if (got > 0) {
			/* All the room at once: growing would leave copies behind, and it may be a secret. */
			if (!stream->text.data)
				neap_buf_reserve(&stream->text, stream->max);
			neap_buf_append(&stream->text, bytes, (size_t)got < room ? (size_t)got : room);
			explicit_bzero(bytes, (size_t)got);
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0 || errno != EAGAIN)
			close_fd(&stream->fd);
		return;
	}
}

/* The group; and the program itself, should it have left that. */
static void end(pid_t pid, int sig)
{
	kill(-pid, sig);
	if (getpgid(pid) != pid)
		kill(pid, sig);
}

/* Until the program has ended. A child of it that lives on may keep the pipes open: nobody waits for that.
 * Returns whether the time was over, or `stop` was set; then the program may be there still, when it belongs
 * to somebody else (sudo) or hangs in the kernel. */
static bool attend(pid_t pid, int pidfd, struct stream streams[2], unsigned timeout,
		   const volatile sig_atomic_t *stop)
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

		if (left <= 0 && signal_next == 0)
			return true;
		if (left <= 0 || (stop && *stop && !late)) {
			late = true;
			end(pid, signal_next);
			signal_next = signal_next == SIGTERM ? SIGKILL : 0;
			deadline = now_ms() + GRACE * 1000;
			continue;
		}
		/* A signal may come just before. */
		if (stop && left > STOP_MS)
			left = STOP_MS;
		rc = poll(fds, 3, left > INT32_MAX ? INT32_MAX : (int)left);
		if (rc <= 0)
			continue;
		drain(&streams[0], 4);
		drain(&streams[1], 4);
		if (fds[2].revents) {
			drain(&streams[0], 64);
			drain(&streams[1], 64);
			if (late)
				end(pid, SIGKILL); /* those it has left behind */
			return late;
		}
	}
}

/* ---- the child --------------------------------------------------------------------------------------- */

struct start {
	const struct neap_process *process;
	const struct neap_process_place *place;
	char **programs, **environment;
	int out, errors, report;
	pid_t parent;
};

/* What the child could not do, sent to the parent. */
enum failure { FAILED_EXEC, FAILED_ROOT, FAILED_USER, FAILED_DIRECTORY, FAILED_NETWORK, FAILED_PLUMBING };
struct report {
	enum failure failure;
	int errnum;
};

/* Whatever it tries, it changes no file. Where that cannot be had (no right to mount, an old kernel) the
 * program is taken at its word. */
static bool make_read_only(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) == 0;
}

/* What a program that may change nothing needs to write to. Where it cannot be had it is done without. */
static void make_scratch(const char *directory)
{
	mount("neap", directory, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=256m");
}

static int become(const struct neap_identity *identity)
{
	if (!identity)
		return 0;
	/* A plain user is who it is already, or it fails. */
	if (geteuid() != 0 && geteuid() == identity->uid)
		return 0;
	return setgroups(identity->group_count, identity->groups) < 0 ||
			       setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
			       setresuid(identity->uid, identity->uid, identity->uid) < 0
		       ? -1
		       : 0;
}

/* Only what is safe between fork and exec, and what leaves neap's memory as it is: see begin(). */
static int child(void *ctx)
{
	const struct start *start = ctx;
	const struct neap_process *process = start->process;
	struct report report = { FAILED_PLUMBING, 0 };
	int in = start->place->input ? start->place->input : open("/dev/null", O_RDONLY | O_CLOEXEC);
	int report_fd = start->report;
	bool alone = false; /* in a mount namespace of its own */
	sigset_t none;

	setpgid(0, 0);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	report.failure = FAILED_NETWORK;
	if (start->place->network && setns(start->place->network, CLONE_NEWNET) < 0)
		goto failed;
	report.failure = FAILED_PLUMBING;
	if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(start->out, STDOUT_FILENO) < 0 ||
	    dup2(start->errors, STDERR_FILENO) < 0)
		goto failed;
	/* Ours are all O_CLOEXEC; what neap itself was started with may not be. */
	if (dup3(report_fd, STDERR_FILENO + 1, O_CLOEXEC) < 0 && report_fd != STDERR_FILENO + 1)
		goto failed;
	report_fd = STDERR_FILENO + 1;
	close_range(STDERR_FILENO + 2, ~0U, 0);
	if (start->place->read_only && geteuid() == 0)
		alone = make_read_only();
	report.failure = FAILED_ROOT;
	if (start->place->root && (chroot(start->place->root) < 0 || chdir("/") < 0))
		goto failed;
	if (alone && process->scratch)
		make_scratch(process->scratch);
	umask(process->umask ? process->umask : 022);
	report.failure = FAILED_USER;
	if (become(start->place->identity) < 0)
		goto failed;
	/* After the change of the user, which would undo it. */
	if (process->bound && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != start->parent))
		goto failed;
	report.failure = FAILED_DIRECTORY;
	if (chdir(process->directory ? process->directory : "/") < 0)
		goto failed;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	report.failure = FAILED_EXEC;
	errno = ENOENT;
	for (char **program = start->programs; *program; program++) {
		int before = errno;

		execve(*program, (char *const *)process->argv, start->environment);
		if (errno == ENOENT || errno == ENOTDIR)
			errno = before;
		else if (errno != EACCES)
			break;
	}
failed:
	report.errnum = errno;
	if (write(report_fd, &report, sizeof(report)) < 0)
		_exit(126);
	_exit(127);
}

static int tell(const struct start *start, const struct report *report, struct neap_error **err)
{
	const struct neap_process *process = start->process;
	const char *name = process->argv[0];

	switch (report->failure) {
	case FAILED_ROOT:
		neap_error_errno(err, report->errnum, "run %s: enter the root %s", name, start->place->root);
		return neap_error_hint(err, "only root may run programs below --root");
	case FAILED_USER:
		neap_error_errno(err, report->errnum, "run %s: become user %s", name, process->user);
		return neap_error_hint(err, "only root may run programs as somebody else");
	case FAILED_DIRECTORY:
		return neap_error_errno(err, report->errnum, "run %s: enter %s", name, process->directory);
	case FAILED_NETWORK:
		return neap_error_errno(err, report->errnum, "run %s: enter its network namespace", name);
	case FAILED_EXEC:
	case FAILED_PLUMBING:
		break;
	}
	return neap_error_errno(err, report->errnum, "run %s", name);
}

/* Until the child runs its program it borrows neap's memory, as by vfork() but on a stack of its own: to copy
 * the page tables, and then each page that either writes to, costs more than all else here. One that becomes
 * another user is not let near it. */
static pid_t begin(struct start *start)
{
	bool borrows = !start->place->identity;
	NEAP_AUTO_FREE char *stack = borrows ? neap_alloc(CHILD_STACK) : NULL;
	pid_t pid =
		borrows ? clone(child, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, start) : fork();

	if (pid == 0)
		child(start);
	return pid;
}

/* The program runs when this returns 0. */
static int spawn(struct start *start, int report_in, pid_t *ret, struct neap_error **err)
{
	struct report report;
	sigset_t all, before;
	ssize_t got;

	/* No handler of ours may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*ret = begin(start);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (*ret < 0)
		return neap_error_errno(err, errno, "run %s", start->process->argv[0]);
	close_fd(&start->report);
	do {
		got = read(report_in, &report, sizeof(report));
	} while (got < 0 && errno == EINTR);
	if (got != sizeof(report))
		return 0;
	while (waitpid(*ret, NULL, 0) < 0 && errno == EINTR)
		;
	return tell(start, &report, err);
}

/* Whether a setting of the caller's has the name that `text` begins with. */
static bool is_set(const char *const *settings, const char *text)
{
	size_t len = strcspn(text, "=") + 1;

	for (; settings && *settings; settings++)
		if (strncmp(*settings, text, len) == 0)
			return true;
	return false;
}

/* What the caller sets, and PATH and a few others where it does not. */
static char **make_environment(const struct neap_process *process, const struct neap_process_place *place,
			       const char *path, struct neap_arena *arena)
{
	const char *home = place->identity ? place->identity->home : getenv("HOME");
	char *usual[] = {
		neap_arena_printf(arena, "PATH=%s", path),
		neap_arena_printf(arena, "HOME=%s", home && home[0] == '/' ? home : "/"),
		neap_arena_strdup(arena, "LANG=C.UTF-8"),
		neap_arena_strdup(arena, "LC_ALL=C.UTF-8"),
	};
	size_t count = 0, settings = 0;
	char **list;

	while (process->settings && process->settings[settings])
		settings++;
	list = neap_arena_array_of(arena, char *, settings + 6);
	for (size_t i = 0; i < settings; i++)
		list[count++] = (char *)(uintptr_t)process->settings[i];
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (!is_set(process->settings, usual[i]))
			list[count++] = usual[i];
	if (process->scratch && place->read_only && geteuid() == 0)
		list[count++] = neap_arena_printf(arena, "TMPDIR=%s", process->scratch);
	return list;
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

int neap_process_run(const struct neap_process *process, const struct neap_process_place *place,
		     struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	const char *name = process->argv[0], *path;
	unsigned timeout = process->timeout ? process->timeout : TIMEOUT;
	int out[2] = { -1, -1 }, errors[2] = { -1, -1 }, report[2] = { -1, -1 }, pidfd = -1, status = 0,
	    rc = -1;
	size_t max = process->output_max ? process->output_max : OUTPUT_MAX;
	struct stream streams[2] = { { .fd = -1, .max = max }, { .fd = -1, .max = max } };
	struct start start;
	bool late;
	pid_t pid;

	if (!name || !*name)
		return neap_error_set(err, "run: no program is named");
	path = place->root ? USUAL_PATH : search_path(arena);
	if (make_pipe(out) < 0 || make_pipe(errors) < 0 || make_pipe(report) < 0 ||
	    fcntl(report[0], F_SETFL, 0) < 0) {
		neap_error_errno(err, errno, "run %s: make a pipe", name);
		goto done;
	}
	start = (struct start){
		.process = process,
		.place = place,
		.programs = candidates(arena, name, path),
		.environment = make_environment(process, place, path, arena),
		.out = out[1],
		.errors = errors[1],
		.report = report[1],
		.parent = getpid(),
	};
	report[1] = -1; /* spawn() closes it */
	if (spawn(&start, report[0], &pid, err) < 0)
		goto done;
	close_fd(&out[1]);
	close_fd(&errors[1]);
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		neap_error_errno(err, errno, "run %s: watch process %d", name, (int)pid);
		end(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		goto done;
	}
	streams[0].fd = out[0];
	streams[1].fd = errors[0];
	late = attend(pid, pidfd, streams, timeout, place->stop);
	out[0] = streams[0].fd;
	errors[0] = streams[1].fd;
	while ((rc = waitpid(pid, &status, late ? WNOHANG : 0)) < 0 && errno == EINTR)
		;
	if (rc == 0) {
		neap_error_set(err, "run %s: did not end within %u s, and cannot be killed", name, timeout);
		rc = -1;
		goto done;
	}
	if (rc < 0) {
		neap_error_errno(err, errno, "run %s: wait for process %d", name, (int)pid);
		goto done;
	}
	rc = -1;
	if (late && place->stop && *place->stop) {
		neap_error_errno(err, EINTR, "run %s", name);
		goto done;
	}
	if (late) {
		neap_error_set(err, "run %s: did not end within %u s and was killed", name, timeout);
		goto done;
	}
	ret->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	ret->out_len = streams[0].text.len;
	ret->out = neap_arena_copy(arena, streams[0].text.data ? streams[0].text.data : "", ret->out_len);
	ret->errors =
		neap_arena_copy(arena, streams[1].text.data ? streams[1].text.data : "", streams[1].text.len);
	rc = 0;
done:
	close_fd(&pidfd);
	for (int i = 0; i < 2; i++) {
		close_fd(&out[i]);
		close_fd(&errors[i]);
		close_fd(&report[i]);
		if (streams[i].text.data)
			explicit_bzero(streams[i].text.data, streams[i].text.len);
		neap_buf_done(&streams[i].text);
	}
	return rc;
}
