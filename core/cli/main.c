/*
 * neap: prepares the process, reads the command line, and leaves the rest to a verb.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"

/* A file opened later must never become one of these three. What is written to a stdout that was closed must
 * fail, so 1 is opened for reading. */
static void open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR) != fd)
			_exit(NEAP_EXIT_FAILED);
}

static void prepare_process(void)
{
	struct rlimit core;
	open_standard_descriptors();
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD,
	       SIG_DFL); /* ignored, as some parents leave it, no program's end could be waited for */
	signal(SIGXFSZ, SIG_IGN); /* a write past the limit is then an error of its resource */
	/* Secrets lie in memory: no core file, no debugger of another process of this user. */
	prctl(PR_SET_DUMPABLE, 0);
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}
}

int main(int argc, char **argv)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = NULL;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_cli_options options;
	int code;

	prepare_process();
	neap_cli_output_begin();
	arena = neap_arena_new();
	if (neap_cli_parse(arena, argc, argv, &options, &err) < 0) {
		neap_cli_complain(err);
		return NEAP_EXIT_USAGE;
	}
	if (options.help && options.verb != &neap_cli_help) {
		neap_cli_print_verb_help(stdout, options.verb);
		code = neap_cli_output_end(NEAP_EXIT_OK, NEAP_EXIT_RECIPE);
	} else {
		code = options.verb->run(&options);
	}
	neap_cli_options_done(&options);
	return code;
}
