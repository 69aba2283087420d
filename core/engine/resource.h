/*
 * A resource type: one file in modules/, one const struct, one table of parameters. The table is the only
 * description of a parameter: validation, `neap doc`, the reference and the editor annotations come from it.
 *
 * How the engine calls a type, in order:
 *	check     once, after evaluation: parameters that contradict each other
 *	claim     which objects it owns, so that two owners of one aspect are found and edges to parents made
 *	prefetch  once, before the first is read, with all that will be
 *	read      what is there
 *	diff      pure: what differs
 *	apply     only with a non-empty diff, or when read answered NEAP_UNKNOWN
 *	read, diff again: still different is an error against the type ("did not converge")
 *	output    when another resource refers to it
 *	wait      at the end
 *	refresh   when something it subscribes to has changed, or its own diff says so; kept in mind beyond
 *the run until it has been done
 *
 * A type whose resources are cheap together (packages: one transaction) has read_all and apply_all too: all
 * that stand on the same are looked at by one call and changed by one call. In a plan those that come later
 *are taken to stand on the earlier, as one such change may bring what is another's.
 *
 * A type never asks whether this is a plan and never whether a value is unknown: a parameter not known yet
 * is simply not given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "base/value.h"
#include "host/host.h"

enum neap_param_kind {                      /* member of the want struct at `offset` */
		       NEAP_PARAM_TEXT,     /* struct neap_text: any bytes, secrets allowed with the flag */
		       NEAP_PARAM_STRING,   /* const char *: no NUL, no newline, not empty */
		       NEAP_PARAM_PATH,     /* const char *: absolute, normalised */
		       NEAP_PARAM_SOURCE,   /* struct neap_source: a local file beside the recipe, read at
					       evaluation */
		       NEAP_PARAM_CHOICE,   /* unsigned: index into choices */
		       NEAP_PARAM_BOOLEAN,  /* bool */
		       NEAP_PARAM_INTEGER,  /* int64_t, within min … max */
		       NEAP_PARAM_MODE,     /* uint32_t: "0644" or "644"; a number is refused */
		       NEAP_PARAM_OWNER,    /* const char *: account name or decimal number (a Lua integer is
					       taken too) */
		       NEAP_PARAM_REGEX,    /* struct neap_pattern: compiled */
		       NEAP_PARAM_STRINGS,  /* struct neap_strings: a list of strings */
		       NEAP_PARAM_ARGV,     /* struct neap_strings: a list, not empty */
		       NEAP_PARAM_DURATION, /* int64_t, seconds within min … max: "30s", "90d" */
		       NEAP_PARAM_INTEGERS, /* struct neap_integers: one or a list, within min … max */
		       NEAP_PARAM_TEXTS, /* struct neap_texts: a table of names and strings, secrets allowed
					    with the flag */
		       NEAP_PARAM_RESOURCE, /* struct neap_related: a handle, which is an edge, or a path */
};

enum neap_param_flags {
	NEAP_PARAM_KEY = 1 << 0, /* part of the address */
	NEAP_PARAM_REQUIRED = 1 << 1,
	NEAP_PARAM_SECRET = 1 << 2,     /* may hold secrets */
	NEAP_PARAM_KEY_ELSE = 1 << 3,   /* with KEY: only where no other KEY that is not REQUIRED is given */
	NEAP_PARAM_OR_INTEGER = 1 << 4, /* of TEXT, STRING: a whole number is taken too, as its digits */
	NEAP_PARAM_OR_ONE = 1 << 5,     /* of STRINGS: a string is a list of one */
	NEAP_PARAM_KNOWN = 1 << 6,      /* no output of another resource: not given means none */
	NEAP_PARAM_GROUP = 1 << 7,      /* OWNER: a group; without it a user */
	NEAP_PARAM_OR_FALSE = 1 << 8,   /* of CHOICE: the first one is no word but the boolean false;
					   of TEXTS: false is taken too, as a text without data */
	NEAP_PARAM_LINE = 1 << 9,       /* of STRING: the line of a file, whose newline is cut off */
};

