/*
 * The table of options, and parsing from it. Options and operands come in any order; what an option means
 * never depends on its place. Looks at nothing but argv.
 */
#include "cli/cli.h"

#include <limits.h>
#include <stdlib.h>

#include "base/map.h"

enum kind {
	FLAG,     /* bool */
	COUNT,    /* unsigned, one more each time */
	STRING,   /* const char * */
	CHOICE,   /* unsigned: index into choices */
	DURATION, /* unsigned: seconds */
	PARAM,    /* name=value, into params */
};

struct option {
	const char *name; /* NULL: only the letter */
	char letter;
	enum kind kind;
	const char *argument; /* its name on the screen; NULL: takes none */
	unsigned verbs;
	size_t offset;
	const char *doc;
	const char *const *choices; /* CHOICE */
	unsigned least;             /* DURATION */
};

#define RUNS (NEAP_CLI_PLAN | NEAP_CLI_APPLY)
#define RECIPES (RUNS | NEAP_CLI_CHECK | NEAP_CLI_GRAPH)
#define ALL (~0u)
#define AT(member) offsetof(struct neap_cli_options, member)

static const char *const text_formats[] = { "text", "json", NULL };
static const char *const graph_formats[] = { "dot", "mermaid", "json", NULL };
static const char *const logs[] = { "none", "journal", "syslog", NULL };
static const char *const colors[] = { "auto", "always", "never", NULL };

static const struct option options[] = {
	{ NULL, 'D', PARAM, "name=value", RECIPES, AT(params),
	  "the string neap.params.name for the recipe; plans show it" },
	{ "root", 0, STRING, "DIR",
	  RUNS | NEAP_CLI_CHECK | NEAP_CLI_FACTS | NEAP_CLI_STATUS | NEAP_CLI_CONFIRM, AT(root),
	  "the machine is what lies below DIR" },
	{ "facts", 0, STRING, "FILE", RECIPES | NEAP_CLI_FACTS, AT(facts),
	  "neap.facts is what FILE says (JSON or YAML) and nothing else" },
	{ "state-dir", 0, STRING, "DIR", RUNS | NEAP_CLI_STATUS | NEAP_CLI_CONFIRM | NEAP_CLI_REVERT,
	  AT(state_dir), "neap's own state lies in DIR" },
	{ "tags", 't', STRING, "TAGS", RUNS, AT(tags),
	  "only resources that have one of these tags (a,b), and what they stand on" },
	{ "diff", 0, FLAG, NULL, RUNS, AT(diff), "show what changes in texts, line by line" },
	{ "format", 0, CHOICE, "text|json", RUNS | NEAP_CLI_CHECK | NEAP_CLI_FACTS | NEAP_CLI_STATUS,
	  AT(format), "for a person or for a script", text_formats },
	{ "format", 0, CHOICE, "dot|mermaid|json", NEAP_CLI_GRAPH, AT(format),
	  "for Graphviz, Mermaid or a script", graph_formats },
	{ "events", 0, STRING, "FILE", RUNS, AT(events),
	  "append what happens as JSON lines; - is standard error" },
	{ "metrics", 0, STRING, "FILE", RUNS, AT(metrics),
	  "write the run's numbers for Prometheus (node_exporter's textfile)" },
	{ "log", 0, CHOICE, "journal|syslog", NEAP_CLI_APPLY, AT(log),
	  "an entry for each resource that changed or failed, and for the end", logs },
	{ "detailed-exitcode", 0, FLAG, NULL, NEAP_CLI_APPLY, AT(detailed),
	  "exit with 2 when something changed, 6 when something changed and something failed" },
	{ "lock-wait", 0, DURATION, "DURATION", NEAP_CLI_APPLY, AT(lock_wait),
	  "wait so long for another run to end, as in 30s or 5m" },
	{ "splay", 0, DURATION, "DURATION", NEAP_CLI_APPLY, AT(splay),
	  "wait first, for a time up to DURATION that is this machine's" },
	{ "timeout", 0, DURATION, "DURATION", RUNS, AT(timeout),
	  "begin nothing more after this time, and end what only waits", NULL, 1 },
	{ "eval-timeout", 0, DURATION, "DURATION", RECIPES, AT(eval_timeout),
	  "processor time the recipe may take; 5s without it", NULL, 1 },
	{ "reference", 0, FLAG, NULL, NEAP_CLI_DOC, AT(reference),
	  "all types as Markdown (docs/reference.md)" },
	{ "annotations", 0, FLAG, NULL, NEAP_CLI_DOC, AT(annotations),
	  "all types for editors of Lua (lua/meta/neap.lua)" },
	{ "color", 0, CHOICE, "WHEN", RECIPES | NEAP_CLI_DOC | NEAP_CLI_STATUS, AT(color),
	  "auto, always or never", colors },
	{ "quiet", 'q', FLAG, NULL, RUNS | NEAP_CLI_CHECK, AT(quiet),
	  "nothing when all is well, one line when something changes" },
	{ "verbose", 'v', COUNT, NULL, RUNS | NEAP_CLI_VERSION, AT(verbose), "leave nothing out" },
	{ "help", 'h', FLAG, NULL, ALL, AT(help), "this screen" },
};
#define OPTION_COUNT (sizeof options / sizeof *options)

