#!/usr/bin/env bats
# Bad input: one clear error with its place, the right exit code, and nothing changed. Recipes that are wrong (1),
# machines that are in the way (4), command lines that make no sense (64).

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p machine/etc
	printf 'as it was\n' >machine/etc/motd
}

recipe() { # the recipe on standard input
	{ printf 'local neap = require "neap"\n'; cat; } >site.lua
}

snapshot() {
	find machine -printf '%P %y %m %U %G %i %s %T@ %l\n' | LC_ALL=C sort
	find machine -type f -exec cksum {} + | LC_ALL=C sort
}

# wrong TEXT…: check, plan and apply all exit 1 with every text on standard error, and nothing has changed, not even
# neap's own state.
wrong() {
	local verb text before
	before=$(snapshot)
	for verb in check plan apply; do
		# shellcheck disable=SC2086 # options is a list
		run --separate-stderr "$NEAP" "$verb" --root machine ${options-} "${recipe_path:-site.lua}"
		echo "$verb: $status: $stderr"
		[ "$status" = 1 ]
		[ -z "$output" ]
		for text in "$@"; do
			[[ $stderr == *"$text"* ]]
		done
		[ "$before" = "$(snapshot)" ]
	done
}

# errors: how many places standard error names.
errors() {
	grep -cE '^[^ ]*site\.lua:[0-9]+: ' <<<"$stderr"
}

@test "a syntax error names file and line" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd" content = "x" }
	LUA
	wrong "site.lua:2:"
}

@test "an unknown type is named, with the one that was meant" {
	recipe <<-'LUA'
	neap.fiel { path = "/etc/motd" }
	LUA
	wrong "site.lua:2:" "fiel" "file"
}

@test "an unknown parameter is named, with the one that was meant" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", contnet = "x" }
	LUA
	wrong "site.lua:2:" "contnet" "content"
}

@test "a parameter as another tool calls it says what it is here" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", vni = 5 }
	LUA
	wrong "site.lua:2:" 'unknown parameter "vni"' "its number is id"
	recipe <<-'LUA'
	neap.route { to = "10.0.0.0/8", via = "192.0.2.1", link = "eth0", onlink = true }
	LUA
	wrong "site.lua:2:" 'unknown parameter "onlink"' "not supported: give the gateway a route of its own"
}

@test "names of links that the kernel keeps or makes others of are told apart" {
	for name in all default; do
		recipe <<<"neap.bridge { name = '$name' }"
		wrong "site.lua:2:" "\"$name\" is no name of a link" "the settings of all links, net.ipv4.conf.$name"
	done
	recipe <<<'neap.veth { name = "v%d", peer = "p" }'
	wrong "site.lua:2:" '"v%d" is no name of a link' 'the kernel makes another'
	recipe <<<'neap.vxlan { name = "abcdefghijklmnop", id = 1 }'
	wrong "site.lua:2:" "it has 16 bytes, and the kernel takes 15"
	for name in . .. "a b" a/b a:b; do
		recipe <<<"neap.address { link = '$name', address = '10.0.0.1/24' }"
		wrong "site.lua:2:" "\"$name\" is no name of a link" "without blanks, slashes, colons"
	done
	recipe <<<'neap.bridge { name = "br0", members = { "lo" } }'
	wrong "site.lua:2:" "members: lo has no Ethernet, and no bridge takes it"
}

@test "a parameter of a type still to come is unknown like any other" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", cpu_limit = 3 }
	LUA
	wrong "site.lua:2:" "cpu_limit"
}

@test "a choice that is none names those that are" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", ensure = "presnt" }
	LUA
	wrong "site.lua:2:" "presnt" "present" "absent"
}

@test "a value of the wrong kind says what the parameter takes" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = {} }
	LUA
	wrong "site.lua:2:" "content"
	recipe <<-'LUA'
	neap.file { path = 5 }
	LUA
	wrong "site.lua:2:" "path"
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", backup = "yes" }
	LUA
	wrong "site.lua:2:" "backup"
}

@test "a mode that is a number is refused, as 0644 is decimal in Lua" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", mode = 0644 }
	LUA
	wrong "site.lua:2:" "mode" '"0644"'
}

@test "a mode that is none is refused" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", mode = "0888" }
	LUA
	wrong "site.lua:2:" "mode" "0888"
}

