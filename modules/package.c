/*
 * neap.package: a Debian package, by dpkg and apt.
 *
 * All packages whose turn it is are read by one dpkg-query and changed by one apt-get. What apt-get would do
 * beside what was asked (more packages, removals) it is asked before, by the very words it is run with; what
 * that would do to packages of other resources is an error here, never a surprise there.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan. What dpkg and apt print is read by base/apt.h.
 */
#include "engine/apt.h"
#include "engine/resource.h"

enum { NAME, VERSION, ENSURE, HOLD, PURGE, LOCK_WAIT, PARAM_COUNT };
enum { PRESENT, ABSENT, LATEST };

#define CULPRITS_MAX 8 /* packages found that stop a transaction; after that, all of it is */
#define VERSIONS_NAMED 5

struct package_want {
	struct neap_want base;
	const char *name, *version;
	unsigned ensure;
	bool hold, purge;
	int64_t lock_wait;
};

/* One apt-get for all: what it will do beside what was asked. */
struct transaction {
	struct neap_apt_simulation simulation; /* all of it */
	const struct neap_apt_step **extra;    /* what was not asked for */
	size_t extra_count;
	bool removes;     /* anything, asked for or not */
	bool interrupted; /* dpkg has begun something and not ended it */
	bool broken;      /* packages do not fit together: that is repaired first */
};

struct package_have {
	struct neap_dpkg_package is;
	const char *target;                    /* the version it gets; NULL: none, or as it is */
	bool transacts;                        /* apt-get has to do something */
	bool purges;                           /* its configuration files have to go */
	bool holds;                            /* the hold has to be set or lifted */
	const struct transaction *transaction; /* that it is part of, or NULL */
	bool tells;                            /* of what the transaction does beside */
	size_t others;                         /* packages in the transaction */
};

/* ---- names ------------------------------------------------------------------------------------------- */

static bool is_there(enum neap_dpkg_status status)
{
	return status > NEAP_DPKG_CONFIG_FILES;
}

/* ---- one package --------------------------------------------------------------------------------------- */

/* What has to be done, as far as dpkg can tell. */
static void compare(const struct package_want *want, struct package_have *have)
{
	bool there = is_there(have->is.status);

	if (want->ensure == ABSENT) {
		have->transacts = there;
		have->purges = want->purge && have->is.status != NEAP_DPKG_NOT_INSTALLED;
		return;
	}
	have->transacts = have->is.status != NEAP_DPKG_INSTALLED ||
			  (neap_given(want, VERSION) && strcmp(want->version, have->is.version) != 0);
	have->holds = neap_given(want, HOLD) && want->hold != (there && have->is.held);
}

static bool needs_policy(const struct package_want *want, const struct package_have *have)
{
	return want->ensure == LATEST || (want->ensure == PRESENT && have->transacts);
}

static bool has_version(const struct neap_apt_policy *policy, const char *version)
{
	for (size_t i = 0; i < policy->version_count; i++)
		if (strcmp(policy->versions[i], version) == 0)
			return true;
	return false;
}

static int no_such_version(const struct package_want *want, const struct neap_apt_policy *policy,
			   struct neap_error **err)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	for (size_t i = 0; i < policy->version_count && i < VERSIONS_NAMED; i++)
		neap_buf_printf(&text, "%s%s", i ? ", " : "", policy->versions[i]);
	if (policy->version_count > VERSIONS_NAMED)
		neap_buf_printf(&text, " and %zu more", policy->version_count - VERSIONS_NAMED);
	neap_error_set(err, "apt has no version %s of %s", want->version, want->name);
	return neap_error_hint(err, "it has %s", text.data);
}

/* Which version it gets. */
static int choose(const struct package_want *want, struct package_have *have,
		  const struct neap_apt_policy *policy, struct neap_error **err)
{
	if (!policy) {
		neap_error_set(err, "apt knows no package %s", want->name);
		return neap_error_hint(err, "is the name right? A repository that has it is added by "
					    "neap.apt_repository; apt-get update makes old lists new");
	}
	if (!policy->version_count) {
		neap_error_set(err, "apt has no version of %s", want->name);
		return neap_error_hint(err, "it may be a virtual package: name one that provides it");
	}
	if (neap_given(want, VERSION)) {
		if (!has_version(policy, want->version))
			return no_such_version(want, policy, err);
		have->target = want->version;
		return 0;
	}
	/* Half way, it is brought to its end at the version it has; where its files are not whole, from the
	 * archive. */
	if (want->ensure == PRESENT && is_there(have->is.status) &&
	    have->is.status != NEAP_DPKG_HALF_INSTALLED && has_version(policy, have->is.version)) {
		have->target = have->is.version;
		return 0;
	}
	if (!policy->candidate) {
		neap_error_set(err, "apt's preferences leave no version of %s to install", want->name);
		return neap_error_hint(err, "see apt-cache policy %s, or give a version", want->name);
	}
	have->target = policy->candidate;
	if (is_there(have->is.status) && strcmp(have->target, have->is.version) != 0)
		have->transacts = true;
	return 0;
}

