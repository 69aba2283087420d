/*
 * The machine as a type written in Lua sees it: `view` in read, `host` in apply and refresh, which has the
 * changes too. A thin skin over host/host.h; what is not known ends the call (neap_lua_end). Knows no type.
 */
#include <string.h>

#include "base/path.h"
#include "lua/text.h"
#include "lua/type.h"
#include "lua/value.h"

#define VIEW_METATABLE "neap.view"
#define HOST_METATABLE "neap.host"

struct machine {
	enum neap_lua_tag tag;
	uint64_t call; /* its number: a view is good for the call that it was given to */
	bool host;
};

void neap_lua_machine_push(lua_State *L)
{
	const struct neap_lua_call *call = neap_lua_of(L)->call;
	struct machine *machine = lua_newuserdatauv(L, sizeof(*machine), 0);

	*machine = (struct machine){ NEAP_LUA_MACHINE, call->number, call->host != NULL };
	luaL_setmetatable(L, call->host ? HOST_METATABLE : VIEW_METATABLE);
}

/* ---- arguments ----------------------------------------------------------------------------------------- */

/* The call that runs, of whose machine the first argument is. */
static struct neap_lua_call *call_at(lua_State *L, const char *method)
{
	struct neap_lua *lua = neap_lua_of(L);
	const struct machine *machine = lua_touserdata(L, 1);

	if (neap_lua_tag(L, 1) != NEAP_LUA_MACHINE)
		neap_lua_fail(L, "%s is a method: write a colon, as in view:%s(…)", method, method);
	if (!lua->call || machine->call != lua->call->number)
		neap_lua_fail(L, "%s: this %s was given to another call and is of no use here", method,
			      machine->host ? "host" : "view");
	if (lua->heap.over)
		neap_lua_raise_memory(L);
	neap_lua_scratch(lua);
	return lua->call;
}

/* A string argument without secrets. */
static const char *string_at(lua_State *L, int index, const char *method, const char *what)
{
	if (neap_lua_tag(L, index) == NEAP_LUA_TEXT)
		neap_lua_fail(L, "%s: %s cannot be %s", method, what,
			      neap_lua_text_name(lua_touserdata(L, index)));
	if (lua_type(L, index) != LUA_TSTRING)
		neap_lua_fail(L, "%s: %s is a string, not %s", method, what, luaL_typename(L, index));
	if (strlen(lua_tostring(L, index)) != lua_rawlen(L, index))
		neap_lua_fail(L, "%s: %s holds a NUL byte", method, what);
	return lua_tostring(L, index);
}

static const char *path_at(lua_State *L, struct neap_arena *arena, const char *method)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_str path;

	if (neap_path_normalise(arena, neap_str(string_at(L, 2, method, "the path")), &path, &lua->error) <
	    0) {
		neap_error_prefix(&lua->error, "%s", method);
		neap_lua_raise(L);
	}
	return path.data;
}

/* What a call of the host gave. While it works its time is not the type's. */
static void done(lua_State *L, struct neap_lua_call *call, int r)
{
	call->outside = 0;
	if (r == NEAP_UNKNOWN)
		neap_lua_end(L, NEAP_LUA_UNKNOWN);
	if (r < 0)
		neap_lua_raise(L);
}

#define DO(L, call, expression)                                                                              \
	do {                                                                                                 \
		(call)->outside = 1;                                                                         \
		done((L), (call), (expression));                                                             \
	} while (0)

/* ---- looking ------------------------------------------------------------------------------------------- */

static const char *kind_word(enum neap_file_kind kind)
{
	static const char *const words[] = {
		[NEAP_FILE_ABSENT] = "absent",       [NEAP_FILE_REGULAR] = "file",
		[NEAP_FILE_DIRECTORY] = "directory", [NEAP_FILE_LINK] = "link",
		[NEAP_FILE_OTHER] = "other",
	};

	return words[kind];
}

static void set_string(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, uint64_t number)
{
	lua_pushinteger(L, (lua_Integer)number);
	lua_setfield(L, -2, name);
}