@test "a path with .. is refused" {
	recipe <<-'LUA'
	neap.file { path = "/etc/../motd" }
	LUA
	wrong "site.lua:2:" ".."
}

@test "a path with a NUL byte is refused" {
	recipe <<-'LUA'
	neap.file { path = "/etc/mo\0td" }
	LUA
	wrong "site.lua:2:" "path" "NUL"
}

@test "a relative path is refused" {
	recipe <<-'LUA'
	neap.file { path = "etc/motd" }
	LUA
	wrong "site.lua:2:" "etc/motd" "absolute"
}

@test "a required parameter that is not given is named" {
	recipe <<-'LUA'
	neap.link { path = "/etc/x" }
	LUA
	wrong "site.lua:2:" "target"
}

@test "parameters that contradict each other are refused" {
	printf 'x' >source.txt
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = "x", source = "source.txt" }
	LUA
	wrong "site.lua:2:" "content" "source"
}

@test "two owners of one path are an error that names both" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = "one\n" }
	neap.file { path = "/etc//motd/", content = "two\n" }
	LUA
	wrong "file[/etc/motd]" "site.lua:2" "site.lua:3"
}

@test "a file with content and a line in it are two owners" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = "one\n" }
	neap.line { path = "/etc/motd", line = "two" }
	LUA
	wrong "/etc/motd" "site.lua:2" "site.lua:3"
}

@test "a cycle is printed edge by edge" {
	recipe <<-'LUA'
	local a = neap.file { path = "/etc/a", require = "file[/etc/c]" }
	local b = neap.file { path = "/etc/b", require = a }
	neap.file { path = "/etc/c", require = b }
	LUA
	wrong "cycle" "file[/etc/a]" "file[/etc/b]" "file[/etc/c]" "site.lua:2" "site.lua:3" "site.lua:4"
}

@test "a reference to nothing is named, with its place" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", require = "file[/etc/modt]" }
	LUA
	wrong "site.lua:2:" "file[/etc/modt]"
}

@test "notify to a type that cannot refresh is refused" {
	recipe <<-'LUA'
	local other = neap.file { path = "/etc/other" }
	neap.file { path = "/etc/motd", notify = other }
	LUA
	wrong "site.lua:3:" "file[/etc/other] cannot be notified"
}

@test "a local source that is not there is named" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", source = "nowhere.txt" }
	LUA
	wrong "site.lua:2:" "nowhere.txt"
}

@test "a secret that is not there, and a template that is not there, are named" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = neap.secret { file = "nowhere.key" } }
	LUA
	wrong "site.lua:2:" "nowhere.key"
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = neap.template("nowhere.txt", {}) }
	LUA
	wrong "site.lua:2:" "nowhere.txt"
}

@test "a module that is not there is named" {
	recipe <<-'LUA'
	require "nowhere"
	LUA
	wrong "site.lua:2:" "nowhere"
}

@test "a recipe that is not there is named, and for an embedded one the nearest" {
	recipe_path=nowhere.lua wrong "nowhere.lua"
	recipe_path=@examples/control-plan-files wrong "@examples/control-plan-files" 'control-plane-files"?'
	mkdir empty
	recipe_path=empty wrong "init.lua"
}

@test "an error that the recipe raises keeps its place and words" {
	recipe <<-'LUA'
	local function checked(port)
		if port > 65535 then
			error("port " .. port .. " is too large", 2)
		end
	end
	checked(70000)
	LUA
	wrong "site.lua:7:" "port 70000 is too large"
}

@test "all errors of a recipe are told in one run" {
	recipe <<-'LUA'
	neap.file { path = "etc/motd" }
	neap.file { path = "/etc/a", mode = 600 }
	neap.file { path = "/etc/b", contnet = "x", require = "file[/nowhere]" }
	neap.link { path = "/etc/c" }
	neap.file { path = "/etc/d" }
	neap.file { path = "/etc/d" }
	neap.file { path = "/etc/e", source = "nowhere.txt" }
	LUA
	wrong "site.lua:2:" "site.lua:3:" "site.lua:4:" "site.lua:5:" "site.lua:7:" "site.lua:8:" "contnet" "file[/nowhere]"
	[ "$(errors)" = 7 ]
}

