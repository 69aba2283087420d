/*
 * neap.mount: a file system at a path, now and at every boot: two checks, what the kernel lists and the line
 * in /etc/fstab.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/mounts.h"
#include "engine/part.h"

enum { PATH, DEVICE, FSTYPE, OPTIONS, DUMP, PASS, ENSURE, MOUNTED, PERSISTENT, PARAM_COUNT };

#define FSTAB "/etc/fstab"
#define MOUNTS "/proc/self/mountinfo"
#define MOUNT_TIMEOUT 120 /* seconds */
#define LINKS_MAX 40      /* as the kernel */

struct mount_want {
	struct neap_want base;
	const char *path, *device, *fstype, *options;
	int64_t dump, pass;
	unsigned ensure;
	bool mounted, persistent;
};

enum live {
	LIVE_OK,      /* or not looked at */
	LIVE_MISSING, /* not mounted, and shall be */
	LIVE_OTHER,   /* something else is mounted there */
	LIVE_OPTIONS, /* one of its options is not as wanted */
	LIVE_THERE,   /* mounted, and shall not be */
};

enum edit { EDIT_NONE, EDIT_ADD, EDIT_REPLACE, EDIT_REMOVE };

struct mount_have {
	enum live live;
	const char *now, *lacks; /* what is mounted there; an option it has not */
	bool make;               /* the directory is absent */
	struct neap_parents parents;
	struct neap_part_file file;
	enum edit edit;
	const char *line_before, *line;
	const char *options; /* of the line that is there */
};

static bool is_mounted(const struct mount_want *want)
{
	if (neap_given(want, MOUNTED))
		return want->mounted;
	return !neap_given(want, OPTIONS) || !neap_mount_has(want->options, "noauto");
}

/* Whether what the kernel has mounted is looked at, and what it shall be. */
static bool looks_live(const struct neap_view *view, const struct mount_want *want)
{
	return neap_view_running(view) &&
	       (want->ensure == NEAP_ABSENT || is_mounted(want) || neap_given(want, MOUNTED));
}

static bool wants_live(const struct mount_want *want)
{
	return want->ensure == NEAP_PRESENT && is_mounted(want);
}

static bool is_kept(const struct mount_want *want)
{
	return want->ensure == NEAP_PRESENT && (!neap_given(want, PERSISTENT) || want->persistent);
}

/* `have` NULL: what is there is not known. */
static const char *options_of(const struct mount_want *want, const struct mount_have *have)
{
	if (neap_given(want, OPTIONS))
		return want->options;
	return have && have->options ? have->options : "defaults";
}

static int mount_check(const void *wanted, struct neap_error **err)
{
	const struct mount_want *want = wanted;

	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, DEVICE, PARAM_COUNT - 1, err);
	if (!neap_given(want, DEVICE) || !neap_given(want, FSTYPE))
		return neap_error_set(err, "%s is required, unless ensure = \"absent\"",
				      neap_given(want, DEVICE) ? "fstype" : "device");
	if (want->device[0] == '-' || want->fstype[0] == '-')
		return neap_error_set(err, "%s must not begin with \"-\"",
				      want->device[0] == '-' ? "device" : "fstype");
	if (neap_given(want, OPTIONS) && strpbrk(want->options, " \t"))
		return neap_error_set(err, "options are separated by commas, without blanks");
	if (neap_given(want, OPTIONS) && neap_mount_has(want->options, "remount"))
		return neap_error_set(err, "options: remount is neap's to say");
	if (!wants_live(want) && !is_kept(want))
		return neap_error_set(err, "neither mounted nor kept in " FSTAB ": there is nothing to do");
	return 0;
}

static void mount_claim(const void *wanted, struct neap_claims *claims)
{
	const struct mount_want *want = wanted;

	neap_claim_entries(claims, FSTAB);
	/* What lies below has to come after it, or it would lie underneath. */
	if (want->ensure == NEAP_PRESENT)
		neap_claim_place(claims, want->path);
}

/* ---- /etc/fstab ---------------------------------------------------------------------------------------- */

