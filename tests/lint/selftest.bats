#!/usr/bin/env bats
# The lints on small wrong trees: a check that finds nothing anywhere would pass every day.

setup() {
	lint=$BATS_TEST_DIRNAME
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p core/base core/host core/engine modules lua tests
	for folder in core/base core/host core/engine modules lua tests; do
		printf '/* Fine. */\n#include <string.h>\nint neap_fine(void);\n' >"$folder/fine.c"
	done
}

object() { # object FOLDER NAME CODE: compiles it and prints the object's path
	printf '%s\n' "$3" >"$1/$2.c"
	"${CC:-cc}" -O1 -c -o "$1/$2.c.o" "$1/$2.c"
	printf '%s' "$PWD/$1/$2.c.o"
}

@test "arrows: a tree in order passes" {
	printf '/* x */\n#include "base/arena.h"\n#include "host/host.h"\n' >modules/file.c
	run "$lint/arrows"
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "arrows: an include against the direction is named with its line" {
	printf '/* x */\n#include "engine/graph.h"\n' >core/host/wrong.c
	run "$lint/arrows"
	[ "$status" = 1 ]
	[[ $output == *'core/host/wrong.c:2:'*'does not see that room'* ]]
}

@test "arrows: modules and lua see no machine" {
	for header in fcntl.h sys/stat.h openssl/evp.h curl/curl.h systemd/sd-bus.h archive.h; do
		for room in modules lua; do
			printf '/* x */\n#include <%s>\n' "$header" >"$room/wrong.c"
			run "$lint/arrows"
			[ "$status" = 1 ]
			[[ $output == *"$room/wrong.c:2:"* ]]
			rm "$room/wrong.c"
		done
	done
}

@test "arrows: a library that is loaded is known to one file" {
	local header
	printf '/* x */\n#include <curl/curl.h>\n' >core/host/web.c
	printf '/* x */\n#include <systemd/sd-bus.h>\n' >core/host/bus.c
	printf '/* x */\n#include <dlfcn.h>\n' >core/base/library.c
	run "$lint/arrows"
	[ "$status" = 0 ]
	printf '/* x */\n#include <openssl/evp.h>\n' >core/base/libcrypto.h
	run "$lint/arrows"
	[ "$status" = 0 ]
	for header in curl/curl.h systemd/sd-bus.h systemd/sd-journal.h dlfcn.h; do
		printf '/* x */\n#include <%s>\n' "$header" >core/host/wrong.c
		run "$lint/arrows"
		[ "$status" = 1 ]
		[[ $output == *"core/host/wrong.c:2:"*"knows that library"* ]]
	done
	printf '/* x */\n#include <openssl/evp.h>\n' >core/base/wrong.c
	run "$lint/arrows"
	[[ $output == *"core/base/wrong.c:2:"*"knows that library"* ]]
}

@test "arrows: lua.h is seen in lua/ only" {
	printf '/* x */\n#  include <lua.h>\n' >lua/state.c
	run "$lint/arrows"
	[ "$status" = 0 ]
	cp lua/state.c core/engine/state.c
	run "$lint/arrows"
	[ "$status" = 1 ]
	[[ $output == *'core/engine/state.c:2:'* ]]
}

@test "arrows: resource types do not include each other" {
	printf '/* x */\n#include "modules/file.h"\n' >modules/link.c
	run "$lint/arrows"
	[ "$status" = 1 ]
	[[ $output == *'resource types do not include each other'* ]]
}

@test "symbols: neap's own functions, memory and strings are allowed" {
	good=$(object modules good 'int neap_x(void); int memcmp(const void *, const void *, unsigned long); int f(char *a, char *b, unsigned long n) { return neap_x() + memcmp(a, b, n); }')
	run "$lint/symbols" modules "$good"
	[ "$status" = 0 ]
}

@test "symbols: opening a file is not allowed in modules, nor in lua" {
	bad=$(object modules bad 'int open(const char *, int, ...); int f(void) { return open("x", 0); }')
	run "$lint/symbols" modules "$bad"
	[ "$status" = 1 ]
	[[ $output == *'bad: needs open'* ]]
	run "$lint/symbols" lua "$bad"
	[ "$status" = 1 ]
}

@test "symbols: Lua's own file loaders and the os library are not allowed in lua" {
	for symbol in luaL_loadfilex luaL_openlibs luaopen_os luaopen_io luaopen_debug luaopen_package; do
		bad=$(object lua bad "int $symbol(void *); int f(void) { return $symbol(0); }")
		run "$lint/symbols" lua "$bad"
		[ "$status" = 1 ]
		[[ $output == *"needs $symbol"* ]]
	done
	good=$(object lua good 'int luaL_loadbufferx(void *); int f(void) { return luaL_loadbufferx(0); }')
	run "$lint/symbols" lua "$good"
	[ "$status" = 0 ]
	run "$lint/symbols" modules "$good"
	[ "$status" = 1 ]
}

@test "symbols: a room without objects is a failure, not a pass" {
	run "$lint/symbols" modules ""
	[ "$status" = 1 ]
}

@test "house: a tree in order passes" {
	run "$lint/house"
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "house: too long, too silent, unsafe, elsewhere, executable: each is named" {
	{ echo '/* long */'; yes 'int a;' | head -n 800; } >core/base/long.c
	printf 'int neap_silent(void);\n\n\n/* late */\n' >core/base/silent.c
	printf '/* unsafe */\nvoid f(char *a, const char *b)\n{\n\tstrcpy(a, b); /* strcat(a, b) */\n}\n' >core/base/unsafe.c
	printf '/* see ../%s */\n' shared/x >core/base/elsewhere.c
	printf '/* x */\n' >core/base/executable.c
	chmod +x core/base/executable.c
	mkdir -p docs
	printf '[in](a.md#b) [out](../README.md)\n' >docs/links.md
	run "$lint/house"
	[ "$status" = 1 ]
	[[ $output == *'core/base/long.c: 801 lines'* ]]
	[[ $output == *'core/base/silent.c'*'what it is for'* ]]
	[[ $output == *'core/base/unsafe.c:4:'*'no safe use'* ]]
	[[ $output != *'unsafe.c'*'strcat'* ]]
	[[ $output == *'core/base/elsewhere.c:1:'*'outside the checkout'* ]]
	[[ $output == *'core/base/executable.c'*'no script'* ]]
	[[ $output == *'docs/links.md:1:](../README.md)'*'leaves docs/'* ]]
	[ "${#lines[@]}" = 6 ]
}

@test "house: our own snprintf and members named like libc are no trouble" {
	printf '/* x */\nint g(struct s *p) { return p->system(1) + neap_str_sprintf(p) + snprintf(0, 0, "system(1)"); }\n' >core/base/good.c
	run "$lint/house"
	[ "$status" = 0 ]
}

@test "linked: a program that is linked with more than it needs at once is refused" {
	printf '#include <math.h>\nint main(int c, char **v) { (void)v; return cos(c) > 2; }\n' >m.c
	"${CC:-cc}" -o fine m.c -Wl,--no-as-needed -lm
	run "$lint/linked" ./fine
	[ "$status" = 0 ]
	"${CC:-cc}" -o wrong m.c -Wl,--no-as-needed -lm -lresolv
	run "$lint/linked" ./wrong
	[ "$status" = 1 ]
	[[ $output == *'libresolv.so.2'* ]]
}