/* { kind, mode, owner, group, uid, gid, size, links, mount }, or nil */
static void push_stat(lua_State *L, const struct neap_view *view, const struct neap_stat *stat)
{
	struct neap_arena *arena = neap_lua_of(L)->scratch;

	if (stat->kind == NEAP_FILE_ABSENT) {
		lua_pushnil(L);
		return;
	}
	lua_createtable(L, 0, 9);
	set_string(L, "kind", kind_word(stat->kind));
	set_string(L, "mode", neap_arena_printf(arena, "%04o", stat->mode));
	set_string(L, "owner", neap_view_user_name(view, stat->uid, arena));
	set_string(L, "group", neap_view_group_name(view, stat->gid, arena));
	set_number(L, "uid", stat->uid);
	set_number(L, "gid", stat->gid);
	set_number(L, "size", stat->size);
	set_number(L, "links", stat->links);
	lua_pushboolean(L, stat->mount);
	lua_setfield(L, -2, "mount");
}

/* view:stat(path) → table or nil */
static int view_stat(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = call_at(L, "stat");
	const char *path = path_at(L, lua->scratch, "stat");
	struct neap_stat stat;

	DO(L, call, neap_view_stat(call->view, path, &stat, &lua->error));
	push_stat(L, call->view, &stat);
	return 1;
}

/* view:file(path) → bytes or nil, stat or nil */
static int view_file(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = call_at(L, "file");
	const char *path = path_at(L, lua->scratch, "file");
	struct neap_content content = { 0 };
	struct neap_stat stat;

	DO(L, call, neap_view_small_file(call->view, path, lua->scratch, &stat, &content, &lua->error));
	if (stat.kind == NEAP_FILE_REGULAR && !content.data)
		neap_lua_fail(L, "file: %s is larger than 1 MB", path);
	if (stat.kind == NEAP_FILE_REGULAR) {
		call->closed |= !(stat.mode & 04);
		if (!(stat.mode & 04))
			neap_arena_wipe(lua->scratch);
		lua_pushlstring(L, content.data, content.size);
	} else {
		lua_pushnil(L);
	}
	push_stat(L, call->view, &stat);
	return 2;
}

/* view:link(path) → target or nil, stat or nil */
static int view_link(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = call_at(L, "link");
	const char *path = path_at(L, lua->scratch, "link"), *target = NULL;
	struct neap_stat stat;

	DO(L, call, neap_view_link(call->view, path, lua->scratch, &stat, &target, &lua->error));
	lua_pushstring(L, target); /* nil for NULL */
	push_stat(L, call->view, &stat);
	return 2;
}

