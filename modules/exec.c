/*
 * neap.exec: a command, for what no type does. It is opaque: a plan says that it runs and not what comes of
 * it.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/path.h"
#include "engine/resource.h"

enum {
	NAME,
	COMMAND,
	SHELL,
	CREATES,
	CHANGES,
	REFRESH_ONLY,
	ALWAYS,
	CWD,
	ENVIRONMENT,
	USER,
	TIMEOUT,
	RETURNS,
	PARAM_COUNT
};

#define TIMEOUT_DEFAULT 300
#define INSTEAD "put it into environment, where others do not see it, and let the command read it there"

struct exec_want {
	struct neap_want base;
	const char *name;
	struct neap_strings command;
	struct neap_text shell;
	const char *creates;
	struct neap_strings changes;
	bool refresh_only, always;
	const char *cwd;
	struct neap_texts environment;
	const char *user;
	int64_t timeout;
	struct neap_integers returns;
};

struct exec_have {
	bool made; /* what it creates is there */
};

static int check_changes(const struct exec_want *want, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_str path;

	for (size_t i = 0; i < want->changes.count; i++)
		if (neap_path_normalise(arena, neap_str(want->changes.items[i]), &path, err) < 0)
			return neap_error_prefix(err, "changes");
	return 0;
}

static int exec_check(const void *wanted, struct neap_error **err)
{
	const struct exec_want *want = wanted;

	if (neap_given(want, COMMAND) == neap_given(want, SHELL)) {
		neap_error_set(err, neap_given(want, COMMAND) ? "command and shell contradict each other"
							      : "command or shell is required");
		return neap_error_hint(err, "command = { \"program\", \"argument\" } runs without a shell");
	}
	if (want->shell.len && memchr(want->shell.data, '\0', want->shell.len))
		return neap_error_set(err, "shell holds a NUL byte");
	for (size_t i = 0; i < want->environment.count; i++) {
		const char *name = want->environment.names[i];
		const struct neap_text *text = &want->environment.texts[i];

		if (strchr(name, '='))
			return neap_error_set(err, "environment: \"%s\" is no name of a variable", name);
		if (text->len && memchr(text->data, '\0', text->len))
			return neap_error_set(err, "environment: %s holds a NUL byte", name);
	}
	if (want->always && (want->refresh_only || neap_given(want, CREATES) || want->base.guarded))
		return neap_error_set(err, "always contradicts creates, only_if, not_if and refresh_only");
	if (!want->always && !want->refresh_only && !neap_given(want, CREATES) && !want->base.guarded) {
		neap_error_set(err,
			       "when is it to run? One of creates, only_if, not_if, refresh_only or always "
			       "is required");
		return neap_error_hint(err,
				       "creates = \"/a/path\" runs it only while that is absent; always = "
				       "true runs it in every run");
	}
	return check_changes(want, err);
}

/* What it makes is nobody's to purge. No order: who works on it may come before or after. */
static void exec_claim(const void *wanted, struct neap_claims *claims)
{
	const struct exec_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_str path;

	if (neap_given(want, CREATES))
		neap_claim_path(claims, want->creates, 0, false);
	for (size_t i = 0; i < want->changes.count; i++)
		if (neap_path_normalise(arena, neap_str(want->changes.items[i]), &path, NULL) == 0)
			neap_claim_path(claims, path.data, 0, false);
}

/* What would keep it from being started at all. */
static int check_place(const struct neap_view *view, const struct exec_want *want, struct neap_error **err)
{
	struct neap_stat stat;
	uint32_t uid;
	int r = 0;

	if (neap_given(want, USER))
		r = neap_view_user(view, want->user, &uid, err);
	if (r != 0 || !neap_given(want, CWD))
		return r;
	r = neap_view_stat(view, want->cwd, &stat, err);
	if (r == 0 && stat.kind == NEAP_FILE_ABSENT)
		return neap_error_set(err, "cwd %s is not there", want->cwd);
	return r;
}

static int exec_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct exec_want *want = wanted;
	struct exec_have *have = had;
	struct neap_stat stat;
	int r;

	if (neap_given(want, CREATES)) {
		r = neap_view_stat(view, want->creates, &stat, err);
		if (r != 0)
			return r;
		have->made = stat.kind != NEAP_FILE_ABSENT;
	}
	return have->made || ctx->again ? 0 : check_place(view, want, err);
}