@test "with --format json the errors are one document on standard output" {
	recipe <<-'LUA'
	neap.file { path = "etc/motd" }
	neap.file { path = "/etc/a", mode = 600 }
	LUA
	for verb in check plan apply; do
		run --separate-stderr "$NEAP" "$verb" --format json --root machine site.lua
		[ "$status" = 1 ]
		[ "$(jq -r '[.errors[] | "\(.file):\(.line)"] | join(" ")' <<<"$output")" = "site.lua:2 site.lua:3" ]
		[ "$(jq -r '[.errors[].message | type] | unique | join(" ")' <<<"$output")" = string ]
	done
}

# ---- the sandbox ---------------------------------------------------------------------------------------------

@test "a recipe that never ends is ended, with the line that was running" {
	recipe <<-'LUA'
	while true do end
	LUA
	run --separate-stderr timeout 20 "$NEAP" plan --eval-timeout 1s --root machine site.lua
	[ "$status" = 1 ]
	[[ $stderr == *"site.lua:2"* ]]
}

@test "neither pcall, nor a coroutine, nor a pattern that never ends gets round the end" {
	for body in 'while true do pcall(function() while true do end end) end' \
		'while true do coroutine.wrap(function() while true do end end)() end' \
		'local s = ("a"):rep(40) s:find(("a*"):rep(40) .. "b")' \
		'local t = setmetatable({}, { __close = function() while true do end end }) do local x <close> = t end' \
		'local s = setmetatable({}, { __index = function(t, k) return t[k .. "x"] end }) while true do pcall(function() return s.a end) end'; do
		printf 'local neap = require "neap"\n%s\n' "$body" >site.lua
		run --separate-stderr timeout 30 "$NEAP" plan --eval-timeout 1s --root machine site.lua
		echo "$body: $status: $stderr"
		[ "$status" = 1 ]
	done
	[ "$(cat machine/etc/motd)" = "as it was" ]
}

@test "a recipe that eats memory is ended" {
	options="--eval-timeout 2m" # a sanitized program is slow
	recipe <<-'LUA'
	local all = {}
	for i = 1, 1e9 do all[i] = ("x"):rep(1e6) .. i end
	LUA
	wrong "memory"
	recipe <<-'LUA'
	local s = ("x"):rep(1e10)
	LUA
	wrong "site.lua:2"
	recipe <<-'LUA'
	local function deep(n) return 1 + deep(n + 1) end
	deep(1)
	LUA
	wrong "site.lua:2"
}

@test "the machine is not there for a recipe" {
	for name in io os debug package dofile loadfile; do
		recipe <<<"$name = $name.x"
		wrong "site.lua:2:" "$name"
	done
	recipe <<<'setmetatable({}, { __gc = function() end })'
	wrong "site.lua:2:" "__gc"
	recipe <<<'assert(load(string.char(27) .. "Lua"))'
	wrong "site.lua:2:"
	recipe <<<'string.dump(print)'
	wrong "site.lua:2:"
	recipe <<<'require "os"'
	wrong "site.lua:2:"
}

# ---- the machine is in the way -------------------------------------------------------------------------------

# fails TEXT…: plan and apply exit 4 with every text, and the machine is as it was, but for neap's own state.
fails() {
	local verb text before
	before=$(snapshot)
	for verb in plan apply; do
		run "$NEAP" "$verb" --root machine --state-dir "$PWD/state" site.lua
		echo "$verb: $status: $output"
		[ "$status" = 4 ]
		for text in "$@"; do
			[[ $output == *"$text"* ]]
		done
		[ "$before" = "$(snapshot)" ]
	done
}

@test "a directory where a file should be fails the resource and stays" {
	mkdir machine/etc/issue
	touch machine/etc/issue/kept
	recipe <<-'LUA'
	neap.file { path = "/etc/issue", content = "x" }
	LUA
	fails "file[/etc/issue]" "site.lua:2" "directory"
}

@test "a file where a directory should be, or on the way to one, fails the resource and stays" {
	recipe <<-'LUA'
	neap.directory { path = "/etc/motd" }
	LUA
	fails "directory[/etc/motd]" "site.lua:2"
	recipe <<-'LUA'
	neap.file { path = "/etc/motd/x", content = "x" }
	LUA
	fails "file[/etc/motd/x]" "/etc/motd"
}

