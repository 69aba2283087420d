/*
 * Changes of the real machine that are taken back unless they are confirmed: armed before they land, awaited
 * after it, taken back by whoever comes first when their time is over. It must not know resources. How a
 * change is taken back: inverse*.c; the records and who wins: confirm.h; the clock: local_timer.c.
 */
#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/moment.h"
#include "base/random.h"
#include "host/inverse.h"
#include "host/local_confirm.h"
#include "host/local_firewall.h"

#define SLICE_MS 100
#define PROBE_EVERY_MS 1000
#define PROBE_SECONDS 10   /* for one try */
#define LEFT_SAID 20       /* things that could not be taken back, in an error */
#define ELSEWHERE_MS 60000 /* so long after its end a record of another namespace is kept */

void neap_host_local_program(struct neap_machine *machine, const char *program)
{
	neap_local_of(&machine->view)->program = program;
}

static void rest(void)
{
	const struct timespec slice = { .tv_nsec = SLICE_MS * 1000000L };

	nanosleep(&slice, NULL);
}

/* ---- arming -------------------------------------------------------------------------------------------- */

/* How the changes of one table are taken back. */
static int describe_table(struct neap_local *local, const struct neap_change *const *changes, size_t count,
			  struct neap_buf *how, struct neap_error **err)
{
	const struct neap_ruleset *set;

	if (neap_local_ruleset(&local->machine.view, &changes[0]->table, &set, err) < 0)
		return -1;
	neap_inverse_firewall(set, changes, count, how);
	return 0;
}

static int describe(struct neap_local *local, const struct neap_change *changes, size_t count,
		    struct neap_buf *how, struct neap_error **err)
{
	NEAP_AUTO_FREE const struct neap_change **some = neap_alloc((count + 1) * sizeof(*some));
	size_t found;
	int r = 0;

	neap_local_changed(local); /* what is there now, not what was */
	for (size_t table = 0; r == 0 && table <= NEAP_TABLES_MAX; table++) {
		found = 0;
		for (size_t i = 0; i < count; i++) {
			bool net = changes[i].kind == NEAP_CHANGE_NET;

			if (net ? table == NEAP_TABLES_MAX
				: table < NEAP_TABLES_MAX && neap_table_number(&changes[i].table) == table)
				some[found++] = &changes[i];
		}
		if (found)
			r = table == NEAP_TABLES_MAX ? neap_inverse_net(local, some, found, how, err)
						     : describe_table(local, some, found, how, err);
	}
	return r;
}

int neap_local_arm(struct neap_machine *machine, const char *what, const struct neap_confirm *confirm,
		   const struct neap_change *changes, size_t count, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_armed armed = { .what = what, .within = confirm->within, .since = (int64_t)time(NULL) };
	char id[NEAP_RANDOM_ID_SIZE];
	int at;

	if (machine->watch.stop && *machine->watch.stop)
		return neap_error_errno(err, EINTR, "change what has to be confirmed");
	if (!local->state || !local->program)
		return neap_error_set(err, "nobody would take the change back: it is not made");
	local->how.len = 0;
	if (describe(local, changes, count, &local->how, err) < 0)
		return neap_error_prefix(err, "find out how the change is taken back");
	neap_random_id(id);
	memcpy(armed.id, id, NEAP_ARMED_ID_SIZE - 1);
	armed.until = neap_confirm_clock() + (int64_t)armed.within * 1000;
	armed.how = (struct neap_str){ local->how.data, local->how.len };
	if (neap_state_arm(local->state, &armed, err) < 0)
		return -1;
	if (neap_local_timer_start(local, &armed, err) == 0) {
		local->armed = armed;
		local->land_until = armed.until;
		return 0;
	}
	at = neap_confirm_folder(neap_local_state_path(local), NULL);
	if (at >= 0) {
		neap_confirm_forget(at, armed.id, NEAP_ARMED_WAITS);
		close(at);
	}
	neap_error_prefix(err, "set a clock that takes the change back");
	return err && (*err)->hint ? -1 : neap_error_hint(err, "so the change is not made");
}

