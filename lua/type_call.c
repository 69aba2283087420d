/*
 * Calling the functions of a type: each in a protected call under limits of its own, and what comes back
 * made into what the engine wants. The one place where the engine runs Lua.
 */
#include <string.h>

#include "engine/watchdog.h"
#include "lua/text.h"
#include "lua/type.h"
#include "lua/value.h"

#define TICKS_A_SECOND 2 /* of the watchdog */
#define TIMEOUT_HINT NEAP_LUA_TIMEOUT_HINT

/* What a protected call works on. */
struct job {
	const struct neap_lua_type *type;
	const struct neap_want *want;
	const struct neap_lua_have *have; /* given to diff and apply; NULL: not known */
	enum neap_lua_function function;
	int output; /* instead of a function: its number, else -1 */
	struct neap_lua_call call;
	int (*take)(lua_State *L, struct job *job,
		    struct neap_error **err); /* what is returned, at the top */
	void *ret;
	struct neap_error *error;
};

/* ---- limits -------------------------------------------------------------------------------------------- */

/*
 * In a signal handler, every half second of CPU time. What the host does is not the type's. Time is up: the
 * call ends at its next instruction. If no instruction comes, Lua is inside one of its own functions, and
 * there is no way out of it that keeps its memory whole: the run ends, as safe as if it had been killed.
 */
static void tick(void *ctx, unsigned expiry)
{
	struct neap_lua *lua = ctx;
	struct neap_lua_call *call = lua->call;
	int limit = (int)lua->options.timeout * TICKS_A_SECOND;
	(void)expiry;

	if (!call || !call->view || call->outside)
		return;
	call->ticks = call->ticks + 1;
	if (call->ticks > limit)
		neap_lua_expired(lua, lua->ended == NEAP_LUA_TIME && call->ticks > limit + 1 ? 2 : 1);
}

static int watch(struct neap_lua *lua, struct neap_error **err)
{
	if (lua->ticking)
		return 0;
	if (neap_watchdog_start(1, tick, lua, err) < 0)
		return -1;
	lua->ticking = true;
	return 0;
}

/* ---- the protected call -------------------------------------------------------------------------------- */

static void push_have(lua_State *L, const struct neap_lua_have *have)
{
	if (have && have->value.kind != NEAP_NIL)
		neap_lua_value_push(L, &have->value);
	else
		lua_pushnil(L);
}

/* Everything that Lua may raise from. At 1: the job. */
static int body(lua_State *L)
{
	struct job *job = lua_touserdata(L, 1);
	const struct neap_lua_type *type = job->type;
	int arguments = 0;

	luaL_checkstack(L, 16, NULL);
	lua_rawgeti(L, LUA_REGISTRYINDEX,
		    job->output >= 0 ? type->outputs[job->output] : type->functions[job->function]);
	if (job->call.view && job->function != NEAP_LUA_DIFF) {
		neap_lua_machine_push(L);
		arguments++;
	}
	neap_lua_want_push(L, job->want);
	arguments++;
	if (job->function == NEAP_LUA_DIFF || job->function == NEAP_LUA_APPLY) {
		push_have(L, job->have);
		arguments++;
	}
	lua_call(L, arguments, 1);
	if (job->take && job->take(L, job, &job->error) < 0)
		return 0;
	return 0;
}

/* "app_version.lua:12", where the function that was called begins. */
static const char *defined(lua_State *L, const struct job *job, struct neap_arena *arena)
{
	lua_Debug ar;

	lua_rawgeti(L, LUA_REGISTRYINDEX,
		    job->output >= 0 ? job->type->outputs[job->output] : job->type->functions[job->function]);
	if (!lua_getinfo(L, ">S", &ar) || ar.linedefined <= 0)
		return job->type->pub.name;
	return neap_arena_printf(arena, "%s:%d", ar.short_src, ar.linedefined);
}

static int limit_error(const struct neap_lua *lua, const char *message, const char *hint,
		       struct neap_error **err)
{
	struct neap_position at = { 0 };

	if (lua->stopped_at.file)
		at = neap_lua_position(lua->stopped_at);
	if (at.file)
		neap_error_set(err, "%s:%d: %s", at.file, at.line, message);
	else
		neap_error_set(err, "%s", message);
	return hint ? neap_error_hint(err, "%s", hint) : -1;
}

