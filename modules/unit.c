/*
 * neap.unit: a unit of systemd: its file and what is dropped in to it, whether it is enabled, masked, and
 * running. What files say is compared in files; what runs is asked of the service manager, where there is
 * one.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/part.h"
#include "engine/unit_judge.h"
#include "engine/unit_links.h"
#include "engine/unit_removal.h"
#include "engine/unit_running.h"

enum {
	NAME,
	CONTENT,
	SOURCE,
	DROP_INS,
	ENABLED,
	STATE,
	MASKED,
	RESTART,
	RELOAD,
	TIMEOUT,
	ENSURE,
	PARAM_COUNT
};
enum { RUNNING, STOPPED };

struct unit_want {
	struct neap_want base;
	const char *name;
	struct neap_text content;
	struct neap_source source;
	struct neap_texts drop_ins;
	bool enabled;
	unsigned state;
	bool masked, restart, reload;
	int64_t timeout;
	unsigned ensure;
};

struct unit_have {
	struct neap_unit_running_state running;
	struct neap_unit_own_state own;
	struct neap_unit_file file;
	struct neap_unit_links_state links;
	struct neap_unit_removal removal;
};

static const struct neap_param params[PARAM_COUNT];

/* ---- what is wanted ------------------------------------------------------------------------------------ */

static bool is_template(const struct unit_want *want)
{
	return neap_unit_name(want->name) == NEAP_UNIT_NAME_TEMPLATE;
}

static bool has_content(const struct unit_want *want)
{
	return neap_given(want, CONTENT) || neap_given(want, SOURCE);
}

static bool wants_enabled(const struct unit_want *want)
{
	return neap_given(want, ENABLED) && want->enabled;
}

static bool wants_state(const struct unit_want *want, unsigned state)
{
	return neap_given(want, STATE) && want->state == state;
}

static bool wants_masked(const struct unit_want *want)
{
	return neap_given(want, MASKED) && want->masked;
}

static bool is_secret(const struct unit_want *want)
{
	bool secret = neap_given(want, CONTENT) && want->content.span_count > 0;

	for (size_t i = 0; i < want->drop_ins.count; i++)
		secret |= want->drop_ins.texts[i].span_count > 0;
	return secret;
}

static struct neap_unit_own own_of(const struct unit_want *want)
{
	struct neap_unit_own own = {
		.name = want->name,
		.whole = has_content(want),
		.drop_ins = &want->drop_ins,
		.mask = wants_masked(want),
		.unmask = neap_given(want, MASKED) && !want->masked,
	};

	if (neap_given(want, SOURCE)) {
		own.content = want->source.content;
	} else if (own.whole) {
		own.content = (struct neap_content){ .data = want->content.data, .size = want->content.len };
		own.text = &want->content;
		own.secret = want->content.span_count > 0;
	}
	return own;
}

static struct neap_unit_running running_of(const struct unit_want *want)
{
	struct neap_unit_running running = {
		.name = want->name,
		.is_template = is_template(want),
		.restarts = !neap_given(want, RESTART) || want->restart,
		.reloads = neap_given(want, RELOAD) && want->reload,
		.timeout = neap_given(want, TIMEOUT) ? (unsigned)want->timeout : 0,
		.secret = is_secret(want),
	};

	if (want->ensure == NEAP_ABSENT || wants_state(want, STOPPED))
		running.wanted = NEAP_UNIT_STOPPED;
	else if (wants_state(want, RUNNING))
		running.wanted = NEAP_UNIT_RUNNING;
	return running;
}

/* ---- check --------------------------------------------------------------------------------------------- */

static int no_meaning(unsigned param, const char *with, struct neap_error **err)
{
	return neap_error_set(err, "%s has no meaning with %s", params[param].name, with);
}

static int contradict(const char *one, const char *two, struct neap_error **err)
{
	return neap_error_set(err, "%s and %s contradict each other", one, two);
}

