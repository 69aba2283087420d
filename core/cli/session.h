/* What plan, apply, check and graph have in common: a recipe, evaluated, and what is wrong with it. */
#pragma once

#include "cli/cli.h"

struct neap_cli_session {
	struct neap_arena *arena;
	const struct neap_cli_options *options;
	struct neap_problems problems;
	struct neap_sources *sources;
	struct neap_graph *graph;
	NEAP_VEC(const char *) tags; /* of -t */
	bool *selected;              /* by them; NULL: no -t */
	size_t chosen, needed;
	const char *root; /* an existing directory */
	struct neap_facts *facts;
	struct neap_machine *asked; /* by the facts; NULL: nobody needed it */
};

/* The root and the facts, without a recipe. 0, or an exit code, with what is wrong already said. Call _done
 * in both cases. */
int neap_cli_session_open(struct neap_cli_session *session, const struct neap_cli_options *options);
/* The same with the recipe, evaluated. */
int neap_cli_session_load(struct neap_cli_session *session, const struct neap_cli_options *options);
void neap_cli_session_done(struct neap_cli_session *session);
/* Says what is wrong so far, as text or as a document. */
void neap_cli_session_problems(struct neap_cli_session *session);
/* Says an error that keeps the verb from its work, as text or as a document, and takes it into the problems;
 * returns `code`. */
int neap_cli_session_refuse(struct neap_cli_session *session, struct neap_error **err, int code);
/* neap's state directory as a path of the machine below the root, for a purge to spare; NULL: lies outside.
 */
const char *neap_cli_session_state(struct neap_cli_session *session, const char *directory);
/* Runs the graph on the machine, with progress. Signals stop it, and do nothing any more when it is over.
 * `state_directory` as in neap_run_options. */
struct neap_machine;
struct neap_run *neap_cli_session_run(struct neap_cli_session *session, struct neap_machine *machine,
				      enum neap_run_mode mode, const char *state_directory);
/* The report of a run, in memory, so that nothing is held while somebody reads it: `data`, `len` malloc'd. */
void neap_cli_session_report(struct neap_cli_session *session, const struct neap_run *run, char **ret,
			     size_t *ret_len);