/* What ended the call, as an error or NEAP_UNKNOWN. */
static int outcome(struct neap_lua *lua, lua_State *L, struct job *job, int status, struct neap_error **err)
{
	struct neap_lua_failure failure;

	if (lua->ended == NEAP_LUA_UNKNOWN)
		return NEAP_UNKNOWN;
	if (!job->call.view && (lua->ended || lua->heap.over))
		return 0; /* the evaluation ends by it, and says so */
	if (lua->ended == NEAP_LUA_TIME)
		return limit_error(lua,
				   neap_arena_printf(lua->texts,
						     "it took more than %u s of CPU (--eval-timeout)",
						     lua->options.timeout),
				   TIMEOUT_HINT, err);
	if (lua->ended || lua->heap.over || status == LUA_ERRMEM)
		return limit_error(lua,
				   neap_arena_printf(lua->texts, "it used more than %zu MB of memory",
						     lua->heap.limit >> 20),
				   NULL, err);
	if (status == LUA_OK && !job->error)
		return 0;
	if (job->error) {
		neap_error_pass(err, &job->error);
		return neap_error_prefix(err, "%s", defined(L, job, lua->texts));
	}
	failure = neap_lua_failure(lua, L);
	if (failure.at.line > 0)
		neap_error_set(err, "%s:%d: %s", failure.at.file, failure.at.line, failure.message);
	else
		neap_error_set(err, "%s", failure.message);
	return failure.hint ? neap_error_hint(err, "%s", failure.hint) : -1;
}

/*
 * Calls may be nested: a process that one runs makes what waits land, and that is read again. At evaluation
 * (no view) the limits are those of the evaluation, and stay as they are.
 */
static int call(struct job *job, struct neap_error **err)
{
	struct neap_lua *lua = job->type->lua;
	lua_State *L = lua->thread->L;
	bool run = job->call.view != NULL;
	struct neap_error *error = NULL;
	int top = lua_gettop(L), status, r;

	if (!lua_checkstack(L, 8) || (run && watch(lua, &error) < 0)) {
		if (!error)
			neap_error_set(&error, "the stack of Lua is full");
		goto failed;
	}
	job->call.up = lua->call;
	job->call.number = ++lua->calls;
	if (run) {
		lua->stopped_at = (struct neap_lua_place){ 0 };
		lua->heap.over = lua->heap.refusing = false;
	}
	lua->trace_count = 0;
	lua->call = &job->call;
	lua_pushcfunction(L, neap_lua_note_trace);
	lua_pushcfunction(L, body);
	lua_pushlightuserdata(L, job);
	status = lua_pcall(L, 1, 0, top + 1);
	lua->call = job->call.up;
	r = outcome(lua, L, job, status, &error);
	if (run) {
		lua->ended = NEAP_LUA_GOES_ON;
		neap_lua_disarm(L);
		if (lua->heap.over || status == LUA_ERRMEM)
			lua_gc(L, LUA_GCCOLLECT);
		lua->heap.over = false;
	}
	lua_settop(L, top);
	if (r >= 0)
		return r;
failed:
	return neap_error_pass(err, &error);
}

static struct job job_of(const void *wanted, enum neap_lua_function function)
{
	const struct neap_want *want = wanted;

	return (struct job){
		.type = neap_lua_type_of(want), .want = want, .function = function, .output = -1
	};
}

static bool has(const struct job *job)
{
	return job->type->functions[job->function] != LUA_NOREF;
}

/* ---- check and claim ----------------------------------------------------------------------------------- */

/* nil, or what is wrong [as a string]. */
static int take_complaint(lua_State *L, struct job *job, struct neap_error **err)
{
	(void)job;
	if (lua_isnil(L, -1))
		return 0;
	if (lua_type(L, -1) != LUA_TSTRING)
		return neap_error_set(err, "check returns nil, or what is wrong as a string, not %s",
				      luaL_typename(L, -1));
	*(const char **)job->ret = neap_arena_strdup(job->type->lua->texts, lua_tostring(L, -1));
	return 0;
}