static int check_drop_ins(const struct unit_want *want, struct neap_error **err)
{
	for (size_t i = 0; i < want->drop_ins.count; i++) {
		const char *name = want->drop_ins.names[i];
		size_t len = strlen(name);

		if (!len || len > 200 || name[0] == '.' || strchr(name, '/') || strchr(name, '\n'))
			return neap_error_set(err, "drop_ins: \"%.60s\" cannot be the name of a file", name);
		if (len > 5 && strcmp(name + len - 5, ".conf") == 0)
			return neap_error_set(err, "drop_ins: %s: leave out the .conf, which is added", name);
	}
	return 0;
}

static int check_mask(const struct unit_want *want, struct neap_error **err)
{
	if (has_content(want))
		return contradict("masked = true", neap_given(want, CONTENT) ? "content" : "source", err);
	if (wants_enabled(want))
		return contradict("masked = true", "enabled = true", err);
	return wants_state(want, RUNNING) ? contradict("masked = true", "state = \"running\"", err) : 0;
}

static struct neap_unit_use use_of(const struct unit_want *want)
{
	return (struct neap_unit_use){ .enabled = wants_enabled(want),
				       .running = wants_state(want, RUNNING) };
}

static int unit_check(const void *wanted, struct neap_error **err)
{
	static const unsigned of_jobs[] = { STATE, RESTART, RELOAD, TIMEOUT };
	const struct unit_want *want = wanted;
	const struct neap_unit_own own = own_of(want);
	const struct neap_unit_use use = use_of(want);

	if (neap_unit_judge_name(want->name, err) < 0)
		return -1;
	for (unsigned i = CONTENT; want->ensure == NEAP_ABSENT && i < ENSURE; i++)
		if (neap_given(want, i) && i != TIMEOUT)
			return no_meaning(i, "ensure = \"absent\"", err);
	for (size_t i = 0; is_template(want) && i < sizeof of_jobs / sizeof *of_jobs; i++) {
		if (!neap_given(want, of_jobs[i]))
			continue;
		no_meaning(of_jobs[i], "a template, which does not run", err);
		return neap_error_hint(err, "say it of an instance, in a resource of its own");
	}
	if (neap_given(want, CONTENT) && neap_given(want, SOURCE)) {
		contradict("content", "source", err);
		return neap_error_hint(err, "give one of them");
	}
	if (check_drop_ins(want, err) < 0 || (wants_masked(want) && check_mask(want, err) < 0))
		return -1;
	return neap_unit_judge_text(&own, neap_given(want, SOURCE) ? want->source.path : "content", &use,
				    err);
}

/* ---- claim --------------------------------------------------------------------------------------------- */

static void unit_claim(const void *wanted, struct neap_claims *claims)
{
	const struct unit_want *want = wanted;
	const struct neap_unit_own own = own_of(want);

	if (want->ensure == NEAP_ABSENT)
		neap_unit_own_claim_absent(want->name, claims);
	else
		neap_unit_own_claim(&own, wants_enabled(want), claims);
	if (want->ensure == NEAP_ABSENT || wants_masked(want) ||
	    (neap_given(want, ENABLED) && !want->enabled))
		neap_claim_boot(claims, want->name, false);
}

static void unit_prefetch(const struct neap_view *view, const void *const *wants, size_t count)
{
	NEAP_AUTO_FREE const char **names = neap_alloc((count + 1) * sizeof(*names));
	size_t asked = 0;

	if (!neap_view_manager(view))
		return;
	for (size_t i = 0; i < count; i++)
		if (!is_template(wants[i]))
			names[asked++] = ((const struct unit_want *)wants[i])->name;
	neap_view_units_expected(view, names, asked);
}

/* ---- read ---------------------------------------------------------------------------------------------- */

/* Whether the unit is another resource's: then that one says whether it is enabled. */
static bool is_others(const struct neap_context *ctx, const char *name)
{
	struct neap_declared declared;
	size_t at = 0;

	while (ctx->declared && ctx->declared(ctx, &at, &declared))
		if (strcmp(((const struct unit_want *)declared.want)->name, name) == 0)
			return true;
	return false;
}