static int check_hold(const struct package_want *want, const struct package_have *have,
		      struct neap_error **err)
{
	if (!have->transacts || !is_there(have->is.status) || !have->is.held || neap_given(want, HOLD))
		return 0;
	neap_error_set(err, "%s is on hold at %s", want->name, have->is.version);
	return neap_error_hint(err,
			       "hold = true keeps the hold and makes the change all the same, hold = false "
			       "lifts it");
}

/* ---- the transaction ----------------------------------------------------------------------------------- */

static void note_lock_wait(struct neap_apt_request *request, const struct package_want *want)
{
	int64_t wait = neap_given(want, LOCK_WAIT) ? want->lock_wait : NEAP_APT_LOCK_WAIT;

	if (wait > request->lock_wait)
		request->lock_wait = wait;
}

static void add_request(struct neap_apt_request *request, struct neap_arena *arena,
			const struct package_want *want, const struct package_have *have)
{
	const char *version = neap_given(want, VERSION) ? want->version : NULL, *word;

	if (have && have->target)
		version = have->target;
	if (want->ensure == ABSENT)
		word = neap_arena_printf(arena, "%s-", want->name);
	else if (version)
		word = neap_arena_printf(arena, "%s=%s", want->name, version);
	else
		word = want->name;
	neap_vec_push(&request->words.list, word);
	if (have && is_there(have->is.status)) {
		request->held |= have->is.held;
		request->downgrade |= neap_given(want, VERSION);
		request->again |= have->is.status == NEAP_DPKG_HALF_INSTALLED;
	}
	note_lock_wait(request, want);
}

static const struct package_want *want_of(const struct neap_declared *declared)
{
	return declared ? declared->want : NULL;
}

struct judge {
	const struct neap_view *view;
	const struct neap_context *ctx;
	const char *native;
	struct neap_map *declared;             /* plain name → struct neap_declared */
	struct neap_apt_simulation simulation; /* of the last verdict that was good */
	bool broken;
};

/* What this step would do to a package that another resource speaks of, or that somebody holds. NULL: nothing
 * against it. */
static const char *objection(const struct judge *judge, const struct neap_apt_step *step)
{
	struct neap_arena *arena = judge->ctx->scratch;
	const struct neap_declared *declared = neap_map_get(judge->declared, neap_str(step->name));
	const struct package_want *want = want_of(declared);

	if (step->kind == NEAP_APT_REMOVE && want && want->ensure != ABSENT)
		return neap_arena_printf(arena, "apt-get would remove %s, which %s wants present", step->name,
					 declared->address);
	if (step->kind == NEAP_APT_INSTALL && want && want->ensure == ABSENT)
		return neap_arena_printf(arena, "apt-get would install %s, which %s wants absent", step->name,
					 declared->address);
	if (want && neap_given(want, VERSION) && step->after && want->ensure != ABSENT &&
	    strcmp(step->after, want->version) != 0)
		return neap_arena_printf(arena, "apt-get would install %s %s, of which %s wants %s",
					 step->name, step->after, declared->address, want->version);
	if (step->held && !(want && neap_given(want, HOLD)))
		return neap_arena_printf(arena, "apt-get would change %s, which is on hold", step->name);
	if (step->downgrade && !(want && neap_given(want, VERSION)))
		return neap_arena_printf(arena, "apt-get would downgrade %s from %s to %s", step->name,
					 step->before, step->after);
	return NULL;
}

/* *ret: why apt-get must not do this, or NULL. */
static int weigh(struct judge *judge, struct neap_batched *const *members, size_t count, const char **ret,
		 struct neap_error **err)
{
	struct neap_arena *arena = judge->ctx->scratch;
	struct neap_apt_request request = { 0 };
	struct neap_apt_simulation simulation;

