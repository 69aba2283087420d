/* See session.h. */
#include "cli/session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/moment.h"
#include "base/path.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "host/machine.h"
#include "lua/recipe.h"
#include "modules/modules.h"

/* Made by cmake/embed.cmake. */
extern const struct neap_embedded_file neap_embedded[];

static bool wants_json(const struct neap_cli_session *session)
{
	bool graph = session->options->verb->bit == NEAP_CLI_GRAPH;
	return session->options->format == (graph ? (unsigned)NEAP_GRAPH_JSON : (unsigned)NEAP_CLI_JSON);
}

void neap_cli_session_problems(struct neap_cli_session *session)
{
	bool color = neap_cli_output_color(session->options, STDERR_FILENO);
	struct neap_problems warnings = session->problems;
	/* A run that stays silent has nothing to say about a recipe that does what it should. */
	if (session->options->quiet && session->options->verb->bit != NEAP_CLI_CHECK &&
	    session->problems.errors.count == 0 && !session->reported)
		return;
	if (!wants_json(session)) {
		neap_report_problems_text(stderr, &session->problems, color);
		return;
	}
	warnings.errors.count = 0;
	neap_report_problems_text(stderr, &warnings, color);
	if (session->problems.errors.count > 0)
		neap_report_problems_json(stdout, &session->problems);
}

int neap_cli_session_refuse(struct neap_cli_session *session, struct neap_error **err, int code)
{
	if (wants_json(session)) {
		neap_problem_take(&session->problems, (struct neap_position){ 0 }, NULL, err);
		neap_report_problems_json(stdout, &session->problems);
		return neap_cli_output_end(code, code);
	}
	/* Who is mailed each line knows what to do by the third. */
	if (session->options->quiet && code == NEAP_EXIT_LOCKED) {
		free((*err)->hint);
		(*err)->hint = NULL;
	}
	neap_cli_complain(*err);
	neap_problem_take(&session->problems, (struct neap_position){ 0 }, NULL, err);
	return code;
}

/* --root is looked at first: it is part of the command line, not of the recipe. */
static int look_at_root(struct neap_cli_session *session)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct stat status;
	session->root = session->options->root ? session->options->root : "/";
	if (stat(session->root, &status) < 0)
		neap_error_errno(&err, errno, "--root %s", session->root);
	else if (!S_ISDIR(status.st_mode))
		neap_error_errno(&err, ENOTDIR, "--root %s", session->root);
	if (!err)
		return 0;
	neap_cli_complain(err);
	return NEAP_EXIT_USAGE;
}

/* -t a,b. 0 or an exit code. */
static int select_tags(struct neap_cli_session *session)
{
	const char *rest = session->options->tags;
	struct neap_error *err = NULL;
	while (rest && *rest) {
		size_t len = strcspn(rest, ",");
		if (len > 0)
			neap_vec_push(&session->tags, neap_arena_copy(session->arena, rest, len));
		rest += len + (rest[len] == ',');
	}
	if (!session->options->tags)
		return 0;
	session->selected = neap_run_select(session->graph, session->tags.items, session->tags.count,
					    &session->chosen, &session->needed, &err);
	return session->selected ? 0 : neap_cli_session_refuse(session, &err, NEAP_EXIT_USAGE);
}

/* ---- facts -------------------------------------------------------------------------------------------- */

/* The machine is opened for the first fact: a recipe that reads none pays nothing. */
static int ask(void *ctx, enum neap_fact fact, struct neap_arena *arena,
	       struct neap_fact_answer answers[NEAP_FACT_COUNT], struct neap_error **err)
{
	struct neap_cli_session *session = ctx;
	if (!session->asked && neap_host_local_new(session->root, NULL, &session->asked, err) < 0)
		return -1;
	return neap_facts_ask(&session->asked->view, fact, arena, answers, err);
}

