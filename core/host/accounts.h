/*
 * The accounts of a machine: the files of users and groups below its root, read through a view when first
 * asked and kept, parsed, until dropped. Each host has one (neap_reads.accounts). Knows nothing of NSS, NIS
 * or LDAP: what is in the files exists. A file of more than NEAP_CONTENT_MAX is not read.
 *
 *	accounts.c        life, reading, looking up
 *	accounts_table.c  one file as lines: parsing, changing, writing out
 *	accounts_free.c   numbers and ranges that nobody has
 */
#pragma once

#include "host/host.h"

struct neap_accounts;

/* In the order in which changes of one step are written: an entry comes after what it stands on. */
enum neap_account_file {
	NEAP_ETC_GSHADOW,
	NEAP_ETC_GROUP,
	NEAP_ETC_SHADOW,
	NEAP_ETC_SUBGID,
	NEAP_ETC_SUBUID,
	NEAP_ETC_PASSWD,
	NEAP_ETC_FILES
};
const char *neap_account_path(enum neap_account_file file); /* "/etc/gshadow" … */
/* How a write to `path` has to land, whoever asks for it. */
enum neap_accounts_write neap_account_landing(const char *path);

struct neap_accounts *neap_accounts_new(void);
void neap_accounts_free(struct neap_accounts *accounts); /* NULL is allowed */
/* Forget: the files are read again when asked next. */
void neap_accounts_drop(struct neap_accounts *accounts);
/* Something was written, made or removed at `path` (through no link): drop if it may matter. A host whose
 * directories or links change in other ways calls drop. */
void neap_accounts_touch(struct neap_accounts *accounts, const char *path);
/* While set, an account that does not exist is NEAP_UNKNOWN instead of an error. */
void neap_accounts_pending(struct neap_accounts *accounts, bool pending);
/* Set by who makes or removes an account of which not all is known: the same, and no number is free for sure.
 * Whose doing it is; UINT32_MAX: nobody's. */
uint32_t neap_accounts_unsettled(const struct neap_accounts *accounts);

/* As neap_view_user() and neap_view_group(), but for names only. */
int neap_accounts_user(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
		       uint32_t *ret_uid, struct neap_error **err);
int neap_accounts_group(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
			uint32_t *ret_gid, struct neap_error **err);
int neap_accounts_home(struct neap_accounts *accounts, const struct neap_view *view, const char *name,
		       struct neap_arena *arena, struct neap_home *ret, struct neap_error **err);
/* In `arena`; NULL when there is none, or the file cannot be read. */
const char *neap_accounts_user_name(struct neap_accounts *accounts, const struct neap_view *view,
				    uint32_t uid, struct neap_arena *arena);
const char *neap_accounts_group_name(struct neap_accounts *accounts, const struct neap_view *view,
				     uint32_t gid, struct neap_arena *arena);

/* ---- entries: what follows asks the accounts of the view --------------------------------------------- */

#define NEAP_ACCOUNT_FIELDS 9 /* shadow has most */
struct neap_account_entry {   /* borrowed: good until accounts are changed or dropped */
	struct neap_str fields[NEAP_ACCOUNT_FIELDS];
	size_t count; /* 0: there is no such entry */
	uint32_t number;
};
/* The entry of `name`; of several the first. A malformed line of that name is an error that says where.
 * NEAP_UNKNOWN when there is none and something is pending. */
int neap_account_entry(const struct neap_view *view, enum neap_account_file file, const char *name,
		       struct neap_account_entry *ret, struct neap_error **err);
int neap_account_by_number(const struct neap_view *view, enum neap_account_file file, uint32_t number,
			   struct neap_account_entry *ret, struct neap_error **err);
int neap_account_file_present(const struct neap_view *view, enum neap_account_file file, bool *ret,
			      struct neap_error **err);
/* All entries, one after the other: start with *at = 0, ends with count 0. */
int neap_account_next(const struct neap_view *view, enum neap_account_file file, size_t *at,
		      struct neap_account_entry *ret, struct neap_error **err);
/* Names of the groups that have `user` as a member, in the order in which they became so; in `arena`. */
int neap_account_groups_of(const struct neap_view *view, const char *user, struct neap_arena *arena,
			   const char *const **ret, size_t *ret_count, struct neap_error **err);
/* The number in a field; false when it is none. */
bool neap_account_number(struct neap_str text, uint32_t *ret);
/* A setting of /etc/login.defs, or NULL. */
int neap_account_setting(const struct neap_view *view, const char *name, const char **ret,
			 struct neap_error **err);

/* ---- what nobody has --------------------------------------------------------------------------------- */

/* As useradd and groupadd choose: above the highest in use between min and max, or (`down`) below the lowest;
 * where that is not to be had, the first that is. NEAP_UNKNOWN once unsettled. */
int neap_account_free_number(const struct neap_view *view, enum neap_account_file file, uint32_t min,
			     uint32_t max, bool down, uint32_t *ret, struct neap_error **err);
/* The first gap of `count` numbers, of /etc/subuid or /etc/subgid. */
int neap_account_free_range(const struct neap_view *view, enum neap_account_file file, uint64_t min,
			    uint64_t max, uint64_t count, uint64_t *ret, struct neap_error **err);

/* "I may take or give back a number, and it is not known which": from here on no free one is known. Only ever
 * needed where a read was unknown, thus in a plan; the cause is that of the read. */
void neap_account_unsettle(struct neap_host *host);

/* ---- changes ----------------------------------------------------------------------------------------- */

struct neap_account_edit {
	enum neap_account_file file;
	const char *name;
	const char *text; /* the whole entry, without a newline; NULL: the entries of this name go */
	bool pinned; /* in passwd: it is there before what is changed after it, in no matter which group of
			changes */
};
/* All of them, each file written once, in the order of the files. A file that is absent is made: 0644, with
 * secrets in it 0640 root:shadow. They land under the lock of the account files. */
int neap_account_edit(struct neap_host *host, const struct neap_account_edit *edits, size_t count,
		      struct neap_error **err);
