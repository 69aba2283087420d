/*
 * Error messages. A message is one line that is safe to print: control bytes, which may come from a
 * path or a file, are written as escapes here, once for all.
 */
#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* Macros where the analyzer looks, see error.h. */
#undef neap_error_set
#undef neap_error_errno
#undef neap_error_hint
#undef neap_error_quote
#undef neap_error_prefix
#undef neap_error_pass

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* Takes `text` (malloc'd) and returns a printable one. `lines`: newlines stay. */
static char *printable(char *text, bool lines)
{
	static const char hex[] = "0123456789abcdef";
	size_t more = 0;
	char *out, *to;

	for (const char *p = text; *p; p++)
		more += is_control((unsigned char)*p) ? 3 : 0;
	if (!more)
		return text;
	out = to = neap_alloc(strlen(text) + more + 1);
	for (const char *p = text; *p; p++) {
		if (*p == '\n' && lines) {
			*to++ = *p;
		} else if (*p == '\n' || *p == '\t' || *p == '\r') {
			*to++ = '\\';
			*to++ = *p == '\n' ? 'n' : *p == '\t' ? 't' : 'r';
		} else if (is_control((unsigned char)*p)) {
			*to++ = '\\';
			*to++ = 'x';
			*to++ = hex[(unsigned char)*p >> 4];
			*to++ = hex[*p & 15];
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	free(text);
	return out;
}

__attribute__((format(printf, 1, 0))) static char *format_text(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		neap_out_of_memory();
	return printable(text, false);
}

static char *join(const char *a, const char *b)
{
	char *text;

	if (asprintf(&text, "%s: %s", a, b) < 0)
		neap_out_of_memory();
	return text;
}

static int set(struct neap_error **err, int errnum, const char *format, va_list args)
{
	struct neap_error *error;

	if (!err || *err)
		return -1;
	error = neap_alloc(sizeof(*error));
	*error = (struct neap_error){ .errnum = errnum, .message = format_text(format, args) };
	*err = error;
	return -1;
}

int neap_error_set(struct neap_error **err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(err, 0, format, args);
	va_end(args);
	return -1;
}

int neap_error_errno(struct neap_error **err, int errnum, const char *format, ...)
{
	const char *reason = strerrordesc_np(errnum);
	char number[32], *message;
	va_list args;

	if (!err || *err)
		return -1;
	va_start(args, format);
	set(err, errnum, format, args);
	va_end(args);
	if (!reason) {
		snprintf(number, sizeof(number), "error %d", errnum);
		reason = number;
	}
	message = join((*err)->message, reason);
	free((*err)->message);
	(*err)->message = message;
	return -1;
}

int neap_error_mark(struct neap_error **err, int errnum)
{
	if (err && *err && !(*err)->errnum)
		(*err)->errnum = errnum;
	return -1;
}

int neap_error_hint(struct neap_error **err, const char *format, ...)
{
	va_list args;

	if (!err || !*err || (*err)->hint)
		return -1;
	va_start(args, format);
	(*err)->hint = format_text(format, args);
	va_end(args);
	return -1;
}

int neap_error_quote(struct neap_error **err, const char *words, const char *text)
{
	char *both;

	if (!err || !*err || (*err)->hint)
		return -1;
	if (asprintf(&both, "%s\n%s", words, text) < 0)
		neap_out_of_memory();
	(*err)->hint = printable(both, true);
	return -1;
}

int neap_error_prefix(struct neap_error **err, const char *format, ...)
{
	char *context, *message;
	va_list args;

	if (!err || !*err)
		return -1;
	va_start(args, format);
	context = format_text(format, args);
	va_end(args);
	message = join(context, (*err)->message);
	free(context);
	free((*err)->message);
	(*err)->message = message;
	return -1;
}

int neap_error_pass(struct neap_error **err, struct neap_error **from)
{
	if (err && !*err)
		*err = *from;
	else
		neap_error_free(*from);
	*from = NULL;
	return -1;
}

static char *copy(const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	return text ? memcpy(neap_alloc(size), text, size) : NULL;
}

struct neap_error *neap_error_copy(const struct neap_error *err)
{
	struct neap_error *ret = neap_alloc(sizeof(*ret));

	*ret = (struct neap_error){ err->errnum, copy(err->message), copy(err->hint) };
	return ret;
}

void neap_error_free(struct neap_error *err)
{
	if (!err)
		return;
	free(err->message);
	free(err->hint);
	free(err);
}

void neap_error_auto(struct neap_error **err)
{
	neap_error_free(*err);
	*err = NULL;
}