struct neap_source {
	const char *path; /* on the evaluating machine */
	struct neap_content content;
};
struct neap_pattern {
	const char *text;
	const struct neap_regex *regex;
};
struct neap_strings {
	const char *const *items; /* NULL-terminated */
	size_t count;
};

struct neap_integers {
	const int64_t *items;
	size_t count;
};
struct neap_texts {
	const char *const *names;      /* sorted */
	const struct neap_text *texts; /* with NEAP_PARAM_OR_FALSE: data NULL is false */
	size_t count;
};
struct neap_resource_type;
struct neap_related {
	const char *path; /* as given, or the first KEY parameter of the resource that is a path */
	const struct neap_resource_type *type; /* NULL: only a path was given */
	const void *want;                      /* of the resource */
};

struct neap_param {
	const char *name;
	enum neap_param_kind kind;
	unsigned flags;
	const char *doc;            /* one or two sentences, ends in a full stop */
	const char *fallback;       /* what happens when it is not given, for people; NULL: nothing */
	const char *instead;        /* where a secret goes that it cannot hold, for people; or NULL */
	const char *const *choices; /* CHOICE: NULL-terminated; the first is the default */
	int64_t min, max;           /* INTEGER, INTEGERS, DURATION */
	size_t offset;              /* in the want struct */
};

/* First member of every want struct. Bit i = parameter i of the table. `awaited` is for the few types that
 * have to tell what will be given from what never is. */
struct neap_want {
	uint64_t given;
	uint64_t awaited; /* an output of another that is not known yet: not given, for now */
	bool guarded;     /* only_if or not_if is given */
	const struct neap_resource_type *type; /* whose it is: functions that serve many types ask it */
};
#define neap_given(want, index) (((want)->base.given >> (index)) & 1)
#define neap_awaited(want, index) (((want)->base.awaited >> (index)) & 1)

/* The parameter `ensure` of types that know no third way. */
enum { NEAP_PRESENT, NEAP_ABSENT };
extern const char *const neap_ensure_choices[];
/* With ensure = "absent" parameters first to last have no meaning: an error for the one that is given. KEY
 * ones and `ensure` itself may be among them. */
int neap_absent_check(const void *want, unsigned first, unsigned last, struct neap_error **err);

struct neap_output {
	const char *name, *doc;
	bool secret;
};

enum neap_action { /* weakest first */
		   NEAP_ACTION_NONE,
		   NEAP_ACTION_UNKNOWN,
		   NEAP_ACTION_REFRESH,
		   NEAP_ACTION_RUN,
		   NEAP_ACTION_UPDATE,
		   NEAP_ACTION_CREATE,
		   NEAP_ACTION_DELETE,
};
const char *neap_action_name(enum neap_action action);

/* ---- diff: what a type's diff() fills. Values are borrowed from want and have. ------------------------- */

struct neap_diff;

/* The first call decides; without one a diff with changes is an update. */
void neap_diff_action(struct neap_diff *diff, enum neap_action action);
/* All of it is made, or goes: the action, and the entry "ensure". */
void neap_diff_ensure(struct neap_diff *diff, unsigned ensure);
/* `before` NULL: was not there. */
void neap_diff_text(struct neap_diff *diff, const char *param, const struct neap_text *before,
		    const struct neap_text *after);
void neap_diff_string(struct neap_diff *diff, const char *param, const char *before, const char *after);
void neap_diff_mode(struct neap_diff *diff, const char *param, uint32_t before,
		    uint32_t after); /* NEAP_KEEP: none */
/* `text` is after's bytes with their marks, or NULL. `before` is hidden when after has secrets or `hide`. */
void neap_diff_content(struct neap_diff *diff, const char *param, const struct neap_content *before,
		       const struct neap_content *after, const struct neap_text *text, bool hide);
/* Lists: "parents" made, entries purged. All items are kept, however many: reports cut what they show. */
void neap_diff_list(struct neap_diff *diff, const char *param, const char *const *before, size_t before_count,
		    const char *const *after, size_t after_count);