static const char *number(int64_t wanted, bool given, const char *before, struct neap_arena *arena)
{
	return given ? neap_arena_printf(arena, "%lld", (long long)wanted) : before ? before : "0";
}

/* Whether a line can be about the path: most lines of a long file need not be taken apart. */
static bool may_name(struct neap_str line, const char *path)
{
	return line.len &&
	       (memchr(line.data, '\\', line.len) || memmem(line.data, line.len, path, strlen(path)));
}

static int plan_fstab(const struct mount_want *want, const struct neap_context *ctx, struct mount_have *have,
		      struct neap_error **err)
{
	struct neap_arena *arena = ctx->scratch;
	struct neap_str text = neap_part_text(&have->file);
	struct neap_fstab_entry entry, found = { 0 };
	struct neap_line_numbers numbers = { 0 };
	struct neap_line there = { 0 };
	struct neap_rewrite rewrite;
	size_t count = 1;

	for (size_t at = 0; at < text.len; count++) {
		struct neap_line line = neap_line_at(text, at);
		struct neap_str bytes = neap_line_bytes(text, line);

		at = line.next;
		if (!may_name(bytes, want->path) || !neap_fstab_parse(bytes, ctx->passing, &entry) ||
		    strcmp(entry.path, want->path) != 0)
			continue;
		neap_line_note(&numbers, count);
		there = line;
		found = entry;
	}
	if (numbers.count > 1) {
		struct neap_buf list NEAP_AUTO_BUF = { 0 };

		neap_line_print(&numbers, &list);
		neap_error_set(err, FSTAB " has %s %zu times: lines %s", want->path, numbers.count,
			       list.data);
		return neap_error_hint(err, "leave the one that is meant");
	}
	if (numbers.count)
		have->line_before = neap_fstab_line(&found, arena);
	if (numbers.count && is_kept(want))
		have->options = neap_arena_strdup(arena, found.options);
	if (!is_kept(want) && !numbers.count)
		return 0;
	neap_part_begin(&have->file, &rewrite);
	if (is_kept(want)) {
		entry = (struct neap_fstab_entry){
			.device = want->device,
			.path = want->path,
			.fstype = want->fstype,
			.options = options_of(want, have),
			.dump = number(want->dump, neap_given(want, DUMP), found.dump, arena),
			.pass = number(want->pass, neap_given(want, PASS), found.pass, arena),
		};
		have->line = neap_fstab_line(&entry, arena);
		if (have->line_before && strcmp(have->line, have->line_before) == 0)
			return 0;
	}
	have->edit = !is_kept(want) ? EDIT_REMOVE : numbers.count ? EDIT_REPLACE : EDIT_ADD;
	neap_rewrite_keep(&rewrite, numbers.count ? there.start : text.len);
	if (is_kept(want))
		neap_rewrite_line(&rewrite, neap_str(have->line));
	if (numbers.count)
		neap_rewrite_drop(&rewrite, there.next);
	return neap_part_end(&have->file, FSTAB, &rewrite, err);
}

/* ---- the kernel ---------------------------------------------------------------------------------------- */

/* UUID=x, LABEL=x and their like as the device they are links to; a device that is a link as what it leads
 * to. Anything else is as it is. */
static int resolve(const struct neap_view *view, struct neap_arena *arena, const char *device,
		   const char **ret, struct neap_error **err)
{
	static const struct {
		const char *tag, *folder;
	} tags[] = {
		{ "UUID=", "/dev/disk/by-uuid/" },
		{ "LABEL=", "/dev/disk/by-label/" },
		{ "PARTUUID=", "/dev/disk/by-partuuid/" },
		{ "PARTLABEL=", "/dev/disk/by-partlabel/" },
	};
	const char *path = device, *target, *slash;
	struct neap_stat stat;
	int r;

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		size_t len = strlen(tags[i].tag);

		if (strncmp(device, tags[i].tag, len) == 0)
			path = neap_arena_printf(arena, "%s%s", tags[i].folder, device + len);
	}
	*ret = path;
	if (strncmp(path, "/dev/", 5) != 0 || strstr(path, "/../"))
		return 0;
	r = neap_view_link(view, path, arena, &stat, &target, err);
	if (r != 0 || !target)
		return r;
	slash = strrchr(target, '/');
	*ret = target[0] == '/' ? target : neap_arena_printf(arena, "/dev/%s", slash ? slash + 1 : target);
	return 0;
}