@test "links that lead to each other fail the resource" {
	ln -s b machine/a
	ln -s a machine/b
	recipe <<-'LUA'
	neap.file { path = "/a/x", content = "x" }
	LUA
	fails "file[/a/x]" "too many links"
}

@test "an account that is not there fails the resource" {
	printf 'root:x:0:0::/root:/bin/sh\n' >machine/etc/passwd
	recipe <<-'LUA'
	neap.file { path = "/etc/x", content = "x", owner = "etcd" }
	LUA
	fails "file[/etc/x]" "user etcd does not exist"
}

@test "several matches of a line are an error that names them" {
	printf 'a 1\nb\na 2\n' >machine/etc/conf
	recipe <<-'LUA'
	neap.line { path = "/etc/conf", line = "a 3", match = "^a " }
	LUA
	fails "/etc/conf" "1" "3"
}

@test "what does not depend on a failed resource is done, what does is skipped" {
	mkdir machine/etc/issue
	recipe <<-'LUA'
	local broken = neap.file { path = "/etc/issue", content = "x" }
	neap.file { path = "/etc/after", content = "x", require = broken }
	neap.file { path = "/etc/beside", content = "x" }
	LUA
	run --separate-stderr "$NEAP" apply --format json --root machine site.lua
	[ "$status" = 4 ]
	[ "$(jq -r '[.resources[].outcome] | join(" ")' <<<"$output")" = "failed skipped changed" ]
	[ ! -e machine/etc/after ]
	[ -e machine/etc/beside ]
	run "$NEAP" apply --detailed-exitcode --root machine site.lua
	[ "$status" = 4 ]
	rm machine/etc/beside
	run "$NEAP" apply --detailed-exitcode --root machine site.lua
	[ "$status" = 6 ]
}

# in_mounts COMMANDS: a shell in a mount namespace of its own, where it may mount, as root or as a user.
in_mounts() {
	local map=--map-root-user
	[ "$(id -u)" != 0 ] || map=
	unshare $map --mount true 2>/dev/null || skip "no mount namespaces here"
	# shellcheck disable=SC2086
	run unshare $map --mount --propagation private bash -ec "$1"
	echo "$output"
}

@test "a full disk fails the resource, keeps the old file and leaves no half of the new one" {
	head -c 600000 /dev/urandom >large
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", source = "large" }
	neap.file { path = "/etc/small", content = "fits\n" }
	LUA
	in_mounts '
		mount -t tmpfs -o size=300k,mode=755 tmpfs machine
		mkdir machine/etc
		echo as it was >machine/etc/motd
		"$NEAP" apply --root machine --state-dir "$PWD/state" site.lua || code=$?
		echo "code $code"
		find machine -mindepth 1 | sort | paste -sd" "
		cat machine/etc/motd
		"$NEAP" plan --root machine --state-dir "$PWD/state" site.lua || echo "plan $?"
	'
	[ "$status" = 0 ]
	[[ $output == *"file[/etc/motd]"*"No space left on device"* ]]
	[[ $output == *"code 4"* ]]
	[[ $output == *"machine/etc machine/etc/motd machine/etc/small"* ]]
	[[ $output == *"as it was"*"plan 2" ]]
}

@test "a machine that is read-only can be planned, and fails to apply" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = "x" }
	LUA
	in_mounts '
		mount --bind machine machine
		mount -o remount,bind,ro machine
		"$NEAP" plan --root machine site.lua || echo "plan $?"
		"$NEAP" apply --root machine --state-dir "$PWD/state" site.lua || echo "apply $?"
		"$NEAP" apply --root machine site.lua || echo "stateless $?"
		cat machine/etc/motd
	'
	[ "$status" = 0 ]
	[[ $output == *"plan 2"*"file[/etc/motd]"*"Read-only file system"*"apply 4"* ]]
	[[ $output == *"stateless 1"*"as it was" ]]
}

# as_user COMMAND…: as nobody when we are root, in a directory that nobody owns.
as_user() {
	user_directory=$(mktemp -d)
	cp "$NEAP" "$user_directory/neap"
	cp -r machine site.lua "$user_directory"
	cd "$user_directory"
	NEAP=$user_directory/neap
	if [ "$(id -u)" = 0 ]; then
		chown -R 65534:65534 .
		user="setpriv --reuid=65534 --regid=65534 --clear-groups"
	else
		user=
	fi
}

