/*
 * The part of neap's state that lets one run at a time do its work: the lock. Its file says who holds it, in
 * a first line that state_record.c writes, and in a second one which unit the holder has just told to start:
 * a run in that unit does not wait for a run that waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "host/control_group.h"
#include "host/state_parts.h"

#define POLL_MS 100
#define PATIENCE_MS 3000
#define MARK_MAX (2 * PATH_MAX)
#define STARTS "starts "

static void age(char ret[32], int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(ret, 32, "%lld s", (long long)seconds);
	else if (seconds < 120 * 60)
		snprintf(ret, 32, "%lld min", (long long)(seconds / 60));
	else if (seconds < 48 * 3600)
		snprintf(ret, 32, "%lld h", (long long)(seconds / 3600));
	else
		snprintf(ret, 32, "%lld days", (long long)(seconds / 86400));
}

/* ---- who waits for whom -------------------------------------------------------------------------------- */

/* What its holder has written into the lock's file. */
static void read_mark(const struct neap_state *state, char ret[MARK_MAX])
{
	ssize_t len = pread(state->lock, ret, MARK_MAX - 1, 0);

	ret[len > 0 ? len : 0] = '\0';
}

void neap_state_starts(struct neap_state *state, const char *unit)
{
	char text[NAME_MAX + 16];
	int len = unit ? snprintf(text, sizeof(text), STARTS "%s\n", unit) : 0;

	/* Without it one that waits for this run waits to the end of its time. */
	if (ftruncate(state->lock, state->mark) == 0 && len > 0 && len < (int)sizeof(text) &&
	    pwrite(state->lock, text, (size_t)len, state->mark) != len)
		return;
}

/* Whether the holder waits until a unit has started that this run is in: both would wait. */
static bool waits_for_us(const struct neap_state *state, char ret[NAME_MAX])
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	char text[MARK_MAX];
	const char *at;
	size_t len;

	read_mark(state, text);
	at = strstr(text, "\n" STARTS);
	at = at ? at + 1 + strlen(STARTS) : NULL;
	len = at ? strcspn(at, "\n") : 0;
	if (!len || len >= NAME_MAX || at[len] != '\n')
		return false;
	memcpy(ret, at, len);
	ret[len] = '\0';
	return neap_control_group_has(neap_control_group(arena), ret);
}

/* ---- the lock ------------------------------------------------------------------------------------------ */

static int locked(const struct neap_state *state, const char *unit, struct neap_error **err)
{
	char text[MARK_MAX], since[32];
	long long pid, start;

	read_mark(state, text);
	if (sscanf(text, "%lld %lld", &pid, &start) == 2) {
		age(since, (int64_t)time(NULL) - start);
		neap_error_set(err, "another run holds the lock: pid %lld, for %s (%s/lock)", pid, since,
			       state->directory);
	} else {
		/* It has the lock, but has not yet said who it is. */
		neap_error_set(err, "another run holds the lock (%s/lock)", state->directory);
	}
	if (unit)
		neap_error_hint(
			err,
			"that run starts %s, in which this one is, and waits for it: leave out state of that "
			"unit, or give it restart = false, and let a timer start it",
			unit);
	else
		neap_error_hint(err, "wait for it to end, or give --lock-wait DURATION, as in 30s");
	return NEAP_STATE_LOCKED;
}

int neap_state_lock(struct neap_state *state, unsigned wait, struct neap_error **err)
{
	struct timespec start, now, pause = { 0, POLL_MS * 1000000L };
	char text[64], unit[NAME_MAX];
	unsigned polls = 0; /* in which the holder waits for this run */
	int len;

	state->lock = openat(state->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (state->lock < 0)
		return neap_error_errno(err, errno, "open %s/lock", state->directory);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (flock(state->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return neap_error_errno(err, errno, "lock %s/lock", state->directory);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > wait ||
		    (now.tv_sec - start.tv_sec == wait && now.tv_nsec >= start.tv_nsec))
			return locked(state, waits_for_us(state, unit) ? unit : NULL, err);
		/* A unit whose start waits for nothing that runs in it is started in a moment. */
		polls = waits_for_us(state, unit) ? polls + 1 : 0;
		if (polls > PATIENCE_MS / POLL_MS)
			return locked(state, unit, err);
		nanosleep(&pause, NULL);
	}
	state->since = (int64_t)time(NULL);
	len = snprintf(text, sizeof(text), "%d %lld\n", (int)getpid(), (long long)state->since);
	if (ftruncate(state->lock, 0) < 0 || pwrite(state->lock, text, (size_t)len, 0) != len)
		return neap_error_errno(err, errno, "write %s/lock", state->directory);
	state->mark = len;
	return 0;
}
