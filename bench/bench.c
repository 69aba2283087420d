/*
 * Measures neap against the floor (floor.c) and real peers (make, rsync) in one run, alternating, so that all
 * see the same machine. Prints medians and ratios; raw numbers go to a file. Nothing here passes or fails.
 *
 *	bench NEAP FLOOR RECIPES WORK [RUNS]      beside FLOOR lies FLOOR-openssl
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 101
#define COLUMNS 4

struct sample {
	double cpu, wall;
	long peak_kb;
};

static const char *neap, *floor_program, *floor_openssl, *recipes, *work;
static int runs = 11;
static FILE *raw;

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof *values, compare);
	return values[count / 2];
}

static char *text(const char *format, ...)
{
	char *out = NULL;
	va_list args;
	va_start(args, format);
	if (vasprintf(&out, format, args) < 0)
		exit(1);
	va_end(args);
	return out; /* kept until the end: a bench is short */
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void shell(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "bench: failed: %s\n", command);
		exit(1);
	}
}

/* Runs argv with its output thrown away. Exit codes up to 2 are fine (a plan with changes answers 2). */
static struct sample measure(char *const argv[])
{
	double start = now();
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	int status;
	struct rusage usage;
	if (wait4(pid, &status, 0, &usage) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 2) {
		fprintf(stderr, "bench: %s %s: status %d\n", argv[0], argv[1], status);
		exit(1);
	}
	return (struct sample){
		.cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
		.wall = now() - start,
		.peak_kb = usage.ru_maxrss,
	};
}

static long system_calls(char *const argv[])
{
	char *line = text("strace -f -qq -o '%s/strace' --", work);
	for (int i = 0; argv[i]; i++)
		line = text("%s '%s'", line, argv[i]);
	line = text("%s >/dev/null 2>&1; grep -vc -e '^[0-9]* +++' '%s/strace' > '%s/count'", line, work,
		    work);
	if (system(line) != 0)
		return -1;
	FILE *file = fopen(text("%s/count", work), "r");
	long count = -1;
	if (!file || fscanf(file, "%ld", &count) != 1)
		count = -1;
	if (file)
		fclose(file);
	return count;
}

struct contender {
	const char *name;
	char **argv;
	const char *before; /* shell command before each run, or NULL */
};

static char **command(const char *first, ...)
{
	static char *empty[] = { NULL };
	char **argv = calloc(24, sizeof *argv);
	if (!argv)
		return empty;
	va_list args;
	va_start(args, first);
	int n = 0;
	for (const char *arg = first; arg && n < 23; arg = va_arg(args, const char *))
		argv[n++] = (char *)arg;
	va_end(args);
	return argv;
}

/* The first contender is the floor. */
static void work_on(const char *title, unsigned resources, struct contender *contenders, int count)
{
	double cpu[COLUMNS][RUNS_MAX], wall[COLUMNS][RUNS_MAX];
	long peak[COLUMNS] = { 0 };
	for (int run = 0; run < runs; run++)
		for (int c = 0; c < count; c++) {
			if (contenders[c].before)
				shell(contenders[c].before);
			struct sample sample = measure(contenders[c].argv);
			cpu[c][run] = sample.cpu;
			wall[c][run] = sample.wall;
			peak[c] = sample.peak_kb;
			fprintf(raw, "%s\t%s\t%.6f\t%.6f\t%ld\n", title, contenders[c].name, sample.cpu,
				sample.wall, sample.peak_kb);
		}
	double base_cpu = 0, base_wall = 0;
	for (int c = 0; c < count; c++) {
		if (contenders[c].before)
			shell(contenders[c].before);
		long calls = system_calls(contenders[c].argv);
		double c_cpu = median(cpu[c], runs), c_wall = median(wall[c], runs);
		if (c == 0) {
			base_cpu = c_cpu;
			base_wall = c_wall;
		}
		printf("%-28s %-8s cpu %9.2f ms %6.2fx  wall %9.2f ms %6.2fx  peak %7ld KB", c ? "" : title,
		       contenders[c].name, c_cpu * 1e3, base_cpu > 0 ? c_cpu / base_cpu : 0, c_wall * 1e3,
		       c_wall / base_wall, peak[c]);
		if (calls >= 0 && resources)
			printf("  %6.2f calls/resource", (double)calls / resources);
		else if (calls >= 0)
			printf("  %ld calls", calls);
		putchar('\n');
	}
	fflush(stdout);
}

static bool have(const char *program)
{
	return system(text("command -v %s >/dev/null 2>&1", program)) == 0;
}