/* view:list(path) → { { name, kind } … } */
static int view_list(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = call_at(L, "list");
	const char *path = path_at(L, lua->scratch, "list");
	struct neap_entry *entries;
	struct neap_stat stat;
	size_t count;

	DO(L, call, neap_view_list(call->view, path, lua->scratch, &entries, &count, &lua->error));
	lua_createtable(L, count < 100000 ? (int)count : 100000, 0);
	for (size_t i = 0; i < count; i++) {
		if (entries[i].unsure) /* a look at it gives the cause */
			DO(L, call,
			   neap_view_stat(call->view,
					  neap_arena_printf(lua->scratch, "%s/%s", path[1] ? path : "",
							    entries[i].name),
					  &stat, &lua->error));
		lua_createtable(L, 0, 2);
		set_string(L, "name", entries[i].name);
		set_string(L, "kind", kind_word(entries[i].kind));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static int account(lua_State *L, const char *method,
		   int (*find)(const struct neap_view *, const char *, uint32_t *, struct neap_error **))
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = call_at(L, method);
	const char *name = string_at(L, 2, method, "the name");
	uint32_t number;

	DO(L, call, find(call->view, name, &number, &lua->error));
	lua_pushinteger(L, number);
	return 1;
}

/* view:user(name) → number */
static int view_user(lua_State *L)
{
	return account(L, "user", neap_view_user);
}

/* view:group(name) → number */
static int view_group(lua_State *L)
{
	return account(L, "group", neap_view_group);
}

/* ---- changing ------------------------------------------------------------------------------------------ */

enum { CONTENT, MODE, OWNER, GROUP, VALIDATE, BACKUP };

struct change {
	struct neap_want base;
	struct neap_text content;
	uint32_t mode;
	const char *owner, *group;
	struct neap_strings validate;
	bool backup;
	uint32_t uid, gid;
};

static const struct neap_param change_params[] = {
#define FIELD(field, type)                                                                                   \
	.name = #field, .kind = NEAP_PARAM_##type, .doc = "", .offset = offsetof(struct change, field)
	[CONTENT] = { FIELD(content, TEXT), .flags = NEAP_PARAM_SECRET },
	[MODE] = { FIELD(mode, MODE) },
	[OWNER] = { FIELD(owner, OWNER) },
	[GROUP] = { FIELD(group, OWNER) },
	[VALIDATE] = { FIELD(validate, ARGV) },
	[BACKUP] = { FIELD(backup, BOOLEAN) },
#undef FIELD
};
static const struct neap_resource_type write_shape = { .name = "",
						       .params = change_params,
						       .param_count = BACKUP + 1 };
/* Mode and owner only. */
static const struct neap_param attribute_params[] = {
#define FIELD(field, type)                                                                                   \
	.name = #field, .kind = NEAP_PARAM_##type, .doc = "", .offset = offsetof(struct change, field)
	{ FIELD(mode, MODE) },
	{ FIELD(owner, OWNER) },
	{ FIELD(group, OWNER) },
#undef FIELD
};
static const struct neap_resource_type attribute_shape = { .name = "",
							   .params = attribute_params,
							   .param_count = 3 };

/* The call that runs, which may change. */
static struct neap_lua_call *changing(lua_State *L, const char *method)
{
	struct neap_lua_call *call = call_at(L, method);

	if (!call->host)
		neap_lua_fail(L, "%s: a view cannot change the machine", method);
	return call;
}

/* The table of options at 3, if there is one. Accounts become numbers. */
static void read_change(lua_State *L, const char *method, const struct neap_resource_type *shape,
			struct change *ret)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = lua->call;
	struct neap_attributes wanted;

	*ret = (struct change){ .mode = NEAP_KEEP, .uid = NEAP_KEEP, .gid = NEAP_KEEP };
	if (lua_isnoneornil(L, 3))
		return;
	if (neap_lua_options(L, 3, method, shape, lua->scratch, &ret->base) < 0)
		neap_lua_raise(L);
	wanted = (struct neap_attributes){ ret->owner, ret->group, NEAP_KEEP };
	if (ret->owner || ret->group)
		DO(L, call, neap_attributes_numbers(call->view, &wanted, &ret->uid, &ret->gid, &lua->error));
}

/* host:write(path, { content, mode, owner, group, validate, backup }) */
static int host_write(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "write");
	const char *path = path_at(L, lua->scratch, "write");
	struct neap_file_write file;
	struct change change;
	struct neap_stat stat;

	read_change(L, "write", &write_shape, &change);
	if (!neap_given(&change, CONTENT))
		neap_lua_fail(L, "write: content is required: host:write(path, { content = … })");
	file = (struct neap_file_write){
		.content = { .data = change.content.data, .size = change.content.len },
		.mode = change.mode,
		.uid = change.uid,
		.gid = change.gid,
		.validate = neap_given(&change, VALIDATE) ? change.validate.items : NULL,
		.backup = change.backup,
		.secret = change.content.span_count > 0,
	};
	if (change.content.len > NEAP_CONTENT_MAX)
		neap_lua_fail(L, "write: the content of %s is larger than 1 MB", path);
	if (file.secret)
		neap_lua_wipe(lua);
	if (file.secret && change.mode == NEAP_KEEP) { /* a new file with a secret is for its owner alone */
		int r;

		call->outside = 1;
		r = neap_view_stat(call->view, path, &stat, &lua->error);
		if (r < 0)
			done(L, call, r);
		if (r == NEAP_UNKNOWN || stat.kind != NEAP_FILE_REGULAR)
			file.mode = 0600;
	}
	DO(L, call, neap_host_write(call->host, path, &file, &lua->error));
	return 0;
}