/* Promised by docs/contract.md for later; refused by name until then. */
static const struct {
	const char *name;
	char letter;
} later[] = {
	{ "inventory", 'i' }, { "limit", 'l' },           { "jobs", 'j' },  { "out", 'o' },
	{ "plan", 0 },        { "confirm", 0 },           { "against", 0 }, { "strict", 0 },
	{ "max-changes", 0 }, { "require-signature", 0 },
};
#define LATER_COUNT (sizeof later / sizeof *later)

/* Words of the command line that are left when the options are taken out. */
struct found {
	const struct option *option; /* any of its name */
	const char *value;
};

struct parse {
	struct neap_arena *arena;
	NEAP_VEC(struct found) found;
	NEAP_VEC(const char *) operands;
	struct neap_error **err;
};

static const char *shown(struct neap_arena *arena, const struct option *option)
{
	return option->name ? neap_arena_printf(arena, "--%s", option->name)
			    : neap_arena_printf(arena, "-%c", option->letter);
}

static int unknown_long(struct parse *parse, const char *name)
{
	const char *names[OPTION_COUNT + LATER_COUNT + 1];
	size_t count = 0;
	for (size_t i = 0; i < LATER_COUNT; i++)
		if (strcmp(later[i].name, name) == 0)
			return neap_error_set(parse->err, "--%s does not exist yet in neap %s", name,
					      NEAP_VERSION);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (options[i].name)
			names[count++] = options[i].name;
	names[count] = NULL;
	neap_error_set(parse->err, "unknown option --%s", name);
	const char *nearest = neap_str_nearest(name, names);
	if (nearest)
		neap_error_hint(parse->err, "did you mean --%s?", nearest);
	return -1;
}

static int unknown_letter(struct parse *parse, char letter)
{
	for (size_t i = 0; i < LATER_COUNT; i++)
		if (later[i].letter == letter)
			return neap_error_set(parse->err, "-%c does not exist yet in neap %s", letter,
					      NEAP_VERSION);
	neap_error_set(parse->err, "unknown option -%c", letter);
	return neap_error_hint(parse->err, "neap help lists the options");
}

