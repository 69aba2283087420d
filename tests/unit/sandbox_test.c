/* What a recipe cannot do: reach the machine, run on for ever, take all memory; and that none of it is
 * hidden. */
#include "recipe_fixture.h"

#include <time.h>

#include "engine/watchdog.h"

#define TIMEOUT "evaluation took more than 1 s of CPU (--eval-timeout)"
#define TIMEOUT_HINT "does a loop never end? --eval-timeout gives more"

/* ---- what is not there -----------------------------------------------------------------------------------
 */

static void sandbox__nothing_reaches_the_machine(void **state)
{
	static const char *const names[] = { "os", "io", "debug", "package", "dofile", "loadfile", "warn" };
	char body[64], message[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(body, sizeof(body), "local x = %s", names[i]);
		snprintf(message, sizeof(message), "undefined variable '%s'", names[i]);
		recipe_fails(*state, body, message, NULL);
		snprintf(body, sizeof(body), "assert(not pcall(require, '%s'))", names[i]);
		recipe_ok(*state, body);
	}
	recipe_prints(*state, "print(string.dump, math.random, math.randomseed, rawget(_G, 'io'))",
		      "nil\tnil\tnil\tnil");
}

static void sandbox__globals_are_declared_by_nobody(void **state)
{
	recipe_fails(*state, "x = 1", "global 'x' is assigned: use local", NULL);
	recipe_fails(*state, "function f() end", "global 'f' is assigned: use local", NULL);
	recipe_fails(*state, "local a = nope", "undefined variable 'nope'", NULL);
	recipe_fails(*state, "setmetatable(_G, nil)", "cannot change a protected metatable", NULL);
	recipe_fails(*state, "getmetatable('').__index = {}", "attempt to index a boolean value", NULL);
	recipe_fails(*state, "neap.extra = 1", "neap.extra is assigned: neap is not yours to change", NULL);
}

static void sandbox__bytecode_is_refused(void **state)
{
	recipe_fails(*state, "assert(load('\\27Lua', 'x', 'b'))",
		     "attempt to load a binary chunk (mode is 't')", NULL);
	recipe_fails(*state, "local s = '\\27Lua' assert(load(function() local x = s s = nil return x end))",
		     "attempt to load a binary chunk (mode is 't')", NULL);
	recipe_prints(*state,
		      "print(load('return 1 + 1')(), load('return x', 'name', 't', { x = 5 })(), "
		      "load('return y', 'n', 'b', {})())",
		      "2\t5\tnil");
}

static void sandbox__finalizers_are_refused(void **state)
{
	recipe_fails(*state, "setmetatable({}, { __gc = function() while true do end end })",
		     "__gc is not for a recipe: nothing here needs a finalizer", NULL);
	recipe_fails(*state, "setmetatable({}, { __gc = false })",
		     "__gc is not for a recipe: nothing here needs a finalizer", NULL);
	/* One that is added later is never marked. */
	recipe_prints(*state,
		      "local m = {} for i = 1, 1000 do setmetatable({}, m) end m.__gc = function() "
		      "print('ran') end\n"
		      "local t = {} for i = 1, 100000 do t = { t } end print(collectgarbage('count') > 0)",
		      "true");
	recipe_fails(*state, "collectgarbage('step')",
		     "collectgarbage(\"step\") is not for a recipe: only \"count\" is", NULL);
}

/* ---- time ------------------------------------------------------------------------------------------------
 */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Ends in time with exactly one error, that of the timeout, at line 2. */
static void times_out(void **state, const char *body)
{
	struct recipe *r = *state;
	double begin = seconds();

	r->timeout = 1;
	recipe_fails(r, body, TIMEOUT, TIMEOUT_HINT);
	assert_true(seconds() - begin < 10);
}

static void timeout__plain_loop(void **state)
{
	times_out(state, "while true do end");
}

static void timeout__is_not_caught_by_pcall(void **state)
{
	times_out(state, "while true do pcall(function() while true do end end) end");
}