/* The path without the links on its way, nor the one that it may be itself. */
static int follow(const struct neap_view *view, struct neap_arena *arena, const char *path, const char **ret,
		  struct neap_error **err)
{
	const char *done = "", *rest = path;
	unsigned links = 0;

	while (*(rest += strspn(rest, "/"))) {
		size_t len = strcspn(rest, "/");
		struct neap_str name = { rest, len };
		const char *next, *target;
		struct neap_stat stat;
		int r;

		rest += len;
		if (neap_str_equal(name, NEAP_STR(".")))
			continue;
		if (neap_str_equal(name, NEAP_STR(".."))) {
			const char *slash = strrchr(done, '/');

			done = neap_arena_copy(arena, done, slash ? (size_t)(slash - done) : 0);
			continue;
		}
		next = neap_arena_printf(arena, "%s/%.*s", done, (int)len, name.data);
		r = neap_view_link(view, next, arena, &stat, &target, err);
		if (r != 0)
			return r;
		if (!target) {
			done = next;
			continue;
		}
		if (++links > LINKS_MAX)
			return neap_error_set(err, "%s: too many links on the way", path);
		rest = neap_arena_printf(arena, "%s%s", target, rest);
		if (target[0] == '/')
			done = "";
	}
	*ret = *done ? done : "/";
	return 0;
}

/* The kernel lists a mount by the path without links: by another it would never be found, and mounted again
 * in every run. */
static int refuse_links(const struct neap_view *view, const struct mount_want *want, struct neap_arena *arena,
			struct neap_error **err)
{
	const char *real;
	int r = follow(view, arena, want->path, &real, err);

	if (r != 0 || strcmp(real, want->path) == 0)
		return r;
	neap_error_set(err, "%s leads through a link to %s", want->path, real);
	return neap_error_hint(err, "name it without the link: path = \"%s\"", real);
}

/* The mount at `path` that is seen, and that in which `other` lies (NULL: not asked). */
static int find_mounts(const struct neap_view *view, struct neap_arena *arena, const char *path,
		       const char *other, struct neap_mount *ret, bool *ret_found,
		       struct neap_mount *ret_around, struct neap_error **err)
{
	struct neap_content content;
	struct neap_stat stat;
	struct neap_str text;
	size_t around = 0;
	int r = neap_view_small_file(view, MOUNTS, arena, &stat, &content, err);

	if (r != 0)
		return r;
	if (stat.kind != NEAP_FILE_REGULAR || !content.data)
		return neap_error_set(err, "read " MOUNTS ": it is not there, or too long");
	text = (struct neap_str){ content.data, content.size };
	*ret_found = false;
	for (size_t at = 0; at < text.len;) {
		struct neap_line line = neap_line_at(text, at);
		struct neap_mount mount;
		size_t len;

		at = line.next;
		if (!neap_mount_parse(neap_line_bytes(text, line), arena, &mount))
			continue;
		/* A later one at the same place hides the earlier. */
		if (strcmp(mount.path, path) == 0) {
			*ret = mount;
			*ret_found = true;
		}
		len = strcmp(mount.path, "/") == 0 ? 0 : strlen(mount.path);
		if (other && len >= around && strncmp(other, mount.path, len) == 0 &&
		    (other[len] == '/' || !other[len])) {
			*ret_around = mount;
			around = len;
		}
	}
	return 0;
}

/* Whether a bind mount shows the directory `device`, which lies in `around`. */
static bool shows(const struct neap_mount *mount, const struct neap_mount *around, const char *device,
		  struct neap_arena *arena)
{
	const char *inside = strcmp(around->path, "/") == 0 ? device : device + strlen(around->path);
	const char *root = strcmp(around->root, "/") == 0 ? "" : around->root;
	const char *wanted = neap_arena_printf(arena, "%s%s", root, inside);

