/*
 * neap.hostname: the name of the machine, in /etc/hostname and, where it runs, in the kernel: two checks.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/whole.h"

enum { NAME, PARAM_COUNT };

#define NAME_MAX_LEN 64 /* of the kernel */
#define PATH "/etc/hostname"
#define SETTING "kernel.hostname"

struct hostname_want {
	struct neap_want base;
	const char *name;
};

struct hostname_have {
	struct neap_whole_state file;
	const char *live; /* NULL: the machine does not run */
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int hostname_check(const void *wanted, struct neap_error **err)
{
	const struct hostname_want *want = wanted;
	const char *name = want->name;
	bool wrong = strlen(name) > NAME_MAX_LEN;

	/* Labels of letters, digits and inner hyphens. */
	for (const char *at = name; *at && !wrong; at++)
		wrong = !is_letter(*at) && ((*at != '-' && *at != '.') || at == name || !is_letter(at[1]) ||
					    (*at == '.' && !is_letter(at[-1])));
	if (!wrong)
		return 0;
	neap_error_set(err, "\"%s\" is no host name", name);
	return neap_error_hint(err, "letters, digits and hyphens, parts separated by dots, at most %d in all",
			       NAME_MAX_LEN);
}

static void hostname_claim(const void *wanted, struct neap_claims *claims)
{
	(void)wanted;
	neap_claim_path(claims, PATH, NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT, false);
}

static struct neap_whole file_of(const struct hostname_want *want, struct neap_arena *arena)
{
	return (struct neap_whole){
		.path = PATH,
		.text = neap_str(neap_arena_printf(arena, "%s\n", want->name)),
		.mode = 0644,
	};
}

static int hostname_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			 void *had, struct neap_error **err)
{
	struct neap_whole file = file_of(wanted, ctx->scratch);
	struct hostname_have *have = had;
	int r = neap_whole_read(view, ctx->scratch, &file, &have->file, err);

	if (r == 0 && neap_view_running(view))
		r = neap_view_kernel(view, SETTING, ctx->scratch, &have->live, err);
	return r;
}

static int hostname_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			 struct neap_diff *diff, struct neap_error **err)
{
	const struct hostname_want *want = wanted;
	const struct hostname_have *have = had;
	struct neap_whole file = file_of(want, ctx->scratch);

	(void)err;
	if (have->live && strcmp(have->live, want->name) != 0)
		neap_diff_string(diff, "live", have->live, want->name);
	neap_whole_diff(&file, &have->file, "persistent", diff);
	return 0;
}

static int hostname_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			  const void *had, struct neap_error **err)
{
	const struct hostname_want *want = wanted;
	const struct hostname_have *have = had;
	struct neap_whole file = file_of(want, ctx->scratch);

	if (neap_whole_apply(host, &file, have ? &have->file : NULL, err) < 0)
		return -1;
	if (have ? !have->live || strcmp(have->live, want->name) == 0 : !neap_view_running(&host->view))
		return 0;
	return neap_host_kernel(host, SETTING, want->name, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The name: letters, digits and hyphens, at most 64.",
		.offset = offsetof(struct hostname_want, name),
	},
};

static const char description[] =
	"The name of the machine.\n"
	"\n"
	"- `persistent` is /etc/hostname, `live` what the kernel says: each is looked at and set by\n"
	"  itself. Below `--root` there is only the file.\n"
	"- There is one name: two resources of this type are an error of the recipe, and so is a\n"
	"  `neap.file` for /etc/hostname beside it.\n"
	"- Programs that asked for the name before keep the old one until they start again.\n";

static const char example[] = "neap.hostname { name = \"cp1\" }\n";

extern const struct neap_resource_type neap_type_hostname;
const struct neap_resource_type neap_type_hostname = {
	.name = "hostname",
	.summary = "the name of the machine",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct hostname_want),
	.have_size = sizeof(struct hostname_have),
	.check = hostname_check,
	.claim = hostname_claim,
	.read = hostname_read,
	.diff = hostname_diff,
	.apply = hostname_apply,
};
