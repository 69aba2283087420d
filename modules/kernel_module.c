/*
 * neap.kernel_module: a module of the kernel, loaded now and at every boot: two checks. One that is built in
 * counts as loaded.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/lines.h"
#include "engine/whole.h"

enum { NAME, ENSURE, PARAMS, PERSISTENT, PARAM_COUNT };

#define NAME_LEN_MAX 55 /* of the kernel's modules */
#define LOAD_TIMEOUT 60 /* seconds */

struct module_want {
	struct neap_want base;
	const char *name;
	unsigned ensure;
	struct neap_texts params;
	bool persistent;
};

enum live { LIVE_NO_KERNEL, LIVE_NOT, LIVE_LOADED, LIVE_BUILT_IN };

struct module_have {
	enum live live;
	struct neap_whole_state load, options;
};

static int module_check(const void *wanted, struct neap_error **err)
{
	const struct module_want *want = wanted;
	size_t len = strlen(want->name);

	if (strspn(want->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != len ||
	    len > NAME_LEN_MAX || want->name[0] == '-')
		return neap_error_set(err, "\"%s\" is no name of a kernel module", want->name);
	if (want->ensure == NEAP_ABSENT && want->params.count > 0)
		return neap_error_set(err, "params has no meaning with ensure = \"absent\"");
	for (size_t i = 0; i < want->params.count; i++) {
		struct neap_text text = want->params.texts[i];

		if (strpbrk(want->params.names[i], " \t\n=\"") ||
		    (text.len && (memchr(text.data, '\n', text.len) || memchr(text.data, '"', text.len) ||
				  memchr(text.data, '\0', text.len))))
			return neap_error_set(err, "params: %s cannot be given to a module",
					      want->params.names[i]);
	}
	return 0;
}

/* The kernel's spelling: for it "-" and "_" are one. */
static const char *canonical(const struct module_want *want, struct neap_arena *arena)
{
	char *name = neap_arena_strdup(arena, want->name);

	for (char *at = name; *at; at++)
		if (*at == '-')
			*at = '_';
	return name;
}

static bool is_kept(const struct module_want *want)
{
	return want->ensure == NEAP_PRESENT && (!neap_given(want, PERSISTENT) || want->persistent);
}

static struct neap_whole load_file(const struct module_want *want, struct neap_arena *arena)
{
	const char *name = canonical(want, arena);
	struct neap_whole file = { .mode = 0644,
				   .path = neap_arena_printf(arena, "/etc/modules-load.d/%s.conf", name) };

	if (is_kept(want))
		file.text = neap_str(neap_arena_printf(arena, "%s\n", name));
	return file;
}

/* name=value, each quoted where it has blanks. */
static void print_param(const struct module_want *want, size_t i, struct neap_buf *ret)
{
	struct neap_text text = want->params.texts[i];
	bool quoted = text.len && (memchr(text.data, ' ', text.len) || memchr(text.data, '\t', text.len));
	const char *quote = quoted ? "\"" : "";

	neap_buf_printf(ret, "%s=%s%.*s%s", want->params.names[i], quote, (int)text.len, text.data, quote);
}

static struct neap_whole options_file(const struct module_want *want, struct neap_arena *arena)
{
	const char *name = canonical(want, arena);
	struct neap_whole file = { .mode = 0644,
				   .path = neap_arena_printf(arena, "/etc/modprobe.d/%s.conf", name) };
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	if (!is_kept(want) || want->params.count == 0)
		return file;
	neap_buf_printf(&text, "options %s", name);
	for (size_t i = 0; i < want->params.count; i++) {
		neap_buf_putc(&text, ' ');
		print_param(want, i, &text);
	}
	neap_buf_putc(&text, '\n');
	file.text = (struct neap_str){ neap_arena_copy(arena, text.data, text.len), text.len };
	return file;
}

/* The options of a module that shall go, or has none given, may be a person's: they are left. */
static bool has_options(const struct module_want *want)
{
	return is_kept(want) && want->params.count > 0;
}

static void module_claim(const void *wanted, struct neap_claims *claims)
{
	const struct module_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	unsigned aspects = NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT;

	neap_claim_path(claims, load_file(want, arena).path, aspects, !is_kept(want));
	if (has_options(want))
		neap_claim_path(claims, options_file(want, arena).path, aspects, false);
}

/* Whether the list of what is built in has it, in lines such as "kernel/net/bridge/bridge.ko". */
static int find_built_in(const struct neap_view *view, struct neap_arena *arena, const char *name, bool *ret,
			 struct neap_error **err)
{
	const char *release;
	struct neap_content content;
	struct neap_stat stat;
	struct neap_str text;
	int r = neap_view_kernel(view, "kernel.osrelease", arena, &release, err);

	*ret = false;
	if (r != 0 || !release)
		return r;
	r = neap_view_small_file(view, neap_arena_printf(arena, "/lib/modules/%s/modules.builtin", release),
				 arena, &stat, &content, err);
	if (r != 0 || stat.kind != NEAP_FILE_REGULAR || !content.data)
		return r;
	text = (struct neap_str){ content.data, content.size };
	for (size_t at = 0; at < text.len && !*ret;) {
		struct neap_line line = neap_line_at(text, at);
		struct neap_str bytes = neap_line_bytes(text, line);
		const char *slash = bytes.len ? memrchr(bytes.data, '/', bytes.len) : NULL;
		const char *start = slash ? slash + 1 : bytes.data;
		size_t i = 0, len = bytes.len - (size_t)(start - bytes.data);

		while (i < len && name[i] && (start[i] == '-' ? '_' : start[i]) == name[i])
			i++;
		*ret = !name[i] && len - i == 3 && memcmp(start + i, ".ko", 3) == 0;
		at = line.next;
	}
	return 0;
}

static int read_live(const struct neap_view *view, struct neap_arena *arena, const struct module_want *want,
		     enum live *ret, struct neap_error **err)
{
	const char *name = canonical(want, arena);
	struct neap_stat stat;
	bool built_in;
	int r;

	*ret = LIVE_NO_KERNEL;
	if (!neap_view_running(view))
		return 0;
	/* Loaded ones count their users; what is built in has a directory only when it has parameters. */
	r = neap_view_stat(view, neap_arena_printf(arena, "/sys/module/%s/refcnt", name), &stat, err);
	if (r == 0 && stat.kind != NEAP_FILE_ABSENT) {
		*ret = LIVE_LOADED;
		return 0;
	}
	if (r == 0)
		r = neap_view_stat(view, neap_arena_printf(arena, "/sys/module/%s", name), &stat, err);
	if (r == 0 && stat.kind != NEAP_FILE_ABSENT) {
		*ret = LIVE_BUILT_IN;
		return 0;
	}
	if (r == 0)
		r = find_built_in(view, arena, name, &built_in, err);
	if (r == 0)
		*ret = built_in ? LIVE_BUILT_IN : LIVE_NOT;
	return r;
}

static int module_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		       void *had, struct neap_error **err)
{
	const struct module_want *want = wanted;
	struct module_have *have = had;
	struct neap_whole load = load_file(want, ctx->scratch), options = options_file(want, ctx->scratch);
	int r = read_live(view, ctx->scratch, want, &have->live, err);

	if (r == 0 && have->live == LIVE_BUILT_IN && want->ensure == NEAP_ABSENT) {
		neap_error_set(err, "%s is built into the kernel and cannot be unloaded", want->name);
		return neap_error_hint(err, "where a module may be built in, not_if = { … } can spare it");
	}
	if (r == 0)
		r = neap_whole_read(view, ctx->scratch, &load, &have->load, err);
	if (r == 0 && has_options(want))
		r = neap_whole_read(view, ctx->scratch, &options, &have->options, err);
	return r;
}

