/* What a declaration returns: a small userdata that names the resource by its number. */
#pragma once

#include "lua/state.h"

struct neap_lua_handle {
	enum neap_lua_tag tag;
	uint32_t resource;
};

#define NEAP_LUA_HANDLE_METATABLE "neap.handle"