static void timeout__is_not_caught_by_the_last_call(void **state)
{
	times_out(state, "return pcall(function() while true do end end)");
}

static void timeout__ends_coroutines(void **state)
{
	times_out(state, "local co = coroutine.create(function() while true do end end) while true do "
			 "coroutine.resume(co) end");
}

static void timeout__ends_coroutines_in_coroutines(void **state)
{
	times_out(state,
		  "coroutine.wrap(function() pcall(coroutine.wrap(function() while true do end end)) end)()");
}

static void timeout__ends_a_suspended_coroutine_that_goes_on(void **state)
{
	times_out(state, "local co = coroutine.wrap(function() coroutine.yield() while true do end end) co() "
			 "pcall(co)");
}

static void timeout__ends_message_handlers(void **state)
{
	times_out(state, "xpcall(function() error('x') end, function() while true do end end)");
}

static void timeout__ends_loops_whose_handler_loops(void **state)
{
	times_out(state, "xpcall(function() while true do end end, function() while true do end end)");
}

static void timeout__ends_closing(void **state)
{
	times_out(state, "local x <close> = setmetatable({}, { __close = function() while true do end end }) "
			 "while true do end");
}

static void timeout__ends_closing_of_coroutines(void **state)
{
	times_out(state, "local co = coroutine.create(function() local x <close> = setmetatable({}, { "
			 "__close = function() "
			 "while true do end end }) error('x') end) coroutine.resume(co) coroutine.close(co)");
}

static void timeout__ends_metamethods_and_iterators(void **state)
{
	times_out(state, "for k in pairs(setmetatable({}, { __pairs = function() return function() return 1 "
			 "end end })) do end");
}

static void timeout__ends_sorting_and_matching_callbacks(void **state)
{
	times_out(state, "while true do table.sort({ 3, 2, 1 }, function(a, b) return a < b end); "
			 "('x'):gsub('x', function() end) end");
}

static void timeout__ends_declaring(void **state)
{
	times_out(state, "local i = 0 while true do i = i + 1 neap.thing { path = '/' .. i } end");
}

static void timeout__ends_templates(void **state)
{
	times_out(state, "neap.template({ text = '<% while true do end %>' })");
}

