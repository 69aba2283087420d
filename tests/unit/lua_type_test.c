/* neap.type on a machine of tables: what a type in Lua says and does, in a plan and in an apply. */
#include "lua_type_fixture.h"

static void lua_type__creates_updates_deletes(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_goes(&site, ENTRY, "entry { path = '/t/x', value = 'a', mode = '0600' }",
		  "create ensure=absent->present mode=->0600 value=->a");
	site_is("the file", site_file(&site, "/t/x"), "0600 a");
	site_goes(&site, ENTRY, "entry { path = '/t/x', value = 'b' }", "update value=(hidden)->b");
	site_goes(&site, ENTRY, "entry { path = '/t/x', mode = '0644', value = 'b' }",
		  "update mode=0600->0644");
	site_goes(&site, ENTRY, "entry { path = '/t/x', value = 'c' }", "update value=b->c");
	site_is("the file", site_file(&site, "/t/x"), "0644 c");
	site_goes(&site, ENTRY, "entry { path = '/t/x', ensure = 'absent' }",
		  "delete ensure=present->absent");
	site_is("the file", site_file(&site, "/t/x"), "absent");
	site_goes(&site, ENTRY, "entry { path = '/t/x', ensure = 'absent' }", "none");
	site_end(&site);
}

static void lua_type__makes_and_tells_missing_parents(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_goes(&site, ENTRY, "entry { path = '/t/a/b/x', value = 'a' }",
		  "create ensure=absent->present value=->a parents=a list->a list (makes /t/a, /t/a/b)");
	site_is("the file", site_file(&site, "/t/a/b/x"), "0644 a");
	site_end(&site);
}

static void lua_type__later_steps_see_what_earlier_ones_planned(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_put(&site, "/t/y", 0644, "old");
	site_load(&site,
		  ENTRY_HEAD ENTRY_PARAMS
		  "read = function(view, want)\n"
		  "	local content = view:file(want.path)\n"
		  "	return content and { value = content } or nil\n"
		  "end,\n"
		  "apply = function(host, want) host:write(want.path, { content = want.value }) end,\n"
		  "diff = function(want, have)\n"
		  "	if not have or have.value ~= want.value then\n"
		  "		return { { param = 'value', before = have and have.value, after = want.value "
		  "},\n"
		  "			reason = 'because', action = have and 'update' or 'create' }\n"
		  "	end\n"
		  "end }\n",
		  "entry { path = '/t/x', value = 'a' }\nentry { path = '/t/y', value = 'b' }");
	site_run(&site, NEAP_RUN_PLAN);
	site_is("the plan", site_says(&site), "create value=->a (because); update value=old->b (because)");
	site_is("the machine", site_file(&site, "/t/x"), "absent");
	site_end(&site);
}

static void lua_type__declares_as_types_in_c_do(void **state)
{
	struct recipe *r = *state;
	const char *module = "local entry = require 'entry' ";
	char body[512];
	static const struct {
		const char *body, *message, *hint;
	} cases[] = {
		{ "entry { path = '/t/x', valeu = 'a' }", "unknown parameter \"valeu\"",
		  "did you mean \"value\"?" },
		{ "entry { value = 'a' }", "path is required", NULL },
		{ "entry { path = 'x' }", "path \"x\" is not absolute", NULL },
		{ "entry { path = '/t/x', mode = 420 }",
		  "mode must be a string such as \"0644\": Lua reads 0644 as the decimal number 644", NULL },
		{ "entry { path = '/t/x', ensure = 'absnet' }",
		  "ensure must be \"present\" or \"absent\", not \"absnet\"", "did you mean \"absent\"?" },
		{ "entry 'x'", "entry takes one table: entry { name = value }", NULL },
		{ "print(entry({ path = '/t/x' }).valu)", "a handle of entry has no field \"valu\"",
		  "did you mean \"value\"?" },
		{ "entry { path = '/t/x', notify = entry { path = '/t/y' } }",
		  "entry[/t/y] cannot be notified: an entry has nothing to refresh", NULL },
		{ "entry { path = '/t/x' } entry { path = '/t/x' }",
		  "entry[/t/x] is declared twice: here and at site.lua:2", NULL },
		{ "neap.entry { path = '/t/x' }", "neap has no resource type \"entry\"", NULL },
	};

	recipe_write(r, "entry.lua", ENTRY);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(body, sizeof body, "%s%s", module, cases[i].body);
		recipe_fails(r, body, cases[i].message, cases[i].hint);
	}
	recipe_prints(r,
		      "local e = require('entry') { path = '/t//x/', value = 'a' } print(e.address, e.path, "
		      "e.value, e.mode)",
		      "entry[/t/x]\t/t/x\ta\tnil");
}