static int exec_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct exec_want *want = wanted;
	const struct exec_have *have = had;

	if (neap_given(want, CREATES) ? have->made : ctx->again)
		return 0;
	if (ctx->again)
		return neap_error_set(err, "it ended well, but did not make %s", want->creates);
	if (want->refresh_only)
		return 0;
	neap_diff_action(diff, NEAP_ACTION_RUN);
	if (neap_given(want, SHELL))
		neap_diff_text(diff, "shell", NULL, &want->shell);
	else
		neap_diff_list(diff, "command", NULL, 0, want->command.items, want->command.count);
	if (neap_given(want, CREATES))
		neap_diff_string(diff, "creates", NULL, want->creates);
	return 0;
}

/* Notified and due at once, it runs once. */
static bool exec_needs_refresh(const void *wanted, const void *had)
{
	const struct exec_want *want = wanted;
	const struct exec_have *have = had;

	return have && (want->refresh_only || (neap_given(want, CREATES) && have->made));
}

/* "NAME=value", for the process. */
static const char *const *settings_of(const struct exec_want *want, struct neap_arena *arena)
{
	const struct neap_texts *texts = &want->environment;
	const char **settings = neap_arena_array_of(arena, const char *, texts->count + 1);

	for (size_t i = 0; i < texts->count; i++)
		settings[i] = neap_arena_printf(arena, "%s=%.*s", texts->names[i], (int)texts->texts[i].len,
						texts->texts[i].data);
	return settings;
}

static bool holds_secret(const struct exec_want *want)
{
	for (size_t i = 0; i < want->environment.count; i++)
		if (want->environment.texts[i].span_count)
			return true;
	return false;
}

static int failed(const struct exec_want *want, const struct neap_process_result *result,
		  struct neap_arena *arena, struct neap_error **err)
{
	const char *said = neap_process_said(result, arena);
	const char *how = neap_arena_printf(arena, "exit %d", result->status);

	if (result->status > 128)
		how = neap_arena_printf(arena, "killed by signal %d", result->status - 128);
	else if (neap_given(want, RETURNS))
		how = neap_arena_printf(arena, "exit %d, which returns does not have", result->status);
	if (holds_secret(want) && *said)
		return neap_error_set(err, "%s (its output is not shown: it was given secrets)", how);
	return neap_error_set(err, "%s%s%s", how, *said ? ": " : "", said);
}

static int run(struct neap_host *host, const struct neap_context *ctx, const struct exec_want *want,
	       struct neap_error **err)
{
	static const char *const shell[] = { "/bin/sh", "-c" };
	struct neap_arena *arena = ctx->scratch;
	const char **effects = neap_arena_array_of(arena, const char *, want->changes.count + 2);
	const char *const *argv = want->command.items;
	struct neap_process process = { .timeout = TIMEOUT_DEFAULT, .bound = true };
	struct neap_process_result result;
	size_t count = 0;
	int r;

	if (neap_given(want, SHELL)) {
		const char **words = neap_arena_array_of(arena, const char *, 4);

		words[0] = shell[0];
		words[1] = shell[1];
		words[2] = neap_arena_copy(arena, want->shell.data, want->shell.len);
		argv = words;
	}
	for (size_t i = 0; i < want->changes.count; i++) {
		struct neap_str path;

		if (neap_path_normalise(arena, neap_str(want->changes.items[i]), &path, err) < 0)
			return -1;
		effects[count++] = path.data;
	}
	if (neap_given(want, CREATES))
		effects[count++] = want->creates;
	process.argv = argv;
	process.effects = effects;
	process.directory = want->cwd;
	process.user = want->user;
	process.settings = settings_of(want, arena);
	if (neap_given(want, RETURNS)) {
		process.returns = want->returns.items;
		process.return_count = want->returns.count;
	}
	if (neap_given(want, TIMEOUT))
		process.timeout = (unsigned)want->timeout;
	r = neap_host_run(host, &process, arena, &result, err);
	if (r != 0)
		return r;
	return result.ok ? 0 : failed(want, &result, arena, err);
}

static int exec_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	(void)had;
	return run(host, ctx, wanted, err);
}

