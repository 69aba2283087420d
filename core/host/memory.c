/*
 * A machine made of tables, for tests: the independent model of what a machine does. It shares nothing with
 * the overlay but the interface. Every read and every change of a commit counts as one call, and one call can
 * be told to fail. Nothing is ever freed before the machine is.
 *
 * `validate` and `backup` count as part of the write and do nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/path.h"
#include "host/memory_parts.h"
#include "host/tls.h"

#define LINKS_MAX 40

/* ---- things ------------------------------------------------------------------------------------------ */

static struct thing *make_thing(struct memory *memory, struct thing *parent, struct neap_str name,
				enum neap_file_kind kind)
{
	struct thing *thing = neap_arena_new_of(memory->arena, struct thing);

	thing->kind = kind;
	thing->parent = parent ? parent : thing;
	thing->name = (struct neap_str){ neap_arena_copy(memory->arena, name.data, name.len), name.len };
	thing->next = memory->all;
	memory->all = thing;
	return thing;
}

/* In place of what has its name, at once. */
static void place_thing(struct thing *thing)
{
	neap_map_remove(&thing->parent->entries, thing->name); /* its key goes with it */
	neap_map_put(&thing->parent->entries, thing->name, thing);
}

static struct neap_str next_component(const char **path)
{
	const char *start = *path + strspn(*path, "/");
	size_t len = strcspn(start, "/");

	*path = start + len;
	return (struct neap_str){ start, len };
}

static bool is_last(const char *rest)
{
	return rest[strspn(rest, "/")] == '\0';
}

/*
 * The directory that holds the last component of `path`, and what has that name in it (NULL: nothing). Of "/"
 * itself *ret is the root. Returns an errno. `strict`: a link on the way is EXDEV, for changes must go
 * through none.
 */
static int walk(struct memory *memory, const char *path, bool strict, struct thing **ret_parent,
		struct neap_str *ret_name, struct thing **ret)
{
	struct thing *at = memory->root;
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	const char *rest = path;
	unsigned links = 0;

	*ret_parent = memory->root;
	*ret_name = NEAP_STR("");
	*ret = memory->root;
	for (;;) {
		struct neap_str name = next_component(&rest);
		struct thing *found;
		struct neap_buf longer = { 0 };

		if (!name.len)
			return 0;
		if (neap_str_equal(name, NEAP_STR(".")))
			continue;
		if (neap_str_equal(name, NEAP_STR(".."))) {
			at = at->parent;
			continue;
		}
		found = neap_map_get(&at->entries, name);
		if (is_last(rest)) {
			*ret_parent = at;
			/* `text` goes when we return; the path's own end stays. */
			*ret_name = neap_path_name(neap_str(path));
			*ret = found;
			return 0;
		}
		if (!found)
			return ENOENT;
		if (found->kind == NEAP_FILE_DIRECTORY) {
			at = found;
			continue;
		}
		if (found->kind != NEAP_FILE_LINK)
			return ENOTDIR;
		if (strict)
			return EXDEV;
		if (++links > LINKS_MAX)
			return ELOOP;
		if (found->data[0] == '/')
			at = memory->root;
		neap_buf_printf(&longer, "%s/%s", found->data, rest);
		neap_buf_done(&text);
		text = longer;
		rest = text.data;
	}
}

/* ---- calls ------------------------------------------------------------------------------------------- */

bool neap_memory_has_to_fail(struct memory *memory)
{
	memory->calls++;
	return memory->errnum &&
	       (memory->dies ? memory->calls >= memory->fail : memory->calls == memory->fail);
}

const struct thing *neap_memory_at(struct memory *memory, const char *path)
{
	struct thing *parent, *found = NULL;
	struct neap_str name;

	return walk(memory, path, false, &parent, &name, &found) ? NULL : found;
}

/* What a read finds; NULL: nothing there. */
static int find(const struct neap_view *view, const char *path, struct thing **ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(view);
	struct thing *parent;
	struct neap_str name;
	int errnum;

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "open %s", path);
	errnum = walk(memory, path, false, &parent, &name, ret);
	if (errnum == ENOENT)
		*ret = NULL;
	else if (errnum)
		return neap_error_errno(err, errnum, "open %s", path);
	return 0;
}