static int parse_long(struct parse *parse, const char *word, const char *next, bool *ret_took_next)
{
	const char *equals = strchr(word, '=');
	const char *name = equals ? neap_arena_copy(parse->arena, word, (size_t)(equals - word)) : word;
	const struct option *option = NULL;
	for (size_t i = 0; i < OPTION_COUNT && !option; i++)
		if (options[i].name && strcmp(options[i].name, name) == 0)
			option = &options[i];
	if (!option)
		return unknown_long(parse, name);
	if (!option->argument && equals)
		return neap_error_set(parse->err, "--%s takes no value", name);
	if (option->argument && !equals && !next)
		return neap_error_set(parse->err, "--%s needs a value: %s", name, option->argument);
	*ret_took_next = option->argument && !equals;
	neap_vec_push(&parse->found, (struct found){ option, equals ? equals + 1 : next });
	return 0;
}

static int parse_letters(struct parse *parse, const char *word, const char *next, bool *ret_took_next)
{
	for (; *word; word++) {
		const struct option *option = NULL;
		for (size_t i = 0; i < OPTION_COUNT && !option; i++)
			if (options[i].letter == *word)
				option = &options[i];
		if (!option)
			return unknown_letter(parse, *word);
		if (!option->argument) {
			neap_vec_push(&parse->found, (struct found){ option, NULL });
			continue;
		}
		if (!word[1] && !next)
			return neap_error_set(parse->err, "-%c needs a value: %s", *word, option->argument);
		*ret_took_next = !word[1];
		neap_vec_push(&parse->found, (struct found){ option, word[1] ? word + 1 : next });
		return 0;
	}
	return 0;
}

static int parse_words(struct parse *parse, int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		bool took_next = false;
		int r = 0;
		if (strcmp(word, "--") == 0) {
			while (++i < argc)
				neap_vec_push(&parse->operands, argv[i]);
			break;
		}
		if (word[0] == '-' && word[1] == '-')
			r = parse_long(parse, word + 2, next, &took_next);
		else if (word[0] == '-' && word[1])
			r = parse_letters(parse, word + 1, next, &took_next);
		else
			neap_vec_push(&parse->operands, word);
		if (r < 0)
			return r;
		i += took_next;
	}
	return 0;
}

/* ---- values ------------------------------------------------------------------------------------------- */

static int set_duration(const char *name, const char *text, unsigned *ret, struct neap_error **err)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 },     { 'm', 60 },     { 'h', 3600 },
		      { 'd', 86400 }, { 'w', 604800 }, { 'y', 365 * 86400 } };
	uint64_t number = 0, seconds = 0;
	const char *end = text;
	while (*end >= '0' && *end <= '9' && number <= UINT_MAX)
		number = number * 10 + (uint64_t)(*end++ - '0');
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (end > text && end[0] == units[i].unit && !end[1])
			seconds = units[i].seconds;
	if (seconds == 0) {
		neap_error_set(err, "%s takes a duration, not \"%s\"", name, text);
		return neap_error_hint(err, "a number and s, m, h, d, w or y, as in 30s");
	}
	if (number > UINT_MAX / seconds)
		return neap_error_set(err, "%s: %s is too long", name, text);
	*ret = (unsigned)(number * seconds);
	return 0;
}

static int set_choice(const struct option *option, const char *name, const char *text, unsigned *ret,
		      struct neap_error **err)
{
	struct neap_buf all NEAP_AUTO_BUF = { 0 };
	for (unsigned i = 0; option->choices[i]; i++) {
		if (strcmp(option->choices[i], text) == 0) {
			*ret = i;
			return 0;
		}
		neap_buf_printf(&all, "%s%s",
				i == 0                   ? ""
				: option->choices[i + 1] ? ", "
							 : " or ",
				option->choices[i]);
	}
	neap_error_set(err, "%s takes %s, not \"%s\"", name, all.data, text);
	const char *nearest = neap_str_nearest(text, option->choices);
	return nearest ? neap_error_hint(err, "did you mean %s?", nearest) : -1;
}

