/* Running a program to its end. */
#include "local_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "host/process.h"

static const struct neap_process_place here;

static struct neap_process_result run(struct neap_arena *arena, const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct neap_process process = { .argv = argv, .timeout = 20 };
	struct neap_process_result result = { 0 };
	struct neap_error *err = NULL;

	if (neap_process_run(&process, &here, arena, &result, &err) < 0)
		fail_msg("%s", err->message);
	return result;
}

static void process__status_is_exit_code_or_128_and_signal(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	(void)state;
	assert_int_equal(run(arena, "exit 0").status, 0);
	assert_int_equal(run(arena, "exit 7").status, 7);
	assert_int_equal(run(arena, "kill -TERM $$").status, 128 + SIGTERM);
}

static void process__outputs_are_kept_apart(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_process_result result = run(arena, "echo one; echo two >&2");

	(void)state;
	assert_string_equal(result.out, "one\n");
	assert_string_equal(result.errors, "two\n");
}

static void process__large_outputs_are_cut_and_block_nobody(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_process_result result = run(
		arena, "head -c 1000000 /dev/zero | tr '\\0' a >&2; head -c 1000000 /dev/zero | tr '\\0' b");

	(void)state;
	assert_int_equal(result.status, 0);
	assert_int_equal(strlen(result.out), 65536);
	assert_int_equal(strlen(result.errors), 65536);
	assert_int_equal(result.out[65535], 'b');
}

static void process__starts_clean(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	int leak = open("/dev/null", O_RDONLY); /* not O_CLOEXEC: as from a careless parent */
	sigset_t set, old;

	(void)state;
	setenv("SECRET", "x", 1);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	assert_string_equal(
		run(arena, "env | grep -c -e '^HOME=/' -e '^LANG=C.UTF-8$' -e '^LC_ALL=C.UTF-8$'").out,
		"3\n");
	assert_string_equal(run(arena, "env | grep SECRET; echo $PATH | grep -c /usr/sbin").out, "1\n");
	assert_string_equal(run(arena, "grep SigBlk /proc/self/status").out, "SigBlk:\t0000000000000000\n");
	assert_int_equal(run(arena, "kill -PIPE $$").status, 128 + SIGPIPE);
	assert_string_equal(run(arena, "cat; ls /proc/self/fd | wc -l").out, "4\n"); /* 0, 1, 2, ls's own */
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	unsetenv("SECRET");
	close(leak);
}

static void process__program_is_found_without_sbin_in_path(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	char *path = strdup(getenv("PATH"));

	(void)state;
	setenv("PATH", "/nowhere", 1);
	assert_int_equal(run(arena, "true").status, 0);
	setenv("PATH", path, 1);
	free(path);
}

static void process__is_located_where_it_would_be_run(void **state)
{
	struct fixture *f = *state;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *kept = getenv("PATH");
	char before[4096], real_sh[PATH_MAX], path[512];

	snprintf(before, sizeof before, "%s", kept ? kept : "");
	/* A directory and what cannot be started are passed over; a link is followed to its end. */
	assert_int_equal(mkdir(real(f, "/a"), 0755), 0);
	assert_int_equal(mkdir(real(f, "/a/neap-tool"), 0755), 0);
	assert_int_equal(mkdir(real(f, "/b"), 0755), 0);
	put(f, "/b/neap-tool", "x");
	assert_int_equal(mkdir(real(f, "/c"), 0755), 0);
	assert_int_equal(symlink("/bin/sh", real(f, "/c/neap-tool")), 0);
	snprintf(path, sizeof path, "relative:%s:", real(f, "/a"));
	snprintf(path + strlen(path), sizeof path - strlen(path), "%s:", real(f, "/b"));
	snprintf(path + strlen(path), sizeof path - strlen(path), "%s", real(f, "/c"));
	setenv("PATH", path, 1);
	assert_non_null(realpath("/bin/sh", real_sh));
	assert_string_equal(neap_process_locate("neap-tool", arena), real_sh);
	assert_string_equal(neap_process_locate("sh", arena), real_sh);
	assert_null(neap_process_locate("no-such-program", arena));
	setenv("PATH", before, 1);
}