static struct neap_stat stat_of(const struct thing *thing)
{
	if (!thing)
		return (struct neap_stat){ .kind = NEAP_FILE_ABSENT };
	return (struct neap_stat){
		.kind = thing->kind,
		.mode = thing->mode,
		.uid = thing->uid,
		.gid = thing->gid,
		.size = thing->kind == NEAP_FILE_REGULAR ? thing->size : 0,
		.links = 1,
	};
}

static int memory_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
		       struct neap_error **err)
{
	struct thing *thing;

	if (find(view, path, &thing, err) < 0)
		return -1;
	*ret = stat_of(thing);
	return 0;
}

static int memory_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
		       struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err)
{
	struct thing *thing;

	if (find(view, path, &thing, err) < 0)
		return -1;
	*ret = stat_of(thing);
	*ret_content = (struct neap_content){ 0 };
	if (!thing || ret->kind != NEAP_FILE_REGULAR)
		return 0;
	ret_content->size = thing->size;
	if (thing->size > NEAP_CONTENT_MAX)
		neap_digest(thing->data, thing->size, ret_content->digest);
	else
		ret_content->data = neap_arena_copy(arena, thing->data, thing->size);
	return 0;
}

static int memory_link(const struct neap_view *view, const char *path, struct neap_arena *arena,
		       struct neap_stat *ret, const char **ret_target, struct neap_error **err)
{
	struct thing *thing;

	if (find(view, path, &thing, err) < 0)
		return -1;
	*ret = stat_of(thing);
	*ret_target = thing && ret->kind == NEAP_FILE_LINK ? neap_arena_strdup(arena, thing->data) : NULL;
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct neap_entry *)a)->name, ((const struct neap_entry *)b)->name);
}

static int memory_list(const struct neap_view *view, const char *path, struct neap_arena *arena,
		       struct neap_entry **ret, size_t *ret_count, struct neap_error **err)
{
	struct thing *thing;
	size_t count = 0;

	if (find(view, path, &thing, err) < 0)
		return -1;
	if (!thing)
		return neap_error_errno(err, ENOENT, "open %s", path);
	if (thing->kind != NEAP_FILE_DIRECTORY)
		return neap_error_errno(err, ENOTDIR, "open %s", path);
	*ret = neap_arena_array_of(arena, struct neap_entry, thing->entries.live);
	for (size_t i = 0; i < thing->entries.count; i++) {
		const struct thing *entry = thing->entries.entries[i].value;

		if (entry)
			(*ret)[count++] = (struct neap_entry){ neap_arena_strdup(arena, entry->name.data),
							       entry->kind };
	}
	qsort(*ret, count, sizeof(**ret), compare_entries);
	*ret_count = count;
	return 0;
}

static struct neap_accounts *memory_accounts(const struct neap_view *view)
{
	return neap_memory_of(view)->accounts;
}

static void memory_caller(const struct neap_view *view, uint32_t *uid, uint32_t *gid)
{
	(void)view;
	*uid = *gid = 0;
}

static uint32_t memory_cause(const struct neap_view *view)
{
	(void)view;
	return UINT32_MAX; /* no step: here everything is known */
}

static int64_t memory_clock(const struct neap_view *view)
{
	return neap_memory_of(view)->clock;
}

static bool memory_running(const struct neap_view *view)
{
	(void)view;
	return true;
}

static int memory_kernel(const struct neap_view *view, const char *path, struct neap_arena *arena,
			 const char **ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(view);
	const char *value = neap_map_get(&memory->settings, neap_str(path));

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "open %s", path);
	*ret = value ? neap_arena_strdup(arena, value) : NULL;
	return 0;
}

static int memory_net(const struct neap_view *view, unsigned parts, const struct neap_net **ret,
		      struct neap_error **err)
{
	struct memory *memory = neap_memory_of(view);