	for (size_t i = 0; i < count; i++)
		add_request(&request, arena, members[i]->want, members[i]->have);
	int r = neap_apt_simulate(judge->view, arena, &request, &simulation, ret, &judge->broken, err);
	neap_words_done(&request.words);
	for (size_t i = 0; r == 0 && i < simulation.count && !*ret; i++) {
		const struct neap_apt_step *step = &simulation.steps[i];
		*ret = objection(judge, step);
		if (judge->broken && step->kind == NEAP_APT_REMOVE)
			*ret = neap_arena_printf(
				arena,
				"packages do not fit together, and to mend that apt-get would "
				"remove %s",
				step->name);
	}
	if (r == 0 && !*ret)
		judge->simulation = simulation;
	return r;
}

static void fail(struct neap_batched *member, const char *why)
{
	neap_error_set(&member->err, "%s", why);
}

/* What is not known is not removed: that waits until packages fit together. Whether somebody has to. */
static bool leave_removals(struct neap_batched **members, size_t *count)
{
	size_t kept = 0, all = *count;

	for (size_t i = 0; i < all; i++) {
		if (((const struct package_want *)members[i]->want)->ensure == ABSENT)
			fail(members[i], "packages do not fit together; before that is mended "
					 "(apt-get --fix-broken install) nothing is removed");
		else
			members[kept++] = members[i];
	}
	*count = kept;
	return kept < all;
}

/* Finds out who stops the transaction, by halves, and leaves those out. *count: who is left. */
static int settle(struct judge *judge, struct neap_batched **members, size_t *count, struct neap_error **err)
{
	const char *why;

	for (unsigned culprits = 0; *count; culprits++) {
		size_t good = 0, bad = *count;
		int r = weigh(judge, members, bad, &why, err);
		if (r)
			return r;
		if (!why && judge->broken && leave_removals(members, count))
			continue;
		if (!why)
			return 0;
		if (judge->broken || culprits == CULPRITS_MAX) {
			for (size_t i = 0; i < *count; i++)
				fail(members[i], why);
			*count = 0;
			return 0;
		}
		while (bad - good > 1) {
			size_t middle = good + (bad - good) / 2;
			const char *half;
			r = weigh(judge, members, middle, &half, err);
			if (r)
				return r;
			if (half)
				bad = middle, why = half;
			else
				good = middle;
		}
		fail(members[bad - 1], why);
		memmove(members + bad - 1, members + bad, (*count - bad) * sizeof *members);
		--*count;
	}
	return 0;
}

