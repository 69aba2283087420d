/*
 * The accounts of a machine: /etc/passwd and /etc/group below its root, read through a view when first
 * asked and kept until dropped. Each host has one (neap_reads.accounts). Knows nothing of NSS, NIS or LDAP:
 * what is in the two files exists.
 */
#pragma once

#include "host/host.h"

struct neap_accounts;

struct neap_accounts *neap_accounts_new(void);
void neap_accounts_free(struct neap_accounts *accounts); /* NULL is allowed */
/* Forget: the files are read again when asked next. */
void neap_accounts_drop(struct neap_accounts *accounts);
/* Something was written, made or removed at `path` (through no link): drop if it may matter. A host whose
 * directories or links change in other ways calls drop. */
void neap_accounts_touch(struct neap_accounts *accounts, const char *path);
/* While set, an account that does not exist is NEAP_UNKNOWN instead of an error. */
void neap_accounts_pending(struct neap_accounts *accounts, bool pending);

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