static void files(unsigned count)
{
	char *root = text("%s/files", work), *n = text("%u", count), *define = text("N=%u", count);
	char *recipe = text("%s/files.lua", recipes);
	char *fresh = text("rm -rf '%s' && mkdir '%s'", root, root);
	char **apply = command(neap, "apply", recipe, "-D", define, "--root", root, NULL);
	char **plan = command(neap, "plan", recipe, "-D", define, "--root", root, NULL);
	work_on(text("%u files, first", count), count,
		(struct contender[]){
			{ "floor", command(floor_program, "files-first", root, n, NULL), fresh },
			{ "neap", apply, fresh } },
		2);
	shell(fresh);
	measure(apply);
	struct contender noop[] = {
		{ "floor", command(floor_program, "files-noop", root, n, NULL), NULL },
		{ "neap", apply, NULL },
		{ "plan", plan, NULL },
		{ "rsync -c", command("rsync", "-rcn", text("%s/", root), text("%s/copy", work), NULL), NULL }
	};
	bool rsync = have("rsync");
	if (rsync)
		shell(text("rm -rf '%s/copy' && cp -a '%s' '%s/copy'", work, root, work));
	work_on(text("%u files, no-op", count), count, noop, rsync ? 4 : 3);
	shell(text("cd '%s/etc/app' && for f in *[05]0.conf; do case $f in *00.conf) echo drift >>$f;; esac; "
		   "done",
		   root));
	work_on(text("%u files, plan, 1%% drift", count), count,
		(struct contender[]){ { "floor", command(floor_program, "files-noop", root, n, NULL), NULL },
				      { "plan", plan, NULL } },
		2);
}

static void chain(unsigned count)
{
	char *root = text("%s/chain", work), *define = text("N=%u", count),
	     *recipe = text("%s/files.lua", recipes);
	shell(text("rm -rf '%s' && mkdir -p '%s/make'", root, root));
	FILE *makefile = fopen(text("%s/make/Makefile", root), "w");
	if (!makefile)
		exit(1);
	fprintf(makefile, "all: %05u.conf\n%%.conf:\n\ttouch $@\n", count);
	for (unsigned i = 2; i <= count; i++)
		fprintf(makefile, "%05u.conf: %05u.conf\n", i, i - 1);
	fclose(makefile);
	shell(text(
		"cd '%s/make' && for i in $(seq -w 1 %u); do : > $(printf %%05d $(expr $i + 0)).conf; done",
		root, count));
	char **apply = command(neap, "apply", recipe, "-D", define, "-D", "CHAIN=yes", "--root", root, NULL);
	measure(apply);
	work_on(text("chain of %u, no-op", count), count,
		(struct contender[]){
			{ "make", command("make", "-rR", "-C", text("%s/make", root), NULL), NULL },
			{ "neap", apply, NULL } },
		2);
}

static void lines(void)
{
	char *root = text("%s/lines", work), *recipe = text("%s/lines.lua", recipes);
	shell(text("rm -rf '%s' && mkdir -p '%s/etc'", root, root));
	FILE *file = fopen(text("%s/etc/big.conf", root), "w");
	if (!file)
		exit(1);
	for (unsigned i = 1; i <= 10000; i++)
		fprintf(file, "setting.%05u = this is the value of line %05u\n", i, i);
	fclose(file);
	work_on("100 lines of 10,000, no-op", 100,
		(struct contender[]){
			{ "floor", command(floor_program, "lines", root, NULL), NULL },
			{ "neap", command(neap, "apply", recipe, "--root", root, NULL), NULL } },
		2);
}

/* 50 MB in 2,000 files that do not compress much, as a release is. */
static void tarball(void)
{
	char *root = text("%s/tarball", work), *archive = text("%s/release.tar.gz", work);
	char *recipe = text("%s/tarball.lua", recipes), *define = text("ARCHIVE=%s", archive);
	char *fresh = text("rm -rf '%s' && mkdir '%s'", root, root), *there = text("%s/opt/release", root);
	shell(text("[ -e '%s' ] || { rm -rf '%s/t' && mkdir -p '%s/t/release' && cd '%s/t' && "
		   "for d in $(seq 20); do mkdir release/$d; for f in $(seq 100); do "
		   "head -c 19200 /dev/urandom | base64 -w 0 > release/$d/$f; done; done && "
		   "tar -czf '%s' release && rm -rf '%s/t'; }",
		   archive, work, work, work, archive, work));
	char **apply = command(neap, "apply", recipe, "-D", define, "--root", root, NULL);
	work_on("50 MB in 2,000 files, first", 2000,
		(struct contender[]){ { "tar", command("tar", "-xzf", archive, "-C", root, NULL), fresh },
				      { "neap", apply, fresh } },
		2);
	shell(fresh);
	measure(apply);
	work_on("50 MB in 2,000 files, no-op", 2000,
		(struct contender[]){
			{ "floor", command(floor_openssl, "tarball", archive, there, NULL), NULL },
			{ "neap", apply, NULL } },
		2);
}