static void keep_transaction(const struct judge *judge, struct neap_batched *const *members, size_t count)
{
	struct neap_arena *arena = judge->ctx->scratch;
	struct transaction *transaction = neap_arena_new_of(arena, struct transaction);
	const struct neap_apt_simulation *simulation = &judge->simulation;
	struct neap_map asked = { 0 };

	*transaction = (struct transaction){
		.simulation = *simulation,
		.extra = neap_arena_array_of(arena, const struct neap_apt_step *, simulation->count),
		.broken = judge->broken,
		.interrupted = neap_apt_interrupted(judge->view, arena),
	};
	for (size_t i = 0; i < count; i++) {
		const struct package_want *want = members[i]->want;
		struct package_have *have = members[i]->have;
		have->transaction = transaction;
		have->tells = i == 0;
		have->others = count - 1;
		neap_map_put(&asked, neap_str(neap_apt_plain_name(arena, want->name, judge->native)),
			     transaction);
	}
	for (size_t i = 0; i < simulation->count; i++) {
		const struct neap_apt_step *step = &simulation->steps[i];
		transaction->removes |= step->kind == NEAP_APT_REMOVE;
		if (!neap_map_get(&asked, neap_str(step->name)))
			transaction->extra[transaction->extra_count++] = step;
	}
	neap_map_done(&asked);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* What other resources, and these too, say of packages. The first of two that mean the same one wins. */
static void collect_declared(const struct judge *judge)
{
	const struct neap_context *ctx = judge->ctx;
	struct neap_declared declared;

	for (size_t at = 0; ctx->declared && ctx->declared(ctx, &at, &declared);) {
		struct neap_declared *kept = neap_arena_new_of(ctx->scratch, struct neap_declared);
		const char *name = neap_apt_plain_name(ctx->scratch, want_of(&declared)->name, judge->native);
		*kept = declared;
		if (!neap_map_get(judge->declared, neap_str(name)))
			neap_map_put(judge->declared, neap_str(name), kept);
	}
}

static void look_up(const struct judge *judge, const struct neap_map *packages, struct neap_batched *member)
{
	const struct package_want *want = member->want;
	struct package_have *have = member->have;
	const char *name = neap_apt_plain_name(judge->ctx->scratch, want->name, judge->native);
	const struct neap_dpkg_package *package = neap_map_get(packages, neap_str(name));
	const struct neap_declared *declared = neap_map_get(judge->declared, neap_str(name));

	if (package)
		have->is = *package;
	compare(want, have);
	if (declared && declared->want != want)
		fail(member, neap_arena_printf(judge->ctx->scratch, "%s is the package of %s too", want->name,
					       declared->address));
}

/* Versions, for those who need one: one question for all of them. */
static int choose_all(const struct judge *judge, struct neap_batched *members, size_t count,
		      struct neap_error **err)
{
	struct neap_words names = { 0 };
	struct neap_map policies = { 0 };
	int r = 0;

	for (size_t i = 0; i < count; i++)
		if (!members[i].err && needs_policy(members[i].want, members[i].have))
			neap_vec_push(&names.list, ((const struct package_want *)members[i].want)->name);
	if (names.list.count)
		r = neap_apt_policies(judge->view, judge->ctx->scratch, &names, &policies, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct package_want *want = members[i].want;
		struct package_have *have = members[i].have;
		struct neap_error **failed = &members[i].err;
		if (members[i].err)
			continue;
		if (!needs_policy(want, have) ||
		    choose(want, have, neap_map_get(&policies, neap_str(want->name)), failed) == 0)
			check_hold(want, have, failed);
	}
	neap_words_done(&names);
	neap_map_done(&policies);
	return r;
}

static int read_members(struct judge *judge, const struct neap_map *packages, struct neap_batched *members,
			size_t count, struct neap_error **err)
{
	struct neap_batched **active = neap_arena_array_of(judge->ctx->scratch, struct neap_batched *, count);
	size_t active_count = 0;

	collect_declared(judge);
	for (size_t i = 0; i < count; i++)
		look_up(judge, packages, &members[i]);
	int r = choose_all(judge, members, count, err);
	if (r)
		return r;
	for (size_t i = 0; i < count; i++)
		if (!members[i].err && ((struct package_have *)members[i].have)->transacts)
			active[active_count++] = &members[i];
	r = settle(judge, active, &active_count, err);
	if (r == 0 && active_count)
		keep_transaction(judge, active, active_count);
	return r;
}

static int package_read_all(const struct neap_view *view, const struct neap_context *ctx,
			    struct neap_batched *members, size_t count, struct neap_error **err)
{
	struct neap_map packages = { 0 }, declared = { 0 };
	struct judge judge = { .view = view, .ctx = ctx, .declared = &declared };
	struct neap_words names = { 0 };

	for (size_t i = 0; i < count; i++)
		neap_vec_push(&names.list, ((const struct package_want *)members[i].want)->name);
	int r = neap_apt_installed(view, ctx->scratch, &names, &packages, &judge.native, err);
	neap_words_done(&names);
	if (r == 0)
		r = read_members(&judge, &packages, members, count, err);
	neap_map_done(&packages);
	neap_map_done(&declared);
	return r;
}

static int package_read(const struct neap_view *view, const struct neap_context *ctx, const void *want,
			void *have, struct neap_error **err)
{
	struct neap_batched member = { .want = want, .have = have };

	int r = package_read_all(view, ctx, &member, 1, err);
	if (r == 0 && member.err)
		return neap_error_pass(err, &member.err);
	return r;
}

/* ---- what differs -------------------------------------------------------------------------------------- */

/* An entry for each kind of thing that apt-get does beside what was asked. */
static void diff_extra(const struct transaction *transaction, struct neap_diff *diff)
{
	static const char *const names[] = { "installs", "changes", "removes", "configures" };
	struct neap_arena *arena = neap_diff_arena(diff);

	for (unsigned kind = NEAP_APT_INSTALL; kind <= NEAP_APT_CONFIGURE; kind++) {
		const char **before = neap_arena_array_of(arena, const char *, transaction->extra_count);
		const char **after = neap_arena_array_of(arena, const char *, transaction->extra_count);
		size_t before_count = 0, after_count = 0;
		for (size_t i = 0; i < transaction->extra_count; i++) {
			const struct neap_apt_step *step = transaction->extra[i];
			if (step->kind != kind)
				continue;
			if (step->before)
				before[before_count++] =
					neap_arena_printf(arena, "%s %s", step->name, step->before);
			if (step->after)
				after[after_count++] =
					neap_arena_printf(arena, "%s %s", step->name, step->after);
		}
		if (before_count || after_count)
			neap_diff_list(diff, names[kind], before, before_count, after, after_count);
	}
	if (transaction->interrupted)
		neap_diff_reason(diff, "dpkg was interrupted: dpkg --configure -a goes first");
	if (transaction->broken)
		neap_diff_reason(diff,
				 "packages do not fit together: apt-get --fix-broken install goes first, and "
				 "what else this brings is known then");
}

static void diff_absent(const struct package_have *have, struct neap_diff *diff)
{
	if (!have->transacts && !have->purges)
		return;
	neap_diff_action(diff, NEAP_ACTION_DELETE);
	neap_diff_string(diff, "ensure",
			 have->is.status == NEAP_DPKG_INSTALLED ? "present"
								: neap_dpkg_status_name(have->is.status),
			 "absent");
	if (have->transacts)
		neap_diff_string(diff, "version", have->is.version, NULL);
	else
		neap_diff_reason(diff, "it was removed before; its configuration files are left");
	if (have->transacts && have->purges)
		neap_diff_reason(diff, "its configuration files too");
}

static void diff_present(const struct package_want *want, const struct package_have *have,
			 struct neap_diff *diff)
{
	bool there = is_there(have->is.status);

	if (!there) {
		neap_diff_ensure(diff, NEAP_PRESENT);
		neap_diff_string(diff, "version", NULL, have->target);
	} else if (have->transacts) {
		if (have->is.status != NEAP_DPKG_INSTALLED)
			neap_diff_string(diff, "state", neap_dpkg_status_name(have->is.status), "installed");
		if (have->target && strcmp(have->target, have->is.version) != 0)
			neap_diff_string(diff, "version", have->is.version, have->target);
	}
	if (have->holds)
		neap_diff_string(diff, "hold", want->hold ? "false" : "true", want->hold ? "true" : "false");
}

static int package_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			struct neap_diff *diff, struct neap_error **err)
{
	const struct package_want *want = wanted;
	const struct package_have *have = had;
	(void)ctx, (void)err;

	if (want->ensure == ABSENT)
		diff_absent(have, diff);
	else
		diff_present(want, have, diff);
	if (!have->transaction)
		return 0;
	for (size_t i = 0; i < have->transaction->simulation.count; i++) {
		const struct neap_apt_step *step = &have->transaction->simulation.steps[i];
		if (step->downgrade && strcmp(step->name, want->name) == 0)
			neap_diff_reason(diff, "a downgrade");
	}
	if (have->tells)
		diff_extra(have->transaction, diff);
	if (have->tells && have->others)
		neap_diff_reason(diff, "in one transaction with %zu other package%s", have->others,
				 have->others == 1 ? "" : "s");
	return 0;
}