	return strcmp(mount->number, around->number) == 0 && strcmp(mount->root, *wanted ? wanted : "/") == 0;
}

static int read_live(const struct neap_view *view, const struct mount_want *want, struct neap_arena *arena,
		     struct mount_have *have, struct neap_error **err)
{
	struct neap_mount mount = { 0 }, around = { .path = "/", .root = "/", .number = "" };
	const char *device = want->device, *options = options_of(want, have);
	bool bind = want->ensure == NEAP_PRESENT &&
		    (neap_mount_has(options, "bind") || neap_mount_has(options, "rbind"));
	bool found = false, same;
	int r = bind ? follow(view, arena, want->device, &device, err) : 0;

	if (r == 0)
		r = find_mounts(view, arena, want->path, bind ? device : NULL, &mount, &found, &around, err);
	if (r == 0 && !found)
		r = refuse_links(view, want, arena, err);
	if (r != 0)
		return r;
	if (found)
		have->now = neap_arena_printf(arena, "%s type %s", mount.source, mount.fstype);
	if (!wants_live(want)) {
		have->live = found ? LIVE_THERE : LIVE_OK;
		return 0;
	}
	if (!found) {
		have->live = LIVE_MISSING;
		return 0;
	}
	r = bind ? 0 : resolve(view, arena, want->device, &device, err);
	if (r != 0)
		return r;
	same = bind ? shows(&mount, &around, device, arena)
		    : (strcmp(mount.source, device) == 0 || strcmp(mount.source, want->device) == 0) &&
			       (strcmp(want->fstype, "auto") == 0 || strcmp(mount.fstype, want->fstype) == 0);
	have->lacks = neap_mount_lacks(&mount, options, arena);
	have->live = !same ? LIVE_OTHER : have->lacks ? LIVE_OPTIONS : LIVE_OK;
	return 0;
}

static int read_directory(const struct neap_view *view, const struct mount_want *want,
			  struct neap_arena *arena, struct mount_have *have, struct neap_error **err)
{
	struct neap_stat stat;
	int r = neap_view_stat(view, want->path, &stat, err);

	if (r != 0 || stat.kind == NEAP_FILE_DIRECTORY)
		return r;
	if (stat.kind != NEAP_FILE_ABSENT)
		return neap_error_set(err, "%s is %s, and a file system is mounted on a directory",
				      want->path, neap_file_kind_name(stat.kind));
	have->make = true;
	return neap_parents_read(view, arena, want->path, &have->parents, err);
}

static int mount_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct mount_want *want = wanted;
	struct mount_have *have = had;
	int r = 0;

	if (want->ensure == NEAP_ABSENT || is_kept(want)) {
		r = neap_part_read(view, ctx, FSTAB, is_kept(want), &have->file, err);
		if (r == 0)
			r = plan_fstab(want, ctx, have, err);
	}
	if (r == 0 && looks_live(view, want))
		r = read_live(view, want, ctx->scratch, have, err);
	if (r == 0 && have->live == LIVE_MISSING)
		r = read_directory(view, want, ctx->scratch, have, err);
	return r;
}