	(void)parts;
	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "look at the network");
	*ret = neap_memory_net_read(&memory->net);
	return 0;
}

static const char *cache_key(struct neap_arena *arena, const char *kind, const char *key)
{
	return neap_arena_printf(arena, "%s/%s", kind, key);
}

static void memory_cached(const struct neap_view *view, const char *kind, const char *key,
			  struct neap_arena *arena, struct neap_content *ret)
{
	const struct neap_content *found =
		neap_map_get(&neap_memory_of(view)->cache, neap_str(cache_key(arena, kind, key)));

	if (found)
		*ret = *found;
}

static int execute(struct memory *memory, const struct neap_process *process, struct neap_arena *arena,
		   struct neap_process_result *ret)
{
	memory->out = memory->errors = "";
	*ret = (struct neap_process_result){ 0 };
	if (memory->run)
		ret->status = memory->run(&memory->machine, process, memory->run_ctx);
	ret->out = neap_arena_strdup(arena, memory->out);
	ret->out_len = strlen(ret->out);
	ret->errors = neap_arena_strdup(arena, memory->errors);
	return 0;
}

static int memory_query(const struct neap_view *view, const struct neap_process *process,
			struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(view);

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "run %s", process->argv[0]);
	return execute(memory, process, arena, ret);
}

static int memory_checksum(const struct neap_view *view, const char *path, enum neap_checksum_kind kind,
			   struct neap_stat *ret, struct neap_checksum *ret_checksum, struct neap_error **err)
{
	struct thing *thing;

	if (find(view, path, &thing, err) < 0)
		return -1;
	*ret = stat_of(thing);
	if (thing && ret->kind == NEAP_FILE_REGULAR)
		neap_checksum_of(kind, thing->data, thing->size, ret_checksum);
	return 0;
}

static const struct neap_reads memory_reads = {
	.stat = memory_stat,
	.file = memory_file,
	.small_file = memory_file,
	.link = memory_link,
	.list = memory_list,
	.accounts = memory_accounts,
	.caller = memory_caller,
	.cause = memory_cause,
	.query = memory_query,
	.clock = memory_clock,
	.running = memory_running,
	.kernel = memory_kernel,
	.net = memory_net,
	.ruleset = neap_memory_ruleset,
	.rule_form = neap_memory_rule_form,
	.firewall_name = neap_memory_firewall_name,
	.cached = memory_cached,
	.checksum = memory_checksum,
	.manager = neap_memory_manager,
	.unit = neap_memory_unit_read,
	.units_expected = neap_memory_units_expected,
};

/* ---- changes ----------------------------------------------------------------------------------------- */

/* A new thing with what the change says of it. */
static struct thing *changed(struct memory *memory, const struct neap_change *change, struct thing *parent,
			     struct neap_str name, enum neap_file_kind kind)
{
	struct thing *thing = make_thing(memory, parent, name, kind);

	thing->mode = change->mode;
	thing->uid = change->uid;
	thing->gid = change->gid;
	return thing;
}

static int land_write(struct memory *memory, const struct neap_change *change, struct thing *parent,
		      struct neap_str name, const struct thing *old)
{
	const char *data;
	struct thing *thing;
	size_t size;
	int errnum;

	if (change->mode == NEAP_KEEP || change->uid == NEAP_KEEP || change->gid == NEAP_KEEP)
		return EINVAL;
	if (old && old->kind == NEAP_FILE_DIRECTORY)
		return EISDIR;
	errnum = neap_memory_bytes(&change->content, memory->arena, &data, &size);
	if (errnum)
		return errnum;
	thing = changed(memory, change, parent, name, NEAP_FILE_REGULAR);
	thing->data = data;
	thing->size = size;
	place_thing(thing);
	return 0;
}

static int land_symlink(struct memory *memory, const struct neap_change *change, struct thing *parent,
			struct neap_str name, const struct thing *old)
{
	struct thing *thing;

