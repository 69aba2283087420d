/*
 * See log.h. libsystemd is loaded when somebody asks for the journal, as nearly no run needs it.
 */
#include "host/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/library.h"
#include "base/vec.h"

#define JOURNAL "/run/systemd/journal/socket"
#define SYSLOG "/dev/log"
#define IDENTIFIER "neap"

struct neap_log {
	enum neap_log_kind kind;
};

static int (*sendv)(const struct iovec *fields, int count); /* sd_journal_sendv() */
static const char *const lib_name = "sd_journal_sendv";
static struct neap_library library = { "libsystemd.so.0", "libsystemd0, or log to syslog",
				       &lib_name,         &sendv,
				       sizeof(sendv),     false };

int neap_log_open(enum neap_log_kind kind, struct neap_log **ret, struct neap_error **err)
{
	struct neap_log log = { .kind = kind };
	const char *where = kind == NEAP_LOG_JOURNAL ? JOURNAL : SYSLOG;

	/* Neither library says that nobody listens. */
	if (access(where, W_OK) < 0) {
		neap_error_errno(err, errno, "open %s", where);
		return neap_error_hint(err, kind == NEAP_LOG_JOURNAL ? "there is no systemd-journald here"
								     : "there is no syslog daemon here");
	}
	if (kind == NEAP_LOG_JOURNAL && neap_library_load(&library, err) < 0)
		return -1;
	if (kind == NEAP_LOG_SYSLOG)
		openlog(IDENTIFIER, LOG_PID, LOG_DAEMON);
	*ret = neap_alloc(sizeof(**ret));
	**ret = log;
	return 0;
}

void neap_log_close(struct neap_log *log)
{
	if (!log)
		return;
	if (log->kind == NEAP_LOG_SYSLOG)
		closelog();
	free(log);
}

static struct iovec field(struct neap_arena *arena, const char *name, const char *value)
{
	char *text = neap_arena_printf(arena, "%s=%s", name, value);

	return (struct iovec){ text, strlen(text) };
}

int neap_log_send(struct neap_log *log, enum neap_log_priority priority, const char *message,
		  const struct neap_log_field *fields, size_t count, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = NULL;
	NEAP_VEC(struct iovec) all = { 0 };
	int r;

	if (log->kind == NEAP_LOG_SYSLOG) {
		syslog((int)priority, "%s", message);
		return 0;
	}
	arena = neap_arena_new();
	neap_vec_push(&all, field(arena, "MESSAGE", message));
	neap_vec_push(&all, field(arena, "PRIORITY", neap_arena_printf(arena, "%d", (int)priority)));
	neap_vec_push(&all, field(arena, "SYSLOG_IDENTIFIER", IDENTIFIER));
	for (size_t i = 0; i < count; i++)
		if (fields[i].value)
			neap_vec_push(&all, field(arena, fields[i].name, fields[i].value));
	r = sendv(all.items, (int)all.count);
	neap_vec_done(&all);
	return r < 0 ? neap_error_errno(err, -r, "write to the journal") : 0;
}