static void certs(unsigned count)
{
	char *root = text("%s/certs", work), *recipe = text("%s/certs.lua", recipes), *n = text("%u", count);
	char **apply = command(neap, "apply", recipe, "-D", text("N=%u", count), "--root", root, NULL);
	shell(text("rm -rf '%s' && mkdir '%s'", root, root));
	measure(apply);
	work_on(text("%u certificates, no-op", count), count,
		(struct contender[]){
			{ "floor", command(floor_openssl, "certs", text("%s/etc/tls", root), n, NULL), NULL },
			{ "neap", apply, NULL } },
		2);
}

static void users(unsigned count)
{
	char *root = text("%s/users", work), *recipe = text("%s/users.lua", recipes);
	char **apply = command(neap, "apply", recipe, "-D", text("N=%u", count), "--root", root, NULL);
	shell(text("rm -rf '%s' && mkdir -p '%s/etc' && cp /etc/passwd /etc/group '%s/etc'", root, root,
		   root));
	measure(apply);
	work_on(text("%u users, no-op", count), count,
		(struct contender[]){ { "floor", command(floor_program, "users", root, NULL), NULL },
				      { "neap", apply, NULL } },
		2);
}

/* In a network of their own: the rules of this machine are left alone. */
static void rules(unsigned count)
{
	char *recipe = text("%s/rules.lua", recipes), *define = text("N=%u", count);
	char *state = text("%s/rules-%u", work, count);

	shell(text("rm -rf '%s'; iptables -F INPUT", state));
	measure(command(neap, "apply", recipe, "-D", define, "--state-dir", state, NULL));
	work_on(text("%u rules, no-op", count), count,
		(struct contender[]){
			{ "save", command("iptables-save", "-t", "filter", NULL), NULL },
			{ "neap", command(neap, "apply", recipe, "-D", define, "--state-dir", state, NULL),
			  NULL },
			{ "check", command(neap, "check", recipe, "-D", define, NULL), NULL } },
		3);
}

/* In a network namespace, from here on: last. As root only. */
static void routes(unsigned count)
{
	char *recipe = text("%s/routes.lua", recipes), *state = text("%s/network-state", work);
	char **apply = command(neap, "apply", recipe, "-D", text("N=%u", count), "--state-dir", state, NULL);
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("routes: left out, needs root\n");
		return;
	}
	measure(apply);
	work_on(text("%u routes, no-op", count), count,
		(struct contender[]){
			{ "floor", command(floor_program, "network", NULL), NULL },
			{ "neap", apply, NULL },
			{ "ip route", command("ip", "route", NULL), NULL },
			{ "check", command(neap, "check", recipe, "-D", text("N=%u", count), NULL), NULL } },
		have("ip") ? 4 : 2);
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: bench NEAP FLOOR RECIPES WORK [RUNS]\n");
		return 64;
	}
	neap = argv[1];
	floor_program = argv[2];
	floor_openssl = text("%s-openssl", argv[2]);
	recipes = argv[3];
	work = argv[4];
	if (argc > 5)
		runs = atoi(argv[5]);
	if (runs < 1 || runs > RUNS_MAX)
		return 64;
	raw = fopen(text("%s/raw.tsv", work), "w");
	if (!raw) {
		fprintf(stderr, "bench: %s/raw.tsv: %s\n", work, strerror(errno));
		return 1;
	}
	fprintf(raw, "work\twho\tcpu_s\twall_s\tpeak_kb\n");
	char *root = text("%s/empty", work);
	shell(text("mkdir -p '%s'", root));
	work_on("empty run", 0,
		(struct contender[]){
			{ "floor", command(floor_program, "empty", NULL), NULL },
			{ "neap", command(neap, "apply", text("%s/empty.lua", recipes), "--root", root, NULL),
			  NULL } },
		2);
	for (unsigned n = 10; n <= 10000; n *= 10)
		files(n);
	chain(10000);
	lines();
	tarball();
	certs(100);
	users(1000);
	if (have("iptables-save") && unshare(CLONE_NEWNET) == 0)
		for (unsigned n = 50; n <= 5000; n *= 10)
			rules(n);
	routes(1000);
	fclose(raw);
	printf("raw numbers: %s/raw.tsv\n", work);
	return 0;
}
