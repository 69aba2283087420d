/*
 * What a host can do beside looking: change files, run programs, set what the kernel has in memory. See
 * machine.c for what a view can.
 */
#include <string.h>

#include "base/path.h"
#include "lua/machine.h"
#include "lua/text.h"

#define SAID_MAX 400 /* bytes of what a program says, in an error */

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
	struct neap_lua_call *call = neap_lua_call_at(L, method);

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
		NEAP_LUA_DO(L, call,
			    neap_attributes_numbers(call->view, &wanted, &ret->uid, &ret->gid, &lua->error));
}

/* host:write(path, text | { content, mode, owner, group, validate, backup }) */
static int host_write(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "write");
	const char *path = neap_lua_path_at(L, lua->scratch, "write");
	struct neap_file_write file;
	struct change change;
	struct neap_stat stat;

	if (lua_type(L, 3) == LUA_TSTRING || neap_lua_tag(L, 3) == NEAP_LUA_TEXT) {
		lua_createtable(L, 0, 1);
		lua_pushvalue(L, 3);
		lua_setfield(L, -2, "content");
		lua_replace(L, 3);
	}
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
			neap_lua_did(L, call, r);
		if (r == NEAP_UNKNOWN || stat.kind != NEAP_FILE_REGULAR)
			file.mode = 0600;
	}
	NEAP_LUA_DO(L, call, neap_host_write(call->host, path, &file, &lua->error));
	return 0;
}

/* host:attributes(path, { mode, owner, group }) */
static int host_attributes(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "attributes");
	const char *path = neap_lua_path_at(L, lua->scratch, "attributes");
	struct change change;

	read_change(L, "attributes", &attribute_shape, &change);
	NEAP_LUA_DO(L, call,
		    neap_host_attributes(call->host, path, change.mode, change.uid, change.gid, &lua->error));
	return 0;
}

/* host:mkdir(path [, { mode, owner, group }]) */
static int host_mkdir(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "mkdir");
	const char *path = neap_lua_path_at(L, lua->scratch, "mkdir");
	struct change change;

	read_change(L, "mkdir", &attribute_shape, &change);
	NEAP_LUA_DO(L, call,
		    neap_host_mkdir(call->host, path, change.mode, change.uid, change.gid, &lua->error));
	return 0;
}

/* host:symlink(path, target) */
static int host_symlink(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "symlink");
	const char *path = neap_lua_path_at(L, lua->scratch, "symlink");
	const char *target = neap_lua_string_at(L, 3, "symlink", "the target");

	if (!target[0] || strlen(target) > 4095)
		neap_lua_fail(L, "symlink: the target has 1 to 4095 bytes");
	NEAP_LUA_DO(L, call, neap_host_symlink(call->host, path, target, &lua->error));
	return 0;
}

static int change_path(lua_State *L, const char *method,
		       int (*change)(struct neap_host *, const char *, struct neap_error **))
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, method);
	const char *path = neap_lua_path_at(L, lua->scratch, method);

	NEAP_LUA_DO(L, call, change(call->host, path, &lua->error));
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

/* ---- programs ------------------------------------------------------------------------------------------ */

enum { COMMAND, DIRECTORY, USER, ENVIRONMENT, TIMEOUT, EFFECTS, RETURNS };

struct program {
	struct neap_want base;
	struct neap_strings command, effects;
	const char *directory, *user;
	struct neap_texts environment;
	int64_t timeout;
	struct neap_integers returns;
};

static const struct neap_param program_params[] = {
#define FIELD(field, type)                                                                                   \
	.name = #field, .kind = NEAP_PARAM_##type, .doc = "", .offset = offsetof(struct program, field)
	[COMMAND] = { FIELD(command, ARGV) },
	[DIRECTORY] = { FIELD(directory, PATH) },
	[USER] = { FIELD(user, OWNER) },
	[ENVIRONMENT] = { FIELD(environment, TEXTS), .flags = NEAP_PARAM_SECRET },
	[TIMEOUT] = { FIELD(timeout, DURATION), .min = 1, .max = 86400 },
	[EFFECTS] = { FIELD(effects, STRINGS) },
	[RETURNS] = { FIELD(returns, INTEGERS), .max = 255 },
#undef FIELD
};
static const struct neap_resource_type run_shape = { .name = "",
						     .params = program_params,
						     .param_count = RETURNS + 1 };
static const struct neap_resource_type query_shape = { .name = "",
						       .params = program_params,
						       .param_count = EFFECTS };

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

/* "NAME=value" for each; *ret_secret: whether one of them is. */
static const char *const *settings(const struct neap_texts *texts, struct neap_arena *arena, bool *ret_secret)
{
	const char **items = neap_arena_array_of(arena, const char *, texts->count + 1);

	for (size_t i = 0; i < texts->count; i++) {
		const struct neap_text *text = &texts->texts[i];
		size_t len = strlen(texts->names[i]);
		char *item = neap_arena_bytes(arena, len + text->len + 2);

		memcpy(item, texts->names[i], len);
		item[len] = '=';
		memcpy(item + len + 1, text->data, text->len);
		item[len + 1 + text->len] = '\0';
		items[i] = item;
		*ret_secret |= text->span_count > 0;
	}
	if (*ret_secret)
		neap_arena_wipe(arena);
	return items;
}