int neap_cli_session_facts(struct neap_cli_session *session)
{
	const char *file = session->options->facts;
	struct neap_error *err = NULL;
	struct neap_str text;
	session->facts = neap_facts_new(ask, session);
	if (!file)
		return 0;
	if (neap_sources_read(session->arena, file, NEAP_FACTS_FILE_MAX, &text, &err) < 0)
		return neap_cli_session_refuse(session, &err, NEAP_EXIT_RECIPE);
	if (neap_facts_replace(session->facts, file, text, &session->problems) == 0)
		return 0;
	neap_cli_session_problems(session);
	return neap_cli_output_end(NEAP_EXIT_RECIPE, NEAP_EXIT_RECIPE);
}

int neap_cli_session_open(struct neap_cli_session *session, const struct neap_cli_options *options)
{
	*session = (struct neap_cli_session){ .arena = neap_arena_new(), .options = options };
	session->problems.arena = session->arena;
	return look_at_root(session);
}

int neap_cli_session_load(struct neap_cli_session *session)
{
	const struct neap_cli_options *options = session->options;
	struct neap_error *err = NULL;
	neap_cli_stop_after(options->timeout);
	int code = neap_cli_session_facts(session);
	if (code)
		return code;
	if (neap_sources_open(session->arena, options->operand, neap_embedded, &session->sources, &err) < 0)
		return neap_cli_session_refuse(session, &err, NEAP_EXIT_RECIPE);
	session->graph = neap_graph_new(&neap_modules, session->sources, &session->problems);
	char *real NEAP_AUTO_FREE = options->operand[0] == '@' ? NULL : realpath(options->operand, NULL);
	session->recipe = neap_arena_strdup(session->arena, real ? real : options->operand);
	struct neap_recipe_options recipe = {
		.sources = session->sources,
		.params = options->params.items,
		.param_count = options->params.count,
		.facts = session->facts,
		.timeout = options->eval_timeout,
		.json = wants_json(session),
		.stop = neap_cli_stop,
		.stop_message = neap_arena_printf(session->arena, "timed out after %s (--timeout)",
						  neap_duration_text(options->timeout, session->arena)),
	};
	int r = neap_recipe_evaluate(&recipe, session->graph);
	neap_cli_session_problems(session);
	code = *neap_cli_stop ? NEAP_EXIT_FAILED : NEAP_EXIT_RECIPE;
	return r < 0 ? neap_cli_output_end(code, code) : select_tags(session);
}

void neap_cli_session_done(struct neap_cli_session *session)
{
	if (session->graph)
		neap_graph_free(session->graph);
	neap_vec_done(&session->tags);
	free(session->selected);
	neap_facts_free(session->facts);
	neap_machine_free(session->asked);
	neap_vec_done(&session->problems.errors);
	neap_vec_done(&session->problems.warnings);
	neap_arena_free(session->arena);
}

/* What realpath() will say when the directory has been made: a plan comes before that. NULL: cannot be. */
static char *future_path(const char *directory)
{
	size_t len = strlen(directory);
	char *head NEAP_AUTO_FREE = neap_alloc(len + 1);
	memcpy(head, directory, len + 1);
	for (;; head[len] = '\0') {
		char *real NEAP_AUTO_FREE = realpath(len > 0 ? head : directory[0] == '/' ? "/" : ".", NULL);
		if (real) {
			struct neap_buf path = { 0 };
			neap_buf_printf(&path, "%s/%s", real, directory + len);
			return path.data;
		}
		if (errno != ENOENT || len == 0)
			return NULL;
		while (len > 0 && head[len - 1] == '/')
			len--;
		while (len > 0 && head[len - 1] != '/')
			len--;
	}
}

const char *neap_cli_session_state(struct neap_cli_session *session, const char *directory)
{
	struct neap_str path;
	char *real_root NEAP_AUTO_FREE = realpath(session->root, NULL);
	char *real NEAP_AUTO_FREE = future_path(directory);
	if (!real_root || !real || neap_path_normalise(session->arena, neap_str(real), &path, NULL) < 0)
		return NULL;
	size_t len = strlen(real_root);
	if (len == 1)
		return path.data;
	if (strncmp(path.data, real_root, len) != 0 || path.data[len] != '/')
		return NULL;
	return path.data + len;
}

