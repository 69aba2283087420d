/*
 * Private keys (OpenSSL 3): made, read, described. Bytes in, bytes out; opens nothing.
 *
 * RSA, ECDSA and Ed25519, as PEM (PKCS#8 is written; the older forms are read too). What is encrypted is
 * refused: nothing here asks for a passphrase.
 */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* "rsa-2048", "ecdsa-p256" … by number, NULL-terminated; the first is the default. */
extern const char *const neap_key_algorithms[];

struct neap_key;

/* A new key. Takes up to a second (RSA of 4096 bits). Secret, in `arena`, which is wiped from then on. */
int neap_key_make(unsigned algorithm, struct neap_arena *arena, struct neap_text *ret_pem,
		  struct neap_error **err);

int neap_key_parse(struct neap_str pem, struct neap_key **ret, struct neap_error **err);
void neap_key_free(struct neap_key *key); /* NULL is allowed */
void neap_key_auto(struct neap_key **key);
#define NEAP_AUTO_KEY __attribute__((cleanup(neap_key_auto)))

/* As in neap_key_algorithms, or the like of it ("rsa-1024", "ecdsa-secp521r1"). */
const char *neap_key_name(const struct neap_key *key, struct neap_arena *arena);
/* The public half as PEM (SubjectPublicKeyInfo). */
int neap_key_public(const struct neap_key *key, struct neap_arena *arena, struct neap_str *ret,
		    struct neap_error **err);