static int mount_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff, struct neap_error **err)
{
	const struct mount_want *want = wanted;
	const struct mount_have *have = had;
	const char *wish = want->ensure == NEAP_PRESENT
				   ? neap_arena_printf(ctx->scratch, "%s type %s", want->device, want->fstype)
				   : NULL;

	(void)err;
	switch (have->live) {
	case LIVE_OK:
		break;
	case LIVE_MISSING:
		neap_diff_action(diff, NEAP_ACTION_CREATE);
		neap_diff_string(diff, "live", NULL, wish);
		if (have->make)
			neap_diff_reason(diff, "makes the directory");
		neap_parents_diff(&have->parents, diff);
		break;
	case LIVE_OTHER:
		neap_diff_string(diff, "live", have->now, wish);
		neap_diff_reason(diff, "unmounts what is there");
		break;
	case LIVE_OPTIONS:
		neap_diff_string(diff, "options", NULL, have->lacks);
		neap_diff_reason(diff, "mounts it anew with its options");
		break;
	case LIVE_THERE:
		neap_diff_action(diff, want->ensure == NEAP_ABSENT ? NEAP_ACTION_DELETE : NEAP_ACTION_UPDATE);
		neap_diff_string(diff, "live", have->now, NULL);
		break;
	}
	if (have->edit == EDIT_NONE)
		return 0;
	if (have->edit == EDIT_REMOVE && have->live == LIVE_OK)
		neap_diff_action(diff, NEAP_ACTION_DELETE);
	neap_diff_string(diff, "persistent", have->line_before, have->line);
	neap_diff_reason(diff, "in " FSTAB);
	neap_part_diff(&have->file, NULL, false, diff);
	return 0;
}

static int run(struct neap_host *host, const struct neap_context *ctx, const struct mount_want *want,
	       const char *const *argv, struct neap_error **err)
{
	const char *const effects[] = { want->path, NULL };
	struct neap_process process = {
		.argv = argv, .effects = effects, .timeout = MOUNT_TIMEOUT, .privileged = true
	};
	struct neap_process_result result;
	int r = neap_host_run(host, &process, ctx->scratch, &result, err);

	if (r == 0 && !result.ok)
		return neap_error_set(err, "%s %s: exit %d: %.*s", argv[0], want->path, result.status,
				      (int)strcspn(result.errors, "\n"), result.errors);
	return r;
}

static int unmount(struct neap_host *host, const struct neap_context *ctx, const struct mount_want *want,
		   struct neap_error **err)
{
	const char *const argv[] = { "umount", "--", want->path, NULL };

	return run(host, ctx, want, argv, err);
}

static int mount_it(struct neap_host *host, const struct neap_context *ctx, const struct mount_want *want,
		    const char *options, struct neap_error **err)
{
	const char *const argv[] = { "mount", "-t",         want->fstype, "-o", options,
				     "--",    want->device, want->path,   NULL };

	return run(host, ctx, want, argv, err);
}

static int change_live(struct neap_host *host, const struct neap_context *ctx, const struct mount_want *want,
		       const struct mount_have *have, struct neap_error **err)
{
	const char *options = options_of(want, have);
	const char *const remount[] = {
		"mount", "-o", neap_arena_printf(ctx->scratch, "remount,%s", options), "--", want->path, NULL
	};

	switch (have->live) {
	case LIVE_OK:
		return 0;
	case LIVE_MISSING:
		return mount_it(host, ctx, want, options, err);
	case LIVE_OTHER:
		return unmount(host, ctx, want, err) < 0 ? -1 : mount_it(host, ctx, want, options, err);
	case LIVE_OPTIONS:
		return run(host, ctx, want, remount, err);
	case LIVE_THERE:
		break;
	}
	return unmount(host, ctx, want, err);
}

/* What is there is not known: all of it, as if nothing were. */
static int apply_blindly(struct neap_host *host, const struct neap_context *ctx,
			 const struct mount_want *want, struct neap_error **err)
{
	if (is_kept(want) && neap_part_write_blindly(host, FSTAB, err) < 0)
		return -1;
	if (!looks_live(&host->view, want))
		return 0;
	return wants_live(want) ? mount_it(host, ctx, want, options_of(want, NULL), err)
				: unmount(host, ctx, want, err);
}