void neap_cli_session_damaged(size_t damaged, const char *directory)
{
	if (damaged)
		fprintf(stderr,
			"neap: %s/journal: %zu damaged record%s left out: something may not have been "
			"restarted "
			"that should have been\n",
			directory, damaged, damaged == 1 ? " is" : "s are");
}

/* What is told to two: the terminal, and who else listens. */
struct listeners {
	struct neap_cli_progress progress;
	const struct neap_run_observer *also;
	struct neap_run_observer both;
};

static void on_begin(void *ctx, const struct neap_run *run, uint32_t number)
{
	struct neap_run_observer *first = &((struct listeners *)ctx)->progress.observer;
	if (first->begin)
		first->begin(first->ctx, run, number);
}

static void on_done(void *ctx, const struct neap_run *run, uint32_t number)
{
	struct listeners *listeners = ctx;
	struct neap_run_observer *first = &listeners->progress.observer;
	if (first->done)
		first->done(first->ctx, run, number);
	if (listeners->also->done)
		listeners->also->done(listeners->also->ctx, run, number);
}

static void on_bytes(void *ctx, const struct neap_run *run, uint64_t done, uint64_t total)
{
	struct neap_run_observer *first = &((struct listeners *)ctx)->progress.observer;
	if (first->bytes)
		first->bytes(first->ctx, run, done, total);
}

static void on_waits(void *ctx, const struct neap_run *run, const char *text)
{
	struct neap_run_observer *first = &((struct listeners *)ctx)->progress.observer;
	if (first->waits)
		first->waits(first->ctx, run, text);
}

static void on_measured(void *ctx, const struct neap_run *run, uint32_t number, const char *label,
			double value)
{
	const struct neap_run_observer *also = ((struct listeners *)ctx)->also;
	also->measured(also->ctx, run, number, label, value);
}

struct neap_run *neap_cli_session_run(struct neap_cli_session *session, struct neap_machine *machine,
				      enum neap_run_mode mode, const char *state_directory,
				      const struct neap_run_observer *observer)
{
	struct listeners listeners = { .also = observer };
	neap_cli_progress_init(&listeners.progress, session->options);
	listeners.both = (struct neap_run_observer){
		.ctx = &listeners,
		.begin = on_begin,
		.done = on_done,
		.bytes = on_bytes,
		.waits = on_waits,
		.measured = observer->measured ? on_measured : NULL,
	};
	struct neap_run_options options = {
		.mode = mode,
		.observer = &listeners.both,
		.stop = neap_cli_stop,
		.state_directory = state_directory,
		.notices = &session->notices,
		.recipe = session->recipe,
		.selected = session->selected,
	};
	neap_cli_stop_catch_signals();
	struct neap_run *run = neap_run(session->graph, machine, &options);
	if (run->signal == NEAP_CLI_TIMED_OUT) {
		run->signal = 0;
		run->timeout = session->options->timeout;
	}
	neap_cli_progress_done(&listeners.progress);
	return run;
}

void neap_cli_session_report(struct neap_cli_session *session, const struct neap_run *run, char **ret,
			     size_t *ret_len)
{
	const struct neap_cli_options *options = session->options;
	struct neap_report_options report = {
		.diff = options->diff,
		.color = neap_cli_output_color(options, STDOUT_FILENO),
		.quiet = options->quiet,
		.verbose = options->verbose,
		.width = neap_cli_output_width(),
		.recipe = options->operand,
		.params = options->params.items,
		.param_count = options->params.count,
		.sources = session->sources,
		.tags = session->tags.items,
		.tag_count = session->tags.count,
		.chosen = session->chosen,
		.needed = session->needed,
		.facts = session->facts,
	};
	FILE *out = open_memstream(ret, ret_len);
	if (!out)
		neap_out_of_memory();
	if (wants_json(session))
		neap_report_json(out, run, &report);
	else
		neap_report_text(out, run, &report);
	if (fclose(out) != 0)
		neap_out_of_memory();
	session->reported = true;
	if (options->quiet && *ret_len > 0)
		neap_cli_session_problems(session);
	/* The report in full says it; without one stderr must. */
	if (wants_json(session) || options->quiet)
		neap_report_failures_text(stderr, run, neap_cli_output_color(options, STDERR_FILENO));
}