/* ---- taking back --------------------------------------------------------------------------------------- */

static void put_step(struct neap_buf *text, const struct neap_inverse_step *step)
{
	switch (step->op) {
	case NEAP_INVERSE_MAKE:
		neap_buf_printf(text, "-N %s\n", step->chain);
		break;
	case NEAP_INVERSE_DROP:
		neap_buf_printf(text, "-X %s\n", step->chain);
		break;
	case NEAP_INVERSE_POLICY:
		neap_buf_printf(text, "-P %s %s\n", step->chain, step->rule);
		break;
	case NEAP_INVERSE_INSERT:
		neap_buf_printf(text, "-I %s %zu %s\n", step->chain, step->at + 1, step->rule);
		break;
	case NEAP_INVERSE_REMOVE:
		neap_buf_printf(text, "-D %s %s\n", step->chain, step->rule);
		break;
	}
}

static int take_steps(const struct neap_inverse_rules *rules, size_t from, size_t count,
		      struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	neap_buf_printf(&text, "*%s\n", rules->table.name);
	for (size_t i = from; i < from + count; i++)
		put_step(&text, &rules->steps.items[i]);
	neap_buf_puts(&text, "COMMIT\n");
	return neap_local_restore(&rules->table, &text, count, 0, err);
}

static void leave(struct neap_buf *left, const struct neap_error *err)
{
	neap_buf_printf(left, "%s\n", err ? err->message : "failed");
}

/* All at once; and when that is refused one by one, for the way in may be one of them. */
static void undo_table(struct neap_local *local, struct neap_str lines, struct neap_buf *left)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_inverse_rules rules = { 0 };
	const struct neap_ruleset *set;
	struct neap_ruleset *now = NULL;
	struct neap_table table;

	neap_local_firewall_drop(local);
	if (neap_inverse_table(lines, arena, &table, &err) < 0 ||
	    neap_local_ruleset(&local->machine.view, &table, &set, &err) < 0) {
		leave(left, err);
		return;
	}
	now = neap_ruleset_copy(set);
	if (neap_inverse_rules(lines, now, arena, &rules, &err) < 0)
		leave(left, err);
	neap_buf_append(left, rules.left.data ? rules.left.data : "", rules.left.len);
	if (rules.steps.count && take_steps(&rules, 0, rules.steps.count, &err) < 0)
		for (size_t i = 0; i < rules.steps.count; i++) {
			struct neap_error *one NEAP_AUTO_ERROR = NULL;

			if (take_steps(&rules, i, 1, &one) < 0)
				leave(left, one);
		}
	neap_local_firewall_drop(local);
	neap_ruleset_free(now);
	neap_buf_done(&rules.left);
	neap_vec_done(&rules.steps);
}

static bool begins(struct neap_str line, const char *word)
{
	struct neap_str rest = line;

	return neap_str_equal(neap_inverse_word(&rest), neap_str(word));
}

/* Each part begins with a line of its own kind. */
static void undo(struct neap_local *local, struct neap_str how, struct neap_buf *left)
{
	for (size_t at = 0; at < how.len;) {
		struct neap_line first = neap_line_at(how, at);
		bool net = begins(neap_line_bytes(how, first), "net");
		size_t end = first.next;
		struct neap_str part;

		while (end < how.len) {
			struct neap_line line = neap_line_at(how, end);
			struct neap_str bytes = neap_line_bytes(how, line);

			if (begins(bytes, "net") || begins(bytes, "firewall"))
				break;
			end = line.next;
		}
		part = (struct neap_str){ how.data + at, end - at };
		if (net)
			neap_inverse_net_undo(local, part, left);
		else
			undo_table(local, part, left);
		at = end;
	}
	neap_local_changed(local);
}