enum { CLAIM_PATH, CLAIM_PART };
struct claim_options {
	struct neap_want base;
	const char *path, *part;
};
static const struct neap_param claim_params[] = {
	[CLAIM_PATH] = { .name = "path",
			 .kind = NEAP_PARAM_PATH,
			 .doc = "",
			 .offset = offsetof(struct claim_options, path) },
	[CLAIM_PART] = { .name = "part",
			 .kind = NEAP_PARAM_STRING,
			 .doc = "",
			 .offset = offsetof(struct claim_options, part) },
};
static const struct neap_resource_type claim_shape = { .name = "", .params = claim_params, .param_count = 2 };

struct claims {
	struct neap_lua_claim items[NEAP_LUA_CLAIMS_MAX];
	size_t count;
};

static int add_claim(struct claims *claims, const char *path, const char *part, bool absent,
		     struct neap_error **err)
{
	if (claims->count == NEAP_LUA_CLAIMS_MAX)
		return neap_error_set(err, "claim: more than %d things owned", NEAP_LUA_CLAIMS_MAX);
	claims->items[claims->count++] = (struct neap_lua_claim){ path, part, absent };
	return 0;
}

/* "/path" or { path = "/path", part = "name" } at the top. */
static int take_claim(lua_State *L, struct job *job, struct neap_error **err)
{
	struct neap_lua *lua = job->type->lua;
	struct claim_options options = { { 0 } };
	int r;

	if (lua_type(L, -1) == LUA_TSTRING) {
		lua_createtable(L, 0, 1);
		lua_pushvalue(L, -2);
		lua_setfield(L, -2, "path");
		lua_remove(L, -2);
	}
	r = neap_lua_options(L, lua_gettop(L), "claim", &claim_shape, lua->graph->arena, &options.base);
	if (r == 0 && !neap_given(&options, CLAIM_PATH))
		r = neap_error_set(&lua->error, "claim: path is required");
	if (r == 0)
		return add_claim(job->ret, options.path, options.part, neap_lua_wants_absent(job->want), err);
	return neap_error_pass(err, &lua->error);
}

/* nil, one claim or a list of them. */
static int take_claims(lua_State *L, struct job *job, struct neap_error **err)
{
	lua_Integer count;

	if (lua_isnil(L, -1))
		return 0;
	if (lua_type(L, -1) != LUA_TTABLE || (count = (lua_Integer)lua_rawlen(L, -1)) == 0)
		return take_claim(L, job, err);
	for (lua_Integer i = 1; i <= count; i++) {
		int r;

		lua_rawgeti(L, -1, i);
		r = take_claim(L, job, err);
		lua_pop(L, 1);
		if (r < 0)
			return -1;
	}
	return 0;
}

static int make_claims(struct neap_lua_want *want, struct neap_error **err)
{
	const struct neap_lua_type *type = neap_lua_type_of(&want->base);
	struct claims claims = { .count = 0 };
	struct job job = job_of(want, NEAP_LUA_CLAIM);
	struct neap_lua_claim *items;

	for (size_t i = 0; i < type->pub.param_count; i++) {
		const char *const *path = (const void *)((char *)want + type->pub.params[i].offset);

		if (type->params[i].owns && (want->base.given >> i & 1) &&
		    add_claim(&claims, *path, NULL, neap_lua_wants_absent(&want->base), err) < 0)
			return -1;
	}
	job.take = take_claims;
	job.ret = &claims;
	if (has(&job) && call(&job, err) < 0)
		return -1;
	items = neap_arena_array_of(type->lua->graph->arena, struct neap_lua_claim, claims.count + 1);
	memcpy(items, claims.items, sizeof(*items) * claims.count);
	want->claims = items;
	want->claim_count = claims.count;
	return 0;
}

static int check_sources(const struct neap_want *want, struct neap_error **err)
{
	for (size_t i = 0; i < want->type->param_count; i++) {
		const struct neap_param *param = &want->type->params[i];
		const struct neap_source *source = (const void *)((const char *)want + param->offset);

		if (param->kind != NEAP_PARAM_SOURCE || !(want->given >> i & 1) || source->content.data)
			continue;
		neap_error_set(err, "%s is larger than 1 MB", param->name);
		return neap_error_hint(err, "a type written in Lua holds it in memory; neap.file takes it");
	}
	return 0;
}