static bool live_differs(const struct module_want *want, enum live live)
{
	return want->ensure == NEAP_PRESENT ? live == LIVE_NOT : live == LIVE_LOADED;
}

static int module_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		       struct neap_diff *diff, struct neap_error **err)
{
	const struct module_want *want = wanted;
	const struct module_have *have = had;
	struct neap_whole load = load_file(want, ctx->scratch), options = options_file(want, ctx->scratch);

	(void)err;
	if (live_differs(want, have->live)) {
		neap_diff_action(diff,
				 want->ensure == NEAP_PRESENT ? NEAP_ACTION_CREATE : NEAP_ACTION_DELETE);
		neap_diff_string(diff, "live", want->ensure == NEAP_PRESENT ? NULL : "loaded",
				 want->ensure == NEAP_PRESENT ? "loaded" : NULL);
	}
	neap_whole_diff(&load, &have->load, "persistent", diff);
	if (has_options(want))
		neap_whole_diff(&options, &have->options, "params", diff);
	return 0;
}

static int change_live(struct neap_host *host, const struct neap_context *ctx, const struct module_want *want,
		       struct neap_error **err)
{
	const char **argv = neap_arena_array_of(ctx->scratch, const char *, want->params.count + 5);
	struct neap_process process = { .argv = argv, .timeout = LOAD_TIMEOUT, .privileged = true };
	struct neap_process_result result;
	size_t count = 0;
	int r;