static int exec_refresh(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			struct neap_error **err)
{
	return run(host, ctx, wanted, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "What it does, in a few words: a name for plans.",
		.offset = offsetof(struct exec_want, name),
	},
	[COMMAND] = {
		.name = "command",
		.instead = INSTEAD,
		.kind = NEAP_PARAM_ARGV,
		.doc = "The program and its arguments, each as it is: no shell is between. A program without a slash is "
		       "looked up in PATH and the usual directories.",
		.offset = offsetof(struct exec_want, command),
	},
	[SHELL] = {
		.name = "shell",
		.instead = INSTEAD,
		.kind = NEAP_PARAM_TEXT,
		.doc = "A script for `/bin/sh -c` instead.",
		.offset = offsetof(struct exec_want, shell),
	},
	[CREATES] = {
		.name = "creates",
		.kind = NEAP_PARAM_PATH,
		.doc = "It runs only while this is absent, and has to make it.",
		.offset = offsetof(struct exec_want, creates),
	},
	[CHANGES] = {
		.name = "changes",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Paths that it may make or change: a plan knows nothing of them after it.",
		.offset = offsetof(struct exec_want, changes),
	},
	[REFRESH_ONLY] = {
		.name = "refresh_only",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "It runs only when it is notified.",
		.offset = offsetof(struct exec_want, refresh_only),
	},
	[ALWAYS] = {
		.name = "always",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "It runs in every run.",
		.offset = offsetof(struct exec_want, always),
	},
	[CWD] = {
		.name = "cwd",
		.kind = NEAP_PARAM_PATH,
		.doc = "The directory it runs in.",
		.fallback = "`/`",
		.offset = offsetof(struct exec_want, cwd),
	},
	[ENVIRONMENT] = {
		.name = "environment",
		.kind = NEAP_PARAM_TEXTS,
		.flags = NEAP_PARAM_SECRET,
		.doc = "Variables, beside PATH, HOME, LANG and LC_ALL. The place for secrets: with one here, nothing "
		       "of what the command says is repeated.",
		.offset = offsetof(struct exec_want, environment),
	},
	[USER] = {
		.name = "user",
		.kind = NEAP_PARAM_OWNER,
		.doc = "Whom it runs as, with the groups and the home of that account. Only root may.",
		.fallback = "who runs neap",
		.offset = offsetof(struct exec_want, user),
	},
	[TIMEOUT] = {
		.name = "timeout",
		.kind = NEAP_PARAM_DURATION,
		.min = 1,
		.max = 86400,
		.doc = "After this it is ended, with all that it has started, and has failed.",
		.fallback = "5m",
		.offset = offsetof(struct exec_want, timeout),
	},
	[RETURNS] = {
		.name = "returns",
		.kind = NEAP_PARAM_INTEGERS,
		.min = 0,
		.max = 255,
		.doc = "Exit codes that are well.",
		.fallback = "0",
		.offset = offsetof(struct exec_want, returns),
	},
};

static const char description[] =
	"A command, for what no type does.\n"
	"\n"
	"- It says when it is to run: `creates`, `only_if`, `not_if`, `refresh_only` or `always`. Without\n"
	"  one of them a second run would do everything again, and that is an error of the recipe.\n"
	"- In a plan it does not run. What it may have made is then unknown to the resources that\n"
	"  stand on it, and what `changes` and `creates` name is unknown to all.\n"
	"- All changes before it have landed when it runs. Its standard input is empty; its output is\n"
	"  quoted only when it fails, the last 400 bytes.\n"
	"- Notified, it runs once more; notified and due at once, it runs once.\n"
	"- With `--root` it runs in that root, which only root may.\n"
	"- When neap is killed the command is killed too (not what it has started in the background); it\n"
	"  runs again in the next run, as long as its guard says so.\n"
	"- What `creates` and `changes` name is spared by every purge.\n";

static const char example[] =
	"neap.exec {\n"
	"  name = \"make the database\",\n"
	"  command = { \"createdb\", \"app\" },\n"
	"  user = \"postgres\",\n"
	"  not_if = { \"test\", \"-e\", \"/var/lib/app/.made\" },\n"
	"}\n"
	"neap.exec { name = \"rebuild the index\", command = { \"updatedb\" }, refresh_only = true }\n";

extern const struct neap_resource_type neap_type_exec;
const struct neap_resource_type neap_type_exec = {
	.name = "exec",
	.summary = "a command",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct exec_want),
	.have_size = sizeof(struct exec_have),
	.check = exec_check,
	.claim = exec_claim,
	.read = exec_read,
	.diff = exec_diff,
	.apply = exec_apply,
	.refresh = exec_refresh,
	.needs_refresh = exec_needs_refresh,
};
