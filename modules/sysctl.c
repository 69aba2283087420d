/*
 * neap.sysctl: a setting of the kernel, now and at every boot: two checks. The file is one of /etc/sysctl.d,
 * in which each setting is a line of its own.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/part.h"

enum { NAME, VALUE, ENSURE, FILE_, PERSISTENT, PARAM_COUNT };

#define DEFAULT_FILE "/etc/sysctl.d/90-neap.conf"

struct sysctl_want {
	struct neap_want base;
	const char *name, *value;
	unsigned ensure;
	const char *file;
	bool persistent;
};

enum edit { EDIT_NONE, EDIT_ADD, EDIT_REPLACE, EDIT_REMOVE };

struct sysctl_have {
	bool running;
	const char *live;
	struct neap_part_file file;
	enum edit edit;
	const char *kept; /* the value in the file, NULL: none */
};

static const char *file_of(const struct sysctl_want *want)
{
	return neap_given(want, FILE_) ? want->file : DEFAULT_FILE;
}

/* Whether the line is to be in the file; else it is looked for only to be removed. */
static bool is_kept(const struct sysctl_want *want)
{
	return want->ensure == NEAP_PRESENT && (!neap_given(want, PERSISTENT) || want->persistent);
}

static bool is_edited(const struct sysctl_want *want)
{
	return is_kept(want) || want->ensure == NEAP_ABSENT;
}

/* With single blanks: the kernel prints tabs where people write spaces. */
static const char *canonical_value(const char *value, struct neap_arena *arena)
{
	struct neap_str rest = neap_str(value), word;
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	while ((word = neap_str_word(&rest)).len) {
		if (text.len)
			neap_buf_putc(&text, ' ');
		neap_buf_append(&text, word.data, word.len);
	}
	return neap_arena_copy(arena, text.data ? text.data : "", text.len);
}

/* With the separators of a path: "net.ipv4.conf.eth0/1.mtu" and "net/ipv4/conf/eth0.1/mtu" are one. */
static const char *canonical_name(struct neap_str name, struct neap_arena *arena)
{
	char *text = neap_arena_copy(arena, name.data, name.len);

	if (text[strcspn(text, "./")] == '.')
		for (char *at = text; *at; at++)
			*at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
	return text;
}

static int sysctl_check(const void *wanted, struct neap_error **err)
{
	const struct sysctl_want *want = wanted;

	if (strpbrk(want->name, " \t=#;\r") || want->name[0] == '-')
		return neap_error_set(err, "\"%s\" is no name of a kernel setting", want->name);
	if (want->ensure == NEAP_PRESENT && !neap_given(want, VALUE))
		return neap_error_set(err, "value is required, unless ensure = \"absent\"");
	if (want->ensure == NEAP_ABSENT && (neap_absent_check(want, VALUE, VALUE, err) < 0 ||
					    neap_absent_check(want, PERSISTENT, PERSISTENT, err) < 0))
		return -1;
	if (neap_given(want, PERSISTENT) && !want->persistent && neap_given(want, FILE_))
		return neap_error_set(err, "file has no meaning with persistent = false");
	return 0;
}

static void sysctl_claim(const void *wanted, struct neap_claims *claims)
{
	const struct sysctl_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *name = canonical_name(neap_str(want->name), arena);
	char link[NEAP_NET_NAME];

	if (is_edited(want))
		neap_claim_entries(claims, file_of(want));
	if (want->ensure == NEAP_PRESENT && neap_net_link_of_setting(name, link))
		neap_claim_link(claims, link, NEAP_LINK_NEEDS);
	if (want->ensure == NEAP_PRESENT)
		neap_claim_path(claims, neap_arena_printf(arena, NEAP_KERNEL_ROOT "/%s", name),
				NEAP_ASPECT_CONTENT, false);
}