/* ---- changing ------------------------------------------------------------------------------------------ */

static bool same_removals(const struct neap_apt_simulation *a, const struct neap_apt_simulation *b)
{
	size_t i = 0, k = 0;

	for (;; i++, k++) {
		while (i < a->count && a->steps[i].kind != NEAP_APT_REMOVE)
			i++;
		while (k < b->count && b->steps[k].kind != NEAP_APT_REMOVE)
			k++;
		if (i == a->count || k == b->count)
			return i == a->count && k == b->count;
		if (strcmp(a->steps[i].name, b->steps[k].name) != 0)
			return false;
	}
}

/* What is removed is what was read, or nothing is done. Where nothing was to be removed, apt-get itself sees
 * to that under its lock. */
static int check_removals(const struct neap_view *view, struct neap_arena *arena,
			  const struct neap_apt_request *request, const struct transaction *transaction,
			  struct neap_error **err)
{
	struct neap_apt_simulation now;
	const char *why;
	bool broken;

	int r = neap_apt_simulate(view, arena, request, &now, &why, &broken, err);
	if (r)
		return r < 0 ? r : 0; /* a plan, in which it cannot be asked again and nothing is removed */
	if (!why && same_removals(&now, &transaction->simulation))
		return 0;
	neap_error_set(err, "apt-get would now remove other packages than it would a moment ago");
	return neap_error_hint(err, "somebody else is changing packages; run again");
}

