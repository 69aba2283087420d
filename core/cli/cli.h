/*
 * The command line: one table of options, one of verbs, and what both come out as. From the tables come
 * parsing, `neap help`, `neap VERB --help` and the errors. The cli is the only code that sees everything.
 */
#pragma once

#include <stdio.h>

#include "base/vec.h"
#include "engine/report.h"

/* Exit codes of the contract; the others come from neap_run_exit_code(). */
enum {
	NEAP_EXIT_OK = 0,
	NEAP_EXIT_RECIPE = 1,
	NEAP_EXIT_LOCKED = 3,
	NEAP_EXIT_FAILED = 4,
	NEAP_EXIT_USAGE = 64,
};

enum neap_cli_verb_bit {
	NEAP_CLI_PLAN = 1 << 0,
	NEAP_CLI_APPLY = 1 << 1,
	NEAP_CLI_CHECK = 1 << 2,
	NEAP_CLI_GRAPH = 1 << 3,
	NEAP_CLI_DOC = 1 << 4,
	NEAP_CLI_VERSION = 1 << 5,
	NEAP_CLI_HELP = 1 << 6,
	NEAP_CLI_FACTS = 1 << 7,
	NEAP_CLI_STATUS = 1 << 8,
	NEAP_CLI_CONFIRM = 1 << 9,
	NEAP_CLI_REVERT = 1 << 10,
};

enum neap_cli_format { /* --format; text and dot are what comes without it */
		       NEAP_CLI_TEXT,
		       NEAP_CLI_JSON,
};
enum neap_cli_color { NEAP_CLI_COLOR_AUTO, NEAP_CLI_COLOR_ALWAYS, NEAP_CLI_COLOR_NEVER };

struct neap_cli_options {
	const struct neap_cli_verb *verb;
	const char *operand;                      /* recipe, type or verb; NULL: none */
	NEAP_VEC(struct neap_param_value) params; /* sorted by name; of several of one name the last */
	const char *root, *state_dir, *tags, *facts, *events, *metrics; /* NULL: not given */
	unsigned format; /* neap_cli_format; of neap graph: neap_graph_format */
	unsigned color;  /* neap_cli_color */
	unsigned log;    /* neap_log_kind */
	unsigned verbose;
	bool diff, detailed, quiet, reference, annotations, help;
	unsigned lock_wait, eval_timeout, splay, timeout; /* seconds; 0: not given */
};

/* One small file each. */
struct neap_cli_verb {
	const char *name;
	enum neap_cli_verb_bit bit;
	const char *operand; /* "RECIPE", "[TYPE]" (may be left out), or NULL: takes none */
	const char *summary; /* for the list */
	const char *text;    /* for its own screen */
	bool hidden;         /* nobody is to call it: it is on no list */
	int (*run)(const struct neap_cli_options *options); /* exit code */
};
extern const struct neap_cli_verb *const neap_cli_verbs[]; /* NULL-terminated, in the order of the list */
extern const struct neap_cli_verb neap_cli_plan, neap_cli_apply, neap_cli_check, neap_cli_graph, neap_cli_doc,
	neap_cli_facts, neap_cli_status, neap_cli_confirm, neap_cli_revert, neap_cli_version, neap_cli_help;

/* 0, or negative with what is wrong. argv[0] is skipped; strings are borrowed from argv or lie in `arena`. */
int neap_cli_parse(struct neap_arena *arena, int argc, char *const *argv, struct neap_cli_options *ret,
		   struct neap_error **err);
void neap_cli_options_done(struct neap_cli_options *options);

/* The screens. */
void neap_cli_print_help(FILE *out);
void neap_cli_print_verb_help(FILE *out, const struct neap_cli_verb *verb);
/* The options of a verb, a row each. */
void neap_cli_print_options(FILE *out, enum neap_cli_verb_bit verb);
const struct neap_cli_verb *neap_cli_verb_find(const char *name); /* NULL: there is none */
/* Sets the error for a name that is no verb: exists later, nearest. Returns -1. */
int neap_cli_verb_unknown(const char *name, struct neap_error **err);

/* "neap: message" and the hint below, on stderr. */
void neap_cli_complain(const struct neap_error *err);