/* One C function of Lua's runs on and on: no hook reaches it. */
static void dies_saying(void **state, const char *body, const char *expected)
{
	struct recipe *r = *state;
	char *text, *said;
	int file, saved = capture_begin(&file), status;
	pid_t pid = fork();

	if (pid == 0) {
		r->timeout = 1;
		if (asprintf(&text, "local neap = require \"neap\"\n%s\n", body) < 0)
			_exit(9);
		recipe_evaluate(r, text);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	said = capture_end(saved, file);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_string_equal(said, expected);
	free(said);
}

static void dies(void **state, const char *body)
{
	dies_saying(state, body,
		    "site.lua:2: " TIMEOUT "\n    " TIMEOUT_HINT "\n1 error; nothing was applied\n");
}

static void timeout__ends_the_process_inside_a_pattern(void **state)
{
	dies(state, "return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(41))");
}

static void timeout__ends_the_process_inside_pcalled_C(void **state)
{
	dies(state, "pcall(table.move, {}, 1, math.maxinteger - 5, 2)");
}

static void timeout__that_ends_the_process_tells_the_errors_before_it(void **state)
{
	dies_saying(state,
		    "neap.thing { path = '/a', lable = 'x' } neap['nothing\\27']()\n"
		    "neap.thing { path = 'b' }\n"
		    "return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(41))",
		    "site.lua:2: thing[/a]: unknown parameter \"lable\"\n    did you mean \"label\"?\n"
		    "site.lua:2: neap has no resource type \"nothing\\x1b\"\n    `neap doc` lists the types\n"
		    "site.lua:3: thing[?]: path \"b\" is not absolute\n"
		    "site.lua:4: " TIMEOUT "\n    " TIMEOUT_HINT "\n4 errors; nothing was applied\n");
}

static void timeout__of_one_evaluation_does_not_reach_the_next(void **state)
{
	times_out(state, "while true do end");
	recipe_ok(*state, "local n = 0 for i = 1, 1e6 do n = n + i end");
}

static volatile unsigned expiries;

static void note_expiry(void *ctx, unsigned expiry)
{
	(void)ctx;
	expiries = expiry;
}

static void watchdog__barks_again_until_it_is_stopped(void **state)
{
	volatile unsigned long n = 0;
	double begin = seconds();

	(void)state;
	assert_int_equal(neap_watchdog_start(1, note_expiry, NULL, NULL), 0);
	while (expiries < 2 && seconds() - begin < 10)
		n++;
	neap_watchdog_stop();
	assert_int_equal(expiries, 2);
	assert_true(seconds() - begin > 0.5); /* not at once; how exactly is the kernel's tick to say */
	for (begin = seconds(); seconds() - begin < 0.7;)
		n++;
	assert_int_equal(expiries, 2);
}

/* ---- memory and stacks ------------------------------------------------------------------------------------
 */

static void runs_out(void **state, const char *body)
{
	struct recipe *r = *state;

	r->memory = (size_t)32 << 20;
	recipe_fails(r, body, "evaluation used more than 32 MB of memory", NULL);
}

static void memory__growing_strings(void **state)
{
	runs_out(state, "local s = 'x' while true do s = s .. s end");
}

static void memory__growing_tables(void **state)
{
	runs_out(state, "local t = {} while true do t[#t + 1] = { t } end");
}

static void memory__concat_and_format(void **state)
{
	runs_out(state, "local t = {} for i = 1, 40 do t[i] = ('x'):rep(1 << 20) .. i end table.concat(t)");
	runs_out(state, "string.pack('c1000000000', '')");
}

static void memory__limit_is_not_caught_by_pcall(void **state)
{
	runs_out(state, "pcall(function() local s = 'x' while true do s = s .. s end end) print('on')");
	assert_string_equal(((struct recipe *)*state)->printed, "");
}

static void memory__counts_what_declarations_take(void **state)
{
	runs_out(state, "local s = ('x'):rep(1 << 20) for i = 1, 100 do neap.thing { path = '/' .. i, "
			"content = s } end");
	runs_out(state, "for i = 1, 1e6 do local s = neap.secret { value = ('x'):rep(1000) } end");
}

static void memory__garbage_is_no_use_of_memory(void **state)
{
	struct recipe *r = *state;

	r->memory = (size_t)32 << 20;
	recipe_ok(r, "for i = 1, 200 do local s = ('x'):rep(1 << 20) .. i end\n"
		     "for i = 1, 1e6 do local t = { i } end");
}

static void memory__string_rep_is_bounded(void **state)
{
	recipe_fails(*state, "local s = ('x'):rep(1 << 30)", "string.rep: a string of more than 64 MB", NULL);
	recipe_prints(*state, "print(('').rep('', 1 << 62) == '', ('ab'):rep(3, '-'), ('x'):rep(-1) == '')",
		      "true\tab-ab-ab\ttrue");
}

/* Every allocation of a recipe that uses everything is the one that is refused, in turn: nothing leaks,
 * nothing but the limit is reported. */
static void memory__any_allocation_may_be_refused(void **state)
{
	static const char body[] =
		"local s = neap.secret { value = 'x' } .. 1 .. 'y'\n"
		"local a = neap.thing { path = '/a', names = { 'x' }, content = neap.json.encode { a = s, b "
		"= { s, 1 } } }\n"
		"neap.thing { path = '/b', content = neap.yaml.encode { x = a.token .. s }, require = { a, "
		"'thing[/c]' } }\n"
		"neap.thing { path = '/c', content = neap.template('t.tmpl', { s = s, o = a.id, n = 2 }) }\n"
		"local m = require 'm' print(m, s, a, pcall(error, 'x'), neap.params.x)\n"
		"local d = neap.json.decode '{\"a\":[1,{\"b\":null}]}' "
		"print(neap.base64.encode(neap.format('%s %d', s, 1)))\n"
		"for k, v in neap.sorted_pairs { b = 1, a = 2 } do print(k, table.concat { k, s }) end\n"
		"print(coroutine.wrap(function(x) coroutine.yield(x) end)(1), pcall(neap.read, 'none'), "
		"load('return 1')())";
	struct recipe *r = *state;
	unsigned refused = 0;
	char *text;

	recipe_write(r, "t.tmpl", "<% for i = 1, n do %>\n<%= s %> <%= o %> <%= i %>\n<% end %>\n");
	recipe_write(r, "m.lua", "return { 1, 2, 3 }");
	if (asprintf(&text, "local neap = require \"neap\"\n%s\n", body) < 0)
		abort();
	for (r->memory = 1000; r->memory < 400000; r->memory += r->memory < 100000 ? 96 : 4000) {
		recipe_run_file(r, text);
		if (r->result == 0)
			continue;
		refused++;
		if (r->problems.errors.count != 1 ||
		    !strstr(r->problems.errors.items[0].message, "of memory"))
			fail_msg("memory %zu: %s", r->memory, r->problems.errors.items[0].message);
	}
	assert_int_equal(r->result, 0);
	assert_true(refused > 100);
	free(text);
}

static void stack__recursion_is_one_clear_error(void **state)
{
	recipe_fails(*state, "local function f() return 1 + f() end f()", "stack overflow",
		     "does a function call itself without end?");
	recipe_fails(
		*state,
		"local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) return t.x",
		"C stack overflow", NULL);
	recipe_fails(*state, "assert(load(('('):rep(100000)))", "C stack overflow", NULL);
	recipe_fails(*state, "local function f() return pcall(f) end assert(f()) error('ends')", "ends",
		     NULL);
	recipe_fails(*state, "local s = ('x'):rep(300000) s:find(('.-'):rep(300000) .. 'y')",
		     "pattern too complex", NULL);
}

static void error__values_that_are_no_text_are_one_clear_error(void **state)
{
	recipe_fails(*state, "error({})", "error() was called with a table instead of a message", NULL);
	recipe_fails(*state, "error()", "error() was called without a message", NULL);
	recipe_fails(*state, "error(setmetatable({}, { __tostring = function() while true do end end }))",
		     "error() was called with a table instead of a message", NULL);
	recipe_fails(*state, "error(neap.null)", "error() was called with a userdata instead of a message",
		     NULL);
	recipe_fails(*state, "error(print)", "error() was called with a function instead of a message", NULL);
	recipe_fails(*state, "error('no place', 0)", "no place", NULL);
	recipe_fails(*state, "coroutine.wrap(function() error('inside') end)()", "inside", NULL);
}

static void error__says_from_where_it_was_called(void **state)
{
	struct recipe *r = *state;

	recipe_run(r, "local function f()\n  error('deep')\nend\n\nf()");
	error_is(r, 0, "site.lua", 3, "deep", "called from site.lua:6");
	recipe_run(r, "local function f()\n  neap.read 'none'\nend\n\nf()");
	error_is(r, 0, "site.lua", 3, "open none: No such file or directory", "called from site.lua:6");
}

/* ---- what was written anew still works as Lua's
 * ------------------------------------------------------------- */

static void lua__xpcall_and_coroutines_are_as_ever(void **state)
{
	recipe_prints(
		*state,
		"print(xpcall(function(a, b) return a + b end, print, 1, 2))\n"
		"print(xpcall(error, function(m) return 'handled ' .. m end, 'x', 0))\n"
		"print(xpcall(error, function(m) error('again') end, 'x') == false)\n"
		"local co = coroutine.create(function(a) local b = coroutine.yield(a * 2) return b, 'end' "
		"end)\n"
		"print(coroutine.resume(co, 4)) print(coroutine.status(co), coroutine.resume(co, 'b'))\n"
		"print(coroutine.status(co), coroutine.resume(co))\n"
		"print(coroutine.wrap(function() return select('#', coroutine.yield()) end)())\n"
		"print(pcall(coroutine.wrap(function() error({}) end)) == false)\n"
		"print(coroutine.close(coroutine.create(print)), pcall(coroutine.close, "
		"coroutine.running()))\n"
		"print(coroutine.resume(coroutine.create(function() xpcall(coroutine.yield, print, "
		"'through') end)))\n"
		"local log = {}\n"
		"local w = coroutine.wrap(function() local x <close> = setmetatable({}, { __close = "
		"function() log[1] = 'closed' end }) error('e', 0) end)\n"
		"print(pcall(w)) print(log[1], pcall(w))",
		"true\t3\n"
		"false\thandled x\n"
		"true\n"
		"true\t8\n"
		"suspended\ttrue\tb\tend\n"
		"dead\tfalse\tcannot resume dead coroutine\n"
		"\n"
		"true\n"
		"true\tfalse\tsite.lua:10: cannot close a running coroutine\n"
		"true\tthrough\n"
		"false\te\n"
		"closed\tfalse\tcannot resume dead coroutine");
}

/* ---- nothing differs from run to run ---------------------------------------------------------------- */

static void determinism__no_value_shows_its_address(void **state)
{
	recipe_prints(*state,
		      "local named = setmetatable({}, { __name = 'point' })\n"
		      "print({}, print, function() end, coroutine.create(print), named, "
		      "setmetatable({}, { __name = 5 }), neap.null)\n"
		      "print(tostring({}), tostring(print), tostring(coroutine.running()), tostring(named))\n"
		      "print(string.format('%s|%-8s|%5.3s|%%|%d', {}, print, named, 7), ('%s'):format({}))\n"
		      "print(neap.format('%s %s', {}, tostring), #tostring(setmetatable({}, {})))\n"
		      "print(string.format('%s %s', 1, nil), pcall(string.format, '%s'))\n"
		      "print(tostring(setmetatable({}, { __tostring = function() return 'own' end })), "
		      "tostring(1.5), tostring(nil))",
		      "table\tfunction\tfunction\tthread\tpoint\ttable\tnull\n"
		      "table\tfunction\tthread\tpoint\n"
		      "table|function|  poi|%|7\ttable\n"
		      "table function\t5\n"
		      "1 nil\tfalse\tbad argument #2 to 'string.format' (no value)\n"
		      "own\t1.5\tnil");
	recipe_fails(*state, "return ('%5p'):format({})",
		     "string.format: \"%p\" is not for a recipe: addresses differ from run to run", NULL);
	recipe_fails(*state, "return ('%p'):format()",
		     "string.format: \"%p\" is not for a recipe: addresses differ from run to run", NULL);
	recipe_fails(*state, "neap[{}] = 1", "neap.table is assigned: neap is not yours to change", NULL);
	recipe_fails(*state, "return tostring(neap.secret { value = 'x' })",
		     "a secret cannot be used as a plain string; use .. or neap.format or give it to a "
		     "parameter",
		     NULL);
	recipe_fails(*state, "return tostring(setmetatable({}, { __tostring = function() return {} end }))",
		     "'__tostring' must return a string", NULL);
	recipe_fails(*state, "return tostring()", "bad argument #1 to 'tostring' (value expected)", NULL);
	recipe_fails(*state, "return ('%d'):format('x')",
		     "bad argument #1 to 'format' (number expected, got string)", NULL);
}

static void determinism__tables_are_walked_in_order(void **state)
{
	recipe_prints(
		*state,
		"local b, a = neap.thing { path = '/b' }, neap.thing { path = '/a' }\n"
		"local t = { [a] = 1, [b] = 2, [true] = 3, [false] = 4, z = 5, y = 6, ['1'] = 7, [2.5] = 8, "
		"[-1] = 9, 10 }\n"
		"local out = {} for k in pairs(t) do out[#out + 1] = tostring(k) end\n"
		"print(table.concat(out, ' '))\n"
		"out = {} for k, v in next, t do out[#out + 1] = v end print(table.concat(out, ' '))\n"
		"print(next(t), next({}), next({ [{}] = 'only' }) ~= nil)",
		"-1 1 2.5 1 y z false true thing[/b] thing[/a]\n"
		"9 10 8 7 6 5 4 3 2 1\n"
		"-1\tnil\ttrue");
	recipe_prints(*state,
		      "local t = {} for i = 1, 100 do t['k' .. i] = i end\n"
		      "local n = 0 for k in pairs(t) do t[k] = nil n = n + 1 end print(n, next(t))\n"
		      "for i = 1, 100 do t['k' .. i] = i end n = 0\n"
		      "for k in next, t do t[k] = nil n = n + 1 end print(n, next(t))\n"
		      "t.b = 1 t.c = 1 print(next(t, 'b'), next(t, 'c')) t.d = 2 t.a = 0\n"
		      "print((next(t)), (next(t, 'a')), (next(t, 'c')), next(t, 'd'))\n"
		      "t = { a = 1, b = 2, c = 3 } local k = next(t) t.b = nil print(next(t, k))",
		      "100\tnil\n100\tnil\nc\tnil\na\tb\td\tnil\nc\t3");
	recipe_fails(*state, "for k in pairs({ [{}] = 1 }) do end",
		     "pairs: a table as a key has no order that is the same in every run; keys are strings, "
		     "numbers, booleans or resources",
		     NULL);
	recipe_fails(*state, "return next({ [print] = 1, x = 1 })",
		     "next: a function as a key has no order that is the same in every run; keys are "
		     "strings, numbers, booleans or resources",
		     NULL);
	recipe_fails(*state, "return pairs(nil)", "bad argument #1 to 'pairs' (table expected, got nil)",
		     NULL);
}

static void determinism__sort_keeps_the_order_of_equal_items(void **state)
{
	recipe_prints(
		*state,
		"local t = {} for i = 1, 20000 do t[i] = { key = i % 3, i = i } end\n"
		"table.sort(t, function(a, b) return a.key < b.key end)\n"
		"local right = true for i = 2, #t do local a, b = t[i - 1], t[i]\n"
		"right = right and (a.key < b.key or (a.key == b.key and a.i < b.i)) end print(right, #t)\n"
		"for n = 0, 40 do local t, s = {}, 0 for i = 1, n do t[i] = (i * 7919) % 41 s = s + t[i] "
		"end\n"
		"table.sort(t) for i = 1, n do s = s - t[i] assert(i == 1 or t[i - 1] <= t[i]) end\n"
		"assert(s == 0 and #t == n) end\n"
		"t = { 'b', 'a', 'C' } table.sort(t, function(a, b) return a > b end) "
		"print(table.concat(t))\n"
		"t = { 3, 1, 2 } table.sort(t, function() return true end) print(#t)",
		"true\t20000\nbaC\n3");
	recipe_fails(*state, "table.sort({ 1, 'x' })", "attempt to compare string with number", NULL);
	recipe_fails(*state, "table.sort(5)", "bad argument #1 to 'sort' (table expected, got number)", NULL);
	recipe_fails(*state, "table.sort({}, 5)", "bad argument #2 to 'sort' (function expected, got number)",
		     NULL);
}

static void secret__is_no_number_without_a_word(void **state)
{
	static const char refused[] =
		"a secret cannot be used as a plain string; use .. or neap.format or give it to a parameter";

	recipe_fails(*state, "return tonumber(neap.secret { value = '5' })", refused, NULL);
	recipe_fails(*state, "return tonumber(neap.secret { value = '5' }, 16)", refused, NULL);
	recipe_fails(*state, "return math.tointeger(neap.secret { value = '5' })", refused, NULL);
	recipe_fails(*state, "return tonumber(neap.thing { path = '/a' }.id)",
		     "a value that is known when applied cannot be used as a plain string; use .. or "
		     "neap.format or give it to a parameter",
		     NULL);
	recipe_prints(*state, "print(tonumber('ff', 16), tonumber('x'), tonumber({}), math.tointeger(3.0))",
		      "255\tnil\tnil\t3");
	recipe_fails(*state, "return tonumber()", "bad argument #1 to 'tonumber' (value expected)", NULL);
}

static void lua__libraries_that_stay_are_whole(void **state)
{
	recipe_prints(*state,
		      "print(#'äö', utf8.len('äö'), math.floor(2.5), select('#', table.unpack({ 1, 2, 3 })), "
		      "type(next), rawequal(1, 1))\n"
		      "print(('x=1'):match('(%w)=(%d)'), string.format('%q', 'a'), tostring(nil), "
		      "tonumber('0x10'))\n"
		      "print(getmetatable(''), getmetatable(neap), collectgarbage('count') > 1)",
		      "4\t2\t2\t3\tfunction\ttrue\nx\t\"a\"\tnil\t16\nfalse\tfalse\ttrue");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		recipe_test(sandbox__nothing_reaches_the_machine),
		recipe_test(sandbox__globals_are_declared_by_nobody),
		recipe_test(sandbox__bytecode_is_refused),
		recipe_test(sandbox__finalizers_are_refused),
		recipe_test(timeout__plain_loop),
		recipe_test(timeout__is_not_caught_by_pcall),
		recipe_test(timeout__is_not_caught_by_the_last_call),
		recipe_test(timeout__ends_coroutines),
		recipe_test(timeout__ends_coroutines_in_coroutines),
		recipe_test(timeout__ends_a_suspended_coroutine_that_goes_on),
		recipe_test(timeout__ends_message_handlers),
		recipe_test(timeout__ends_loops_whose_handler_loops),
		recipe_test(timeout__ends_closing),
		recipe_test(timeout__ends_closing_of_coroutines),
		recipe_test(timeout__ends_metamethods_and_iterators),
		recipe_test(timeout__ends_sorting_and_matching_callbacks),
		recipe_test(timeout__ends_declaring),
		recipe_test(timeout__ends_templates),
		recipe_test(timeout__ends_the_process_inside_a_pattern),
		recipe_test(timeout__ends_the_process_inside_pcalled_C),
		recipe_test(timeout__that_ends_the_process_tells_the_errors_before_it),
		recipe_test(timeout__of_one_evaluation_does_not_reach_the_next),
		cmocka_unit_test(watchdog__barks_again_until_it_is_stopped),
		recipe_test(memory__growing_strings),
		recipe_test(memory__growing_tables),
		recipe_test(memory__concat_and_format),
		recipe_test(memory__limit_is_not_caught_by_pcall),
		recipe_test(memory__counts_what_declarations_take),
		recipe_test(memory__garbage_is_no_use_of_memory),
		recipe_test(memory__string_rep_is_bounded),
		recipe_test(memory__any_allocation_may_be_refused),
		recipe_test(stack__recursion_is_one_clear_error),
		recipe_test(error__values_that_are_no_text_are_one_clear_error),
		recipe_test(error__says_from_where_it_was_called),
		recipe_test(lua__xpcall_and_coroutines_are_as_ever),
		recipe_test(lua__libraries_that_stay_are_whole),
		recipe_test(determinism__no_value_shows_its_address),
		recipe_test(determinism__tables_are_walked_in_order),
		recipe_test(determinism__sort_keeps_the_order_of_equal_items),
		recipe_test(secret__is_no_number_without_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