int neap_lua_type_check(const void *wanted, struct neap_error **err)
{
	struct job job = job_of(wanted, NEAP_LUA_CHECK);
	const char *complaint = NULL;

	if (check_sources(job.want, err) < 0)
		return -1;
	job.take = take_complaint;
	job.ret = &complaint;
	if (has(&job) && call(&job, err) < 0)
		return -1;
	if (complaint)
		return neap_error_set(err, "%s", complaint);
	/* Its first part is that of every want, and the graph's memory can be written: the graph gives it as
	 * const.
	 */
	return make_claims((struct neap_lua_want *)(void *)wanted, err);
}

void neap_lua_type_claim(const void *wanted, struct neap_claims *claims)
{
	const struct neap_lua_want *want = wanted;

	for (size_t i = 0; i < want->claim_count; i++) {
		const struct neap_lua_claim *claim = &want->claims[i];

		if (claim->part)
			neap_claim_part(claims, claim->path, claim->part, NULL);
		else
			neap_claim_path(claims, claim->path,
					NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
					claim->absent);
	}
}

/* ---- read and diff ------------------------------------------------------------------------------------- */

static int take_have(lua_State *L, struct job *job, struct neap_error **err)
{
	struct neap_lua *lua = job->type->lua;
	struct neap_lua_have *have = job->ret;
	struct neap_value value;
	size_t weight = 0;

	have->closed = job->call.closed;
	if (lua_isnil(L, -1))
		return 0;
	if (lua_type(L, -1) != LUA_TTABLE)
		return neap_error_set(err, "read returns nil (absent) or a table, not %s",
				      luaL_typename(L, -1));
	if (neap_lua_value(L, -1, "read", &value, &weight) < 0) {
		return neap_error_pass(err, &lua->error);
	}
	if (value.kind != NEAP_MAP)
		return neap_error_set(err,
				      "read returns a table with names, such as { path = … }, not a list");
	if (neap_value_has_secret(&value))
		neap_arena_wipe(job->call.arena);
	have->value = neap_value_copy(job->call.arena, &value);
	return 0;
}

/* A wanted account given as a number, by the name that the machine has for it. */
static void name_owners(const struct neap_view *view, const struct neap_want *want, struct neap_arena *arena,
			struct neap_lua_have *have)
{
	const struct neap_lua_type *type = neap_lua_type_of(want);
	const char **owners = NULL;

	for (size_t i = 0; i < type->pub.param_count; i++) {
		const char *const *name = (const void *)((const char *)want + type->pub.params[i].offset);
		uint32_t number = 0;

		if (type->pub.params[i].kind != NEAP_PARAM_OWNER || !(want->given >> i & 1) ||
		    (*name)[strspn(*name, "0123456789")])
			continue;
		for (const char *digit = *name; *digit; digit++)
			number = number * 10 + (uint32_t)(*digit - '0');
		if (!owners)
			owners = neap_arena_array_of(arena, const char *, type->pub.param_count);
		owners[i] = type->params[i].group ? neap_view_group_name(view, number, arena)
						  : neap_view_user_name(view, number, arena);
	}
	have->owners = owners;
}

static bool named(const char *const *paths, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(paths[i], path) == 0)
			return true;
	return false;
}

/* The directories that apply will make above what the resource owns. */
static int read_parents(const struct neap_view *view, const struct neap_lua_want *want,
			struct neap_arena *arena, struct neap_lua_have *have, struct neap_error **err)
{
	for (size_t i = 0; i < want->claim_count && !want->claims[i].absent; i++) {
		struct neap_parents found, all;
		const char **paths;
		int r = neap_parents_read(view, arena, want->claims[i].path, &found, err);

		if (r)
			return r;
		if (found.count == 0)
			continue;
		paths = neap_arena_array_of(arena, const char *, have->parents.count + found.count);
		all = (struct neap_parents){ paths, have->parents.count };
		if (all.count)
			memcpy(paths, have->parents.paths, sizeof(*paths) * all.count);
		for (size_t j = 0; j < found.count; j++)
			if (!named(paths, all.count, found.paths[j]))
				paths[all.count++] = found.paths[j];
		have->parents = all;
	}
	return 0;
}

