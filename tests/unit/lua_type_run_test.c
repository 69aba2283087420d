/* Types in Lua while a graph runs: what is not known, limits, secrets, programs, notifications and outputs.
 */
#include "lua_type_fixture.h"

/* A type whose apply runs a program: opaque in a plan. What waits lands before, and is read again. */
static const char runner[] =
	"local neap = require 'neap'\n"
	"return neap.type { name = 'runner', summary = '',\n"
	"params = { path = { kind = 'path', key = true }, code = { kind = 'integer' } },\n"
	"read = function(view, want) return view:stat(want.path) and {} or nil end,\n"
	"diff = function(want, have)\n"
	"	if not have then return { action = 'run', reason = 'makes ' .. want.path } end\n"
	"end,\n"
	"apply = function(host, want)\n"
	"	print('before')\n"
	"	host:run { command = { 'make-it', want.path }, effects = { '/t//made' }, environment = { A = "
	"'b' } }\n"
	"	print('after')\n"
	"end,\n"
	"refresh = function(host, want) host:run { command = { 'again', want.path } } end,\n"
	"outputs = { size = { doc = 'How large.', read = function(view, want)\n"
	"	return view:stat(want.path).size\n"
	"end } } }\n";

static unsigned ran;

static int run_program(struct neap_machine *memory, const struct neap_process *process, void *ctx)
{
	const char *code = ctx;

	ran++;
	if (code && strcmp(process->argv[0], "fail") == 0)
		return 3;
	if (strcmp(process->argv[0], "say") == 0) {
		neap_host_memory_say(memory, "said\n", "");
		return 1;
	}
	if (strcmp(process->argv[0], "make-it") == 0)
		neap_host_memory_put(memory, process->argv[1], NEAP_FILE_REGULAR, 0644, 0, 0, "made", 4);
	return 0;
}

static void lua_type__unknown_ends_read_whatever_it_catches(void **state)
{
	static const char *const catches[] = {
		"view:file(want.path)",
		"pcall(view.file, view, want.path)",
		"pcall(pcall, view.file, view, want.path)",
		"pcall(function() view:file(want.path) end)",
		"xpcall(view.file, function() print 'handled' return view:file(want.path) end, view, "
		"want.path)",
		"coroutine.wrap(function() pcall(view.file, view, want.path) end)()",
		"local co = coroutine.create(function() pcall(view.file, view, want.path) coroutine.yield() "
		"end) "
		"coroutine.resume(co)",
		"local t = setmetatable({}, { __index = function() return view:file(want.path) end }) "
		"pcall(function() return "
		"t.x end)",
		"pcall(table.sort, { 2, 1, 3 }, function() return view:file(want.path) end)",
		"pcall(string.gsub, 'x', 'x', function() return view:file(want.path) end)",
		"pcall(function() local c <close> = setmetatable({}, { __close = function() "
		"for _ = 1, 3 do pcall(view.file, view, want.path) end end }) view:file(want.path) end)",
		"pcall(load, function() view:file(want.path) end)",
	};
	struct site site;
	char module[2048];

	for (size_t i = 0; i < sizeof catches / sizeof *catches; i++) {
		snprintf(
			module, sizeof module,
			"%s%sread = function(view, want)\n%s\nprint(want.path)\nend,\napply = function(host, "
			"want)\n"
			"	host:write(want.path, want.value)\nend }",
			ENTRY_HEAD, ENTRY_PARAMS, catches[i]);
		site_begin(&site, state);
		neap_host_memory_on_run(site.machine, run_program, NULL);
		recipe_write(*state, "runner.lua", runner);
		site_load(&site, module,
			  "local runner = require 'runner' { path = '/t/made' }\n"
			  "entry { path = '/t/made2', value = 'a', require = runner }\n"
			  "entry { path = '/t/other', value = 'b' }");
		ran = 0;
		site_run(&site, NEAP_RUN_PLAN);
		assert_int_equal(ran, 0);
		if (strncmp(site_says(&site), "run (makes /t/made); unknown; ", 30) != 0 ||
		    !strstr(site.printed, "/t/other") || strstr(site.printed, "/t/made2"))
			fail_msg("%s\nsays %s, prints %s", catches[i], site_says(&site), site.printed);
		assert_int_equal(site.run->results[1].cause, 0);
		site_end(&site);
	}
}