static void process__missing_program_is_an_error(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *names[] = { "neap-no-such-program", "/no/such/program" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *argv[] = { names[i], NULL };
		struct neap_process process = { .argv = argv };
		struct neap_process_result result;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		char wanted[128];

		snprintf(wanted, sizeof(wanted), "run %s: No such file or directory", names[i]);
		assert_true(neap_process_run(&process, &here, arena, &result, &err) < 0);
		assert_string_equal(err->message, wanted);
	}
}

static int run_late(const char *script, struct neap_arena *arena, struct neap_error **err)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct neap_process process = { .argv = argv, .timeout = 1 };
	struct neap_process_result result;

	return neap_process_run(&process, &here, arena, &result, err);
}

static void process__timeout_kills_the_group(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	char script[256];
	time_t start = time(NULL);
	pid_t pid;

	snprintf(script, sizeof(script), "sleep 60 & echo $! >%s; yes", real(f, "/pid"));
	assert_true(run_late(script, f->arena, &err) < 0);
	assert_string_equal(err->message, "run sh: did not end within 1 s and was killed");
	assert_true(time(NULL) - start < 5);
	pid = (pid_t)atoi(get(f, "/pid"));
	assert_true(pid > 0);
	for (int i = 0; i < 50 && kill(pid, 0) == 0; i++) {
		char path[64];

		/* Reaped by init or not, it does not run. */
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		if (strstr(slurp(path), ") Z "))
			return;
		usleep(100000);
	}
	assert_true(kill(pid, 0) < 0);
}

static void process__timeout_kills_what_ignores_sigterm(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	time_t start = time(NULL);

	assert_true(run_late("trap '' TERM; while :; do sleep 1; done", f->arena, &err) < 0);
	assert_true(time(NULL) - start < 15);
}

static void process__timeout_kills_what_left_its_group(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	time_t start = time(NULL);

	assert_true(run_late("exec perl -e 'setpgrp(0, getpgrp(getppid())) or die; sleep 30'", f->arena,
			     &err) < 0);
	assert_string_equal(err->message, "run sh: did not end within 1 s and was killed");
	assert_true(time(NULL) - start < 15);
}

static void process__does_not_wait_for_a_daemon_that_keeps_the_pipes(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	time_t start = time(NULL);

	(void)state;
	assert_string_equal(run(arena, "sleep 12 & echo done").out, "done\n");
	assert_true(time(NULL) - start < 8);
}

static void process__leaves_no_zombie_and_no_descriptor(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	unsigned before = count_fds();

	(void)state;
	run(arena, "exit 3");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process__status_is_exit_code_or_128_and_signal),
		cmocka_unit_test(process__outputs_are_kept_apart),
		cmocka_unit_test(process__large_outputs_are_cut_and_block_nobody),
		cmocka_unit_test(process__starts_clean),
		cmocka_unit_test(process__program_is_found_without_sbin_in_path),
		cmocka_unit_test_setup_teardown(process__is_located_where_it_would_be_run, fixture_new,
						fixture_free),
		cmocka_unit_test(process__missing_program_is_an_error),
		cmocka_unit_test_setup_teardown(process__timeout_kills_the_group, fixture_new, fixture_free),
		cmocka_unit_test_setup_teardown(process__timeout_kills_what_ignores_sigterm, fixture_new,
						fixture_free),
		cmocka_unit_test_setup_teardown(process__timeout_kills_what_left_its_group, fixture_new,
						fixture_free),
		cmocka_unit_test(process__does_not_wait_for_a_daemon_that_keeps_the_pipes),
		cmocka_unit_test(process__leaves_no_zombie_and_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