static void lua_type__wrong_definitions_are_told_at_their_line(void **state)
{
	struct recipe *r = *state;
	static const struct {
		const char *fields, *message, *hint;
	} cases[] = {
		{ "name = 'Entry'",
		  "neap.type: \"Entry\" is no name of a type: a-z, 0-9 and _, at most 40, a letter first",
		  NULL },
		{ "name = 'a-b'",
		  "neap.type: \"a-b\" is no name of a type: a-z, 0-9 and _, at most 40, a letter first",
		  NULL },
		{ "name = 'thing'", "neap.type: neap.thing exists already", NULL },
		{ "name = 5", "neap.type: name is a string, not number", NULL },
		{ "name = 'e'", "neap.type: summary is a string, not nil", NULL },
		{ "nmae = 'e'", "neap.type has no \"nmae\"", "did you mean \"name\"?" },
		{ "name = 'e', summary = '', params = 5",
		  "neap.type: params is a table: { name = { … } }, not number", NULL },
		{ "name = 'e', summary = '', params = {}",
		  "neap.type: no parameter is a key: what is a resource of this type called?", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'pth', key = true } }",
		  "neap.type: params.a: kind must be \"text\", \"string\", \"path\", \"source\", "
		  "\"choice\", \"boolean\", \"integer\", \"mode\", \"owner\", \"group\", \"regex\", "
		  "\"strings\", \"argv\", \"integers\", \"duration\", \"texts\" or \"resource\", not \"pth\"",
		  "did you mean \"path\"?" },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', kye = true } }",
		  "neap.type: params.a has no \"kye\"", "did you mean \"key\"?" },
		{ "name = 'e', summary = '', params = { a = { key = true } }",
		  "neap.type: params.a: kind is required", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'choice' } }",
		  "neap.type: params.a: choices go with kind \"choice\", and the other way round", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', min = 1 } }",
		  "neap.type: params.a: min and max are for kinds \"integer\", \"integers\" and \"duration\"",
		  NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'string', secret = true } }",
		  "neap.type: params.a: only kinds \"text\" and \"texts\" can hold secrets", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'string', owns = true } }",
		  "neap.type: params.a: only a path can be owned", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'strings', key = true } }",
		  "neap.type: params.a: kind \"strings\" cannot be a key", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = 'yes' } }",
		  "neap.type: params.a: key is true, or 1, 2 … where several make the address", NULL },
		{ "name = 'e', summary = '', params = { before = { kind = 'path', key = true } }",
		  "neap.type: params.before: every resource has this name already", NULL },
		{ "name = 'e', summary = '', params = { tags = { kind = 'path', key = true } }",
		  "neap.type: params.tags: every resource has this name already", NULL },
		{ "name = 'e', summary = '', params = { address = { kind = 'path', key = true } }",
		  "neap.type: params.address: every resource has this name already", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = true }, m = { kind = "
		  "'mode', default = 5 } }",
		  "neap.type: params.m: the default: m must be a string such as \"0644\": Lua reads 0644 as "
		  "the decimal "
		  "number 644",
		  NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = true, default = '/x' } }",
		  "neap.type: params.a: what is required needs no default", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = true }, ensure = { kind = "
		  "'boolean' } }",
		  "neap.type: params.ensure is a choice of \"present\" and \"absent\", in this order", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = true } }",
		  "neap.type: read and apply are required", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = true } }, read = 5",
		  "neap.type: read is a function, not number", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = true } }, read = print, "
		  "apply = print, "
		  "outputs = { a = { read = print } }",
		  "neap.type: outputs.a: a handle has this name already", NULL },
		{ "name = 'e', summary = '', params = { a = { kind = 'path', key = true } }, read = print, "
		  "apply = print, "
		  "outputs = { b = {} }",
		  "neap.type: outputs.b.read is required", NULL },
	};
	char module[1024];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(module, sizeof module, "local neap = require 'neap'\nreturn neap.type { %s }",
			 cases[i].fields);
		recipe_write(r, "entry.lua", module);
		assert_int_equal(recipe_run(r, "require 'entry'"), -1);
		error_is(r, 0, "entry.lua", 2, cases[i].message, cases[i].hint);
	}
}