/* The hold is set last: a change of version takes it away. */
static bool marks_hold(const struct package_want *want, const struct package_have *have, bool hold)
{
	if (want->ensure == ABSENT || !neap_given(want, HOLD) || want->hold != hold)
		return false;
	return !have || have->holds || (hold && have->transacts);
}

static bool purges(const struct package_want *want, const struct package_have *have)
{
	return have ? have->purges : want->ensure == ABSENT && want->purge;
}

enum after { AFTER_PURGE, AFTER_HOLD, AFTER_UNHOLD };

/* What apt-get install does not do: one command for all who need it. */
static int finish(struct neap_host *host, const struct neap_context *ctx, const struct neap_batched *members,
		  size_t count, enum after what, int64_t lock_wait, struct neap_error **err)
{
	static const struct {
		const char *const command[3];
		const char *title;
	} commands[] = {
		[AFTER_PURGE] = { { "dpkg", "--purge", NULL }, "dpkg --purge" },
		[AFTER_HOLD] = { { "apt-mark", "hold", NULL }, "apt-mark hold" },
		[AFTER_UNHOLD] = { { "apt-mark", "unhold", NULL }, "apt-mark unhold" },
	};
	struct neap_words names = { 0 };
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		const struct package_want *want = members[i].want;
		const struct package_have *have = members[i].have;
		if (what == AFTER_PURGE ? purges(want, have) : marks_hold(want, have, what == AFTER_HOLD))
			neap_vec_push(&names.list, want->name);
	}
	if (names.list.count)
		r = neap_apt_run(host, ctx->scratch, commands[what].command, &names, lock_wait,
				 commands[what].title, err);
	neap_words_done(&names);
	return r;
}

static int package_apply_all(struct neap_host *host, const struct neap_context *ctx,
			     const struct neap_batched *members, size_t count, struct neap_error **err)
{
	struct neap_apt_request request = { 0 };
	const struct transaction *transaction = NULL;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		const struct package_have *have = members[i].have;
		if (have && have->transaction)
			transaction = have->transaction;
		if (!have || have->transacts)
			add_request(&request, ctx->scratch, members[i].want, have);
		note_lock_wait(&request, members[i].want);
	}
	bool removes = transaction && transaction->removes;
	if (removes)
		r = check_removals(&host->view, ctx->scratch, &request, transaction, err);
	if (r == 0 && request.words.list.count)
		r = neap_apt_install(host, ctx->scratch, &request, removes, err);
	neap_words_done(&request.words);
	for (unsigned what = AFTER_PURGE; r == 0 && what <= AFTER_UNHOLD; what++)
		r = finish(host, ctx, members, count, what, request.lock_wait, err);
	return r;
}

static int package_apply(struct neap_host *host, const struct neap_context *ctx, const void *want,
			 const void *have, struct neap_error **err)
{
	const struct neap_batched member = { .want = want, .have = (void *)(uintptr_t)have };

	return package_apply_all(host, ctx, &member, 1, err);
}

/* ---- the type ------------------------------------------------------------------------------------------ */

static int package_check(const void *wanted, struct neap_error **err)
{
	const struct package_want *want = wanted;

	if (!neap_dpkg_is_name(want->name)) {
		neap_error_set(err, "\"%s\" is no name of a Debian package", want->name);
		return neap_error_hint(
			err, "lower case letters, digits, + - and . make a name; an architecture may "
			     "follow a colon, and a version is a parameter of its own");
	}
	if (neap_given(want, VERSION) && !neap_dpkg_is_version(want->version)) {
		neap_error_set(err, "\"%s\" is no version of a Debian package", want->version);
		return neap_error_hint(err, "give it whole, as apt-cache policy %s prints it", want->name);
	}
	if (neap_given(want, VERSION) && want->ensure != PRESENT)
		return neap_error_set(err, "version has no meaning with ensure = \"%s\"",
				      want->ensure == ABSENT ? "absent" : "latest");
	if (want->hold && want->ensure != PRESENT)
		return neap_error_set(err, "hold has no meaning with ensure = \"%s\"",
				      want->ensure == ABSENT ? "absent" : "latest");
	if (neap_given(want, PURGE) && want->ensure != ABSENT)
		return neap_error_set(err, "purge has no meaning without ensure = \"absent\"");
	return 0;
}

