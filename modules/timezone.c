/*
 * neap.timezone: the zone that the machine's clocks show: the link /etc/localtime, and the name in
 * /etc/timezone where there is such a file.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is a
 * plan.
 */
#include "engine/part.h"

enum { NAME, PARAM_COUNT };

#define LOCALTIME "/etc/localtime"
#define TIMEZONE "/etc/timezone"
#define ZONES "/usr/share/zoneinfo/"
#define NAME_MAX_LEN 200

struct zone_want {
	struct neap_want base;
	const char *name;
};

struct zone_have {
	struct neap_stat stat; /* of /etc/localtime */
	const char *target;    /* where it points; NULL: it is no link */
	struct neap_parents parents;
	struct neap_part_file file; /* /etc/timezone */
	bool link_differs;
};

static const char *zone_path(const struct zone_want *want, struct neap_arena *arena)
{
	return neap_arena_printf(arena, ZONES "%s", want->name);
}

static int zone_check(const void *wanted, struct neap_error **err)
{
	const struct zone_want *want = wanted;
	size_t len = strlen(want->name), part = 0;
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";

	/* No dots: nothing leads out of the directory of zones. */
	if (len > NAME_MAX_LEN || want->name[strspn(want->name, plain)])
		part = len + 1;
	for (size_t i = 0; i <= len && part <= len; i++) {
		if (want->name[i] != '/' && want->name[i])
			part++;
		else if (part == 0)
			break;
		else if (!want->name[i])
			return 0;
		else
			part = 0;
	}
	neap_error_set(err, "name \"%.*s\" is not that of a zone", NAME_MAX_LEN, want->name);
	return neap_error_hint(err, "zones are called as their files below " ZONES ": \"Europe/Berlin\", "
				    "\"Etc/UTC\"");
}

static void zone_claim(const void *wanted, struct neap_claims *claims)
{
	(void)wanted;
	neap_claim_path(claims, LOCALTIME,
			NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES, false);
	neap_claim_path(claims, TIMEZONE, NEAP_ASPECT_CONTENT, false);
}

/* ---- what is there ----------------------------------------------------------------------------------- */

/* The zone that a link means, written from the root or from /etc; else the target as it is. */
static const char *zone_of(const char *target)
{
	static const char *const before[] = { ZONES, ".." ZONES };

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
		if (strncmp(target, before[i], strlen(before[i])) == 0)
			return target + strlen(before[i]);
	return target;
}

/* What was probably meant, by the zones beside it; or why there is none at all. */
static void suggest(const struct neap_view *view, struct neap_arena *arena, const struct zone_want *want,
		    const char *path, struct neap_error **err)
{
	const char *name = strrchr(path, '/') + 1, *nearest, **names;
	const char *directory = neap_arena_copy(arena, path, (size_t)(name - path) - 1);
	struct neap_entry *entries;
	struct neap_stat stat;
	size_t count;

	if (neap_view_stat(view, "/usr/share/zoneinfo", &stat, NULL) == 0 && stat.kind == NEAP_FILE_ABSENT) {
		neap_error_hint(err, "the machine has no zones: install the package tzdata first");
		return;
	}
	if (neap_view_list(view, directory, arena, &entries, &count, NULL) != 0)
		return;
	names = neap_arena_array_of(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		names[i] = entries[i].name;
	nearest = neap_str_nearest(name, names);
	if (nearest)
		neap_error_hint(err, "did you mean \"%.*s%s\"?", (int)(strlen(want->name) - strlen(name)),
				want->name, nearest);
}

static int read_zone(const struct neap_view *view, struct neap_arena *arena, const struct zone_want *want,
		     struct neap_error **err)
{
	const char *path = zone_path(want, arena);
	struct neap_stat stat;

	int r = neap_view_stat(view, path, &stat, err);
	if (r || stat.kind == NEAP_FILE_REGULAR || stat.kind == NEAP_FILE_LINK)
		return r;
	if (stat.kind == NEAP_FILE_ABSENT) {
		neap_error_set(err, "there is no zone %s: %s does not exist", want->name, path);
		suggest(view, arena, want, path, err);
		return -1;
	}
	return neap_error_set(err, "%s is no zone: %s is %s", want->name, path,
			      neap_file_kind_name(stat.kind));
}

static int read_timezone(const struct neap_view *view, const struct neap_context *ctx,
			 const struct zone_want *want, struct zone_have *have, struct neap_error **err)
{
	struct neap_rewrite rewrite;
	struct neap_str text, rest, name = neap_str(want->name);

	int r = neap_part_read(view, ctx, TIMEZONE, false, &have->file, err);
	if (r || have->file.stat.kind == NEAP_FILE_ABSENT)
		return r;
	text = neap_part_text(&have->file);
	if (text.len) {
		struct neap_line line = neap_line_at(text, 0);
		rest = neap_str_trim(neap_line_bytes(text, line));
		if (neap_str_equal(rest, name) && line.next == text.len)
			return 0;
	}
	neap_rewrite_begin(&rewrite, ctx->passing, NEAP_STR(""));
	neap_rewrite_line(&rewrite, name);
	return neap_part_end(&have->file, TIMEZONE, &rewrite, err);
}

static int zone_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct zone_want *want = wanted;
	struct zone_have *have = had;

	int r = read_zone(view, ctx->scratch, want, err);
	if (r == 0)
		r = neap_view_link(view, LOCALTIME, ctx->scratch, &have->stat, &have->target, err);
	if (r)
		return r;
	if (have->stat.kind == NEAP_FILE_DIRECTORY || have->stat.kind == NEAP_FILE_OTHER)
		return neap_error_set(err, LOCALTIME " is %s", neap_file_kind_name(have->stat.kind));
	have->link_differs = !have->target || strcmp(zone_of(have->target), want->name) != 0;
	if (have->stat.kind == NEAP_FILE_ABSENT)
		r = neap_parents_read(view, ctx->scratch, LOCALTIME, &have->parents, err);
	return r ? r : read_timezone(view, ctx, want, have, err);
}

