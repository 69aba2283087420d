/*
 * Private keys and certificates as files: what the types that make them and those that only use them have in
 * common. A file that is not understood is an error and is never replaced. Knows no type.
 */
#pragma once

#include "base/pkey.h"
#include "base/x509.h"
#include "engine/attributes.h"
#include "engine/resource.h"

/* The bytes of a regular file; data NULL when nothing is there. A link, a directory or a file of more than 1
 * MB is an error. 0, negative, NEAP_UNKNOWN. The arena is wiped from then on. */
int neap_pem_read(const struct neap_view *view, struct neap_arena *arena, const char *path,
		  struct neap_stat *ret_stat, struct neap_str *ret, struct neap_error **err);

/* For a file that is to go: whether it is there, and that it is one. */
int neap_pem_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
		  struct neap_error **err);

/* A key that somebody else makes; it must be there. */
int neap_keyfile_load(const struct neap_view *view, struct neap_arena *arena, const char *path,
		      struct neap_key **ret, struct neap_error **err);

struct neap_keyfile_want {
	const char *path;
	const char *param;  /* the parameter that chooses the algorithm, for messages */
	unsigned algorithm; /* of a key that is made */
	bool chosen;        /* a key of another algorithm is replaced */
	struct neap_attributes attributes;
};

/* Part of a have struct. */
struct neap_keyfile {
	struct neap_stat stat;
	struct neap_str pem;
	const char *kind; /* of the key that is there; NULL: none */
	bool make;        /* one has to be made */
	struct neap_attributes_state attributes;
	struct neap_parents parents;
};

/* 0, negative, NEAP_UNKNOWN. *ret_key: the key that is there and stays; NULL when one has to be made. The
 * caller frees it. */
int neap_keyfile_read(const struct neap_view *view, struct neap_arena *arena,
		      const struct neap_keyfile_want *want, struct neap_keyfile *ret,
		      struct neap_key **ret_key, struct neap_error **err);
/* Entries and reasons for a key that belongs to something else: "key_algorithm", "key_owner" … */
void neap_keyfile_diff(const struct neap_keyfile_want *want, const struct neap_keyfile *have,
		       struct neap_diff *diff);
/* Makes it so. `have` NULL: not known. *ret_key is the key then, for the caller to free; NULL where it is
 * known only when changes are really made. */
int neap_keyfile_apply(struct neap_host *host, struct neap_arena *arena, const struct neap_keyfile_want *want,
		       const struct neap_keyfile *have, struct neap_key **ret_key, struct neap_error **err);

/* A PEM file as an output; it has to be there. */
int neap_pem_output(const struct neap_view *view, struct neap_arena *arena, const char *path,
		    struct neap_text *ret, struct neap_error **err);

/* What the certificate of a CA is to sign. */
struct neap_ca_use {
	int64_t now;
	bool for_ca;     /* another CA's */
	int path_length; /* of that; -1: not limited */
};
/* The certificate of a CA, which must be there, be in its time and may sign that. 0, negative, NEAP_UNKNOWN.
 */
int neap_ca_load(const struct neap_view *view, struct neap_arena *arena, const char *path,
		 const struct neap_ca_use *use, struct neap_cert **ret, struct neap_cert_facts *ret_facts,
		 struct neap_error **err);
