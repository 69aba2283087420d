#!/usr/bin/env bats
# Commands, and what every type can be given: guards, tries, noop, protect, tags.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir work
	D=$PWD/work
	OPTIONS=(--state-dir "$PWD/state" -D "d=$D")
}

# recipe [FILE]: standard input, with `neap` and the directory `d` at hand.
recipe() {
	{
		echo 'local neap = require "neap"; local d = neap.params.d'
		cat
	} >"${1:-site.lua}"
}

plan() { "$NEAP" plan "${OPTIONS[@]}" "$@"; }
apply() { "$NEAP" apply "${OPTIONS[@]}" "$@"; }
# action ADDRESS: of the plan in plan.json
action() { jq -r --arg a "$1" '.resources[] | select(.address == $a) | .action' plan.json; }

@test "a plan says that a command runs, and does not run it; it runs once" {
	recipe <<-'LUA'
	neap.exec { name = "make", command = { "touch", d .. "/made" }, creates = d .. "/made" }
	LUA
	run -2 plan site.lua
	[[ $output == *"run       exec[make]"*"command  touch $D/made"* ]]
	[ ! -e work/made ]
	run -0 apply site.lua
	[ -e work/made ]
	run -0 plan site.lua
}

@test "a command without a guard is an error of the recipe that says what is missing" {
	recipe <<-'LUA'
	neap.exec { name = "x", command = { "true" } }
	LUA
	run -1 plan site.lua
	[[ $output == *"site.lua:2: exec[x]: when is it to run?"* ]]
}

@test "a command that does not make what it creates has not converged" {
	recipe <<-'LUA'
	neap.exec { name = "x", command = { "true" }, creates = d .. "/never" }
	LUA
	run -4 apply site.lua
	[[ $output == *"did not converge"* ]]
}

@test "guards: asked before, and what they say holds" {
	recipe <<-'LUA'
	neap.exec { name = "a", shell = "echo a >> " .. d .. "/log", not_if = { "test", "-e", d .. "/log" } }
	neap.file { path = d .. "/b", content = "b", only_if = { "test", "-e", d .. "/absent" } }
	neap.file { path = d .. "/c", content = "c", only_if = { "test", "-d", d } }
	LUA
	run -0 apply site.lua
	[ "$(cat work/log)" = a ]
	[ ! -e work/b ]
	[ "$(cat work/c)" = c ]
	run -0 plan -v site.lua
	[[ $output == *"(only_if does not hold)"* && $output == *"(not_if holds)"* ]]
}

@test "a guard behind a change is unknown in a plan, is not run, and decides in the apply" {
	recipe <<-'LUA'
	local flag = neap.file { path = d .. "/flag", content = "on" }
	neap.file { path = d .. "/x", content = "x", require = flag,
		only_if = { "sh", "-c", "echo asked >> " .. d .. "/asked; grep -q on " .. d .. "/flag" } }
	LUA
	run -2 plan --format json site.lua
	echo "$output" >plan.json
	[ "$(action "file[$D/x]")" = unknown ]
	jq -e --arg a "file[$D/flag]" '.resources[1].cause == $a' plan.json
	[ ! -e work/asked ]
	run -0 apply site.lua
	[ "$(cat work/x)" = x ]
}

@test "a guard runs where every file is read-only" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	recipe <<-'LUA'
	neap.file { path = d .. "/x", content = "x", only_if = { "sh", "-c", "touch " .. d .. "/touched; true" } }
	LUA
	run -2 plan site.lua
	[ ! -e work/touched ]
	run -0 apply site.lua
	[ ! -e work/touched ]
	[ -e work/x ]
}

@test "a guard is unknown behind any change before it, edge or not, for it may look at anything" {
	recipe <<-'LUA'
	neap.file { path = d .. "/a", content = "a" }
	neap.file { path = d .. "/b", content = "b", only_if = { "test", "-e", d .. "/a" } }
	LUA
	run -2 plan --format json site.lua
	echo "$output" >plan.json
	[ "$(action "file[$D/b]")" = unknown ]
	run -0 apply site.lua
	[ -e work/b ]
}

@test "a purge spares what a command creates and changes" {
	recipe <<-'LUA'
	neap.directory { path = d .. "/app", purge = true }
	neap.exec { name = "init", command = { "touch", d .. "/app/.init" }, creates = d .. "/app/.init", changes = { d .. "/app/log" } }
	LUA
	run -0 apply site.lua
	touch work/app/log work/app/foreign
	run -0 apply site.lua
	[ -e work/app/.init ]
	[ -e work/app/log ]
	[ ! -e work/app/foreign ]
	run -0 plan site.lua
}