	if (old && old->kind == NEAP_FILE_DIRECTORY)
		return EISDIR;
	if (!*change->target)
		return ENOENT;
	thing = changed(memory, change, parent, name, NEAP_FILE_LINK);
	thing->mode = 0777;
	thing->data = neap_arena_strdup(memory->arena, change->target);
	place_thing(thing);
	return 0;
}

static int land_attributes(const struct neap_change *change, struct thing *old)
{
	if (!old)
		return ENOENT;
	if (old->kind == NEAP_FILE_LINK)
		return ELOOP;
	old->mode = change->mode == NEAP_KEEP ? old->mode : change->mode;
	old->uid = change->uid == NEAP_KEEP ? old->uid : change->uid;
	old->gid = change->gid == NEAP_KEEP ? old->gid : change->gid;
	return 0;
}

static int land_removal(const struct neap_change *change, struct thing *old)
{
	if (!old)
		return ENOENT;
	if (change->kind == NEAP_CHANGE_UNLINK && old->kind == NEAP_FILE_DIRECTORY)
		return EISDIR;
	if (change->kind == NEAP_CHANGE_RMDIR && old->kind != NEAP_FILE_DIRECTORY)
		return ENOTDIR;
	if (old->entries.live)
		return ENOTEMPTY;
	if (old->parent == old)
		return EBUSY;
	neap_map_remove(&old->parent->entries, old->name);
	return 0;
}

static int land_kernel(struct memory *memory, const struct neap_change *change)
{
	if (!neap_map_get(&memory->settings, neap_str(change->path)))
		return ENOENT;
	neap_map_put(&memory->settings, neap_str(neap_arena_strdup(memory->arena, change->path)),
		     neap_arena_strdup(memory->arena, change->content.data));
	return 0;
}

/* An errno. */
static int land(struct memory *memory, const struct neap_change *change)
{
	struct thing *parent, *old;
	struct neap_str name;
	int errnum;

	if (change->kind == NEAP_CHANGE_NET)
		return neap_memory_net_land(&memory->net, change->net);
	if (change->kind == NEAP_CHANGE_KERNEL)
		return land_kernel(memory, change);
	if (change->kind == NEAP_CHANGE_FIREWALL)
		return neap_memory_land_firewall(memory, change);
	errnum = walk(memory, change->path, true, &parent, &name, &old);
	if (errnum)
		return errnum;
	switch (change->kind) {
	case NEAP_CHANGE_WRITE:
		return land_write(memory, change, parent, name, old);
	case NEAP_CHANGE_SYMLINK:
		return land_symlink(memory, change, parent, name, old);
	case NEAP_CHANGE_ATTRIBUTES:
		return land_attributes(change, old);
	case NEAP_CHANGE_MKDIR:
		if (old)
			return EEXIST;
		if (change->mode == NEAP_KEEP || change->uid == NEAP_KEEP || change->gid == NEAP_KEEP)
			return EINVAL;
		place_thing(changed(memory, change, parent, name, NEAP_FILE_DIRECTORY));
		return 0;
	case NEAP_CHANGE_UNLINK:
	case NEAP_CHANGE_RMDIR:
	case NEAP_CHANGE_KERNEL:
	case NEAP_CHANGE_FIREWALL:
	case NEAP_CHANGE_NET:
		break;
	}
	return land_removal(change, old);
}

static int memory_commit(struct neap_machine *machine, const struct neap_change *changes, size_t count,
			 const struct neap_commit *commit, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);

	(void)err;
	for (size_t i = 0; i < count; i++) {
		struct neap_error *failure = NULL;
		int errnum;

		if (!commit->may(commit->ctx, changes[i].step))
			continue;
		errnum = neap_memory_has_to_fail(memory) ? memory->errnum : land(memory, &changes[i]);
		if (errnum) {
			neap_error_errno(&failure, errnum, "change %s", changes[i].path);
			commit->failed(commit->ctx, changes[i].step, failure);
		} else if (changes[i].kind != NEAP_CHANGE_ATTRIBUTES) {
			neap_memory_units_changed(memory, changes[i].path);
		}
		if (!errnum && commit->made)
			commit->made(commit->ctx, &changes[i]);
		neap_accounts_drop(memory->accounts);
	}
	return 0;
}

