-- Recipes see the sandbox: Lua 5.4 less what touches the machine. What is not named here is a mistake there.
std = {
	read_globals = {
		"assert", "collectgarbage", "error", "getmetatable", "ipairs", "load", "next", "pairs", "pcall", "print", "rawequal", "rawget",
		"rawlen", "rawset", "require", "select", "setmetatable", "tonumber", "tostring", "type", "xpcall", "_VERSION",
		coroutine = { fields = { "close", "create", "isyieldable", "resume", "running", "status", "wrap", "yield" } },
		math = { fields = { "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log",
			"max", "maxinteger", "min", "mininteger", "modf", "pi", "rad", "sin", "sqrt", "tan", "tointeger", "type",
			"ult" } },
		string = { fields = { "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack",
			"packsize", "rep", "reverse", "sub", "unpack", "upper" } },
		table = { fields = { "concat", "insert", "move", "pack", "remove", "sort", "unpack" } },
		utf8 = { fields = { "char", "charpattern", "codepoint", "codes", "len", "offset" } },
	},
}
max_line_length = 120
exclude_files = { "lua/meta", "build" }

-- Scripts for Debian's own Lua, not recipes.
files["tests/mutants"] = { std = "lua54" }