static void lua_type__is_defined_once_at_the_top_of_a_module(void **state)
{
	struct recipe *r = *state;
	static const char hint[] = "put the type into a file of its own, and: local name = require \"file\"";
	static const char message[] = "neap.type is called at the top of a module, not here";

	recipe_fails(r, "neap.type {}", message, hint);
	recipe_write(r, "entry.lua", "local neap = require 'neap'\nlocal function f() neap.type {} end f()");
	assert_int_equal(recipe_run(r, "require 'entry'"), -1);
	error_is(r, 0, "entry.lua", 2, message, hint);
	recipe_write(r, "entry.lua", "local neap = require 'neap'\nload('require[[neap]].type {}')()");
	assert_int_equal(recipe_run(r, "require 'entry'"), -1);
	error_is(r, 0, "entry.lua", 2, message, hint);
	recipe_write(r, "entry.lua", ENTRY);
	recipe_write(r, "other.lua", ENTRY);
	assert_int_equal(recipe_run(r, "require 'entry' require 'other'"), -1);
	error_is(r, 0, "other.lua", 2, "neap.type: a type \"entry\" is defined already", NULL);
	recipe_ok(r, "assert(require 'entry' == require 'entry')");
}

static void lua_type__default_stands_for_what_is_not_given(void **state)
{
	static const char module[] =
		ENTRY_HEAD "params = { path = { kind = 'path', key = true },\n"
			   "	mode = { kind = 'mode', default = '640' }, value = { kind = 'text', default "
			   "= 'd' } },\n" ENTRY_READ "apply = function(host, want)\n"
			   "	host:write(want.path, { content = want.value, mode = want.mode })\n"
			   "end }";
	struct site site;

	site_begin(&site, state);
	site_goes(&site, module, "assert(entry({ path = '/t/x' }).mode == '0640')",
		  "create mode=->0640 value=->d");
	site_goes(&site, module, "entry { path = '/t/x', mode = '0644' }", "update mode=0640->0644");
	site_end(&site);
}

static void lua_type__keys_make_the_address_in_their_order(void **state)
{
	struct recipe *r = *state;

	recipe_write(
		r, "entry.lua",
		ENTRY_HEAD
		"params = { a = { kind = 'string', key = 2 }, b = { kind = 'integer', key = 1, max = 9 },\n"
		"c = { kind = 'choice', choices = { 'x', 'y' }, key = 3 } }, read = print, apply = print }");
	recipe_prints(r, "print(require('entry') { a = 'n', b = 3, c = 'y' }.address)", "entry[3: n: y]");
}

static void lua_type__check_is_heard_at_evaluation(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "entry.lua",
		     ENTRY_HEAD ENTRY_PARAMS ENTRY_READ ENTRY_APPLY
		     "check = function(want)\n"
		     "	if want.value == 'bad' then return 'this is bad' end\n"
		     "	if want.value == 'worse' then error('worse') end\n"
		     "	if want.value == 'typo' then return want.vlaue end\n"
		     "	if want.value == 'five' then return 5 end\n"
		     "	if want.value == 'declare' then require('neap').thing { path = '/a' } end\n"
		     "	if want.value == 'secret' then return want.value .. 'x' end\n"
		     "end }");