static int memory_run(struct neap_machine *machine, const struct neap_process *process,
		      struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "run %s", process->argv[0]);
	execute(memory, process, arena, ret);
	neap_accounts_drop(memory->accounts);
	return 0;
}

static void memory_cache(struct neap_machine *machine, const char *kind, const char *key, const void *data,
			 size_t len)
{
	struct memory *memory = neap_memory_of(&machine->view);
	struct neap_content *content = neap_arena_new_of(memory->arena, struct neap_content);

	*content = (struct neap_content){ .data = neap_arena_copy(memory->arena, data, len), .size = len };
	neap_map_put(&memory->cache, neap_str(cache_key(memory->arena, kind, key)), content);
}

/* ---- the network ------------------------------------------------------------------------------------- */

static int memory_fetch(struct neap_machine *machine, const struct neap_fetch *fetch,
			struct neap_arena *arena, struct neap_content *ret, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);
	struct neap_web_tls tls;

	if (neap_tls_read(&machine->view, &fetch->tls, arena, &tls, err) < 0)
		return -1;
	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "download %s", fetch->urls[0]);
	for (const char *const *url = fetch->urls; *url; url++) {
		const struct neap_content *found = neap_map_get(&memory->network, neap_str(*url));
		struct neap_checksum checksum;

		if (!found)
			continue;
		neap_checksum_of(fetch->checksum.kind, found->data, found->size, &checksum);
		if (!neap_checksum_equal(&checksum, &fetch->checksum))
			continue;
		*ret = (struct neap_content){ .data = neap_arena_copy(arena, found->data, found->size),
					      .size = found->size };
		return 0;
	}
	return neap_error_set(err, "download %s: no server has it", fetch->urls[0]);
}

static int memory_wait(struct neap_machine *machine, const struct neap_probe *probe, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_process_result result;
	struct neap_web_tls tls;
	const char *what;

	if (neap_tls_read(&machine->view, &probe->tls, arena, &tls, err) < 0)
		return -1;
	if (probe->command) {
		if (machine->view.reads->query(&machine->view, probe->command, arena, &result, err) < 0)
			return -1;
		return result.status
			       ? neap_error_set(err, "%s: exit %d", probe->command->argv[0], result.status)
			       : 0;
	}
	what = probe->url ? probe->url : neap_arena_printf(arena, "%s:%u", probe->host, probe->port);
	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "connect %s", what);
	return neap_map_get(&memory->network, neap_str(what)) ? 0
							      : neap_error_set(err, "nobody is at %s", what);
}

static void memory_free(struct neap_machine *machine)
{
	struct memory *memory = neap_memory_of(&machine->view);

	for (struct thing *thing = memory->all; thing; thing = thing->next)
		neap_map_done(&thing->entries);
	neap_map_done(&memory->settings);
	neap_map_done(&memory->cache);
	neap_memory_tables_done(memory);
	neap_memory_confirm_done(memory);
	neap_map_done(&memory->network);
	neap_memory_net_done(&memory->net);
	neap_memory_units_done(memory);
	neap_accounts_free(memory->accounts);
	neap_arena_free(memory->arena);
	free(memory);
}

static const struct neap_machine_ops memory_ops = {
	.commit = memory_commit,
	.run = memory_run,
	.cache = memory_cache,
	.fetch = memory_fetch,
	.wait = memory_wait,
	.arm = neap_memory_arm,
	.await = neap_memory_await,
	.revert = neap_memory_revert,
	.unit = neap_memory_unit,
	.units_reload = neap_memory_units_reload,
	.free = memory_free,
};

/* ---- for tests --------------------------------------------------------------------------------------- */

int neap_host_memory_new(struct neap_machine **ret)
{
	struct memory *memory = neap_alloc(sizeof(*memory));

	*memory = (struct memory){
		.machine = { .view.reads = &memory_reads, .ops = &memory_ops },
		.arena = neap_arena_new(),
		.manager = true,
		.accounts = neap_accounts_new(),
	};
	memory->net.arena = memory->arena;
	memory->net.settings = &memory->settings;
	memory->root = make_thing(memory, NULL, NEAP_STR(""), NEAP_FILE_DIRECTORY);
	memory->root->mode = 0755;
	*ret = &memory->machine;
	return 0;
}