@test "a command that cannot be started is an error of the plan" {
	recipe <<-'LUA'
	neap.exec { name = "u", command = { "true" }, always = true, user = "no-such-user" }
	neap.exec { name = "c", command = { "true" }, always = true, cwd = "/nowhere" }
	LUA
	run -4 plan site.lua
	[[ $output == *"user no-such-user does not exist"* && $output == *"cwd /nowhere is not there"* ]]
}

@test "a refresh that fails is in the next plan, and tried again until it works" {
	recipe <<-'LUA'
	local a = neap.file { path = d .. "/a", content = "a" }
	neap.exec { name = "r", shell = "echo $* >> " .. d .. "/log; test -e " .. d .. "/ok", refresh_only = true, subscribe = a }
	LUA
	run -4 apply site.lua
	[[ $output == *"refresh: exit 1"*"the next run tries it again"* ]]
	run -2 plan site.lua
	[[ $output == "plan: 1 to refresh, 1 unchanged"*"exec[r]"*"left undone by an earlier run, because of file[$D/a]"* ]]
	run -4 apply site.lua
	touch work/ok
	run -0 apply site.lua
	[[ $output == "applied: 1 refreshed"* ]]
	[ "$(wc -l <work/log)" = 3 ]
	run -0 plan site.lua
	[ "$(wc -l <work/log)" = 3 ]
}

@test "a converged machine asks no guard" {
	recipe <<-'LUA'
	neap.file { path = d .. "/x", content = "x", only_if = { "true" } }
	LUA
	run -0 apply site.lua
	strace -f -qq -e trace=execve -o trace "$NEAP" apply "${OPTIONS[@]}" site.lua
	[ "$(grep -c execve trace)" = 1 ]
}

@test "a program starts from neap's own memory, which one that becomes another user never shares" {
	command -v strace >/dev/null || skip "needs strace"
	recipe <<-'LUA'
	neap.exec { name = "x", command = { "true" }, user = neap.params.USER, always = true }
	LUA
	strace -f -qq -e trace=clone,clone3,fork,vfork -o trace "$NEAP" apply "${OPTIONS[@]}" site.lua
	[ "$(grep "clone.*SIGCHLD" trace | grep -c "CLONE_VM.CLONE_VFORK")" = 1 ]
	[ "$(grep -c "clone.*SIGCHLD" trace)" = 1 ]
	[ "$(id -u)" = 0 ] || return 0
	strace -f -qq -e trace=clone,clone3,fork,vfork -o trace "$NEAP" apply "${OPTIONS[@]}" -D USER=nobody site.lua
	[ "$(grep -c "clone.*SIGCHLD" trace)" = 1 ]
	[ "$(grep -c CLONE_VM trace)" = 0 ]
}

@test "what stands on a command is unknown where it is absent, and known where it is there" {
	echo old >work/there
	recipe <<-'LUA'
	local run = neap.exec { name = "run", command = { "true" }, always = true }
	neap.file { path = d .. "/there", content = "old\n", require = run }
	neap.file { path = d .. "/absent", content = "x", require = run }
	neap.file { path = d .. "/free", content = "x" }
	LUA
	run -2 plan --format json site.lua
	echo "$output" >plan.json
	[ "$(action "file[$D/there]")" = none ]
	[ "$(action "file[$D/absent]")" = unknown ]
	[ "$(action "file[$D/free]")" = create ]
}

@test "what a command says that it changes is unknown to all" {
	echo old >work/there
	recipe <<-'LUA'
	neap.exec { name = "run", shell = "echo new > " .. d .. "/there", always = true, changes = { d .. "/there" } }
	neap.file { path = d .. "/there", content = "wanted\n" }
	LUA
	run -2 plan --format json site.lua
	echo "$output" >plan.json
	[ "$(action "file[$D/there]")" = unknown ]
	run -0 apply site.lua
	[ "$(cat work/there)" = wanted ]
}

@test "refresh_only: runs when notified, once, and in no other run" {
	recipe <<-'LUA'
	local a = neap.file { path = d .. "/a", content = "a" }
	local b = neap.file { path = d .. "/b", content = "b" }
	neap.exec { name = "reload", shell = "echo r >> " .. d .. "/log", refresh_only = true, subscribe = { a, b } }
	LUA
	run -2 plan site.lua
	[[ $output == *"refresh   exec[reload]"* ]]
	run -0 apply site.lua
	[ "$(wc -l <work/log)" = 1 ]
	run -0 apply site.lua
	[ "$(wc -l <work/log)" = 1 ]
	rm work/b
	run -0 apply site.lua
	[ "$(wc -l <work/log)" = 2 ]
}

@test "a command that is due and notified runs once" {
	recipe <<-'LUA'
	local a = neap.file { path = d .. "/a", content = "a" }
	neap.exec { name = "x", shell = "echo r >> " .. d .. "/log", creates = d .. "/log", subscribe = a }
	LUA
	run -0 apply site.lua
	[ "$(wc -l <work/log)" = 1 ]
	rm work/a
	run -2 plan site.lua
	[[ $output == *"refresh   exec[x]"* ]]
	run -0 apply site.lua
	[ "$(wc -l <work/log)" = 2 ]
}

