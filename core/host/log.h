/*
 * The log of the system that runs neap: systemd's journal, with fields, or syslog, which has the message
 * only. It must not know what is told.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

enum neap_log_kind { NEAP_LOG_NONE, NEAP_LOG_JOURNAL, NEAP_LOG_SYSLOG };
enum neap_log_priority { NEAP_LOG_ERROR = 3, NEAP_LOG_NOTICE = 5, NEAP_LOG_INFO = 6 }; /* syslog's numbers */

struct neap_log_field {
	const char *name;  /* as the journal has them: A-Z, 0-9, _ */
	const char *value; /* NULL: left out */
};

struct neap_log;

/* An error where there is none on this machine: what is said to nobody would go unmissed. */
int neap_log_open(enum neap_log_kind kind, struct neap_log **ret, struct neap_error **err);
void neap_log_close(struct neap_log *log); /* NULL is allowed */
/* One entry, of "neap". `message` is a line, safe on a terminal. Negative with *err when it was not taken. */
int neap_log_send(struct neap_log *log, enum neap_log_priority priority, const char *message,
		  const struct neap_log_field *fields, size_t count, struct neap_error **err);