#define CHECK(value, message, hint)                                                                          \
	recipe_fails(r, "require('entry') { path = '/t/x', value = " value " }", message, hint)
	CHECK("'bad'", "this is bad", NULL);
	CHECK("'worse'", "entry.lua:22: worse", NULL);
	CHECK("'typo'", "entry.lua:23: entry has no parameter \"vlaue\"", "did you mean want.value?");
	CHECK("'five'", "entry.lua:20: check returns nil, or what is wrong as a string, not number", NULL);
	CHECK("'declare'", "entry.lua:25: neap.thing: a function of a type cannot declare resources", NULL);
#undef CHECK
	assert_string_equal(r->problems.errors.items[0].address, "entry[/t/x]");
	recipe_ok(r, "require('entry') { path = '/t/x', value = 'good' }");
}

static void lua_type__two_owners_are_found(void **state)
{
	struct recipe *r = *state;

	recipe_write(r, "entry.lua", ENTRY);
	recipe_write(r, "part.lua",
		     "local neap = require 'neap'\n"
		     "return neap.type { name = 'part', summary = '', params = { path = { kind = 'path', key "
		     "= 1 },\n"
		     "	name = { kind = 'string', key = 2 } }, read = print, apply = print,\n"
		     "claim = function(want)\n"
		     "	if want.name == 'wrong' then return { pth = want.path } end\n"
		     "	if want.name == 'none' then return end\n"
		     "	return { { path = want.path, part = want.name:lower() }, '/own/' .. want.name }\n"
		     "end }");
	recipe_fails(r, "require 'entry' { path = '/t/x' } require 'part' { path = '/t/x', name = 'a' }",
		     "entry[/t/x] (site.lua:2) and part[/t/x: a] (site.lua:2) both own the content of /t/x",
		     NULL);
	recipe_fails(r,
		     "local part = require 'part' part { path = '/x', name = 'a' } part { path = '/x', name "
		     "= 'A' }",
		     "part[/x: a] (site.lua:2) and part[/x: A] (site.lua:2) both own the same part of /x",
		     NULL);
	recipe_fails(r, "require 'part' { path = '/x', name = 'wrong' }", "part.lua:4: claim has no \"pth\"",
		     "did you mean \"path\"?");
	recipe_ok(r, "local part = require 'part' part { path = '/x', name = 'a' } part { path = '/x', name "
		     "= 'none' }");
}

static void lua_type__read_gets_no_way_to_change(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_fails(&site,
		   ENTRY_HEAD ENTRY_PARAMS
		   "read = function(view, want)\nview:write(want.path, { content = 'x' })\nend,\n" ENTRY_APPLY
		   "}",
		   "entry { path = '/t/x' }",
		   "site/entry.lua:10: read cannot change the machine: a view has no \"write\" | apply(host, "
		   "want, have) "
		   "does what differs");
	site_fails(&site,
		   ENTRY_HEAD ENTRY_PARAMS "read = function(view, want)\nview:lisst('/')\nend,\n" ENTRY_APPLY
					   "}",
		   "entry { path = '/t/x' }",
		   "site/entry.lua:10: a view has no method \"lisst\" | did you mean \"list\"?");
	site_fails(&site,
		   ENTRY_HEAD ENTRY_PARAMS "read = function(view, want)\nview.stat('/')\nend,\n" ENTRY_APPLY
					   "}",
		   "entry { path = '/t/x' }",
		   "site/entry.lua:10: stat is a method: write a colon, as in view:stat(…)");
	/* A host kept from an apply is of no use to a read. */
	site_load(&site,
		  "local neap = require 'neap'\nlocal kept\nreturn neap.type { name = 'entry', summary = "
		  "'',\n" ENTRY_PARAMS "read = function(view, want)\n"
		  "	if kept then kept:write(want.path, { content = 'evil' }) end\n"
		  "end,\n"
		  "apply = function(host) kept = host end }",
		  "entry { path = '/t/x', value = 'a' }");
	site_run(&site, NEAP_RUN_APPLY);
	site_is("the apply", site_says(&site),
		"failed: did not converge: site/entry.lua:11: write: this host was given to another call and "
		"is of no "
		"use here");
	site_is("the file", site_file(&site, "/t/x"), "absent");
	site_end(&site);
}