/* host:attributes(path, { mode, owner, group }) */
static int host_attributes(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "attributes");
	const char *path = path_at(L, lua->scratch, "attributes");
	struct change change;

	read_change(L, "attributes", &attribute_shape, &change);
	DO(L, call, neap_host_attributes(call->host, path, change.mode, change.uid, change.gid, &lua->error));
	return 0;
}

/* host:mkdir(path [, { mode, owner, group }]) */
static int host_mkdir(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "mkdir");
	const char *path = path_at(L, lua->scratch, "mkdir");
	struct change change;

	read_change(L, "mkdir", &attribute_shape, &change);
	DO(L, call, neap_host_mkdir(call->host, path, change.mode, change.uid, change.gid, &lua->error));
	return 0;
}

/* host:symlink(path, target) */
static int host_symlink(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "symlink");
	const char *path = path_at(L, lua->scratch, "symlink");
	const char *target = string_at(L, 3, "symlink", "the target");

	if (!target[0] || strlen(target) > 4095)
		neap_lua_fail(L, "symlink: the target has 1 to 4095 bytes");
	DO(L, call, neap_host_symlink(call->host, path, target, &lua->error));
	return 0;
}

static int change_path(lua_State *L, const char *method,
		       int (*change)(struct neap_host *, const char *, struct neap_error **))
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, method);
	const char *path = path_at(L, lua->scratch, method);

	DO(L, call, change(call->host, path, &lua->error));
	return 0;
}

/* host:mkdir_parents(path) */
static int host_mkdir_parents(lua_State *L)
{
	return change_path(L, "mkdir_parents", neap_host_mkdir_parents);
}

/* host:unlink(path) */
static int host_unlink(lua_State *L)
{
	return change_path(L, "unlink", neap_host_unlink);
}

/* host:rmdir(path) */
static int host_rmdir(lua_State *L)
{
	return change_path(L, "rmdir", neap_host_rmdir);
}

/* host:remove_tree(path) */
static int host_remove_tree(lua_State *L)
{
	return change_path(L, "remove_tree", neap_host_remove_tree);
}

/* ---- processes ----------------------------------------------------------------------------------------- */

enum { COMMAND, EFFECTS, TIMEOUT };

struct run {
	struct neap_want base;
	struct neap_strings command, effects;
	int64_t timeout;
};

static const struct neap_param run_params[] = {
#define FIELD(field, type)                                                                                   \
	.name = #field, .kind = NEAP_PARAM_##type, .doc = "", .offset = offsetof(struct run, field)
	[COMMAND] = { FIELD(command, ARGV) },
	[EFFECTS] = { FIELD(effects, STRINGS) },
	[TIMEOUT] = { FIELD(timeout, INTEGER), .min = 1, .max = 86400 },
#undef FIELD
};
static const struct neap_resource_type run_shape = { .name = "",
						     .params = run_params,
						     .param_count = TIMEOUT + 1 };

static int normalise_all(struct neap_strings *paths, struct neap_arena *arena, struct neap_error **err)
{
	const char **items = neap_arena_array_of(arena, const char *, paths->count + 1);
	struct neap_str path;

	for (size_t i = 0; i < paths->count; i++) {
		if (neap_path_normalise(arena, neap_str(paths->items[i]), &path, err) < 0)
			return neap_error_prefix(err, "run: effects");
		items[i] = path.data;
	}
	paths->items = items;
	return 0;
}