/* "name = value", also with the "-" that makes an error of it no error. */
static bool parse_line(struct neap_str bytes, struct neap_arena *arena, const char **ret_name,
		       struct neap_str *ret_value)
{
	struct neap_str text = neap_str_trim(bytes), name;
	const char *equals;

	if (!text.len || text.data[0] == '#' || text.data[0] == ';')
		return false;
	if (text.data[0] == '-')
		text = (struct neap_str){ text.data + 1, text.len - 1 };
	equals = text.len ? memchr(text.data, '=', text.len) : NULL;
	if (!equals)
		return false;
	name = neap_str_trim((struct neap_str){ text.data, (size_t)(equals - text.data) });
	*ret_name = canonical_name(name, arena);
	*ret_value =
		neap_str_trim((struct neap_str){ equals + 1, (size_t)(text.data + text.len - equals) - 1 });
	return true;
}

/* Works out the file: the setting's lines, of which the last counts at boot, become one. */
static int plan_file(const struct sysctl_want *want, const struct neap_context *ctx, struct sysctl_have *have,
		     struct neap_error **err)
{
	struct neap_arena *arena = ctx->passing;
	struct neap_str text = neap_part_text(&have->file);
	const char *name = canonical_name(neap_str(want->name), arena), *found;
	struct neap_str line_text = { 0 }, value;
	struct neap_rewrite rewrite;
	size_t count = 0;
	bool exact = false;

	neap_part_begin(&have->file, &rewrite);
	if (is_kept(want))
		line_text = neap_str(neap_arena_printf(arena, "%s = %s", want->name, want->value));
	for (size_t at = 0; at < text.len;) {
		struct neap_line line = neap_line_at(text, at);

		at = line.next;
		if (!parse_line(neap_line_bytes(text, line), arena, &found, &value) ||
		    strcmp(found, name) != 0)
			continue;
		have->kept = neap_arena_copy(ctx->scratch, value.data, value.len);
		exact = is_kept(want) &&
			strcmp(canonical_value(have->kept, arena), canonical_value(want->value, arena)) == 0;
		neap_rewrite_keep(&rewrite, line.start);
		if (is_kept(want) && count++ == 0)
			neap_rewrite_line(&rewrite, line_text);
		neap_rewrite_drop(&rewrite, line.next);
	}
	if (is_kept(want) ? exact && count == 1 : !have->kept)
		return 0;
	have->edit = !is_kept(want) ? EDIT_REMOVE : count ? EDIT_REPLACE : EDIT_ADD;
	if (have->edit == EDIT_ADD) {
		neap_rewrite_keep(&rewrite, text.len);
		neap_rewrite_line(&rewrite, line_text);
	}
	return neap_part_end(&have->file, file_of(want), &rewrite, err);
}

static int no_such_setting(const struct sysctl_want *want, struct neap_error **err)
{
	neap_error_set(err, "this kernel has no setting %s", want->name);
	return neap_error_hint(err, "a module may bring it: neap.kernel_module, and require it here");
}

static int sysctl_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		       void *had, struct neap_error **err)
{
	const struct sysctl_want *want = wanted;
	struct sysctl_have *have = had;
	int r = 0;

	have->running = neap_view_running(view);
	if (have->running && want->ensure == NEAP_PRESENT) {
		r = neap_view_kernel(view, want->name, ctx->scratch, &have->live, err);
		if (r == 0 && !have->live)
			return no_such_setting(want, err);
	}
	if (r != 0 || !is_edited(want))
		return r;
	r = neap_part_read(view, ctx, file_of(want), is_kept(want), &have->file, err);
	return r == 0 ? plan_file(want, ctx, have, err) : r;
}

static bool live_differs(const struct sysctl_want *want, const struct sysctl_have *have,
			 struct neap_arena *arena)
{
	return have->live &&
	       strcmp(canonical_value(have->live, arena), canonical_value(want->value, arena)) != 0;
}

