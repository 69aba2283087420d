/*
 * Certificates and requests for them (X.509, OpenSSL 3). Bytes in, bytes out: opens nothing, knows no clock;
 * when a certificate begins and ends is said by who asks for it.
 *
 * What is written: version 3; a random serial number of 20 octets; the subject as organizations and common
 * name; basicConstraints and keyUsage, critical; extendedKeyUsage; subjectAltName (critical where there is no
 * subject); subject and authority key identifiers. Signed with SHA-256 (SHA-384 by a P-384 key; Ed25519 by
 * itself).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/pkey.h"
#include "base/str.h"

struct neap_words { /* sorted, none twice */
	const char *const *items;
	size_t count;
};
/* `items` in any order become a set. The strings are borrowed. */
struct neap_words neap_words_of(struct neap_arena *arena, const char *const *items, size_t count);
bool neap_words_equal(const struct neap_words *a, const struct neap_words *b);

/* Whom a certificate or a request speaks of, and what for. */
struct neap_holder {
	const char *common_name; /* NULL: none */
	struct neap_words organization;
	struct neap_words subject; /* what else a subject that is read says, "OU=x"; never written */
	struct neap_words names;   /* "DNS:a.example", "IP:::1", "URI:…", "email:…"; canonical */
	struct neap_words usages;  /* "server", "client"; what else is read by OpenSSL's name for it */
	bool ca;
	int path_length; /* of a CA; -1: not limited */
};

/* Refuses what is no name; else as it is compared: lower case, addresses as the kernel prints them. */
int neap_name_canonical(const char *name, struct neap_arena *arena, const char **ret,
			struct neap_error **err);
/* Common names and organizations: 1 to 64 characters of UTF-8 that can be printed. */
int neap_subject_check(const char *what, const char *text, struct neap_error **err);

/* ---- certificates ------------------------------------------------------------------------------------ */

struct neap_cert;

/* The first certificate in `pem`. */
int neap_cert_parse(struct neap_str pem, struct neap_cert **ret, struct neap_error **err);
void neap_cert_free(struct neap_cert *cert); /* NULL is allowed */
void neap_cert_auto(struct neap_cert **cert);
#define NEAP_AUTO_CERT __attribute__((cleanup(neap_cert_auto)))

struct neap_cert_facts {
	struct neap_holder holder;
	int64_t begins, ends; /* seconds since 1970 */
	bool key_usage;       /* it may be used for what it is: to sign others, or to prove who one is */
};
int neap_cert_facts(const struct neap_cert *cert, struct neap_arena *arena, struct neap_cert_facts *ret,
		    struct neap_error **err);
/* Whether the certificate is for this key. */
bool neap_cert_is_of(const struct neap_cert *cert, const struct neap_key *key);

enum neap_issued { NEAP_ISSUED, NEAP_ISSUED_OTHER_NAME, NEAP_ISSUED_OTHER_KEY };
/* Whether `issuer` issued `cert`: name, key identifier, signature. Dates are not looked at. */
enum neap_issued neap_cert_issued(const struct neap_cert *cert, const struct neap_cert *issuer);

struct neap_cert_order {
	struct neap_holder holder;
	int64_t begins, ends;
	const struct neap_key *key;        /* of the holder */
	const struct neap_cert *issuer;    /* NULL: it signs itself */
	const struct neap_key *issuer_key; /* NULL with `issuer` */
};
int neap_cert_make(const struct neap_cert_order *order, struct neap_arena *arena, struct neap_str *ret_pem,
		   struct neap_error **err);

/* ---- requests ---------------------------------------------------------------------------------------- */

struct neap_request;

int neap_request_parse(struct neap_str pem, struct neap_request **ret, struct neap_error **err);
void neap_request_free(struct neap_request *request); /* NULL is allowed */
void neap_request_auto(struct neap_request **request);
#define NEAP_AUTO_REQUEST __attribute__((cleanup(neap_request_auto)))

void neap_request_holder(const struct neap_request *request, struct neap_arena *arena,
			 struct neap_holder *ret);
/* It asks for this key, and is signed by it. */
bool neap_request_is_of(const struct neap_request *request, const struct neap_key *key);
int neap_request_make(const struct neap_holder *holder, const struct neap_key *key, struct neap_arena *arena,
		      struct neap_str *ret_pem, struct neap_error **err);
