/* Random bytes that nobody can guess (OpenSSL's generator, seeded by the kernel). */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* `count` random bytes as 2 * count digits of lower-case hex, secret, NUL-terminated, in `arena`. */
int neap_random_hex(size_t count, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err);

/* A name that no other run has: 128 random bits as hex. Nothing that needs to stay secret. */
#define NEAP_RANDOM_ID_SIZE 33
void neap_random_id(char ret[NEAP_RANDOM_ID_SIZE]);