static int mount_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct mount_want *want = wanted;
	const struct mount_have *have = had;

	if (!have)
		return apply_blindly(host, ctx, want, err);
	if (have->make && (neap_host_mkdir_parents(host, want->path, err) < 0 ||
			   neap_host_mkdir(host, want->path, NEAP_KEEP, NEAP_KEEP, NEAP_KEEP, err) < 0))
		return -1;
	/* First what is in force: nothing is kept for the boot that cannot be had now. */
	if (change_live(host, ctx, want, have, err) < 0)
		return -1;
	return have->edit != EDIT_NONE ? neap_part_write(host, FSTAB, &have->file, false, true, err) : 0;
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The directory it is mounted on; made (0755) when absent. Not through a link.",
		.offset = offsetof(struct mount_want, path),
	},
	[DEVICE] = {
		.name = "device",
		.kind = NEAP_PARAM_STRING,
		.doc = "What is mounted: a device, `UUID=…`, `LABEL=…`, `host:/export`, a directory (with the option "
		       "`bind`), or a name such as `tmpfs`. Required unless `ensure = \"absent\"`.",
		.offset = offsetof(struct mount_want, device),
	},
	[FSTYPE] = {
		.name = "fstype",
		.kind = NEAP_PARAM_STRING,
		.doc = "The kind of file system; `none` for a bind. Required unless `ensure = \"absent\"`.",
		.offset = offsetof(struct mount_want, fstype),
	},
	[OPTIONS] = {
		.name = "options",
		.kind = NEAP_PARAM_STRING,
		.doc = "Options, separated by commas.",
		.fallback = "`defaults` for a new line; those of a line that is there stay",
		.offset = offsetof(struct mount_want, options),
	},
	[DUMP] = {
		.name = "dump",
		.kind = NEAP_PARAM_INTEGER,
		.min = 0,
		.max = 9,
		.doc = "The fifth field of the line.",
		.fallback = "0 in a new line",
		.offset = offsetof(struct mount_want, dump),
	},
	[PASS] = {
		.name = "pass",
		.kind = NEAP_PARAM_INTEGER,
		.min = 0,
		.max = 9,
		.doc = "The sixth field of the line: in which pass it is checked at boot.",
		.fallback = "0 in a new line",
		.offset = offsetof(struct mount_want, pass),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "With `\"absent\"` it is unmounted and its line goes; the directory stays.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct mount_want, ensure),
	},
	[MOUNTED] = {
		.name = "mounted",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is to be mounted now; with `false` it is unmounted.",
		.fallback = "true; with the option `noauto` what is mounted is not looked at",
		.offset = offsetof(struct mount_want, mounted),
	},
	[PERSISTENT] = {
		.name = "persistent",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether /etc/fstab has a line for it; with `false` the file is not looked at.",
		.fallback = "true",
		.offset = offsetof(struct mount_want, persistent),
	},
};

static const char description[] =
	"A file system, mounted now (`live`) and at every boot (`persistent`, a line in /etc/fstab).\n"
	"\n"
	"- What is mounted is compared by device and kind, whatever names the device (`UUID=` and a link\n"
	"  in /dev are what they lead to; a bind by what it shows), and by the options that every file\n"
	"  system has: ro, nosuid, nodev, noexec, noatime, nodiratime, sync, dirsync, mand and their\n"
	"  opposites. Other options take effect when it is mounted the next time: the kernel shows them\n"
	"  in its own words.\n"
	"- Something else mounted there is unmounted first; that fails while it is in use.\n"
	"- What lies below a path that will be mounted is unknown in a plan.\n"
	"- Other lines of /etc/fstab, and their order, stay as they are. Below `--root` there is only\n"
	"  the line.\n";

static const char example[] = "neap.mount { path = \"/var/lib/etcd\", device = \"UUID=2f1c…\", fstype = "
			      "\"ext4\", options = \"noatime\", pass = 2 }\n"
			      "neap.mount { path = \"/run/scratch\", device = \"tmpfs\", fstype = \"tmpfs\", "
			      "options = \"nosuid,nodev,size=64m\" }\n";

extern const struct neap_resource_type neap_type_mount;
const struct neap_resource_type neap_type_mount = {
	.name = "mount",
	.summary = "a file system, mounted now and at boot",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct mount_want),
	.have_size = sizeof(struct mount_have),
	.check = mount_check,
	.claim = mount_claim,
	.read = mount_read,
	.diff = mount_diff,
	.apply = mount_apply,
};