static int add_param(struct neap_arena *arena, const char *text, struct neap_cli_options *ret,
		     struct neap_error **err)
{
	const char *equals = strchr(text, '=');
	if (!equals || equals == text) {
		neap_error_set(err, "-D takes name=value, not \"%s\"", text);
		return neap_error_hint(err, "as in -D color=blue");
	}
	struct neap_param_value param = { neap_arena_copy(arena, text, (size_t)(equals - text)), equals + 1 };
	neap_vec_push(&ret->params, param);
	return 0;
}

static int set(struct parse *parse, const struct option *option, const char *value,
	       struct neap_cli_options *ret)
{
	void *member = (char *)ret + option->offset;
	const char *name = shown(parse->arena, option);
	switch (option->kind) {
	case FLAG:
		*(bool *)member = true;
		return 0;
	case COUNT:
		++*(unsigned *)member;
		return 0;
	case STRING:
		if (!*value)
			return neap_error_set(parse->err, "%s needs a value: %s", name, option->argument);
		*(const char **)member = value;
		return 0;
	case CHOICE:
		return set_choice(option, name, value, member, parse->err);
	case DURATION: {
		unsigned seconds = 0;
		if (set_duration(name, value, &seconds, parse->err) < 0)
			return -1;
		if (seconds < option->least)
			return neap_error_set(parse->err, "%s: at least %us", name, option->least);
		*(unsigned *)member = seconds;
		return 0;
	}
	case PARAM:
		return add_param(parse->arena, value, ret, parse->err);
	}
	return 0;
}

/* The row of the same option that is for this verb. */
static int find_row(struct parse *parse, const struct option *any, const struct neap_cli_verb *verb,
		    const struct option **ret)
{
	struct neap_buf verbs NEAP_AUTO_BUF = { 0 };
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		bool same = any->name ? options[i].name && strcmp(options[i].name, any->name) == 0
				      : options[i].letter == any->letter;
		if (same && (options[i].verbs & verb->bit)) {
			*ret = &options[i];
			return 0;
		}
		for (size_t j = 0; same && neap_cli_verbs[j]; j++)
			if ((options[i].verbs & neap_cli_verbs[j]->bit) && !neap_cli_verbs[j]->hidden)
				neap_buf_printf(&verbs, "%s%s", verbs.len ? ", " : "",
						neap_cli_verbs[j]->name);
	}
	neap_error_set(parse->err, "neap %s has no option %s", verb->name, shown(parse->arena, any));
	return neap_error_hint(parse->err, "it is for neap %s", verbs.data);
}

static int compare_params(const void *a, const void *b)
{
	return strcmp(((const struct neap_param_value *)a)->name, ((const struct neap_param_value *)b)->name);
}

/* Sorted by name; the last of several of one name stays. */
static void settle_params(struct neap_cli_options *ret)
{
	struct neap_map last = { 0 };
	size_t count = 0;
	for (size_t i = 0; i < ret->params.count; i++)
		neap_map_put(&last, neap_str(ret->params.items[i].name), &ret->params.items[i]);
	for (size_t i = 0; i < ret->params.count; i++)
		if (neap_map_get(&last, neap_str(ret->params.items[i].name)) == &ret->params.items[i])
			ret->params.items[count++] = ret->params.items[i];
	neap_map_done(&last);
	ret->params.count = count;
	if (count > 1)
		qsort(ret->params.items, count, sizeof *ret->params.items, compare_params);
}

static int settle_operand(struct parse *parse, struct neap_cli_options *ret)
{
	const struct neap_cli_verb *verb = ret->verb;
	size_t count = parse->operands.count;
	if (count > 1 && !verb->operand)
		return neap_error_set(parse->err, "neap %s takes no \"%s\"", verb->name,
				      parse->operands.items[1]);
	if (count > 2) {
		const char *what = verb->operand[0] == '[' ? "argument" : "recipe";
		neap_error_set(parse->err, "neap %s takes one %s, not \"%s\" and \"%s\"", verb->name, what,
			       parse->operands.items[1], parse->operands.items[2]);
		return -1;
	}
	if (count > 1)
		ret->operand = parse->operands.items[1];
	if (verb->hidden && verb->operand && !ret->operand && !ret->help)
		return neap_error_set(parse->err, "neap %s: no %s given", verb->name, verb->operand);
	if (verb->operand && verb->operand[0] != '[' && !ret->operand && !ret->help) {
		neap_error_set(parse->err, "neap %s: no recipe given", verb->name);
		return neap_error_hint(parse->err,
				       "neap %s RECIPE: a file, a directory with an init.lua, or @name",
				       verb->name);
	}
	return 0;
}

