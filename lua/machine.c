/*
 * The machine as a type written in Lua sees it: `view` in read, `host` in apply and refresh, which has the
 * changes too. A thin skin over host/host.h; what is not known ends the call (neap_lua_end). Knows no type.
 */
#include <string.h>

#include "base/path.h"
#include "lua/machine.h"
#include "lua/text.h"

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

struct neap_lua_call *neap_lua_call_at(lua_State *L, const char *method)
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

const char *neap_lua_string_at(lua_State *L, int index, const char *method, const char *what)
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

const char *neap_lua_path_at(lua_State *L, struct neap_arena *arena, const char *method)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_str path;

	if (neap_path_normalise(arena, neap_str(neap_lua_string_at(L, 2, method, "the path")), &path,
				&lua->error) < 0) {
		neap_error_prefix(&lua->error, "%s", method);
		neap_lua_raise(L);
	}
	return path.data;
}

void neap_lua_did(lua_State *L, struct neap_lua_call *call, int r)
{
	call->outside = 0;
	if (r == NEAP_UNKNOWN)
		neap_lua_end(L, NEAP_LUA_UNKNOWN);
	if (r < 0)
		neap_lua_raise(L);
}

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
	struct neap_lua_call *call = neap_lua_call_at(L, "stat");
	const char *path = neap_lua_path_at(L, lua->scratch, "stat");
	struct neap_stat stat;

	NEAP_LUA_DO(L, call, neap_view_stat(call->view, path, &stat, &lua->error));
	push_stat(L, call->view, &stat);
	return 1;
}

/* view:file(path) → bytes or nil, stat or nil */
static int view_file(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = neap_lua_call_at(L, "file");
	const char *path = neap_lua_path_at(L, lua->scratch, "file");
	struct neap_content content = { 0 };
	struct neap_stat stat;

	NEAP_LUA_DO(L, call,
		    neap_view_small_file(call->view, path, lua->scratch, &stat, &content, &lua->error));
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
	struct neap_lua_call *call = neap_lua_call_at(L, "link");
	const char *path = neap_lua_path_at(L, lua->scratch, "link"), *target = NULL;
	struct neap_stat stat;

	NEAP_LUA_DO(L, call, neap_view_link(call->view, path, lua->scratch, &stat, &target, &lua->error));
	lua_pushstring(L, target); /* nil for NULL */
	push_stat(L, call->view, &stat);
	return 2;
}

/* view:list(path) → { { name, kind } … } */
static int view_list(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = neap_lua_call_at(L, "list");
	const char *path = neap_lua_path_at(L, lua->scratch, "list");
	struct neap_entry *entries;
	struct neap_stat stat;
	size_t count;

	NEAP_LUA_DO(L, call, neap_view_list(call->view, path, lua->scratch, &entries, &count, &lua->error));
	lua_createtable(L, count < 100000 ? (int)count : 100000, 0);
	for (size_t i = 0; i < count; i++) {
		if (entries[i].unsure) /* a look at it gives the cause */
			NEAP_LUA_DO(L, call,
				    neap_view_stat(call->view,
						   neap_arena_printf(lua->scratch, "%s/%s",
								     path[1] ? path : "", entries[i].name),
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
	struct neap_lua_call *call = neap_lua_call_at(L, method);
	const char *name = neap_lua_string_at(L, 2, method, "the name");
	uint32_t number;

	NEAP_LUA_DO(L, call, find(call->view, name, &number, &lua->error));
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

/* view:kernel(name) → string or nil */
static int view_kernel(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = neap_lua_call_at(L, "kernel");
	const char *name = neap_lua_string_at(L, 2, "kernel", "the name"), *value = NULL;

	NEAP_LUA_DO(L, call, neap_view_kernel(call->view, name, lua->scratch, &value, &lua->error));
	lua_pushstring(L, value);
	return 1;
}

/* view:running() → boolean */
static int view_running(lua_State *L)
{
	struct neap_lua_call *call = neap_lua_call_at(L, "running");

	lua_pushboolean(L, neap_view_running(call->view));
	return 1;
}

/* ---- metatables ---------------------------------------------------------------------------------------- */

static const luaL_Reg reads[] = {
	{ "stat", view_stat },       { "file", view_file },
	{ "link", view_link },       { "list", view_list },
	{ "user", view_user },       { "group", view_group },
	{ "query", neap_lua_query }, { "kernel", view_kernel },
	{ "running", view_running }, { NULL, NULL },
};
#define METHODS_MAX 40

static const luaL_Reg *find(const luaL_Reg *methods, const char *name)
{
	for (; methods->name; methods++)
		if (strcmp(methods->name, name) == 0)
			return methods;
	return NULL;
}

/* machine.name: a method, or an error that names the nearest. */
static int machine_index(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2), *nearest;
	bool host = ((const struct machine *)lua_touserdata(L, 1))->host;
	const luaL_Reg *method = find(reads, name);
	const char *names[METHODS_MAX + 1];
	size_t count = 0;

	if (!method)
		method = find(neap_lua_changes, name);
	if (method && !host && find(neap_lua_changes, name)) {
		neap_error_set(&lua->error, "read cannot change the machine: a view has no \"%s\"", name);
		neap_error_hint(&lua->error, "apply(host, want, have) does what differs");
		neap_lua_raise(L);
	}
	if (method) {
		lua_pushcfunction(L, method->func);
		return 1;
	}
	for (method = reads; method->name; method++)
		names[count++] = method->name;
	for (method = neap_lua_changes; host && method->name && count < METHODS_MAX; method++)
		names[count++] = method->name;
	names[count] = NULL;
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
