/*
 * Resource types written in Lua: what neap.type makes of its table is a struct neap_resource_type like any
 * other, with the functions of type_call.c, which find the Lua ones by the want.
 *
 *	type.c         reads the definition
 *	type_call.c    check, claim, read, diff, apply, refresh, output: calls Lua under limits
 *	type_values.c  wants and haves as Lua sees them, the default diff
 *	machine.c      the view and the host as Lua sees them
 *
 * A `have` crosses as plain data (struct neap_value) in the memory of the step: nothing of Lua's has to live
 * from read to apply, and what read returned cannot be changed behind diff's back.
 *
 * That something is not known in a plan is never seen by Lua: the view's method ends the call, which no pcall
 * can catch, and the engine hears NEAP_UNKNOWN.
 */
#pragma once

#include "engine/attributes.h"
#include "engine/diff.h"
#include "lua/state.h"

#define NEAP_LUA_CLAIMS_MAX 16

enum neap_lua_function { /* of a type; each may be missing but READ and APPLY */
			 NEAP_LUA_CHECK,
			 NEAP_LUA_CLAIM,
			 NEAP_LUA_READ,
			 NEAP_LUA_DIFF,
			 NEAP_LUA_APPLY,
			 NEAP_LUA_REFRESH,
			 NEAP_LUA_FUNCTIONS,
};
extern const char *const neap_lua_function_names[NEAP_LUA_FUNCTIONS];

struct neap_lua_param {
	bool owns;                         /* PATH: the type owns what is there */
	bool compare;                      /* the default diff looks at it */
	bool group;                        /* OWNER: the name of a group */
	const struct neap_value *fallback; /* what stands for one not given, or NULL */
};

struct neap_lua_type {
	struct neap_resource_type pub; /* first */
	struct neap_lua *lua;
	int functions[NEAP_LUA_FUNCTIONS]; /* in the registry of Lua */
	const int *outputs;                /* the same */
	const struct neap_lua_param *params;
	int ensure; /* the parameter that says "present" or "absent", or -1 */
};

struct neap_lua_claim {
	const char *path;
	const char *part; /* NULL: all of it */
	bool absent;
};

struct neap_lua_want { /* the parameters come after it */
	struct neap_want base;
	const struct neap_lua_claim *claims; /* made by check: they stay the same whatever becomes known */
	size_t claim_count;
};

struct neap_lua_have {
	struct neap_value value;     /* NEAP_NIL: absent */
	bool closed;                 /* it comes from a file that not everybody may read */
	struct neap_parents parents; /* missing above what it claims */
	const char *const *owners;   /* by parameter: the account that a wanted number means, or NULL */
};

/* A function of a type that runs. */
struct neap_lua_call {
	struct neap_lua_call *up; /* a process that a type runs makes what waits land, and be read again */
	uint64_t number;
	const struct neap_view *view; /* NULL: at evaluation, there is no machine */
	struct neap_host *host;       /* NULL: it only looks */
	struct neap_arena *arena;     /* of the step */
	bool closed;                  /* see neap_lua_have */
	volatile sig_atomic_t outside, ticks;
};

static inline const struct neap_lua_type *neap_lua_type_of(const struct neap_want *want)
{
	return (const struct neap_lua_type *)want->type;
}
/* The same from a type of the engine: NULL when it is not written in Lua. */
const struct neap_lua_type *neap_lua_type_in_lua(const struct neap_resource_type *type);
/* "neap.file", or the name alone of a type written in Lua. */
const char *neap_lua_type_called(struct neap_lua *lua, const struct neap_resource_type *type);

/* Pushes the function that declares a resource of the type. */
void neap_lua_declare_push(lua_State *L, const struct neap_resource_type *type);

/* ---- the functions of struct neap_resource_type -------------------------------------------------------- */

int neap_lua_type_check(const void *want, struct neap_error **err);
void neap_lua_type_claim(const void *want, struct neap_claims *claims);
int neap_lua_type_read(const struct neap_view *view, const struct neap_context *ctx, const void *want,
		       void *have, struct neap_error **err);
int neap_lua_type_diff(const struct neap_context *ctx, const void *want, const void *have,
		       struct neap_diff *diff, struct neap_error **err);
int neap_lua_type_apply(struct neap_host *host, const struct neap_context *ctx, const void *want,
			const void *have, struct neap_error **err);
int neap_lua_type_refresh(struct neap_host *host, const struct neap_context *ctx, const void *want,
			  struct neap_error **err);
int neap_lua_type_output(const struct neap_view *view, const struct neap_context *ctx, const void *want,
			 unsigned index, struct neap_text *ret, struct neap_error **err);

/* ---- values -------------------------------------------------------------------------------------------- */

/* Pushes what is given as a table. */
void neap_lua_want_push(lua_State *L, const struct neap_want *want);
void neap_lua_want_open(lua_State *L);
/* Pushes one member as a recipe would write it. */
void neap_lua_member_push(lua_State *L, const struct neap_param *param, const struct neap_want *want);
/* What differs between what is given and the `have`. */
int neap_lua_type_compare(const struct neap_want *want, const struct neap_lua_have *have,
			  struct neap_diff *diff, struct neap_error **err);
/* What the function diff has returned, which is at the top. */
int neap_lua_type_differences(lua_State *L, const struct neap_want *want, const struct neap_lua_have *have,
			      struct neap_diff *diff, struct neap_error **err);
bool neap_lua_wants_absent(const struct neap_want *want);

/*
 * The table at `index` as named options, by a table of parameters as resource types have it; `what` begins
 * the error. Bytes lie in `arena`.
 */
int neap_lua_options(lua_State *L, int index, const char *what, const struct neap_resource_type *shape,
		     struct neap_arena *arena, struct neap_want *ret);

/* ---- machine ------------------------------------------------------------------------------------------- */

/* Pushes the view, or the host when there is one, of the call that runs. */
void neap_lua_machine_push(lua_State *L);
