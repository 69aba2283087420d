/*
 * Errors: one message, built from the inside out.
 *
 * Every function that can fail returns int, 0 or negative, and takes `struct neap_error **err` last. The
 * place that knows sets operation and object ("open /etc/x: Permission denied"); callers may add context
 * in front; the engine adds the resource's address and recipe line once. `err` may be NULL when the caller
 * does not want the message.
 *
 *	struct neap_error *err NEAP_AUTO_ERROR = NULL;
 *	if (neap_thing(…, &err) < 0)
 *		fprintf(stderr, "%s\n", err->message);
 */
#pragma once

#include <stdarg.h>

/* What a read returns when the state is not known in a plan. Positive, passed up like an error by every
 * caller that is not the engine; no neap_error is set. */
#define NEAP_UNKNOWN 1

struct neap_error {
	int errnum;    /* errno behind it, or 0 */
	char *message; /* one line, no trailing newline */
	char *hint;    /* what to do, one sentence; or lines that are quoted; or NULL */
};

/* Each returns -1, so that `return neap_error_set(err, …)` reads well. A message set twice: the first stays.
 */
int neap_error_set(struct neap_error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds ": " and strerror(errnum). */
int neap_error_errno(struct neap_error **err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says which errno stands behind a message that does not quote it. */
int neap_error_mark(struct neap_error **err, int errnum);
int neap_error_hint(struct neap_error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A hint that quotes what somebody else has said: `words`, then its lines. */
int neap_error_quote(struct neap_error **err, const char *words, const char *text);
/* "context: message" */
int neap_error_prefix(struct neap_error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What somebody else has set, *from (NULL is allowed), is the caller's now, unless it has one; *from is NULL
 * afterwards. Returns -1. */
int neap_error_pass(struct neap_error **err, struct neap_error **from);
/* Another one of the same, for several who fail for one reason. */
struct neap_error *neap_error_copy(const struct neap_error *err);

void neap_error_free(struct neap_error *err);
void neap_error_auto(struct neap_error **err);
#define NEAP_AUTO_ERROR __attribute__((cleanup(neap_error_auto)))

/* The static analyzer sees one file at a time: what every caller relies on, said where it can see it. */
#ifdef __clang_analyzer__
#define neap_error_set(...) ((void)neap_error_set(__VA_ARGS__), -1)
#define neap_error_errno(...) ((void)neap_error_errno(__VA_ARGS__), -1)
#define neap_error_hint(...) ((void)neap_error_hint(__VA_ARGS__), -1)
#define neap_error_quote(...) ((void)neap_error_quote(__VA_ARGS__), -1)
#define neap_error_prefix(...) ((void)neap_error_prefix(__VA_ARGS__), -1)
#define neap_error_pass(...) ((void)neap_error_pass(__VA_ARGS__), -1)
#endif