/*
 * The table at 2. What waits lands before a program runs and is read again, perhaps by other types in Lua:
 * nothing of it may lie in the scratch memory that they use.
 */
static struct neap_process program_at(lua_State *L, const char *method,
				      const struct neap_resource_type *shape, bool *ret_secret)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_arena *arena = lua->call->arena;
	struct program program = { .timeout = 0 };

	*ret_secret = false;
	if (neap_lua_options(L, 2, method, shape, arena, &program.base) < 0)
		neap_lua_raise(L);
	if (!neap_given(&program, COMMAND))
		neap_lua_fail(L, "%s: command is required: { command = { \"true\" } }", method);
	if (neap_given(&program, EFFECTS) && normalise_all(&program.effects, arena, &lua->error) < 0)
		neap_lua_raise(L);
	return (struct neap_process){
		.argv = program.command.items,
		.effects = neap_given(&program, EFFECTS) ? program.effects.items : NULL,
		.timeout = (unsigned)program.timeout,
		.returns = neap_given(&program, RETURNS) ? program.returns.items : NULL,
		.return_count = program.returns.count,
		.directory = program.directory,
		.user = program.user,
		.settings = neap_given(&program, ENVIRONMENT)
				    ? settings(&program.environment, arena, ret_secret)
				    : NULL,
	};
}

/* view:query { command = {argv}, directory, user, environment, timeout } → { status, out, errors } */
int neap_lua_query(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = neap_lua_call_at(L, "query");
	struct neap_process_result result = { 0 };
	struct neap_error *err = NULL;
	bool secret;
	struct neap_process process = program_at(L, "query", &query_shape, &secret);
	int r;

	call->outside = 1;
	r = neap_view_query(call->view, &process, call->arena, &result, &err);
	lua->error = err;
	neap_lua_did(L, call, r);
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, result.status);
	lua_setfield(L, -2, "status");
	lua_pushlstring(L, result.out ? result.out : "", result.out ? result.out_len : 0);
	lua_setfield(L, -2, "out");
	lua_pushstring(L, result.errors ? result.errors : "");
	lua_setfield(L, -2, "errors");
	return 1;
}

/* What a program says goes into the error, in one line, unless it was given a secret. */
static int failed(const struct neap_process *process, const struct neap_process_result *result, bool secret,
		  struct neap_arena *arena, struct neap_error **err)
{
	const char *said = result->errors && result->errors[0] ? result->errors : result->out;
	size_t len = said && !secret ? strnlen(said, SAID_MAX) : 0;
	char *line = neap_arena_copy(arena, said ? said : "", len);

	while (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	for (char *newline = line; (newline = strchr(newline, '\n'));)
		*newline = ' ';
	return neap_error_set(err, "run %s: exit %d%s%s", process->argv[0], result->status, len ? ": " : "",
			      line);
}

/* host:run { …, effects = {paths}, returns = {codes} }: fails when the program does. It gives nothing back:
 * in a plan nothing has run, and what read needs to know it asks by a query. */
static int host_run(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "run");
	struct neap_process_result result = { 0 };
	struct neap_error *err = NULL;
	bool secret;
	struct neap_process process = program_at(L, "run", &run_shape, &secret);
	int r;

	call->outside = 1;
	r = neap_host_run(call->host, &process, call->arena, &result, &err);
	if (r == 0 && !result.ok)
		r = failed(&process, &result, secret, call->arena, &err);
	lua->error = err;
	neap_lua_did(L, call, r);
	return 0;
}

/* host:set_kernel(name, value) */
static int host_set_kernel(lua_State *L)
{
	struct neap_lua *lua = neap_lua_of(L);
	struct neap_lua_call *call = changing(L, "set_kernel");
	const char *name = neap_lua_string_at(L, 2, "set_kernel", "the name");
	const char *value = neap_lua_string_at(L, 3, "set_kernel", "the value");

	NEAP_LUA_DO(L, call, neap_host_kernel(call->host, name, value, &lua->error));
	return 0;
}

const luaL_Reg neap_lua_changes[] = {
	{ "write", host_write },
	{ "attributes", host_attributes },
	{ "mkdir", host_mkdir },
	{ "mkdir_parents", host_mkdir_parents },
	{ "symlink", host_symlink },
	{ "unlink", host_unlink },
	{ "rmdir", host_rmdir },
	{ "remove_tree", host_remove_tree },
	{ "run", host_run },
	{ "set_kernel", host_set_kernel },
	{ NULL, NULL },
};