void neap_host_memory_fail(struct neap_machine *machine, uint64_t call, int errnum)
{
	struct memory *memory = neap_memory_of(&machine->view);

	memory->calls = 0;
	memory->fail = call;
	memory->errnum = errnum;
	memory->dies = false;
}

void neap_host_memory_die(struct neap_machine *machine, uint64_t call)
{
	neap_host_memory_fail(machine, call, EIO);
	neap_memory_of(&machine->view)->dies = call > 0;
}

uint64_t neap_host_memory_calls(const struct neap_machine *machine)
{
	return neap_memory_of(&machine->view)->calls;
}

void neap_host_memory_put(struct neap_machine *machine, const char *path, enum neap_file_kind kind,
			  uint32_t mode, uint32_t uid, uint32_t gid, const char *data, size_t len)
{
	struct memory *memory = neap_memory_of(&machine->view);
	struct thing *at = memory->root;
	const char *rest = path;

	neap_accounts_drop(memory->accounts);
	while (!is_last(rest)) {
		struct neap_str name = next_component(&rest);
		struct thing *found = neap_map_get(&at->entries, name);
		enum neap_file_kind made = is_last(rest) ? kind : NEAP_FILE_DIRECTORY;

		if (made == NEAP_FILE_ABSENT) {
			neap_map_remove(&at->entries, name);
			return;
		}
		if (!found || made != NEAP_FILE_DIRECTORY || found->kind != made) {
			found = make_thing(memory, at, name, made);
			found->mode = 0755;
			place_thing(found);
		}
		at = found;
	}
	at->mode = mode;
	at->uid = uid;
	at->gid = gid;
	if (at->kind == NEAP_FILE_REGULAR || at->kind == NEAP_FILE_LINK) {
		at->data = neap_arena_copy(memory->arena, data ? data : "", len);
		at->size = len;
	}
}

void neap_host_memory_on_run(struct neap_machine *machine, neap_host_memory_run_fn *run, void *ctx)
{
	struct memory *memory = neap_memory_of(&machine->view);

	memory->run = run;
	memory->run_ctx = ctx;
}

void neap_host_memory_say(struct neap_machine *machine, const char *out, const char *errors)
{
	struct memory *memory = neap_memory_of(&machine->view);

	memory->out = neap_arena_strdup(memory->arena, out);
	memory->errors = neap_arena_strdup(memory->arena, errors);
}

void neap_host_memory_kernel(struct neap_machine *machine, const char *name, const char *value)
{
	struct memory *memory = neap_memory_of(&machine->view);
	char *path = neap_arena_printf(memory->arena, NEAP_KERNEL_ROOT "/%s", name);

	for (char *at = path; *at; at++)
		if (*at == '.')
			*at = '/';
	neap_map_remove(&memory->settings, neap_str(path));
	if (value)
		neap_map_put(&memory->settings, neap_str(path), neap_arena_strdup(memory->arena, value));
}

int neap_host_memory_net(struct neap_machine *machine, const struct neap_net_change *change)
{
	return neap_memory_net_land(&neap_memory_of(&machine->view)->net, change);
}

void neap_host_memory_clock(struct neap_machine *machine, int64_t now)
{
	neap_memory_of(&machine->view)->clock = now;
}

void neap_host_memory_serve(struct neap_machine *machine, const char *url, const char *data, size_t len)
{
	struct memory *memory = neap_memory_of(&machine->view);
	struct neap_content *content = NULL;

	if (data) {
		content = neap_arena_new_of(memory->arena, struct neap_content);
		*content = (struct neap_content){ .data = neap_arena_copy(memory->arena, data, len),
						  .size = len };
	}
	neap_map_put(&memory->network, neap_str(neap_arena_strdup(memory->arena, url)), content);
}