static void lua_type__functions_neither_declare_nor_read_recipe_files(void **state)
{
	static const struct {
		const char *code, *message;
	} cases[] = {
		{ "neap.thing { path = '/a' }", "neap.thing: a function of a type cannot declare resources" },
		{ "neap.read('x')",
		  "neap.read is for evaluation, not for a function of a type | use it at the top of the "
		  "module and keep what it gives in a local" },
		{ "neap.secret { file = 'x' }", "neap.secret is for evaluation, not for a function of a type "
						"| use it at the top of the module and keep "
						"what it gives in a local" },
		{ "require 'other'",
		  "require is for evaluation, not for a function of a type | use it at the top of the "
		  "module and keep what it gives in a local" },
		{ "neap.type {}",
		  "neap.type is for evaluation, not for a function of a type | use it at the top of the "
		  "module and keep what it gives in a local" },
		{ "neap.template('x')", "neap.template: a function of a type reads no files of the recipe | "
					"local text = neap.read(name) at the "
					"top of the module, then neap.template({ text = text }, …) here" },
		{ "io.open('/etc/passwd')",
		  "undefined variable 'io' | a recipe declares what should be: it cannot reach the "
		  "machine, so io is not there" },
	};
	struct site site;
	char module[2048], expected[512];

	recipe_write(*state, "other.lua", "return 5");
	site_begin(&site, state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(module, sizeof module, "%s%sread = function(view, want)\n%s\nend,\n%s}", ENTRY_HEAD,
			 ENTRY_PARAMS, cases[i].code, ENTRY_APPLY);
		snprintf(expected, sizeof expected, "site/entry.lua:10: %s", cases[i].message);
		site_fails(&site, module, "entry { path = '/t/x' }", expected);
	}
	site_end(&site);
}

static void lua_type__what_functions_return_is_checked(void **state)
{
	static const struct {
		const char *fields, *message;
	} cases[] = {
		{ "read = function() return 5 end", "read returns nil (absent) or a table, not number" },
		{ "read = function() return { 1, 2 } end",
		  "read returns a table with names, such as { path = … }, not a list" },
		{ "read = function() return { value = print } end",
		  "read.value: a function cannot be a value" },
		{ "read = function() return { value = 5 } end",
		  NULL }, /* below: no place, as no function has said it */
		{ "read = function() end, diff = function() return 5 end",
		  "diff returns nil or a table, not number" },
		{ "read = function() end, diff = function() return { 5 } end",
		  "diff: an entry is { param = \"name\", before = …, after = … }" },
		{ "read = function() end, diff = function() return { action = 'make' } end",
		  "diff: action is \"create\", \"update\", \"delete\" or \"run\"" },
		{ "read = function() end, diff = function() return { acton = 'run' } end",
		  "diff: \"acton\" is neither action, reason nor an entry 1, 2, 3 …" },
		{ "read = function() end, diff = function() return { reason = {} } end",
		  "diff: reason is a string of at most 1000 bytes" },
	};
	struct site site;
	char module[2048], expected[512];

	site_begin(&site, state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(module, sizeof module, "%s%s%s,\n%s}", ENTRY_HEAD, ENTRY_PARAMS, cases[i].fields,
			 ENTRY_APPLY);
		snprintf(expected, sizeof expected, "site/entry.lua:9: %s", cases[i].message);
		site_fails(&site, module, "entry { path = '/t/x', value = 'a' }",
			   cases[i].message ? expected
					    : "read gives value as an integer, but the parameter is a string "
					      "| they would "
					      "differ for ever: convert it in read, or write a diff");
	}
	site_end(&site);
}