/* What apt will do depends on all that the recipe says of apt's configuration. */
static void package_claim(const void *wanted, struct neap_claims *claims)
{
	(void)wanted;
	neap_claim_after(claims, "/etc/apt");
}

static const char *const ensure_choices[] = { "present", "absent", "latest", NULL };

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The package, as apt names it; `name:architecture` for one of another architecture than the "
		       "machine's.",
		.offset = offsetof(struct package_want, name),
	},
	[VERSION] = {
		.name = "version",
		.kind = NEAP_PARAM_STRING,
		.doc = "The version it has to have, whole: `\"1.18.0-6\"`. An older one than the one that is there "
		       "is a downgrade, and the plan says so.",
		.fallback = "the version that is there; for a new package the one that apt prefers",
		.offset = offsetof(struct package_want, version),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the package is to be there. `\"latest\"`: in the version that apt prefers, by the "
		       "lists of packages as they are. `\"absent\"` leaves its configuration files unless `purge` "
		       "is said.",
		.choices = ensure_choices,
		.offset = offsetof(struct package_want, ensure),
	},
	[HOLD] = {
		.name = "hold",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is on hold, so that upgrades pass it by. A change of `version` here is made all "
		       "the same, and the hold set again.",
		.fallback = "left alone; a package on hold is not changed",
		.offset = offsetof(struct package_want, hold),
	},
	[PURGE] = {
		.name = "purge",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "With `ensure = \"absent\"`: whether its configuration files go too, also those of a package "
		       "that was removed before.",
		.fallback = "false",
		.offset = offsetof(struct package_want, purge),
	},
	[LOCK_WAIT] = {
		.name = "lock_wait",
		.kind = NEAP_PARAM_DURATION,
		.doc = "How long to wait for another program that is changing packages. Of several in one "
		       "transaction the longest counts.",
		.fallback = "10m",
		.max = 86400,
		.offset = offsetof(struct package_want, lock_wait),
	},
};

static const char description[] =
	"A Debian package, by dpkg and apt.\n"
	"\n"
	"- All packages that stand on the same resources, or on none, are installed, changed and removed\n"
	"  by one `apt-get`, together with the first of them: only an edge splits them, and what comes\n"
	"  in a later transaction is unknown in a plan in which the first is to be made. Everything that the "
	"recipe owns\n"
	"  below /etc/apt comes before, unless it needs a package itself.\n"
	"- The plan asks `apt-get --simulate` and shows what else would be installed, changed, removed\n"
	"  or configured, with the first package of the transaction. The apply does that or fails:\n"
	"  where no removal was planned none is made, and other removals than those are refused.\n"
	"- A transaction that would remove a package that another resource wants present, change it\n"
	"  from the version that one wants, or install one that is wanted absent, fails the package\n"
	"  that brings it about; the others go on. Give `protect` to say of a package why. Essential\n"
	"  packages are never removed, nor is anything on hold changed without `hold`.\n"
	"- The lists of packages are taken as they are: `apt-get update` is run by\n"
	"  `neap.apt_repository` when it has changed, never by a package. A package behind a\n"
	"  repository that is still to be added is unknown in a plan.\n"
	"- Configuration files that were edited stay (`--force-confdef`, `--force-confold`).\n"
	"  Recommended packages come as apt is configured. Services are started or not as the package\n"
	"  and the system's policy-rc.d say.\n"
	"- What a killed run left half done is finished first, and the plan says so.\n"
	"- As a plain user a plan can be made; an apply fails.\n";

static const char example[] = "neap.package { name = \"nginx\", version = \"1.22.1-9\", hold = true }\n"
			      "neap.package { name = \"chrony\" }\n"
			      "neap.package { name = \"ntp\", ensure = \"absent\", purge = true }\n";

extern const struct neap_resource_type neap_type_package;
const struct neap_resource_type neap_type_package = {
	.name = "package",
	.summary = "a Debian package: there, absent, at a version, on hold",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct package_want),
	.have_size = sizeof(struct package_have),
	.check = package_check,
	.claim = package_claim,
	.read = package_read,
	.read_all = package_read_all,
	.diff = package_diff,
	.apply = package_apply,
	.apply_all = package_apply_all,
};
