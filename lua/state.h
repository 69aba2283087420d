/*
 * One evaluation, and the run after it where resource types are written in Lua: the Lua state and what its
 * C functions share. How a C function of this folder is written:
 *
 *	static int read_text(lua_State *L)
 *	{
 *		struct neap_lua *lua = neap_lua_of(L);
 *		…
 *		if (neap_thing(…, &lua->error) < 0)
 *			return neap_lua_raise(L);
 *
 * Raising is a longjmp: a C function owns nothing that must be freed. Errors, scratch memory and buffers
 * belong to struct neap_lua, which is freed at the end whatever happened. Scratch memory lives until the next
 * C function takes it with neap_lua_scratch(), so it is not held while Lua code runs.
 */
#pragma once

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#include "engine/graph.h"
#include "engine/source.h"
#include "lua/heap.h"
#include "lua/recipe.h"

/* A chunk of code that people know by file and line. */
struct neap_lua_file {
	const char *source;    /* its chunk name: "=site.lua" */
	const char *shown;     /* "site.lua" */
	const char *directory; /* shown: where relative names in it start */
	struct neap_position
		written; /* of a template that is text in a recipe: there; file NULL: a file of its own */
};

struct neap_lua_place {
	const struct neap_lua_file *file;
	int line;
};

/* The coroutines that are running, innermost first. */
struct neap_lua_thread {
	lua_State *L;
	struct neap_lua_thread *up;
};

#define NEAP_LUA_TRACE 4

/* Joins pieces to one text, see text.h. */
struct neap_lua_join {
	struct neap_text_builder text; /* since the last reference */
	NEAP_VEC(const struct neap_expr *) parts;
	NEAP_VEC(const struct neap_lua_text *) pending;
	size_t weight;
};

struct neap_lua {
	struct neap_lua_heap heap; /* first */
	struct neap_recipe_options options;
	struct neap_graph *graph;
	struct neap_sources *sources;
	struct neap_arena *scratch; /* of one C function */
	struct neap_arena *texts;   /* bytes and expressions of texts, until the end */
	struct neap_error *error;   /* about to be raised */
	struct neap_lua_join join;
	struct neap_map files; /* struct neap_lua_file by source */
	const struct neap_lua_file *last_file;
	struct neap_map params_read; /* names */
	struct neap_map commands;    /* struct neap_text by the words of a command of neap.secret */
	const char *hint_for, *hint; /* of the message raised last */
	struct neap_lua_place
		trace[NEAP_LUA_TRACE]; /* where the error that ended it was raised, and callers */
	unsigned trace_count;
	/* limits */
	char timeout_message[80]; /* made before the signal needs it */
	struct neap_lua_thread main;
	struct neap_lua_thread *volatile thread;
	volatile sig_atomic_t ended;      /* enum neap_lua_end */
	struct neap_lua_place stopped_at; /* by a limit */
	/* types written in Lua, see type.h */
	struct neap_lua_call *volatile call; /* the function of a type that is running, or NULL */
	uint64_t calls;                      /* so far: each has a number */
	struct neap_map types;               /* struct neap_lua_type by name */
	bool ticking;                        /* the watchdog is ours */
};

/* What no recipe can catch: it is raised again at the next instruction, wherever that is. */
enum neap_lua_end {
	NEAP_LUA_GOES_ON,
	NEAP_LUA_TIME,    /* a limit */
	NEAP_LUA_STOPPED, /* the whole run's */
	NEAP_LUA_MEMORY,  /* the other one */
	NEAP_LUA_UNKNOWN, /* a type has asked for what is not known in this plan */
};

/* What ended a protected call. */
struct neap_lua_failure {
	struct neap_position at;
	const char *message, *hint; /* hint: or NULL */
};

/* All userdata of this folder begin so. */
enum neap_lua_tag {
	NEAP_LUA_OTHER, /* no userdata */
	NEAP_LUA_TEXT,
	NEAP_LUA_HANDLE,
	NEAP_LUA_NULL,
	NEAP_LUA_FACTS,
	NEAP_LUA_MACHINE, /* a view or a host */
	NEAP_LUA_REGEX,
};

static inline struct neap_lua *neap_lua_of(lua_State *L)
{
	return *(struct neap_lua **)lua_getextraspace(L);
}
static inline enum neap_lua_tag neap_lua_tag(lua_State *L, int index)
{
	return lua_type(L, index) == LUA_TUSERDATA ? *(const enum neap_lua_tag *)lua_touserdata(L, index)
						   : NEAP_LUA_OTHER;
}

