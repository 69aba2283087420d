#include "tests/support/opaque.h"

#include "base/path.h"

#include <stdio.h>

const char *neap_test_root = "";
unsigned neap_test_opaque_runs, neap_test_opaque_refreshes;

enum { P_NAME, P_CREATES, P_CHANGES, P_PLANTS, P_CLEARS, P_LIES, P_NOTE };

struct opaque_want {
	struct neap_want base;
	const char *name;
	const char *creates;
	struct neap_strings changes, plants, clears;
	bool lies;
	struct neap_text note;
};

struct opaque_have {
	bool done;
};

static const struct neap_param params[] = {
	[P_NAME] = { "name", NEAP_PARAM_STRING, NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED, "Its name.",
		     .offset = offsetof(struct opaque_want, name) },
	[P_CREATES] = { "creates", NEAP_PARAM_PATH, NEAP_PARAM_REQUIRED, "Runs only while this is absent.",
			.offset = offsetof(struct opaque_want, creates) },
	[P_CHANGES] = { "changes", NEAP_PARAM_STRINGS, 0, "Paths it rewrites, and says so.",
			.offset = offsetof(struct opaque_want, changes) },
	[P_PLANTS] = { "plants", NEAP_PARAM_STRINGS, 0, "Absent paths it makes without a word.",
		       .offset = offsetof(struct opaque_want, plants) },
	[P_CLEARS] = { "clears", NEAP_PARAM_STRINGS, 0, "Files it removes without a word.",
		       .offset = offsetof(struct opaque_want, clears) },
	[P_LIES] = { "lies", NEAP_PARAM_BOOLEAN, 0, "Does not make what it is there to create.",
		     .offset = offsetof(struct opaque_want, lies) },
	[P_NOTE] = { "note", NEAP_PARAM_TEXT, NEAP_PARAM_SECRET, "Anything.",
		     .offset = offsetof(struct opaque_want, note) },
};

static const struct neap_output outputs[] = { { "value", "What it wrote.", false } };

static int read_(const struct neap_view *view, const struct neap_context *ctx, const void *opaque, void *ret,
		 struct neap_error **err)
{
	(void)ctx;
	const struct opaque_want *want = opaque;
	struct opaque_have *have = ret;
	struct neap_stat stat;
	int r = neap_view_stat(view, want->creates, &stat, err);
	if (r == 0)
		have->done = stat.kind != NEAP_FILE_ABSENT;
	return r;
}

static int diff(const struct neap_context *ctx, const void *opaque, const void *is, struct neap_diff *ret,
		struct neap_error **err)
{
	(void)ctx;
	(void)err;
	const struct opaque_want *want = opaque;
	const struct opaque_have *have = is;
	if (have->done)
		return 0;
	neap_diff_string(ret, "command", NULL, want->name);
	neap_diff_action(ret, NEAP_ACTION_RUN);
	return 0;
}

static int run(struct neap_host *host, const struct neap_context *ctx, const struct opaque_want *want,
	       struct neap_error **err)
{
	/* $1: the root; then the files to write. */
	static const char script[] = "exec 2>/dev/null; root=$1; shift; for f in \"$@\"; do "
				     "case $f in -*) rm -f \"$root${f#-}\"; continue ;; "
				     "+*) f=${f#+}; if [ -e \"$root$f\" ] || [ -L \"$root$f\" ]; "
				     "then continue; fi ;; esac; "
				     "rm -f \"$root$f\"; echo made >\"$root$f\"; done; true";
	size_t count = want->changes.count + want->plants.count + want->clears.count;
	const char **argv = neap_arena_array_of(ctx->scratch, const char *, count + 7);
	const char **effects = neap_arena_array_of(ctx->scratch, const char *, want->changes.count + 2);
	size_t n = 0, e = 0;
	argv[n++] = "/bin/sh";
	argv[n++] = "-c";
	argv[n++] = script;
	argv[n++] = "opaque";
	argv[n++] = neap_test_root;
	for (size_t i = 0; i < want->changes.count; i++)
		argv[n++] = effects[e++] = want->changes.items[i];
	for (size_t i = 0; i < want->plants.count; i++)
		argv[n++] = neap_arena_printf(ctx->scratch, "+%s", want->plants.items[i]);
	for (size_t i = 0; i < want->clears.count; i++)
		argv[n++] = neap_arena_printf(ctx->scratch, "-%s", want->clears.items[i]);
	effects[e++] = want->creates;
	if (!want->lies)
		argv[n++] = want->creates;
	struct neap_process process = { .argv = argv, .effects = effects, .timeout = 20 };
	struct neap_process_result result;
	int r = neap_host_run(host, &process, ctx->scratch, &result, err);
	if (r == 0 && result.status != 0)
		return neap_error_set(err, "command %s: exit %d: %s", want->name, result.status,
				      result.errors);
	return r;
}