teardown() {
	[ -z "${user_directory-}" ] || { chmod -R u+w "$user_directory"; rm -rf "$user_directory"; }
}

@test "without the right to, a resource fails and the rest is done" {
	recipe <<-'LUA'
	neap.file { path = "/closed/x", content = "x" }
	neap.file { path = "/secret/x", content = "x" }
	neap.file { path = "/etc/motd", content = "mine" }
	LUA
	mkdir machine/closed machine/secret
	as_user
	chmod 0555 machine/closed
	chmod 0000 machine/secret
	run $user "$NEAP" apply --root machine site.lua
	echo "$output"
	[ "$status" = 4 ]
	[[ $output == *"file[/closed/x]"*"Permission denied"* ]]
	[[ $output == *"file[/secret/x]"*"Permission denied"* ]]
	[ "$(cat machine/etc/motd)" = mine ]
	[ -z "$(ls -A machine/closed)" ]
}

@test "an ordinary user who asks for another owner fails that resource" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = "x", owner = 0 }
	LUA
	as_user
	run $user "$NEAP" apply --root machine site.lua
	echo "$output"
	[ "$status" = 4 ]
	[[ $output == *"file[/etc/motd]"*"Operation not permitted"* ]]
	[ "$(cat machine/etc/motd)" = "as it was" ]
}

@test "a link that another user planted on the way is not followed" {
	[ "$(id -u)" = 0 ] || skip "needs root to be two users"
	mkdir -m 1777 machine/tmp
	mkdir machine/prize
	ln -s /prize machine/tmp/planted
	chown -h 65534:65534 machine/tmp/planted
	recipe <<-'LUA'
	neap.file { path = "/tmp/planted/x", content = "x" }
	LUA
	fails "file[/tmp/planted/x]" "/tmp/planted"
	[ -z "$(ls -A machine/prize)" ]
	# The same link of root's own is followed.
	chown -h 0:0 machine/tmp/planted
	"$NEAP" apply --root machine site.lua
	[ -f machine/prize/x ]
}

@test "no link leads out of the root" {
	outside=$PWD/outside
	mkdir outside
	ln -s "$outside" machine/absolute
	ln -s ../../../../../../../../../../../../../../../..$outside machine/up
	recipe <<-'LUA'
	neap.file { path = "/absolute/x", content = "x" }
	neap.file { path = "/up/y", content = "y" }
	LUA
	run "$NEAP" apply --root machine site.lua
	[ -z "$(ls -A outside)" ]
}

# ---- command lines ---------------------------------------------------------------------------------------------

@test "usage errors are 64, name what is wrong, and touch nothing" {
	recipe <<-'LUA'
	neap.file { path = "/etc/motd", content = "x" }
	LUA
	before=$(snapshot)
	while read -r name arguments; do
		# shellcheck disable=SC2086
		run --separate-stderr "$NEAP" $arguments
		echo "$arguments: $status: $stderr"
		[ "$status" = 64 ]
		[ -z "$output" ]
		[[ $stderr == *"$name"* ]]
		[ "$before" = "$(snapshot)" ]
	done <<-'LINES'
	paln paln site.lua
	recipe plan
	recipe apply --root machine
	extra.lua plan site.lua extra.lua
	--rot plan --rot machine site.lua
	--root plan site.lua --root
	nowhere plan --root nowhere site.lua
	nowhere apply --root nowhere site.lua
	--format plan --format yaml site.lua
	--color plan --color blue site.lua
	--lock-wait apply --lock-wait soon --root machine site.lua
	-D plan -D novalue site.lua
	nosuch doc nosuch
	LINES
}

@test "what the contract has for later is refused by name" {
	recipe </dev/null
	for option in --inventory=x --limit=x --jobs=2 --out=x --plan=x --confirm=1 --max-changes=1 -i -l -j -o; do
		run --separate-stderr "$NEAP" apply --root machine "$option" site.lua
		echo "$option: $status: $stderr"
		[ "$status" = 64 ]
		[[ $stderr == *"${option%%=*}"* ]]
	done
	for verb in show key agent undo; do
		run --separate-stderr "$NEAP" "$verb"
		[ "$status" = 64 ]
		[[ $stderr == *"$verb"* ]]
	done
}
