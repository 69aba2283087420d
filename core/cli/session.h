/* What plan, apply, check and graph have in common: a recipe, evaluated, and what is wrong with it. */
#pragma once

#include "cli/cli.h"
#include "host/notices.h"

struct neap_cli_session {
	struct neap_arena *arena;
	const struct neap_cli_options *options;
	struct neap_problems problems;
	bool reported; /* there is a report, so something is said */
	struct neap_sources *sources;
	struct neap_graph *graph;
	NEAP_VEC(const char *) tags; /* of -t */
	bool *selected;              /* by them; NULL: no -t */
	size_t chosen, needed;
	const char *root; /* an existing directory */
	struct neap_facts *facts;
	const char *recipe;          /* a real path, or "@name" */
	struct neap_notices notices; /* what is owed from earlier runs; the verb reads it */
	struct neap_machine *asked;  /* by the facts; NULL: nobody needed it */
};

/* The root. 0, or an exit code, with what is wrong already said. Call _done in both cases. */
int neap_cli_session_open(struct neap_cli_session *session, const struct neap_cli_options *options);
/* Likewise: the facts; these and the recipe, evaluated. */
int neap_cli_session_facts(struct neap_cli_session *session);
int neap_cli_session_load(struct neap_cli_session *session);
void neap_cli_session_done(struct neap_cli_session *session);
/* Says what is wrong so far, as text or as a document. */
void neap_cli_session_problems(struct neap_cli_session *session);
/* Says an error that keeps the verb from its work, as text or as a document, and takes it into the problems;
 * returns `code`. */
int neap_cli_session_refuse(struct neap_cli_session *session, struct neap_error **err, int code);
/* neap's state directory as a path of the machine below the root, for a purge to spare; NULL: lies outside.
 */
const char *neap_cli_session_state(struct neap_cli_session *session, const char *directory);
/* Runs the graph on the machine, with progress; `observer` hears of it, too. Signals stop it, and do nothing
 * any more when it is over. `state_directory` as in neap_run_options. */
struct neap_machine;
struct neap_run *neap_cli_session_run(struct neap_cli_session *session, struct neap_machine *machine,
				      enum neap_run_mode mode, const char *state_directory,
				      const struct neap_run_observer *observer);
/* What earlier runs owe, as the verb has read it: warns of what was damaged. */
void neap_cli_session_damaged(size_t damaged, const char *directory);
/* The report of a run, in memory, so that nothing is held while somebody reads it: `data`, `len` malloc'd. */
void neap_cli_session_report(struct neap_cli_session *session, const struct neap_run *run, char **ret,
			     size_t *ret_len);