/* The file of what is being taken back, locked: whoever had it before is done, or dead. -1 with errno. */
static int lock_reverting(int at, const char *id)
{
	int fd = neap_confirm_open(at, id, NEAP_ARMED_REVERTING);
	struct stat st;

	while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

/*
 * Takes it back, unless it is confirmed or another has done so: *ret says how it stands after that. 1: it has
 * been done here; 0: not; negative: it could not be tried.
 */
static int take_back(struct neap_local *local, const char *directory, const char *which,
		     struct neap_arena *arena, struct neap_armed *ret, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf left = { 0 };
	const char *id = neap_arena_strdup(arena, which); /* it may lie in *ret */
	int at, fd, r;

	if (neap_confirm_find(directory, id, arena, ret, err) < 0)
		return -1;
	if (ret->phase != NEAP_ARMED_WAITS && ret->phase != NEAP_ARMED_REVERTING)
		return 0;
	if (ret->elsewhere)
		return neap_error_set(err, "take back a change of %s: it is in another network namespace",
				      ret->what);
	at = neap_confirm_folder(directory, err);
	if (at < 0)
		return -1;
	if (neap_confirm_move(at, id, NEAP_ARMED_WAITS, NEAP_ARMED_REVERTING) < 0 && errno != ENOENT) {
		neap_error_errno(err, errno, "take back a change of %s", ret->what);
		close(at);
		return -1;
	}
	fd = lock_reverting(at, id);
	if (fd < 0) {
		close(at);
		return neap_confirm_find(directory, id, arena, ret, err);
	}
	r = neap_confirm_load(fd, id, NEAP_ARMED_REVERTING, arena, ret, err);
	if (r == 0) {
		if (!ret->past)
			undo(local, ret->how, &left);
		neap_confirm_reverted(at, ret, (struct neap_str){ left.data ? left.data : "", left.len });
		ret->phase = NEAP_ARMED_REVERTED;
		ret->how = (struct neap_str){ neap_arena_copy(arena, left.data ? left.data : "", left.len),
					      left.len };
	}
	close(fd);
	close(at);
	return r < 0 ? r : 1;
}

/* The first lines of what is left, and how many there are. */
static size_t put_left(struct neap_str left, struct neap_buf *ret)
{
	size_t count = 0;

	for (size_t at = 0; at < left.len; count++) {
		struct neap_line line = neap_line_at(left, at);
		struct neap_str bytes = neap_line_bytes(left, line);

		if (count < LEFT_SAID)
			neap_buf_printf(ret, "%s%.*s", count ? "\n" : "", (int)bytes.len, bytes.data);
		at = line.next;
	}
	if (count > LEFT_SAID)
		neap_buf_printf(ret, "\n… and %zu more", count - LEFT_SAID);
	return count;
}

/* "…: what it changed has been taken back", and what not; and what the probe said last, if there is one. */
static int tell(const struct neap_armed *armed, const char *why, const char *said, struct neap_error **err)
{
	static const char advice[] = "look at what is in force: the rest is for you to put right";
	NEAP_AUTO_BUF struct neap_buf parts = { 0 };
	size_t count = put_left(armed->how, &parts);

	if (!count)
		neap_error_set(err, "%s: what it changed has been taken back", why);
	else if (count == 1)
		neap_error_set(err, "%s: what it changed has been taken back, but not all: %s", why,
			       parts.data);
	else
		neap_error_set(err, "%s: what it changed has been taken back, but not all", why);
	if (count == 1)
		parts.len = 0;
	if (said && *said)
		neap_buf_printf(&parts, "%sthe probe said: %s", parts.len ? "\n" : "", said);
	if (!count)
		return parts.len ? neap_error_hint(err, "%s", parts.data) : -1;
	return parts.len ? neap_error_quote(err, advice, parts.data) : neap_error_hint(err, "%s", advice);
}

/* It is over with what waited: nothing of it is left, and no clock. */
static void disarm(struct neap_local *local, enum neap_armed_phase phase)
{
	int at = neap_confirm_folder(neap_local_state_path(local), NULL);

	if (at >= 0) {
		neap_confirm_forget(at, local->armed.id, phase);
		close(at);
	}
	neap_local_timer_stop(local);
	local->armed = (struct neap_armed){ 0 };
	local->how.len = 0;
	neap_local_changed(local);
}

/* 0: it is confirmed after all; 1: all of it has been taken back; negative: not all, or it is not known. */
static int settle(struct neap_local *local, const char *why, const char *said, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const volatile sig_atomic_t *stop = local->machine.watch.stop;
	NEAP_AUTO_BUF struct neap_buf left = { 0 };
	struct neap_armed armed;
	int r;

	local->machine.watch.stop = NULL; /* whatever ends the run, this is brought to its end */
	r = take_back(local, neap_local_state_path(local), local->armed.id, arena, &armed, err);
	/* Another has, perhaps before it had all landed: once more does no harm. What could not be he has
	 * said. */
	if (r == 0 && armed.phase != NEAP_ARMED_CONFIRMED)
		undo(local, local->armed.how, &left);
	local->land_until = 0;
	local->machine.watch.stop = stop;
	if (r < 0)
		return neap_error_prefix(err, "%s", why);
	disarm(local, armed.phase == NEAP_ARMED_CONFIRMED ? NEAP_ARMED_CONFIRMED : NEAP_ARMED_REVERTED);
	if (armed.phase == NEAP_ARMED_CONFIRMED)
		return 0;
	tell(&armed, why, said, err);
	return armed.how.len ? -1 : 1;
}

int neap_local_revert(struct neap_machine *machine, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_error *failure = NULL;
	int r = settle(local, "it could not all be done", NULL, &failure);

	if (r < 0 && err && !*err)
		*err = failure;
	else
		neap_error_free(failure);
	return r < 0 ? -1 : 0;
}

/* ---- awaiting ------------------------------------------------------------------------------------------ */

static void announce(const struct neap_local *local, const struct neap_confirm *confirm)
{
	const struct neap_machine_watch *watch = &local->machine.watch;
	const char *directory = neap_local_state_path(local);
	NEAP_AUTO_FREE char *usual = neap_state_default_directory(NULL);
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	int64_t end = neap_confirm_end(&local->armed);
	char hour[NEAP_HOUR_SIZE];

	if (!watch->waits)
		return;
	neap_confirm_hour(end, hour);
	if (confirm->probe)
		neap_buf_printf(&text, "%s is taken back at %s unless %s answers before; or: neap confirm",
				local->armed.what, hour, confirm->probe[0]);
	else
		neap_buf_printf(&text,
				"%s waits for its confirmation until %s, else it is taken back: neap confirm",
				local->armed.what, hour);
	if (strcmp(usual, directory) != 0)
		neap_buf_printf(&text, " --state-dir %s", directory);
	watch->waits(watch->ctx, text.data);
}

/* How the last whole try of a probe ended that did not answer: in the memory of who waits. */
struct last_try {
	const char *how, *said;
};

static bool answers(struct neap_local *local, const struct neap_confirm *confirm, struct neap_arena *arena,
		    struct last_try *last)
{
	int64_t left = local->armed.until - neap_confirm_clock();
	bool cut = left < PROBE_SECONDS * 1000;
	struct neap_process probe = { .argv = confirm->probe,
				      .anything = true,
				      .timeout = cut ? (unsigned)((left + 999) / 1000) : PROBE_SECONDS };
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_process_result result;
	struct neap_error *failure NEAP_AUTO_ERROR = NULL;

	if (neap_local_query(&local->machine.view, &probe, scratch, &result, &failure) != 0) {
		if (!last->how || !cut)
			*last = (struct last_try){ .how = neap_arena_strdup(arena, failure ? failure->message
											   : "it failed") };
		return false;
	}
	if (result.status == 0)
		return true;
	last->how = neap_arena_printf(arena, "%s: exit %d", confirm->probe[0], result.status);
	last->said = neap_process_said(&result, arena);
	return false;
}

static bool still_waits(int at, const char *id)
{
	int fd = neap_confirm_open(at, id, NEAP_ARMED_WAITS);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Until it does not wait any more, or shall not. */
static void hold_on(struct neap_local *local, const struct neap_confirm *confirm, int at,
		    struct neap_arena *arena, struct last_try *last)
{
	const volatile sig_atomic_t *stop = local->machine.watch.stop;
	int64_t next = 0;

	while (still_waits(at, local->armed.id) && !(stop && *stop)) {
		int64_t now = neap_confirm_clock();

		if (now >= local->armed.until)
			return;
		if (!confirm->probe || now < next) {
			rest();
			continue;
		}
		next = now + PROBE_EVERY_MS;
		if (answers(local, confirm, arena, last))
			(void)neap_confirm_move(at, local->armed.id, NEAP_ARMED_WAITS, NEAP_ARMED_CONFIRMED);
	}
}

int neap_local_await(struct neap_machine *machine, const struct neap_confirm *confirm,
		     struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const volatile sig_atomic_t *stop = machine->watch.stop;
	int at = neap_confirm_folder(neap_local_state_path(local), NULL);
	struct last_try last = { 0 };
	const char *why;

	local->land_until = 0;
	announce(local, confirm);
	if (at >= 0) {
		hold_on(local, confirm, at, arena, &last);
		close(at);
	}
	if (stop && *stop)
		why = "not confirmed when the run was ended";
	else
		why = neap_arena_printf(arena, "not confirmed within %s%s%s%s",
					neap_duration_text(local->armed.within, arena), last.how ? " (" : "",
					last.how ? last.how : "", last.how ? ")" : "");
	return settle(local, why, last.said, err) == 0 ? 0 : -1;
}

/* ---- who comes later ----------------------------------------------------------------------------------- */

/* What became of a record that nobody waits for is said once. */
static void say(struct neap_buf *said, const struct neap_armed *armed)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	tell(armed,
	     neap_arena_printf(arena, "a change of %s by an earlier run was not confirmed", armed->what),
	     NULL, &err);
	neap_buf_printf(said, "%s\n", err->message);
	for (const char *line = err->hint ? err->hint : ""; *line;) {
		size_t len = strcspn(line, "\n");

		neap_buf_printf(said, "    %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

/* One record: 0: it is out of the way; 1: it has to be waited for; negative. */
static int clear_one(struct neap_local *local, const char *directory, struct neap_armed *armed,
		     struct neap_arena *arena, struct neap_buf *said, struct neap_error **err)
{
	int64_t now = neap_confirm_clock();
	int at;

	if (armed->elsewhere && !armed->past && now < armed->until + ELSEWHERE_MS)
		return 0;
	if (armed->phase == NEAP_ARMED_WAITS && !armed->past && !armed->elsewhere && now < armed->until)
		return 1;
	if (!armed->past && !armed->elsewhere &&
	    take_back(local, directory, armed->id, arena, armed, err) < 0)
		return -1;
	if (armed->phase == NEAP_ARMED_REVERTED && !armed->past)
		say(said, armed);
	at = armed->phase == NEAP_ARMED_GONE ? -1 : neap_confirm_folder(directory, NULL);
	if (at >= 0) {
		neap_confirm_forget(at, armed->id, armed->phase);
		close(at);
	}
	return 0;
}

int neap_confirm_clear(struct neap_machine *machine, const char *directory, struct neap_buf *said,
		       struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_armed *all;
	size_t count;

	if (local->root[0]) /* nothing is in force there */
		return 0;
	if (neap_confirm_list(directory, arena, &all, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int r = clear_one(local, directory, &all[i], arena, said, err);

		if (r != 0)
			return r > 0 ? neap_confirm_refuse(&all[i], err) : r;
	}
	return 0;
}

int neap_confirm_revert(struct neap_machine *machine, const char *directory, const char *id,
			struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_armed armed;
	int at;

	if (neap_confirm_find(directory, id, arena, &armed, err) < 0)
		return -1;
	if (armed.phase == NEAP_ARMED_WAITS) {
		at = neap_confirm_folder(directory, err);
		if (at < 0)
			return -1;
		while (still_waits(at, id) && neap_confirm_clock() < armed.until)
			rest();
		close(at);
	}
	if (take_back(local, directory, id, arena, &armed, err) < 0)
		return -1;
	if (armed.phase != NEAP_ARMED_REVERTED || !armed.how.len)
		return 0;
	return tell(&armed, neap_arena_printf(arena, "a change of %s was not confirmed", armed.what), NULL,
		    err);
}