@test "user, cwd, environment and returns reach the command; nothing else does" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	recipe <<-'LUA'
	neap.exec { name = "x", shell = [[{ id -u; id -g; pwd; echo "$A"; echo "$HOME"; echo "${SECRET_OF_CALLER-none}"; } > ]] .. neap.params.out .. "; exit 7",
		creates = neap.params.out, user = "nobody", cwd = "/usr", environment = { A = "b c" }, returns = { 0, 7 } }
	LUA
	local home open
	open=$(mktemp -d /var/tmp/neap-exec.XXXXXX) # nobody may not enter the directory of the test
	chmod 777 "$open"
	SECRET_OF_CALLER=1 run -0 apply -D "out=$open/out" site.lua
	mv "$open/out" work/out
	rmdir "$open"
	home=$(getent passwd nobody | cut -d: -f6)
	diff work/out <(printf '%s\n' "$(id -u nobody)" "$(id -g nobody)" /usr "b c" "$home" none)
}

@test "a failing command says how it ended and its last words, and stops what stands on it" {
	recipe <<-'LUA'
	local x = neap.exec { name = "x", shell = "echo first; echo the reason >&2; exit 3", always = true }
	neap.file { path = d .. "/y", content = "y", require = x }
	LUA
	run -4 apply site.lua
	[[ $output == *"exec[x] (site.lua:2): exit 3: the reason"* ]]
	[ ! -e work/y ]
}

@test "a command over its time is ended, with what it has started" {
	recipe <<-'LUA'
	neap.exec { name = "x", shell = "sleep 1000 & echo $! > " .. d .. "/pid; wait", always = true, timeout = "1s" }
	LUA
	run -4 apply site.lua
	[[ $output == *"did not end within 1 s and was killed"* ]]
	# Gone, or dead and not yet collected by init.
	! grep -qsE '^State:[[:space:]]+[^Z[:space:]]' "/proc/$(cat work/pid)/status"
}

@test "a command over its time that belongs to somebody else is not waited for" {
	[ "$(id -u)" = 0 ] || skip "needs root, for another user"
	local began=$SECONDS open
	open=$(mktemp -d /tmp/neap-exec-XXXXXX)
	install -m 4755 "$(command -v setpriv)" "$open/suid"
	install -m 755 "$NEAP" "$open/neap"
	install -d -o 65534 "$open/state" && chmod 755 "$open"
	cat >"$open/site.lua" <<-LUA
	require("neap").exec { name = "x", command = { "$open/suid", "--reuid=0", "sleep", "25" }, always = true, timeout = "1s" }
	LUA
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$open/neap" apply --state-dir "$open/state" "$open/site.lua"
	rm -r "$open"
	[ "$status" = 4 ]
	[[ $output == *"did not end within 1 s, and cannot be killed"* ]]
	((SECONDS - began < 20))
}

@test "started by a parent that ignores the end of its children, neap waits for its own" {
	recipe <<<'neap.exec { name = "x", command = { "false" }, returns = 1, always = true }'
	run -0 perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' "$NEAP" apply "${OPTIONS[@]}" site.lua
}

@test "a secret in the environment is in no plan, report, error and argv" {
	recipe <<-'LUA'
	neap.exec { name = "x", shell = [[echo "$PW"; echo "$PW" >&2; tr '\0' ' ' < /proc/$$/cmdline > ]] .. d .. "/argv; exit 1", always = true,
		environment = { PW = neap.secret { value = "geheim123" } } }
	LUA
	for verb in "plan" "plan --format json" "apply" "apply --format json" "apply --diff"; do
		run --separate-stderr "$NEAP" $verb "${OPTIONS[@]}" site.lua
		[[ $output$stderr != *geheim123* ]]
	done
	! grep -rq geheim123 state work
	recipe <<-'LUA'
	neap.exec { name = "x", command = { "echo", neap.secret { value = "geheim123" } }, always = true }
	LUA
	run -1 plan site.lua
	[[ $output == *"command cannot hold a secret"*"put it into environment"* ]]
}

@test "retries: tried again until it works, and no more often than said" {
	recipe <<-'LUA'
	neap.exec { name = "x", shell = "echo t >> " .. d .. "/log; test $(wc -l < " .. d .. "/log) -ge 3", always = true,
		retries = 5, delay = "0s" }
	LUA
	run -0 apply site.lua
	[ "$(wc -l <work/log)" = 3 ]
	rm work/log
	sed -i 's/retries = 5/retries = 1/' site.lua
	run -4 apply site.lua
	[ "$(wc -l <work/log)" = 2 ]
}