/* Empty scratch memory; whatever was there is dead. */
struct neap_arena *neap_lua_scratch(struct neap_lua *lua);
/* From now on memory that may hold secrets is wiped. */
void neap_lua_wipe(struct neap_lua *lua);

/* The file with this shown name, made known when new. */
const struct neap_lua_file *neap_lua_file(struct neap_lua *lua, const char *shown);
/* A template that is text in a recipe. */
const struct neap_lua_file *neap_lua_file_inline(struct neap_lua *lua, struct neap_position written);
/* The nearest frame that runs code of a known file, from `level` up, through coroutines. Does not allocate.
 */
bool neap_lua_where(const struct neap_lua *lua, lua_State *L, int level, struct neap_lua_place *ret);
/* The same from a C function; the recipe file without a line when there is none. */
struct neap_lua_place neap_lua_caller(struct neap_lua *lua, lua_State *L);
struct neap_position neap_lua_position(struct neap_lua_place place);

/* Pushes what tostring() makes of a value: __tostring, __name or the kind, and never an address. */
void neap_lua_tostring(lua_State *L, int index);

/* Refuses what only an evaluation may do, while a function of a type runs. */
void neap_lua_evaluating(lua_State *L, const char *function);

/* Raises lua->error ("file:line: message"), with its hint kept for the report. Never returns. */
int neap_lua_raise(lua_State *L) __attribute__((noreturn));
/* Sets and raises. */
int neap_lua_fail(lua_State *L, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* Stops an evaluation whose graph and texts have outgrown the limit of memory. */
void neap_lua_check_memory(lua_State *L, struct neap_lua *lua);
void neap_lua_raise_memory(lua_State *L) __attribute__((noreturn));

/* Message handler of a protected call: notes where the error was raised. */
int neap_lua_note_trace(lua_State *L);
/* Of the error value at the top. Texts are in lua->texts or the value's. */
struct neap_lua_failure neap_lua_failure(struct neap_lua *lua, lua_State *L);

/* Limits: called when a coroutine has come back, and before one goes on. */
void neap_lua_check_ended(lua_State *L, struct neap_lua *lua);
/* Ends what is running, uncatchably. */
void neap_lua_end(lua_State *L, enum neap_lua_end end) __attribute__((noreturn));
void neap_lua_disarm(lua_State *L);
void neap_lua_expired(void *lua, unsigned expiry);       /* neap_watchdog_fn */
void neap_lua_stop(struct neap_lua *lua, unsigned call); /* see neap_recipe_stop(); likewise */
void neap_lua_refused(void *lua);                        /* of the heap */
const char *neap_lua_memory_message(const struct neap_lua *lua);
#define NEAP_LUA_TIMEOUT_HINT "does a loop never end? --eval-timeout gives more"

/* The other files of this folder; each pushes or fills what its name says. */
void neap_lua_sandbox_open(lua_State *L); /* globals */
void neap_lua_order_open(lua_State *L);   /* replaces what differs from run to run */
void neap_lua_order_library(lua_State *L, int library);
void neap_lua_coroutine_open(lua_State *L); /* replaces parts of the coroutine library */
void neap_lua_text_open(lua_State *L);      /* metatables */
void neap_lua_handle_open(lua_State *L);
void neap_lua_value_open(lua_State *L);
void neap_lua_declare_open(lua_State *L, int library);  /* a function for each type */
void neap_lua_facts_open(lua_State *L, int library);    /* facts */
void neap_lua_library_open(lua_State *L, int library);  /* files, secrets, parameters, lists */
void neap_lua_encode_open(lua_State *L, int library);   /* json, yaml, base64, format */
void neap_lua_template_open(lua_State *L, int library); /* template */
void neap_lua_type_open(lua_State *L, int library);     /* type */
void neap_lua_machine_open(lua_State *L);
void neap_lua_free(void *lua);

/* The file that the string at `index` names, as shown: beside the file that is calling, or absolute. */
const char *neap_lua_shown(lua_State *L, int index, const char *function);
/* Runs a file of the recipe or a module: pushes its loaded function or raises. */
void neap_lua_load(lua_State *L, const struct neap_lua_file *file);