static int read_links(const struct neap_view *view, const struct neap_context *ctx,
		      const struct neap_unit_source *source, const struct neap_unit_file *file, bool enabled,
		      struct unit_have *have, struct neap_error **err)
{
	const struct neap_unit_enabling enabling = {
		.source = source,
		.file = file,
		.enabled = enabled,
		.is_others = is_others,
		.context = ctx,
	};

	return neap_unit_links_read(view, ctx->scratch, &enabling, &have->links, err);
}

/* The file that counts, where it has to be known. */
static int read_file(const struct neap_view *view, struct neap_arena *arena, const struct unit_want *want,
		     const struct neap_unit_source *source, struct unit_have *have, struct neap_error **err)
{
	struct neap_unit_use use = use_of(want);
	int r;

	/* What runs as wanted is no question, unless its file will be another one. */
	use.running &=
		have->running.manager && (!neap_unit_running_active(&have->running) || have->own.changes);
	use.known = have->running.manager && have->running.is.load != NEAP_UNIT_NOT_FOUND;
	if (!use.enabled && !use.running)
		return 0;
	r = neap_unit_file_read(view, arena, source, &have->file, err);
	return r == 0 ? neap_unit_judge(want->name, &have->file, &use, err) : r;
}

static int read_enabled(const struct neap_view *view, const struct neap_context *ctx,
			const struct unit_want *want, const struct neap_unit_source *source,
			struct unit_have *have, struct neap_error **err)
{
	const struct neap_unitfile *says = &have->file.says;
	struct neap_error *wrong NEAP_AUTO_ERROR = NULL;
	int r;

	if (!neap_given(want, ENABLED))
		return 0;
	if (!want->enabled) {
		/* What cannot be read asks for nothing. */
		r = neap_unit_file_read(view, ctx->scratch, source, &have->file, &wrong);
		if (r > 0)
			return r;
		if (r < 0 && wrong->errnum)
			return neap_error_pass(err, &wrong);
		return read_links(view, ctx, source, r == 0 ? &have->file : NULL, false, have, err);
	}
	r = read_links(view, ctx, source, &have->file, true, have, err);
	if (r == 0 && !have->links.wanted_count && !says->also.count)
		return neap_unit_refuse_static(want->name, err);
	return r;
}

/* Of a template: whether instances may be known to the manager by what was there before. */
static int read_others(const struct neap_view *view, struct neap_arena *arena, const struct unit_want *want,
		       struct unit_have *have, struct neap_error **err)
{
	struct neap_unit_file behind;
	int r;

	have->running.others = have->own.place != NEAP_UNIT_PLACE_NOTHING || !has_content(want);
	if (have->running.others)
		return 0;
	r = neap_unit_file_behind(view, arena, want->name, &behind, err);
	have->running.others = behind.found != NEAP_UNIT_FILE_NONE;
	return r;
}

static int read_absent(const struct neap_view *view, const struct neap_context *ctx,
		       const struct unit_want *want, struct unit_have *have, struct neap_error **err)
{
	const struct neap_unit_source source = { .name = want->name };
	int r = neap_unit_removal_read(view, ctx->scratch, want->name, &have->removal, err);

	if (r == 0)
		r = read_links(view, ctx, &source, NULL, false, have, err);
	have->running.changes = have->running.others = have->removal.count > 0;
	return r;
}