@test "noop: what would be done is said, and nothing is done or notified" {
	recipe <<-'LUA'
	local a = neap.file { path = d .. "/a", content = "a", noop = true }
	neap.exec { name = "r", shell = "echo r >> " .. d .. "/log", refresh_only = true, subscribe = a }
	LUA
	run -0 plan -v site.lua
	[[ $output == *"(noop: would create it)"* ]]
	run -0 apply site.lua
	[ ! -e work/a ]
	[ ! -e work/log ]
}

@test "protect: a removal is an error in plan and apply, other changes are not" {
	echo x >work/a
	echo x >work/b
	recipe <<-'LUA'
	neap.file { path = d .. "/a", ensure = "absent", protect = true }
	neap.file { path = d .. "/b", content = "new", protect = true }
	LUA
	run -4 plan site.lua
	[[ $output == *"file[$D/a] (site.lua:2): it is protected, and would be removed"* ]]
	run -4 apply site.lua
	[ -e work/a ]
	[ "$(cat work/b)" = new ]
}

@test "-t takes what has a tag and all that it stands on, says so, and leaves the rest" {
	recipe <<-'LUA'
	local a = neap.file { path = d .. "/a", content = "a" }
	neap.file { path = d .. "/b", content = "b", require = { a }, tags = { "web", "all" } }
	neap.file { path = d .. "/c", content = "c", tags = { "db" } }
	neap.directory { path = d .. "/e", purge = true, tags = { "web" } }
	neap.file { path = d .. "/e/kept", content = "k" }
	LUA
	mkdir work/e
	touch work/e/kept work/e/foreign
	run -0 apply -t web site.lua
	[[ $output == *"only web: 2 of 5 resources, and 1 that they stand on or notify"* ]]
	[ -e work/a ]
	[ -e work/b ]
	[ ! -e work/c ]
	[ -e work/e/kept ]
	[ ! -e work/e/foreign ]
	run -0 plan -t web site.lua
	run -2 plan -t web,db --format json site.lua
	echo "$output" | jq -e '(.tags == ["web", "db"]) and (.resources | length == 4) and .summary.create == 1'
	# What is notified comes along: the notification would be lost.
	recipe <<-'LUA'
	local a = neap.file { path = d .. "/n", content = "n", tags = { "conf" } }
	neap.exec { name = "reload", shell = "echo r >> " .. d .. "/log", refresh_only = true, subscribe = a }
	LUA
	run -0 apply -t conf site.lua
	[ "$(cat work/log)" = r ]
	recipe <<-'LUA'
	neap.file { path = d .. "/a", content = "a", tags = { "web" } }
	LUA
	run -64 plan -t wep site.lua
	[[ $output == *'no resource has the tag "wep"'*'did you mean "web"?'* ]]
}

@test "with --root a command runs in that root; who is not root is told" {
	recipe <<-'LUA'
	neap.exec { name = "x", command = { "/bin/sh", "-c", "echo in > /made" }, creates = "/made" }
	LUA
	if [ "$(id -u)" = 0 ]; then
		busybox=$(command -v busybox) || skip "needs busybox-static"
		mkdir -p root/bin
		cp "$busybox" root/bin/sh
		run -0 "$NEAP" apply --root root site.lua
		[ "$(cat root/made)" = in ]
		[ ! -e /made ]
	else
		mkdir root
		run -4 "$NEAP" apply --root root site.lua
		[[ $output == *"run /bin/sh below --root: "*"only root may"* ]]
	fi
}

@test "killed while a command runs: the next run runs it again and converges" {
	recipe <<-'LUA'
	neap.file { path = d .. "/before", content = "b" }
	neap.exec { name = "x", shell = "echo $$ > " .. d .. "/pid; echo start >> " .. d .. "/log; test -e " .. d .. "/quick || sleep 1000; echo > " .. d .. "/made", creates = d .. "/made" }
	neap.file { path = d .. "/after", content = "a" }
	LUA
	"$NEAP" apply "${OPTIONS[@]}" site.lua >/dev/null 2>&1 3>&- &
	local neap=$!
	until [ -s work/log ]; do sleep 0.05; done
	[ -e work/before ] # landed before the command ran
	kill -9 "$neap"
	wait "$neap" || true
	# The command ended with neap: a second one does not run beside it.
	for _ in $(seq 100); do
		grep -qsE '^State:[[:space:]]+[^Z[:space:]]' "/proc/$(cat work/pid)/status" || break
		sleep 0.05
	done
	! grep -qsE '^State:[[:space:]]+[^Z[:space:]]' "/proc/$(cat work/pid)/status"
	touch work/quick
	run -0 apply site.lua
	[ "$(wc -l <work/log)" = 2 ]
	[ -e work/after ]
	run -0 plan site.lua
}