static int apply(struct neap_host *host, const struct neap_context *ctx, const void *want, const void *have,
		 struct neap_error **err)
{
	(void)have;
	return run(host, ctx, want, err);
}

static int refresh(struct neap_host *host, const struct neap_context *ctx, const void *want,
		   struct neap_error **err)
{
	static const char *const argv[] = { "/bin/true", NULL };
	(void)want;
	struct neap_process process = { .argv = argv, .timeout = 20 };
	struct neap_process_result result;
	neap_test_opaque_refreshes++;
	return neap_host_run(host, &process, ctx->scratch, &result, err);
}

static int output(const struct neap_view *view, const struct neap_context *ctx, const void *opaque,
		  unsigned index, struct neap_text *ret, struct neap_error **err)
{
	(void)index;
	const struct opaque_want *want = opaque;
	struct neap_stat stat;
	struct neap_content content;
	int r = neap_view_file(view, want->creates, ctx->scratch, &stat, &content, err);
	if (r != 0)
		return r;
	*ret = stat.kind == NEAP_FILE_REGULAR ? neap_text_plain(content.data, content.size) : neap_text("");
	return 0;
}

/* Whether the way to `path` is there, and no link is on it (those the memory machine's put would replace). */
static bool below_directories(const struct neap_view *view, const char *path)
{
	char above[256];
	for (struct neap_str at = neap_path_parent(neap_str(path)); at.len > 1; at = neap_path_parent(at)) {
		struct neap_stat stat;
		snprintf(above, sizeof above, "%.*s", (int)at.len, at.data);
		if (neap_view_stat(view, above, &stat, NULL) != 0 || stat.kind != NEAP_FILE_DIRECTORY)
			return false;
	}
	return true;
}

int neap_test_opaque_run(struct neap_machine *memory, const struct neap_process *process, void *ctx)
{
	(void)ctx;
	neap_test_opaque_runs++;
	if (strcmp(process->argv[0], "/bin/sh") != 0)
		return 0;
	for (const char *const *path = process->argv + 5; *path; path++) {
		bool plant = **path == '+', clear = **path == '-';
		const char *name = *path + (plant || clear ? 1 : 0);
		struct neap_stat stat;
		if (!below_directories(&memory->view, name) ||
		    neap_view_stat(&memory->view, name, &stat, NULL) != 0 ||
		    stat.kind == NEAP_FILE_DIRECTORY || (plant && stat.kind != NEAP_FILE_ABSENT))
			continue; /* as the shell: that one cannot be written */
		neap_host_memory_put(memory, name, NEAP_FILE_ABSENT, 0, 0, 0, NULL, 0);
		if (clear)
			continue;
		neap_host_memory_put(memory, name, NEAP_FILE_REGULAR, 0644, 0, 0, "made\n", 5);
	}
	return 0;
}

const struct neap_resource_type neap_test_opaque = {
	.name = "opaque",
	.summary = "An opaque change, for tests.",
	.params = params,
	.param_count = sizeof params / sizeof *params,
	.outputs = outputs,
	.output_count = 1,
	.want_size = sizeof(struct opaque_want),
	.have_size = sizeof(struct opaque_have),
	.read = read_,
	.diff = diff,
	.apply = apply,
	.refresh = refresh,
	.output = output,
};