static int unit_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct unit_want *want = wanted;
	const struct neap_unit_own own = own_of(want);
	const struct neap_unit_source source = neap_unit_own_source(&own, ctx->scratch);
	const struct neap_unit_running running = running_of(want);
	struct unit_have *have = had;
	int r;

	if (neap_awaited(want, CONTENT))
		return NEAP_UNKNOWN;
	if (own.whole && !own.content.size) {
		neap_error_set(err, "an empty file masks a unit");
		return neap_error_hint(err, "if that is meant: masked = true");
	}
	r = neap_unit_running_read(view, ctx, &running, &have->running, err);
	if (r == 0 && want->ensure == NEAP_ABSENT)
		return read_absent(view, ctx, want, have, err);
	if (r == 0)
		r = neap_unit_own_read(view, ctx->scratch, &own, &have->own, err);
	have->running.changes = have->own.changes;
	have->running.masked = neap_unit_own_masked(&own, &have->own);
	if (r == 0 && is_template(want))
		r = read_others(view, ctx->scratch, want, have, err);
	if (r == 0)
		r = read_file(view, ctx->scratch, want, &source, have, err);
	if (r == 0 && neap_unit_running_may_pass(ctx, &have->running))
		r = neap_unit_file_passes(view, ctx->scratch, &source, &have->running.passes);
	return r == 0 ? read_enabled(view, ctx, want, &source, have, err) : r;
}

static bool unit_needs_refresh(const void *wanted, const void *had)
{
	const struct unit_want *want = wanted;
	const struct unit_have *have = had;
	const struct neap_unit_running running = running_of(want);

	return have ? neap_unit_running_can_restart(&running, &have->running)
		    : !running.is_template && running.wanted != NEAP_UNIT_STOPPED && !wants_masked(want);
}

/* ---- diff ---------------------------------------------------------------------------------------------- */

static void diff_absent(const struct unit_want *want, const struct unit_have *have, struct neap_diff *diff)
{
	const struct neap_unit_removal *removal = &have->removal;
	const struct neap_unit_running running = running_of(want);

	if (!removal->count && !neap_unit_links_differ(&have->links) &&
	    !neap_unit_running_differs(&running, &have->running))
		return;
	neap_diff_ensure(diff, NEAP_ABSENT);
	if (removal->count)
		neap_diff_list(diff, "files", (const char *const *)removal->files, removal->count, NULL, 0);
	neap_unit_links_diff(&have->links, "enabled", diff);
	neap_unit_running_diff(&running, &have->running, diff);
	if (have->running.is.ours)
		neap_diff_reason(diff, "neap itself runs in it, so it is not stopped");
}

static int unit_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct unit_want *want = wanted;
	const struct unit_have *have = had;
	const struct neap_unit_own own = own_of(want);
	const struct neap_unit_running running = running_of(want);

	(void)ctx, (void)err;
	if (want->ensure == NEAP_ABSENT) {
		diff_absent(want, have, diff);
		return 0;
	}
	neap_unit_own_diff(&own, &have->own, diff);
	neap_unit_links_diff(&have->links, "enabled", diff);
	neap_unit_running_diff(&running, &have->running, diff);
	neap_unit_running_diff_change(&running, &have->running, diff);
	return 0;
}

/* ---- apply --------------------------------------------------------------------------------------------- */

/* It is stopped by the files it was started by. */
static int remove_unit(struct neap_host *host, const struct unit_want *want, const struct unit_have *have,
		       struct neap_error **err)
{
	const struct neap_unit_running running = running_of(want);

	if (neap_unit_running_apply(host, &running, &have->running, err) < 0 ||
	    neap_unit_links_apply(host, &have->links, err) < 0 ||
	    neap_unit_removal_apply(host, &have->removal, err) < 0)
		return -1;
	return neap_unit_running_reload(host, &running, &have->running, err);
}

/* What is there is not known: all that is wanted, as far as it can be said. */
static int apply_blindly(struct neap_host *host, struct neap_arena *arena, const struct unit_want *want,
			 struct neap_error **err)
{
	bool manages = neap_view_manager(&host->view);
	const struct neap_unit_running running = running_of(want);
	struct neap_unit_own own = own_of(want);
	struct neap_unitfile says = { .name = want->name, .arena = arena };