/*
 * host:run { command = {argv}, effects = {paths}, timeout = seconds }: fails when the program does. It gives
 * nothing back: in a plan nothing has run, and what read needs to know it asks of the view.
 *
 * What waits lands first and is read again, perhaps by other types in Lua: nothing here may lie in the
 * scratch memory that they use.
 */
static int host_run(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "run");
	struct neap_arena *arena = call->arena;
	struct neap_process_result result = { 0 };
	struct neap_error *err = NULL;
	struct neap_process process;
	struct run run = { .timeout = 0 };
	int r;

	if (neap_lua_options(L, 2, "run", &run_shape, arena, &run.base) < 0)
		neap_lua_raise(L);
	if (!neap_given(&run, COMMAND))
		neap_lua_fail(L, "run: command is required: host:run { command = { \"true\" } }");
	if (neap_given(&run, EFFECTS) && normalise_all(&run.effects, arena, &lua->error) < 0)
		neap_lua_raise(L);
	process = (struct neap_process){
		.argv = run.command.items,
		.effects = neap_given(&run, EFFECTS) ? run.effects.items : NULL,
		.timeout = (unsigned)run.timeout,
	};
	call->outside = 1;
	r = neap_host_run(call->host, &process, arena, &result, &err);
	if (r == 0 && result.status != 0)
		r = neap_error_set(&err, "%s: exit code %d%s%s", process.argv[0], result.status,
				   result.errors && result.errors[0] ? ": " : "",
				   result.errors ? result.errors : "");
	lua->error = err;
	done(L, call, r);
	return 0;
}

/* ---- metatables ---------------------------------------------------------------------------------------- */

static const luaL_Reg reads[] = {
	{ "stat", view_stat }, { "file", view_file }, { "link", view_link },
	{ "list", view_list }, { "user", view_user }, { "group", view_group },
};
static const luaL_Reg changes[] = {
	{ "write", host_write },     { "attributes", host_attributes },
	{ "mkdir", host_mkdir },     { "mkdir_parents", host_mkdir_parents },
	{ "symlink", host_symlink }, { "unlink", host_unlink },
	{ "rmdir", host_rmdir },     { "remove_tree", host_remove_tree },
	{ "run", host_run },
};
#define READS (sizeof(reads) / sizeof(*reads))
#define CHANGES (sizeof(changes) / sizeof(*changes))

/* machine.name: a method, or an error that names the nearest. */
static int machine_index(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2), *nearest;
	const char *names[READS + CHANGES + 1];
	bool host = ((const struct machine *)lua_touserdata(L, 1))->host;
	size_t count = 0;

	for (size_t i = 0; i < READS; i++) {
		names[count++] = reads[i].name;
		if (strcmp(name, reads[i].name) == 0) {
			lua_pushcfunction(L, reads[i].func);
			return 1;
		}
	}
	for (size_t i = 0; i < CHANGES; i++) {
		names[count++] = changes[i].name;
		if (strcmp(name, changes[i].name) != 0)
			continue;
		if (!host) {
			neap_error_set(&lua->error, "read cannot change the machine: a view has no \"%s\"",
				       name);
			neap_error_hint(&lua->error, "apply(host, want, have) does what differs");
			neap_lua_raise(L);
		}
		lua_pushcfunction(L, changes[i].func);
		return 1;
	}
	names[count] = NULL;
	if (!host)
		names[READS] = NULL;
	nearest = neap_str_nearest(name, names);
	neap_error_set(&lua->error, "a %s has no method \"%.60s\"", host ? "host" : "view", name);
	if (nearest)
		neap_error_hint(&lua->error, "did you mean \"%s\"?", nearest);
	neap_lua_raise(L);
}

static void open_metatable(lua_State *L, const char *key, const char *name)
{
	luaL_newmetatable(L, key);
	lua_pushcfunction(L, machine_index);
	lua_setfield(L, -2, "__index");
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void neap_lua_machine_open(lua_State *L)
{
	open_metatable(L, VIEW_METATABLE, "view");
	open_metatable(L, HOST_METATABLE, "host");
}