static void lua_type__apply_of_the_unknown_leaves_what_is_owned(void **state)
{
	/* Its apply asks what is there, which is not known: then the file is there, and no more is said. */
	static const char appender[] = ENTRY_HEAD ENTRY_PARAMS
		"read = function(view, want)\n"
		"	local content = view:file(want.path)\n"
		"	return content and { value = content:match(want.value) } or nil\n"
		"end,\n"
		"apply = function(host, want)\n"
		"	host:write(want.path, (host:file(want.path) or '') .. want.value)\n"
		"end }";
	struct site site;

	site_begin(&site, state);
	neap_host_memory_on_run(site.machine, run_program, NULL);
	recipe_write(*state, "runner.lua", runner);
	recipe_write(*state, "plain.lua",
		     "return require('neap').type { name = 'plain_read', summary = '', params = { path = { "
		     "kind = 'path', key = "
		     "true } },\n"
		     "read = function(view, want) return { there = view:stat(want.path) ~= nil } end,\n"
		     "diff = function(want, have) print(have.there) end, apply = print }");
	site_load(&site, appender,
		  "local runner = require 'runner' { path = '/t/made' }\n"
		  "local e = entry { path = '/t/d/x', value = 'a', require = runner }\n"
		  "require 'plain' { path = '/t/d/x', require = e }");
	site_run(&site, NEAP_RUN_PLAN);
	site_is("the plan", site_says(&site), "run (makes /t/made); unknown; unknown");
	site_is("printed", site.printed, "before\nafter\nhost\ttable\tnil\n");
	site_run(&site, NEAP_RUN_APPLY);
	site_is("the apply", site_says(&site),
		"run (makes /t/made); create ensure=absent->present value=->a parents=a list->a list (makes "
		"/t/d); none");
	site_end(&site);
}

static void lua_type__programs_run_in_an_apply_after_what_waits_has_landed(void **state)
{
	struct site site;

	/* entry waits when runner runs its program: it lands and is read again inside runner's apply. */
	site_begin(&site, state);
	neap_host_memory_on_run(site.machine, run_program, NULL);
	recipe_write(*state, "runner.lua", runner);
	site_load(&site, ENTRY,
		  "entry { path = '/t/a', value = 'a' }\n"
		  "local r = require 'runner' { path = '/t/made' }\n"
		  "entry { path = '/t/b', value = neap.format('%s!', r.size), notify = r.address and nil }");
	ran = 0;
	site_run(&site, NEAP_RUN_PLAN);
	site_is("the plan", site_says(&site),
		"create ensure=absent->present value=->a; run (makes /t/made); "
		"unknown value=->(unknown)");
	site_run(&site, NEAP_RUN_APPLY);
	site_is("the apply", site_says(&site),
		"create ensure=absent->present value=->a; run (makes /t/made); create ensure=absent->present "
		"value=->4!");
	assert_int_equal(ran, 1);
	site_is("the file", site_file(&site, "/t/b"), "0644 4!");
	site_run(&site, NEAP_RUN_PLAN);
	site_is("the plan after it", site_says(&site), "none; none; none");
	site_end(&site);
}

static void lua_type__failing_program_fails_the_resource(void **state)
{
	struct site site;

	site_begin(&site, state);
	neap_host_memory_on_run(site.machine, run_program, "");
	site_load(&site,
		  ENTRY_HEAD ENTRY_PARAMS "read = function() end,\n"
					  "apply = function(host, want)\n"
					  "	pcall(host.run, host, { command = { 'fail' } })\n"
					  "	host:run { command = { 'fail' } }\n"
					  "end }",
		  "entry { path = '/t/x', value = 'a' }");
	site_run(&site, NEAP_RUN_APPLY);
	site_is("the apply", site_says(&site), "failed: site/entry.lua:12: run fail: exit 3");
	site_end(&site);
}

static void lua_type__query_asks_and_is_unknown_behind_a_program(void **state)
{
	static const char asker[] = ENTRY_HEAD "params = { path = { kind = 'path', key = true } },\n"
					       "read = function(view)\n"
					       "	local result = view:query { command = { 'say' } }\n"
					       "	print(result.status, result.out)\n"
					       "	return {}\n"
					       "end,\n"
					       "apply = print }";
	struct site site;

	site_begin(&site, state);
	neap_host_memory_on_run(site.machine, run_program, NULL);
	recipe_write(*state, "runner.lua", runner);
	site_load(&site, asker, "entry { path = '/t/x' }");
	site_run(&site, NEAP_RUN_PLAN);
	site_is("printed", site.printed, "1\tsaid\n\n");
	site_load(&site, asker, "entry { path = '/t/x', require = require 'runner' { path = '/t/made' } }");
	site_run(&site, NEAP_RUN_PLAN);
	site_is("printed", site.printed, "before\nafter\nhost\ttable\tnil\n");
	site_is("the plan", site_says(&site), "run (makes /t/made); unknown");
	site_end(&site);
}