	if (want->ensure == NEAP_ABSENT) {
		if (neap_unit_running_apply(host, &running, NULL, err) < 0)
			return -1;
		if (manages)
			neap_host_units_unsettle(host);
		return neap_unit_removal_blindly(host, arena, want->name, err);
	}
	if (neap_awaited(want, CONTENT)) {
		own.whole = true;
		if (neap_part_unknown(host, arena, &own.content, err) < 0)
			return -1;
	}
	if (neap_unit_own_apply(host, arena, &own, NULL, err) < 0)
		return -1;
	if (manages)
		neap_host_units_unsettle(host);
	if (wants_enabled(want) && own.content.data) {
		const struct neap_unit_source source = neap_unit_own_source(&own, arena);

		if (neap_unitfile_read(&says, source.content, "content", err) < 0 ||
		    neap_unit_links_make(host, arena, &says, neap_unit_own_path(want->name, arena), err) < 0)
			return -1;
	}
	return neap_unit_running_apply(host, &running, NULL, err);
}

/* Files first, then the manager is told of them, then what they make possible. */
static int unit_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct unit_want *want = wanted;
	const struct unit_have *have = had;
	const struct neap_unit_own own = own_of(want);
	const struct neap_unit_running running = running_of(want);

	if (!have)
		return apply_blindly(host, ctx->scratch, want, err);
	if (want->ensure == NEAP_ABSENT)
		return remove_unit(host, want, have, err);
	if (neap_unit_own_apply(host, ctx->scratch, &own, &have->own, err) < 0)
		return -1;
	if (neap_unit_running_reload(host, &running, &have->running, err) < 0)
		return -1;
	if (neap_unit_links_apply(host, &have->links, err) < 0)
		return -1;
	return neap_unit_running_apply(host, &running, &have->running, err);
}

static int unit_refresh(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			struct neap_error **err)
{
	const struct neap_unit_running running = running_of(wanted);

	return neap_unit_running_refresh(host, ctx, &running, err);
}

/* ---- the type ------------------------------------------------------------------------------------------ */

static const char *const state_choices[] = { "running", "stopped", NULL };

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The whole name: `etcd.service`, `backup.timer`, a template `app@.service` or an instance of it, "
		       "`app@a.service`.",
		.offset = offsetof(struct unit_want, name),
	},
	[CONTENT] = {
		.name = "content",
		.kind = NEAP_PARAM_TEXT,
		.flags = NEAP_PARAM_SECRET,
		.doc = "What its file in /etc/systemd/system holds.",
		.fallback = "the file is somebody else's, such as a package's",
		.offset = offsetof(struct unit_want, content),
	},
	[SOURCE] = {
		.name = "source",
		.kind = NEAP_PARAM_SOURCE,
		.doc = "A file of the machine that evaluates the recipe, to be copied there. A relative name starts "
		       "beside the recipe file that says it.",
		.fallback = "see content",
		.offset = offsetof(struct unit_want, source),
	},
	[DROP_INS] = {
		.name = "drop_ins",
		.kind = NEAP_PARAM_TEXTS,
		.flags = NEAP_PARAM_SECRET | NEAP_PARAM_OR_FALSE,
		.doc = "Files in /etc/systemd/system/NAME.d, by their names without `.conf`, and what each holds; with "
		       "`false` it is removed. Others there are left alone, also those that earlier recipes wrote.",
		.fallback = "none",
		.offset = offsetof(struct unit_want, drop_ins),
	},
	[ENABLED] = {
		.name = "enabled",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is started at boot, or by what [Install] in its file names.",
		.fallback = "left alone",
		.offset = offsetof(struct unit_want, enabled),
	},
	[STATE] = {
		.name = "state",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether it runs now.",
		.fallback = "left alone",
		.choices = state_choices,
		.offset = offsetof(struct unit_want, state),
	},
	[MASKED] = {
		.name = "masked",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "With `true` nobody can start it: a link to /dev/null takes the place of its file.",
		.fallback = "left alone",
		.offset = offsetof(struct unit_want, masked),
	},
	[RESTART] = {
		.name = "restart",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is restarted when its `content` or `drop_ins` change while it runs.",
		.fallback = "true",
		.offset = offsetof(struct unit_want, restart),
	},
	[RELOAD] = {
		.name = "reload",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is reloaded when it is notified, and not restarted. One that cannot reload, or "
		       "is still starting, is restarted all the same.",
		.fallback = "false",
		.offset = offsetof(struct unit_want, reload),
	},
	[TIMEOUT] = {
		.name = "timeout",
		.kind = NEAP_PARAM_DURATION,
		.min = 1,
		.max = 86400,
		.doc = "How long it may take to start, stop or reload. Then the resource fails; what systemd has begun "
		       "goes on.",
		.fallback = "5m",
		.offset = offsetof(struct unit_want, timeout),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "With `\"absent\"` it is stopped, disabled, and its file and all that is dropped in to it in "
		       "/etc/systemd/system are removed.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct unit_want, ensure),
	},
};