static int zone_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct zone_want *want = wanted;
	const struct zone_have *have = had;
	struct neap_str text = neap_part_text(&have->file);
	(void)ctx, (void)err;

	if (have->link_differs) {
		if (have->stat.kind == NEAP_FILE_REGULAR)
			neap_diff_string(diff, "kind", "file", "link");
		neap_diff_string(diff, "name", have->target ? zone_of(have->target) : NULL, want->name);
	} else if (have->file.result.data) {
		struct neap_str line = text.len ? neap_line_bytes(text, neap_line_at(text, 0)) : text;
		neap_diff_string(diff, "name",
				 neap_arena_copy(neap_diff_arena(diff), line.len ? line.data : "", line.len),
				 want->name);
	}
	if (have->file.result.data) {
		neap_diff_reason(diff, have->link_differs ? "in " TIMEZONE " too" : "in " TIMEZONE);
		neap_part_diff(&have->file, NULL, false, diff);
	}
	neap_parents_diff(&have->parents, diff);
	return 0;
}

static int zone_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct zone_want *want = wanted;
	const struct zone_have *have = had;
	struct zone_have unknown = { .link_differs = true };

	if (!have) {
		int r = read_timezone(&host->view, ctx, want, &unknown, err);
		if (r < 0)
			return r;
		if (neap_host_mkdir_parents(host, LOCALTIME, err) < 0)
			return -1;
		have = &unknown;
	}
	if (have->parents.count > 0 && neap_host_mkdir_parents(host, LOCALTIME, err) < 0)
		return -1;
	if (have->link_differs && neap_host_symlink(host, LOCALTIME, zone_path(want, ctx->scratch), err) < 0)
		return -1;
	return have->file.result.data ? neap_part_write(host, TIMEZONE, &have->file, false, true, err) : 0;
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The zone, as its file below /usr/share/zoneinfo is called: `\"Europe/Berlin\"`, `\"Etc/UTC\"`.",
		.offset = offsetof(struct zone_want, name),
	},
};

static const char description[] =
	"The time zone of the machine: where the link `/etc/localtime` points, and what\n"
	"`/etc/timezone` says where there is such a file.\n"
	"\n"
	"- A link that means the zone is as wanted, whether it is written from the root or from\n"
	"  `/etc`. A new one points to `/usr/share/zoneinfo/NAME`.\n"
	"- A copy of a zone at `/etc/localtime` is replaced by the link.\n"
	"- The zone has to be there: where the package tzdata is missing, the resource fails.\n"
	"- `/etc/timezone` is not made, and keeps its owner and mode.\n"
	"- There is one zone, so there is one such resource, and no `ensure`.\n";

static const char example[] = "neap.timezone { name = \"Europe/Berlin\" }\n";

extern const struct neap_resource_type neap_type_timezone;
const struct neap_resource_type neap_type_timezone = {
	.name = "timezone",
	.summary = "the time zone of the machine",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct zone_want),
	.have_size = sizeof(struct zone_have),
	.check = zone_check,
	.claim = zone_claim,
	.read = zone_read,
	.diff = zone_diff,
	.apply = zone_apply,
};
