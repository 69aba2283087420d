/*
 * One account file as lines: what accounts*.c share. Lines that are no entries (comments, NIS lines, what is
 * malformed) are kept byte for byte and never looked into again.
 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "host/accounts.h"

struct neap_account_line {
	const char *data; /* without its newline */
	size_t len;
	char *owned;          /* `data`, when it has been changed since the file was read */
	struct neap_str name; /* lasts as long as the table; empty: no entry */
	uint32_t number;
	bool valid, gone;
	bool unended;                          /* the file ends with it, and without a newline */
	struct neap_account_line *same, *twin; /* the next of this name, of this number */
};

struct neap_account_range {
	uint64_t first, last;
};

struct neap_account_table {
	/* What is always so. */
	const char *path, *word; /* "/etc/passwd", "user" */
	size_t fields;           /* that a line has at least */
	bool numbered, members, ranges, secret;

	bool loaded, present, busy;
	struct neap_arena *arena;
	const char *from; /* path without links; of a file that is absent, where it would be */
	uint64_t stamp;   /* of the file as it was read */
	NEAP_VEC(struct neap_account_line *) lines;
	size_t size;                        /* of the file as it was composed last */
	size_t nis;                         /* where the NIS lines begin: new entries go before them */
	struct neap_map by_name, by_number; /* the first entry of each */
	struct neap_map malformed;          /* name -> line */
	struct neap_map memberships;        /* of a user, once somebody has asked */
	bool memberships_made;
	struct {
		uint32_t min, max, edge, gap;
		bool made;
	} free[2];                                 /* numbers: upwards, downwards */
	NEAP_VEC(struct neap_account_range) taken; /* sorted, once somebody has asked */
	bool taken_made;
	struct {
		uint64_t min, count, low;
		size_t at; /* into taken */
	} search;          /* where the last one ended: what was too small before it is so again */
};

struct neap_accounts {
	struct neap_account_table tables[NEAP_ETC_FILES];
	struct neap_map settings; /* of /etc/login.defs */
	struct neap_arena *settings_arena;
	bool pending;
	uint32_t unsettled; /* see neap_accounts_unsettled() */
};

/* Reads the file when it is not loaded. 0, negative, NEAP_UNKNOWN. */
int neap_account_load(struct neap_accounts *accounts, struct neap_account_table *table,
		      const struct neap_view *view, struct neap_error **err);

void neap_account_table_drop(struct neap_account_table *table);
void neap_account_table_parse(struct neap_account_table *table, const char *data, size_t len);
struct neap_account_line *neap_account_line_of(const struct neap_account_table *table, struct neap_str name);
struct neap_account_line *neap_account_numbered(const struct neap_account_table *table, uint32_t number);
/* As in an editor: 1 is the first. */
size_t neap_account_line_number(const struct neap_account_table *table, const struct neap_account_line *line);
void neap_account_split(const struct neap_account_line *line, struct neap_account_entry *ret);

/* The entry of the name becomes `text`, or a new one is added. */
void neap_account_put(struct neap_account_table *table, const char *name, const char *text);
/* All entries of the name go. */
void neap_account_remove(struct neap_account_table *table, const char *name);
void neap_account_compose(struct neap_account_table *table, struct neap_buf *ret);

/* accounts_free.c: a new line of a file of ranges. */
void neap_account_take_range(struct neap_account_table *table, const struct neap_account_line *line);
/* Free numbers have to be looked for again. */
void neap_account_recount(struct neap_account_table *table);