static int sysctl_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		       struct neap_diff *diff, struct neap_error **err)
{
	const struct sysctl_want *want = wanted;
	const struct sysctl_have *have = had;

	(void)err;
	if (live_differs(want, have, ctx->scratch))
		neap_diff_string(diff, "live", canonical_value(have->live, ctx->scratch), want->value);
	if (have->edit == EDIT_NONE)
		return 0;
	if (have->edit == EDIT_REMOVE)
		neap_diff_action(diff, NEAP_ACTION_DELETE);
	neap_diff_string(diff, "persistent", have->kept, have->edit == EDIT_REMOVE ? NULL : want->value);
	neap_diff_reason(diff, "in %s", file_of(want));
	neap_part_diff(&have->file, NULL, false, diff);
	return 0;
}

static int sysctl_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			const void *had, struct neap_error **err)
{
	const struct sysctl_want *want = wanted;
	const struct sysctl_have *have = had;
	bool live = have ? live_differs(want, have, ctx->scratch)
			 : want->ensure == NEAP_PRESENT && neap_view_running(&host->view);

	/* First what is in force: nothing is kept for the boot that the kernel does not take. */
	if (live && neap_host_kernel(host, want->name, want->value, err) < 0)
		return -1;
	if (have && have->edit != EDIT_NONE)
		return neap_part_write(host, file_of(want), &have->file, false, true, err);
	return !have && is_kept(want) ? neap_part_write_blindly(host, file_of(want), err) : 0;
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The setting as sysctl names it, such as `net.ipv4.ip_forward`. When a slash comes first, "
		       "slashes separate and dots are dots: `net/ipv4/conf/eth0.1/forwarding`.",
		.offset = offsetof(struct sysctl_want, name),
	},
	[VALUE] = {
		.name = "value",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_OR_INTEGER,
		.doc = "Its value. Required unless `ensure = \"absent\"`. Blanks and tabs are one.",
		.offset = offsetof(struct sysctl_want, value),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether it is to be set. With `\"absent\"` its line in the file goes, and the kernel keeps the "
		       "value it has.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct sysctl_want, ensure),
	},
	[FILE_] = {
		.name = "file",
		.kind = NEAP_PARAM_PATH,
		.doc = "Where it is kept for the next boot. Its other lines are left alone.",
		.fallback = "`" DEFAULT_FILE "`",
		.offset = offsetof(struct sysctl_want, file),
	},
	[PERSISTENT] = {
		.name = "persistent",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is kept in the file; with `false` no file is looked at.",
		.fallback = "true",
		.offset = offsetof(struct sysctl_want, persistent),
	},
};

static const char description[] =
	"A setting of the kernel, now and after the next boot.\n"
	"\n"
	"- `live` is what the kernel says, `persistent` the line in the file: each is looked at and set\n"
	"  by itself. Below `--root` there is only the file.\n"
	"- After it was set the value is read back: a kernel that takes a value and keeps another (as\n"
	"  `net.netfilter.nf_conntrack_max` in a namespace) is told as \"did not converge\".\n"
	"- Several lines of the setting in the file become one. Another file that is read later may still\n"
	"  say something else at boot: only the one file is looked at.\n"
	"- A setting that the kernel does not have is an error, in a plan unknown where what stands before\n"
	"  it may bring it (a module, a link).\n";

static const char example[] = "neap.sysctl { name = \"net.ipv4.ip_forward\", value = \"1\" }\n"
			      "neap.sysctl { name = \"vm.overcommit_memory\", value = \"1\", file = "
			      "\"/etc/sysctl.d/99-kubernetes.conf\" }\n";

extern const struct neap_resource_type neap_type_sysctl;
const struct neap_resource_type neap_type_sysctl = {
	.name = "sysctl",
	.summary = "a setting of the kernel, now and at boot",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct sysctl_want),
	.have_size = sizeof(struct sysctl_have),
	.check = sysctl_check,
	.claim = sysctl_claim,
	.read = sysctl_read,
	.diff = sysctl_diff,
	.apply = sysctl_apply,
};