static void lua_type__have_is_data_of_its_own(void **state)
{
	struct site site;

	/* What diff does to its have does not reach apply, nor does a table that the module keeps. */
	site_begin(&site, state);
	site_load(&site,
		  "local neap = require 'neap'\nlocal kept = {}\nreturn neap.type { name = 'entry', summary "
		  "= '',\n" ENTRY_PARAMS "read = function(view, want)\n"
		  "	local content = view:file(want.path)\n"
		  "	kept.value = content\n"
		  "	kept.list = { 'a', { b = true } }\n"
		  "	return content and kept or nil\n"
		  "end,\n"
		  "diff = function(want, have)\n"
		  "	kept.value = 'spoilt'\n"
		  "	if have.value ~= want.value then\n"
		  "		have.list = nil\n"
		  "		want.value = 'spoilt'\n"
		  "		return { { param = 'value', before = have.value, after = 'new' } }\n"
		  "	end\n"
		  "end,\n"
		  "apply = function(host, want, have)\n"
		  "	print(want.value, have.value, #have.list, have.list[2].b)\n"
		  "	host:write(want.path, want.value)\n"
		  "end }",
		  "entry { path = '/t/x', value = 'new' }");
	site_put(&site, "/t/x", 0644, "old");
	site_run(&site, NEAP_RUN_PLAN);
	site_is("printed", site.printed, "new\told\t2\ttrue\n");
	site_end(&site);
}

static void lua_type__what_does_not_converge_is_told(void **state)
{
	struct site site;

	site_begin(&site, state);
	site_fails(&site, ENTRY_HEAD ENTRY_PARAMS ENTRY_READ "apply = function() end }",
		   "entry { path = '/t/x', value = 'a' }",
		   "did not converge: after the change it still differs in ensure, value");
	site_end(&site);
}

static void lua_type__failing_calls_name_the_line(void **state)
{
	struct site site;
	unsigned seen = 0;

	site_begin(&site, state);
	site_load(&site, ENTRY, "entry { path = '/t/x', value = 'b' }");
	for (uint64_t call = 1; call < 40; call++) {
		const char *says;

		site_put(&site, "/t/x", 0644, "a");
		neap_host_memory_fail(site.machine, call, EIO);
		site_run(&site, NEAP_RUN_APPLY);
		neap_host_memory_fail(site.machine, 0, 0);
		says = site_says(&site);
		if (strcmp(says, "update value=a->b") == 0)
			continue;
		seen++;
		if (strncmp(says, "failed: ", 8) != 0 || !strstr(says, "/t"))
			fail_msg("call %d: %s", (int)call, says);
	}
	assert_true(seen >= 3);
	neap_host_memory_fail(site.machine, 1, EIO);
	site_run(&site, NEAP_RUN_PLAN);
	if (!strstr(site_says(&site), "failed: site/entry.lua:10: "))
		fail_msg("%s", site_says(&site));
	site_end(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		recipe_test(lua_type__creates_updates_deletes),
		recipe_test(lua_type__makes_and_tells_missing_parents),
		recipe_test(lua_type__later_steps_see_what_earlier_ones_planned),
		recipe_test(lua_type__declares_as_types_in_c_do),
		recipe_test(lua_type__wrong_definitions_are_told_at_their_line),
		recipe_test(lua_type__is_defined_once_at_the_top_of_a_module),
		recipe_test(lua_type__default_stands_for_what_is_not_given),
		recipe_test(lua_type__keys_make_the_address_in_their_order),
		recipe_test(lua_type__check_is_heard_at_evaluation),
		recipe_test(lua_type__two_owners_are_found),
		recipe_test(lua_type__read_gets_no_way_to_change),
		recipe_test(lua_type__functions_neither_declare_nor_read_recipe_files),
		recipe_test(lua_type__what_functions_return_is_checked),
		recipe_test(lua_type__have_is_data_of_its_own),
		recipe_test(lua_type__what_does_not_converge_is_told),
		recipe_test(lua_type__failing_calls_name_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