static int parse_all(struct parse *parse, int argc, char *const *argv, struct neap_cli_options *ret)
{
	if (parse_words(parse, argc, argv) < 0)
		return -1;
	if (parse->operands.count > 0) {
		ret->verb = neap_cli_verb_find(parse->operands.items[0]);
		if (!ret->verb)
			return neap_cli_verb_unknown(parse->operands.items[0], parse->err);
	} else {
		bool help = false;
		for (size_t i = 0; i < parse->found.count; i++)
			help = help || parse->found.items[i].option->offset == AT(help);
		ret->verb = &neap_cli_help;
		ret->help = true;
		if (help)
			return 0;
		neap_error_set(parse->err, "no verb given");
		return neap_error_hint(parse->err, "neap help lists them");
	}
	for (size_t i = 0; i < parse->found.count; i++) {
		const struct option *option = NULL;
		if (find_row(parse, parse->found.items[i].option, ret->verb, &option) < 0 ||
		    set(parse, option, parse->found.items[i].value, ret) < 0)
			return -1;
	}
	settle_params(ret);
	return settle_operand(parse, ret);
}

int neap_cli_parse(struct neap_arena *arena, int argc, char *const *argv, struct neap_cli_options *ret,
		   struct neap_error **err)
{
	struct parse parse = { .arena = arena, .err = err };
	struct neap_cli_options parsed = { 0 };
	/* Habit has it so everywhere. */
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		parsed.verb = &neap_cli_version;
	int r = parsed.verb ? 0 : parse_all(&parse, argc, argv, &parsed);
	neap_vec_done(&parse.found);
	neap_vec_done(&parse.operands);
	if (r == 0)
		*ret = parsed;
	else
		neap_cli_options_done(&parsed);
	return r;
}

void neap_cli_options_done(struct neap_cli_options *parsed)
{
	neap_vec_done(&parsed->params);
}

/* ---- the screen --------------------------------------------------------------------------------------- */

static void put_left(char *ret, size_t size, const struct option *option)
{
	if (option->letter && option->name)
		snprintf(ret, size, "-%c, --%s%s%s", option->letter, option->name,
			 option->argument ? " " : "", option->argument ? option->argument : "");
	else if (option->letter)
		snprintf(ret, size, "-%c %s", option->letter, option->argument);
	else
		snprintf(ret, size, "    --%s%s%s", option->name, option->argument ? " " : "",
			 option->argument ? option->argument : "");
}

void neap_cli_print_options(FILE *out, enum neap_cli_verb_bit verb)
{
	char left[64];
	int widest = 0;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		put_left(left, sizeof left, &options[i]);
		if ((options[i].verbs & verb) && (int)strlen(left) > widest)
			widest = (int)strlen(left);
	}
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (!(options[i].verbs & verb))
			continue;
		put_left(left, sizeof left, &options[i]);
		int column = fprintf(out, "  %-*s ", widest, left);
		for (const char *word = options[i].doc; *word;) {
			size_t len = strcspn(word, " ");
			if (column + 1 + (int)len > 80)
				column = fprintf(out, "\n  %*s ", widest, "") - 1;
			column += fprintf(out, " %.*s", (int)len, word);
			word += len + (word[len] == ' ');
		}
		fputc('\n', out);
	}
}