static void lua_type__is_refreshed_by_what_it_subscribes_to(void **state)
{
	struct site site;

	site_begin(&site, state);
	neap_host_memory_on_run(site.machine, run_program, NULL);
	recipe_write(*state, "runner.lua", runner);
	site_put(&site, "/t/made", 0644, "made");
	site_load(&site, ENTRY,
		  "local e = entry { path = '/t/x', value = 'a' }\n"
		  "require 'runner' { path = '/t/made', subscribe = e }");
	ran = 0;
	site_run(&site, NEAP_RUN_PLAN);
	site_is("the plan", site_says(&site), "create ensure=absent->present value=->a; refresh");
	assert_int_equal(ran, 0);
	site_run(&site, NEAP_RUN_APPLY);
	site_is("the apply", site_says(&site), "create ensure=absent->present value=->a; refresh");
	assert_int_equal(ran, 1);
	site_end(&site);
}

static void lua_type__secrets_stay_secret(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_goes(&site, ENTRY, "entry { path = '/t/x', value = neap.secret { value = 'S' } .. '!' }",
		  "create ensure=absent->present value=->(secret)!");
	site_is("the file", site_file(&site, "/t/x"), "0600 S!");
	site_goes(&site, ENTRY, "entry { path = '/t/x', value = neap.secret { value = 'T' } }",
		  "update value=(hidden)->(secret)");
	site_is("the file", site_file(&site, "/t/x"), "0600 T");
	/* The marks travel through what apply makes of it; looked at it cannot be. */
	site_goes(&site,
		  ENTRY_HEAD ENTRY_PARAMS
		  "read = function(view, want)\n"
		  "	local content = view:file(want.path)\n"
		  "	return content and { value = content:match('=(.*)\\n') } or nil\n"
		  "end,\n"
		  "apply = function(host, want)\n"
		  "	print(pcall(string.upper, want.value))\n"
		  "	host:write(want.path, table.concat({ 'key', want.value }, '=') .. '\\n')\n"
		  "end }",
		  "entry { path = '/t/y', value = neap.secret { value = 'S' } }",
		  "create ensure=absent->present value=->(secret)");
	site_is("the file", site_file(&site, "/t/y"), "0600 key=S\n");
	site_fails(&site,
		   ENTRY_HEAD ENTRY_PARAMS
		   "read = function() end,\n"
		   "apply = function(host, want) host:run { command = { 'x', want.value } } end }",
		   "entry { path = '/t/z', value = neap.secret { value = 'S' } }",
		   "site/entry.lua:10: run: command cannot hold a secret");
	site_fails(&site,
		   ENTRY_HEAD ENTRY_PARAMS
		   "read = function(view, want) view:stat(want.value) end, apply = print }",
		   "entry { path = '/t/z', value = neap.secret { value = 'S' } }",
		   "site/entry.lua:9: stat: the path cannot be a secret");
	site_fails(&site,
		   ENTRY_HEAD ENTRY_PARAMS
		   "read = function(view, want) error(want.value .. 'x') end, apply = print }",
		   "entry { path = '/t/z', value = neap.secret { value = 'S' } }",
		   "site/entry.lua:9: error() was called with a secret instead of a message");
	site_end(&site);
}

static void lua_type__closed_files_are_not_shown(void **state)
{
	static const char whole[] = ENTRY_HEAD ENTRY_PARAMS
		"read = function(view, want) return { value = view:file(want.path) } end,\n"
		"diff = function(want, have)\n"
		"	local after = have.value:gsub('old', 'new')\n"
		"	if after ~= have.value then\n"
		"		return { { param = 'content', before = have.value, after = after },\n"
		"			{ param = 'value', before = 'v', after = want.value }, { param = "
		"'mode', before = '0600', after = "
		"'0600' } }\n"
		"	end\n"
		"end,\n"
		"apply = function(host, want, have) host:write(want.path, (have.value:gsub('old', 'new'))) "
		"end }";
	struct site site;

	site_begin(&site, state);
	site_put(&site, "/t/x", 0600, "old");
	site_goes(&site, whole, "entry { path = '/t/x', value = 'w' }",
		  "update content=(hidden)->(secret) value=(hidden)->w mode=0600->0600");
	site_put(&site, "/t/x", 0640, "old");
	site_goes(&site, whole, "entry { path = '/t/x', value = 'w' }",
		  "update content=(hidden)->(secret) value=(hidden)->w mode=0600->0600");
	site_put(&site, "/t/x", 0644, "old");
	site_goes(&site, whole, "entry { path = '/t/x', value = 'w' }",
		  "update content=old->new value=v->w mode=0600->0600");
	site_end(&site);
}