static const char description[] =
	"A unit of systemd: its file, whether it is enabled, and whether it runs. What is not given is\n"
	"left alone, so the unit may be a package's.\n"
	"\n"
	"- Its file and drop-ins are root's and 0644, 0600 when they hold a secret. When they change\n"
	"  while the unit runs it is restarted, once, after all of them; `restart = false` leaves that to\n"
	"  a person.\n"
	"- `enabled` makes the links that `systemctl enable` makes, and removes others that lead to the\n"
	"  unit. [Install] is read wherever the file lies, with what is dropped in to it. Units that\n"
	"  `Also=` names go along, but for those that are resources of the recipe. A unit without\n"
	"  [Install] cannot be enabled. The manager reads the links at the next boot or\n"
	"  `systemctl daemon-reload`.\n"
	"- `state` is compared and changed over D-Bus; a job is waited for, and when it fails the error\n"
	"  has the last lines of the unit's journal. `failed` counts as stopped. A Type=oneshot without\n"
	"  RemainAfterExit never runs, so it cannot be `running`. Below `--root`, and where no systemd\n"
	"  runs, there are only the files.\n"
	"- A Type=oneshot that does not stay (RemainAfterExit) is not restarted, nor is what becomes one\n"
	"  by its new file, and the unit that neap itself runs in is neither stopped, started nor\n"
	"  restarted: what has changed takes effect at their next start.\n"
	"- A unit that is notified is restarted; one that is stopped is not started by that. A unit that\n"
	"  this run has started for its own sake is not restarted once more.\n"
	"- The manager is told to read its files anew (`daemon-reload`) when those of a unit it knows\n"
	"  have changed, whoever changed them.\n"
	"- Of a template there are the file and the links only; name its instances in resources of their\n"
	"  own, and let them `subscribe` to it. They come after it by themselves.\n"
	"- A unit comes after the resources that bring its file or drop something in, and after the user\n"
	"  and group that its `content` names.\n";

static const char example[] =
	"local conf = neap.file { path = \"/etc/app.conf\", content = \"port = 80\\n\" }\n"
	"neap.unit {\n"
	"  name = \"app.service\",\n"
	"  content = neap.template(\"app.service\"),\n"
	"  enabled = true,\n"
	"  state = \"running\",\n"
	"  subscribe = conf,\n"
	"}\n"
	"neap.unit { name = \"ssh.service\", drop_ins = { limits = \"[Service]\\nMemoryMax=1G\\n\" } }\n"
	"neap.unit { name = \"apt-daily.timer\", enabled = false, state = \"stopped\" }\n";

extern const struct neap_resource_type neap_type_unit;
const struct neap_resource_type neap_type_unit = {
	.name = "unit",
	.summary = "a unit of systemd: its file, enabled, running",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct unit_want),
	.have_size = sizeof(struct unit_have),
	.check = unit_check,
	.claim = unit_claim,
	.prefetch = unit_prefetch,
	.read = unit_read,
	.diff = unit_diff,
	.apply = unit_apply,
	.refresh = unit_refresh,
	.needs_refresh = unit_needs_refresh,
	.refreshes_itself = true,
	.keeps = true,
};