int neap_lua_type_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		       void *had, struct neap_error **err)
{
	const struct neap_lua_want *want = wanted;
	struct neap_lua_have *have = had;
	struct job job = job_of(wanted, NEAP_LUA_READ);
	int r;

	job.call.view = view;
	job.call.arena = ctx->scratch;
	job.take = take_have;
	job.ret = have;
	r = call(&job, err);
	if (r)
		return r;
	name_owners(view, &want->base, ctx->scratch, have);
	if (have->value.kind == NEAP_NIL)
		return read_parents(view, want, ctx->scratch, have, err);
	return 0;
}

static int take_diff(lua_State *L, struct job *job, struct neap_error **err)
{
	return neap_lua_type_differences(L, job->want, job->have, job->ret, err);
}

int neap_lua_type_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		       struct neap_diff *diff, struct neap_error **err)
{
	static const struct neap_view none; /* diff has no machine, but the limits of the run */
	const struct neap_lua_have *have = had;
	struct job job = job_of(wanted, NEAP_LUA_DIFF);
	int r;

	job.call.view = &none;
	job.call.arena = ctx->scratch;
	job.have = have;
	job.take = take_diff;
	job.ret = diff;
	r = has(&job) ? call(&job, err) : neap_lua_type_compare(job.want, have, diff, err);
	if (r == 0 && !neap_diff_empty(diff))
		neap_parents_diff(&have->parents, diff);
	return r;
}

/* ---- apply, refresh, output ---------------------------------------------------------------------------- */

/* What is there is not known, and the function asked for it: what is owned will be there, or gone, but more
 * cannot be said. */
static int leave_unknown(struct neap_host *host, const struct neap_lua_want *want, struct neap_error **err)
{
	for (size_t i = 0; i < want->claim_count; i++)
		if (!want->claims[i].absent && neap_host_attributes(host, want->claims[i].path, NEAP_KEEP,
								    NEAP_KEEP, NEAP_KEEP, err) < 0)
			return -1;
	return 0;
}

int neap_lua_type_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			const void *had, struct neap_error **err)
{
	const struct neap_lua_want *want = wanted;
	const struct neap_lua_have *have = had;
	struct job job = job_of(wanted, NEAP_LUA_APPLY);
	int r;

	for (size_t i = 0; i < want->claim_count && (!have || have->parents.count > 0); i++)
		if (!want->claims[i].absent && neap_host_mkdir_parents(host, want->claims[i].path, err) < 0)
			return -1;
	job.call.view = &host->view;
	job.call.host = host;
	job.call.arena = ctx->scratch;
	job.have = have;
	r = call(&job, err);
	return r == NEAP_UNKNOWN ? leave_unknown(host, want, err) : r;
}

int neap_lua_type_refresh(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			  struct neap_error **err)
{
	struct job job = job_of(wanted, NEAP_LUA_REFRESH);
	int r;

	job.call.view = &host->view;
	job.call.host = host;
	job.call.arena = ctx->scratch;
	r = call(&job, err);
	return r == NEAP_UNKNOWN ? 0 : r;
}

static int take_output(lua_State *L, struct job *job, struct neap_error **err)
{
	struct neap_lua *lua = job->type->lua;
	const char *name = job->type->pub.outputs[job->output].name;
	struct neap_value value;
	size_t weight = 0;

	if (neap_lua_value(L, -1, name, &value, &weight) < 0) {
		return neap_error_pass(err, &lua->error);
	}
	if (value.kind == NEAP_INTEGER) {
		*(struct neap_text *)job->ret =
			neap_text(neap_arena_printf(job->call.arena, "%lld", (long long)value.integer));
		return 0;
	}
	if (value.kind != NEAP_STRING)
		return neap_error_set(err, "output %s is %s, not a string", name,
				      neap_value_kind_name(value.kind));
	*(struct neap_text *)job->ret = neap_text_copy(job->call.arena, value.text);
	return 0;
}

int neap_lua_type_output(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			 unsigned index, struct neap_text *ret, struct neap_error **err)
{
	struct job job = job_of(wanted, NEAP_LUA_READ);

	job.output = (int)index;
	job.call.view = view;
	job.call.arena = ctx->scratch;
	job.take = take_output;
	job.ret = ret;
	return call(&job, err);
}