static void lua_type__kinds_come_as_lua_values(void **state)
{
	static const char module[] =
		"local neap = require 'neap'\n"
		"return neap.type { name = 'entry', summary = '', params = {\n"
		"	path = { kind = 'path', key = true }, s = { kind = 'string' }, o = { kind = 'owner' "
		"}, g = { kind = 'group' },\n"
		"	b = { kind = 'boolean' }, i = { kind = 'integer', min = 1 }, m = { kind = 'mode' }, "
		"r = { kind = 'regex' },\n"
		"	l = { kind = 'strings' }, a = { kind = 'argv' }, d = { kind = 'duration' }, t = { "
		"kind = 'texts', secret = "
		"true },\n"
		"	f = { kind = 'source' }, h = { kind = 'resource' }, x = { kind = 'string', compare = "
		"false } },\n"
		"read = function(view, want)\n"
		"	print(want.s, want.o, want.g, want.b, want.i, want.m, want.r, want.r:fits('abc'), "
		"want.r:fits('x'))\n"
		"	print(#want.l, want.l[2], want.a[1], want.d, want.t.A, want.f, want.h, want.x)\n"
		"	return { s = 'S', o = 'web', g = 'www', b = false, i = 1, m = '0600', l = {}, a = { "
		"'true' }, d = 60,\n"
		"		t = { A = '2', B = '1' }, f = 'bytes', h = '/t/y', r = 'b' }\n"
		"end,\n"
		"apply = function() end }";
	struct site site;

	recipe_write(*state, "data", "bytes");
	site_begin(&site, state);
	site_load(&site, module,
		  "entry { path = '/t/x', s = 's', o = 33, g = '44', b = true, i = 2, m = '640', r = 'b', l "
		  "= { 'p', 'q' },\n"
		  "	a = { 'true' }, d = '1m', t = { A = '1', C = neap.secret { value = 'S' } }, f = "
		  "'data', h = '/t/y', x = 'x' "
		  "}");
	site_run(&site, NEAP_RUN_PLAN);
	*strstr(site.printed, "x\ns\t33") = '\0'; /* read again, after it */
	site_is("printed", site.printed,
		"s\t33\t44\ttrue\t2\t0640\tb\ttrue\tfalse\n2\tq\ttrue\t60\t1\tbytes\t/t/y\t");
	site_is("the plan", site_says(&site),
		"failed: did not converge: after the change it still differs in b, i, l, m, s, t.A, t.B, "
		"t.C");
	site_end(&site);
}

static void lua_type__machine_as_lua_sees_it(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_put(&site, "/t/f", 0640, "abc");
	neap_host_memory_put(site.machine, "/t/l", NEAP_FILE_LINK, 0777, 0, 0, "f", 1);
	neap_host_memory_kernel(site.machine, "kernel.x", "1");
	site_load(&site,
		  ENTRY_HEAD ENTRY_PARAMS
		  "read = function(view, want)\n"
		  "	local content, s = view:file('/t/f')\n"
		  "	print(content, s.kind, s.mode, s.owner, s.group, s.uid, s.gid, s.size, s.mount)\n"
		  "	print(view:link('/t/l'), view:stat('/t/none'), view:file('/t/none'), "
		  "view:file('/t'))\n"
		  "	for _, e in ipairs(view:list('/t')) do print(e.name, e.kind) end\n"
		  "	print(view:user('web'), view:group('www'), view:kernel('kernel.x'), view:running())\n"
		  "	print(pcall(view.user, view, 'nobody'))\n"
		  "	print(pcall(view.stat, view, 'rel'))\n"
		  "	print(pcall(view.list, view, '/t/f'))\n"
		  "	print(view, want.ensure)\n"
		  "end,\n"
		  "apply = function(host, want)\n"
		  "	host:mkdir('/t/d', { mode = '0700', owner = 'web' }) host:mkdir_parents('/t/e/f/g') "
		  "host:symlink('/t/s', 'x')\n"
		  "	host:attributes('/t/f', { mode = '0600', group = 'www' }) host:unlink('/t/l') "
		  "host:rmdir('/t/e/f')\n"
		  "	host:write('/t/w', { content = 'w', owner = '33' })\n"
		  "	host:remove_tree('/t/e') host:set_kernel('kernel.x', '2') "
		  "print(host:kernel('kernel.x'))\n"
		  "	print(host:stat('/t/d').owner, host:stat('/t/w').uid, host:stat('/t/f').group, "
		  "host:stat('/t/e'))\n"
		  "	print(pcall(host.write, host, '/t/w', { content = 'w', mod = '0600' }))\n"
		  "	print(pcall(host.write, host, '/t/w'))\n"
		  "	print(pcall(host.write, host, '/t/w', ('x'):rep(1048577)))\n"
		  "end }",
		  "entry { path = '/t/x', value = 'a' }");
	site_run(&site, NEAP_RUN_PLAN);
	*strstr(site.printed, "abc\tfile\t0600") = '\0'; /* read again, after it */
	site_is("printed", site.printed,
		"abc\tfile\t0640\troot\troot\t0\t0\t3\tfalse\n"
		"f\tnil\tnil\tnil\ttable\n"
		"f\tfile\nl\tlink\n33\t44\t1\ttrue\n"
		"false\tsite/entry.lua:15: user nobody does not exist\n"
		"false\tsite/entry.lua:16: stat: path \"rel\" is not absolute\n"
		"false\tsite/entry.lua:17: open /t/f: Not a directory\n"
		"view\tnil\n"
		"2\nweb\t33\twww\tnil\n"
		"false\tsite/entry.lua:26: write has no \"mod\"\n"
		"false\tsite/entry.lua:27: write: content is required: host:write(path, { content = … })\n"
		"false\tsite/entry.lua:28: write: the content of /t/w is larger than 1 MB\n");
	site_end(&site);
}