/* One sentence part for people: why, or what will happen beside it. Several are joined by "; ". */
void neap_diff_reason(struct neap_diff *diff, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, of what is over when it is done: then it reads `done`. */
void neap_diff_promise(struct neap_diff *diff, const char *done, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool neap_diff_empty(const struct neap_diff *diff);
/* "Once this has been changed it has to be refreshed", as if something had notified it. Only of types that
 * say `refreshes_itself`. */
void neap_diff_refresh(struct neap_diff *diff);
/* Scratch memory that lives as long as the diff. */
struct neap_arena *neap_diff_arena(struct neap_diff *diff);

/* ---- claims ------------------------------------------------------------------------------------------ */

struct neap_claims;
struct neap_regex;

enum neap_aspect {
	NEAP_ASPECT_EXISTENCE = 1 << 0, /* it is there, as this kind of thing */
	NEAP_ASPECT_CONTENT = 1 << 1,
	NEAP_ASPECT_ATTRIBUTES = 1 << 2, /* mode, owner */
	/* What lies below it is for the resource to know, and not said one by one: a purge leaves it alone.
	 * Others may own things there, which the resource must not touch. */
	NEAP_ASPECT_TREE = 1 << 3,
};
/*
 * "I own these aspects of this path." Two resources with one aspect in common are an error that names both.
 * The engine orders by paths: after whoever owns the nearest directory above (before it, when this or that
 * is to be absent).
 */
void neap_claim_path(struct neap_claims *claims, const char *path, unsigned aspects, bool absent);
/* "I own a part of the content of this path" (and with `pattern` every line that it fits): conflicts with
 * ASPECT_CONTENT, an absent existence, the same `part`, and with lines that a pattern of another fits; other
 * parts of one path run in declaration order, after the owner of its existence. A part is a whole line; or,
 * with newlines in it, the name of something else, which no pattern fits ("block\nweb"). Such a name lies in
 * that of another when it goes on after a newline ("ini\nService\nUser" in "ini\nService"): the owner of the
 * one owns the other. */
void neap_claim_part(struct neap_claims *claims, const char *path, const char *part,
		     const struct neap_regex *pattern);
/* "These lines of it I keep, too": no pattern of another may fit one. `text` is lines with newlines between.
 */
void neap_claim_lines(struct neap_claims *claims, const char *path, struct neap_str text);

/* "I change entries of this file, each known by its name": conflicts with ASPECT_CONTENT and an absent
 * existence. No order among those who say so; after the owner of its existence. */
void neap_claim_entries(struct neap_claims *claims, const char *path);
/* "What lies here is neap's own, the same for all who say so: the first who finds it otherwise makes it." As
 * neap_claim_entries() to everybody else. */
void neap_claim_common(struct neap_claims *claims, const char *path);
/* "Where this directory is absent I make it, with what belongs in it; else I leave it alone": comes after
 * whoever owns the nearest directory above, and before whoever owns the path or anything below it. */
void neap_claim_place(struct neap_claims *claims, const char *path);

/* "What goes by this name in the directories of `directory` may be mine, and I know which is when I look": a
 * purge leaves it alone, and I come after whoever makes one of these directories. Two may say so, and it is
 * no claim against another. */
void neap_claim_anywhere(struct neap_claims *claims, const char *directory, const char *name);

/*
 * Accounts, by name. Who makes one is done before whoever needs it; every parameter of kind OWNER says by
 * itself that its resource does. Two makers of one account are an error, and so is needing what another makes
 * absent.
 */
enum neap_account_kind { NEAP_ACCOUNT_USER, NEAP_ACCOUNT_GROUP };
enum neap_account_claim {
	NEAP_ACCOUNT_MAKES,
	NEAP_ACCOUNT_REMOVES,
	NEAP_ACCOUNT_MAKES_ELSE,   /* when nobody else in the graph does, who would come before it */
	NEAP_ACCOUNT_REMOVES_ELSE, /* when nobody else does, who would come after it */
	NEAP_ACCOUNT_NEEDS,
};
void neap_claim_account(struct neap_claims *claims, enum neap_account_kind kind, const char *name,
			enum neap_account_claim claim);
/* "I see to it that `user` is in `group`", and "nobody else says what is in this group, or in what groups
 * this user is": then it is an error that another does, unless I do so too. */
void neap_claim_member(struct neap_claims *claims, const char *group, const char *user);
void neap_claim_only_members(struct neap_claims *claims, enum neap_account_kind kind, const char *name);

/*
 * Links, by name. Who makes one is done before whoever needs it; two makers are an error, and so is needing
 * what another makes absent. Who takes something off a link is done before it goes.
 */
enum neap_link_claim {
	NEAP_LINK_MAKES,
	NEAP_LINK_REMOVES,
	NEAP_LINK_NEEDS,
	NEAP_LINK_LEAVES,  /* takes something off it */
	NEAP_LINK_FOLLOWS, /* NEEDS, and what it puts there can go with what others take off: after them */
};
void neap_claim_link(struct neap_claims *claims, const char *name, enum neap_link_claim claim);
/* "By me hosts of this network are reached (or no more), or this address is the machine's"; "I need a way to
 * this address": it comes after the former, for the smallest such network. */
void neap_claim_network(struct neap_claims *claims, const struct neap_net_prefix *network);
void neap_claim_reaches(struct neap_claims *claims, const struct neap_net_ip *ip);
/* "Nobody but me says this": what it is about, in words, is an error for the second to say so. */
void neap_claim_sole(struct neap_claims *claims, const char *what);

/* "By this unit of systemd I am there again after a boot", or (not `needed`) "by me it is not started then":
 * one who says the one and one who says the other are an error. */
void neap_claim_boot(struct neap_claims *claims, const char *unit, bool needed);

/* "What I do depends on this path and everything below it": after all who claim something there, but for
 * those who stand on this resource themselves, or say the same. */
void neap_claim_after(struct neap_claims *claims, const char *directory);

/* What read() has made of many reads, kept for the next resource of the type: of those behind something that
 * has not happened yet, and of the others, for what is absent reads otherwise there. What is of the recipe
 * alone is good always, else it is while the generation is that of the view: else it follows what has changed
 * (neap_view_changed()), or the arena is reset and it is made again. */
struct neap_memo {
	struct neap_arena *arena;
	uint64_t generation; /* 0: nothing is kept */
	void *data;
	void (*done)(void *data); /* frees what `data` holds outside of the arena; or NULL */
};
/* Nothing is kept any more. */
void neap_memo_reset(struct neap_memo *memo);

/* ---- context of a call --------------------------------------------------------------------------------- */

/*
 * What read, diff and apply may use beside the host. `scratch` lives until the run is over when the resource
 * has changed, for its diff and what the host keeps of it; `passing` until its turn is, and holds nothing of
 * either: whole files of which it owns a part. `again`: this look comes after the change, to see that it has
 * been done. `notified`: it is to be refreshed, should needs_refresh() say so. `owned(path)`: whether some
 * resource of the graph, or neap itself, owns the path or something below it. `others(path)`: whether another
 * resource than this one owns just that; may be NULL. `declared` walks over all resources of the type, in the
 * order in which they have their turn: *at starts at 0, false at the end; may be NULL.
 */
struct neap_declared {
	const char *address;
	const void *want;
};
struct neap_context {
	struct neap_arena *scratch, *passing;
	bool again, itself, notified;
	const void *engine;
	uint32_t self; /* its number */
	bool (*owned)(const void *engine, const char *path);
	bool (*others)(const struct neap_context *ctx, const char *path);
	bool (*accounted)(const void *engine, enum neap_account_kind kind, const char *name);
	const struct neap_resource_type *type;
	struct neap_memo *memo; /* of a type that keeps something; may be NULL */
	bool (*declared)(const struct neap_context *ctx, size_t *at, struct neap_declared *ret);
};

/* One of several resources that are looked at and changed together. */
struct neap_batched {
	const void *want;
	void *have; /* for read_all: comes zeroed. For apply_all: NULL when not known, as for apply */
	struct neap_error *err; /* read_all may fail one of them and go on */
};

/*
 * A number about what is there that somebody may want to watch, as until when a certificate is good: for
 * --metrics. In base units; `metric` and `label` are names as Prometheus has them.
 */
struct neap_measure {
	const char *metric, *help;
	const char *label; /* of each value: what tells it from the others */
	/* `have` is what read() has made of it; when that failed or it is not known, as much of it as it came
	 * to, and zeros. False: there is nothing to measure. */
	bool (*of)(const void *want, const void *have, const char **ret_label, double *ret_value);
};

/* A parameter as other tools call it, or that they have alone, and what to do here: for whoever gives it. */
struct neap_param_hint {
	const char *name, *hint;
};

struct neap_resource_type {
	const char *name;
	const char *summary;     /* one line */
	const char *description; /* Markdown, for the reference: what it promises, what it does not */
	const char *example;     /* Lua */
	const struct neap_param *params;
	size_t param_count;
	const struct neap_param_hint *hints; /* or NULL; ends with one without a name */
	const struct neap_output *outputs;
	size_t output_count;
	size_t want_size, have_size;

	/* The name in the address, where the KEY parameters, which are all there and not checked yet, are no
	 * good for one; as different as they are. NULL: they are the name. */
	const char *(*name_of)(const void *want, struct neap_arena *arena);
	int (*check)(const void *want, struct neap_error **err);
	void (*claim)(const void *want, struct neap_claims *claims);
	/* Which questions the machine will be asked: a hint, so that it can answer them together. Costs
	 * nothing and cannot fail. All selected resources of the type, in the order in which they will be
	 * read; parameters that come from others are not given. */
	void (*prefetch)(const struct neap_view *view, const void *const *wants, size_t count);
	/* `have` comes zeroed. */
	int (*read)(const struct neap_view *view, const struct neap_context *ctx, const void *want,
		    void *have, struct neap_error **err);
	int (*diff)(const struct neap_context *ctx, const void *want, const void *have,
		    struct neap_diff *diff, struct neap_error **err);
	/* `have` NULL: what is there is not known (a plan): make all of it so. */
	int (*apply)(struct neap_host *host, const struct neap_context *ctx, const void *want,
		     const void *have, struct neap_error **err);
	/* Both or none; read and apply do the same for one. What read_all returns is meant for all of them,
	 * but for those whose err it sets. apply_all changes nothing but by processes: when it fails, the
	 * engine looks which of them are as wanted. Without refresh and wait. */
	int (*read_all)(const struct neap_view *view, const struct neap_context *ctx,
			struct neap_batched *members, size_t count, struct neap_error **err);
	int (*apply_all)(struct neap_host *host, const struct neap_context *ctx,
			 const struct neap_batched *members, size_t count, struct neap_error **err);
	int (*refresh)(struct neap_host *host, const struct neap_context *ctx, const void *want,
		       struct neap_error **err); /* NULL: cannot be notified */
	/* It was notified: whether refresh() has something to do once apply() has done what differs. `have`
	 * NULL: not known. No function: it always has. */
	bool (*needs_refresh)(const void *want, const void *have);
	/* What it keeps can go with what another changes (a route with its link): when a run has changed
	 * something it is looked at once more, at the end. */
	bool undone_by_others;
	bool refreshes_itself; /* diff() may say neap_diff_refresh() */
	bool keeps;            /* read() keeps something in the context's memo */
	/* Holds until what others stand on is there: called when the resource is as wanted. Never a change;
	 * the host knows not to wait in a plan. */
	int (*wait)(struct neap_host *host, const struct neap_context *ctx, const void *want,
		    struct neap_error **err);
	int (*output)(const struct neap_view *view, const struct neap_context *ctx, const void *want,
		      unsigned index, struct neap_text *ret, struct neap_error **err);
	/* The file that holds a secret which the type makes and no output gives: a private key in PEM. NULL:
	 * this one makes none. */
	const char *(*secret_file)(const void *want);
	const struct neap_measure *measure; /* or NULL; not of a type with read_all */
	const struct neap_live *live; /* or NULL: whose functions are those of live.h has its own there */
};