	argv[count++] = "modprobe";
	if (want->ensure == NEAP_ABSENT)
		argv[count++] = "-r";
	argv[count++] = "--";
	argv[count++] = want->name;
	for (size_t i = 0; i < want->params.count; i++) {
		struct neap_buf text NEAP_AUTO_BUF = { 0 };

		print_param(want, i, &text);
		argv[count++] = neap_arena_copy(ctx->scratch, text.data, text.len);
	}
	r = neap_host_run(host, &process, ctx->scratch, &result, err);
	if (r == 0 && !result.ok)
		return neap_error_set(err, "modprobe %s%s: exit %d: %.*s",
				      want->ensure == NEAP_ABSENT ? "-r " : "", want->name, result.status,
				      (int)strcspn(result.errors, "\n"), result.errors);
	return r;
}

static int module_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			const void *had, struct neap_error **err)
{
	const struct module_want *want = wanted;
	const struct module_have *have = had;
	struct neap_whole load = load_file(want, ctx->scratch), options = options_file(want, ctx->scratch);

	/* First what is in force: nothing is kept for the boot that cannot be had now. */
	if ((have ? live_differs(want, have->live) : neap_view_running(&host->view)) &&
	    change_live(host, ctx, want, err) < 0)
		return -1;
	if ((have || is_kept(want)) && neap_whole_apply(host, &load, have ? &have->load : NULL, err) < 0)
		return -1;
	return has_options(want) ? neap_whole_apply(host, &options, have ? &have->options : NULL, err) : 0;
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The module. `-` and `_` are one, as for the kernel.",
		.offset = offsetof(struct module_want, name),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether it is to be loaded. With `\"absent\"` it is unloaded, and no longer loaded at boot.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct module_want, ensure),
	},
	[PARAMS] = {
		.name = "params",
		.kind = NEAP_PARAM_TEXTS,
		.doc = "Its parameters, by name: given when it is loaded, and kept in /etc/modprobe.d/NAME.conf.",
		.fallback = "its own defaults; a file that is there is left alone",
		.offset = offsetof(struct module_want, params),
	},
	[PERSISTENT] = {
		.name = "persistent",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is loaded at boot too, by /etc/modules-load.d/NAME.conf.",
		.fallback = "true",
		.offset = offsetof(struct module_want, persistent),
	},
};

static const char description[] =
	"A module of the kernel: loaded now (`live`), and at every boot (`persistent`).\n"
	"\n"
	"- One that is built into the kernel counts as loaded; with `ensure = \"absent\"` it is an error.\n"
	"- It is loaded by `modprobe`, so a module that is blacklisted stays what it is and the resource\n"
	"  fails. What it brings (settings of the kernel, devices) is unknown in a plan to what stands on "
	"it.\n"
	"- A module that is loaded already keeps the parameters it was loaded with until it is loaded\n"
	"  again: `params` that change are written down for that time.\n"
	"- Below `--root` there are only the files.\n";

static const char example[] =
	"local bridge = neap.kernel_module { name = \"br_netfilter\" }\n"
	"neap.sysctl { name = \"net.bridge.bridge-nf-call-iptables\", value = \"1\", require = bridge }\n";

extern const struct neap_resource_type neap_type_kernel_module;
const struct neap_resource_type neap_type_kernel_module = {
	.name = "kernel_module",
	.summary = "a module of the kernel, loaded now and at boot",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct module_want),
	.have_size = sizeof(struct module_have),
	.check = module_check,
	.claim = module_claim,
	.read = module_read,
	.diff = module_diff,
	.apply = module_apply,
};