static void lua_type__limits_of_a_call_cannot_be_caught(void **state)
{
	struct site site;

	site_begin(&site, state);
	site.recipe->timeout = 1;
	site.recipe->memory = (size_t)32 << 20;
	site_load(&site,
		  ENTRY_HEAD ENTRY_PARAMS
		  "read = function(view, want)\n"
		  "	if want.value == 'loop' then\n"
		  "		while true do pcall(function() while true do end end) end\n"
		  "	elseif want.value == 'memory' then\n"
		  "		local t = {}\n"
		  "		while true do pcall(function() t[#t + 1] = ('x'):rep(100000) .. #t end) end\n"
		  "	end\n"
		  "	return { value = want.value }\n"
		  "end,\n"
		  "apply = print }",
		  "entry { path = '/t/a', value = 'loop' }\n"
		  "entry { path = '/t/b', value = 'memory' }\n"
		  "entry { path = '/t/c', value = 'c' }");
	site_run(&site, NEAP_RUN_PLAN);
	site_is("the plan", site_says(&site),
		"failed: site/entry.lua:11: it took more than 1 s of CPU (--eval-timeout) | does a loop "
		"never end? "
		"--eval-timeout gives more; failed: site/entry.lua:14: it used more than 32 MB of memory; "
		"none");
	site_end(&site);
}

static void lua_type__stuck_inside_one_function_ends_the_run(void **state)
{
	struct site site;
	int status, file, saved;
	char *text;
	pid_t pid;

	site_begin(&site, state);
	site.recipe->timeout = 1;
	site_load(&site,
		  ENTRY_HEAD ENTRY_PARAMS "read = function()\n"
					  "	return ('a'):rep(40):match(('a*'):rep(40) .. 'b')\n"
					  "end, apply = print }",
		  "entry { path = '/t/a', value = 'a' }");
	saved = capture_begin(&file);
	pid = fork();
	if (pid == 0) {
		struct neap_run_options options = { .mode = NEAP_RUN_PLAN };

		neap_run(site.recipe->graph, site.machine, &options);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	text = capture_end(saved, file);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	if (!strstr(text, "site/entry.lua:10: ") || !strstr(text, "another one does the rest"))
		fail_msg("%s", text);
	free(text);
	site_end(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		recipe_test(lua_type__unknown_ends_read_whatever_it_catches),
		recipe_test(lua_type__apply_of_the_unknown_leaves_what_is_owned),
		recipe_test(lua_type__programs_run_in_an_apply_after_what_waits_has_landed),
		recipe_test(lua_type__failing_program_fails_the_resource),
		recipe_test(lua_type__query_asks_and_is_unknown_behind_a_program),
		recipe_test(lua_type__is_refreshed_by_what_it_subscribes_to),
		recipe_test(lua_type__secrets_stay_secret),
		recipe_test(lua_type__closed_files_are_not_shown),
		recipe_test(lua_type__kinds_come_as_lua_values),
		recipe_test(lua_type__machine_as_lua_sees_it),
		recipe_test(lua_type__limits_of_a_call_cannot_be_caught),
		recipe_test(lua_type__stuck_inside_one_function_ends_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
