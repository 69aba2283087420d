#!/usr/bin/env bats
# A run that nobody looks at: when it begins, when it ends, and what it says.

bats_require_minimum_version 1.5.0

load ../support/schema.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir -p machine/etc machine/srv
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", content = neap.params.text or "hello\n" }
	neap.file { path = "/etc/issue", content = "x" }
	LUA
}

teardown() {
	[ -z "${work-}" ] || web_stop_all
}

now_ms() { date +%s%3N; }

# ---- --splay ----------------------------------------------------------------------------------------------

# How long a run of RECIPE would wait with --splay DURATION, in tenths of a second. It is ended at once.
would_wait() { # would_wait DURATION RECIPE
	local code=0
	timeout 0.5 "$NEAP" apply -v --splay "$1" --root machine "$2" >said 2>&1 || code=$?
	[ "$code" = 124 ] || return 1
	sed -n -E 's/^neap: waits for ([0-9]+)\.([0-9]) s before it begins \(--splay .*/\1\2/p' said
}

@test "a splay is the same each time, says so with -v, and is within its bound" {
	first=$(would_wait 365d site.lua)
	[ "$first" -gt 100 ]
	[ "$first" -lt $((365 * 864000)) ]
	[ "$(would_wait 365d site.lua)" = "$first" ]
	[ "$(would_wait 365d other.lua)" != "$first" ]
	[ "$(cat said)" != "" ]
	[ ! -e machine/var ]
}

@test "before the splay is over no recipe is read and nothing is made; after it the run goes on" {
	# A recipe whose turn comes after about two seconds.
	year=$(would_wait 365d late.lua)
	seconds=$((365 * 86400 * 20 / year + 1))
	began=$(now_ms)
	"$NEAP" apply -q --splay "${seconds}s" --root machine late.lua >said 2>&1 3>&- &
	pid=$!
	sleep 0.5
	[ ! -e machine/var ]
	cp site.lua late.lua
	wait "$pid"
	took=$(($(now_ms) - began))
	echo "$seconds s, $took ms"
	[ "$took" -ge 1900 ]
	[ "$(cat said)" = "applied: 2 created" ]
	"$NEAP" status --root machine --format json >status.json
	# The wait is no part of the run.
	[ "$(jq '(.last_run.ended[:19] + "Z" | fromdate) - (.last_run.started[:19] + "Z" | fromdate)' status.json)" -le 1 ]
}

@test "a signal ends the splay at once, and leaves nothing" {
	for signal in TERM HUP; do
		"$NEAP" apply --splay 365d --root machine site.lua 3>&- &
		pid=$!
		sleep 0.3
		began=$(now_ms)
		kill -"$signal" "$pid"
		code=0
		wait "$pid" || code=$?
		[ "$code" = $((128 + $(kill -l "$signal"))) ]
		[ $(($(now_ms) - began)) -lt 1000 ]
	done
	[ ! -e machine/var ]
	[ ! -e machine/etc/motd ]
}

@test "a machine without an id has its splay by its name" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	by_id=$(would_wait 365d site.lua)
	cat >in.sh <<-'SH'
	mount --bind /dev/null /etc/machine-id
	hostname "$1"
	timeout 0.5 "$NEAP" apply -v --splay 365d --root machine site.lua
	SH
	export NEAP
	said() { unshare --mount --uts bash in.sh "$1" 2>&1 | grep waits; }
	one=$(said one)
	[ -n "$one" ]
	[ "$one" = "$(said one)" ]
	# Where /etc/hostname says one, it is that.
	if [ ! -s /etc/hostname ]; then [ "$one" != "$(said two)" ]; fi
	[ "$by_id" != "$(sed -n -E 's/^neap: waits for ([0-9]+)\.([0-9]) s.*/\1\2/p' <<<"$one")" ]
}

# ---- --timeout --------------------------------------------------------------------------------------------

# under SECONDS COMMAND…: it takes less; its exit code.
under() {
	timeout -s KILL "$@"
}

@test "a time limit ends what only waits, begins nothing more, and says so everywhere" {
	cat >waits.lua <<-'LUA'
	local neap = require "neap"
	local first = neap.file { path = "/etc/first", content = "x" }
	local wait = neap.wait_for { name = "w", host = "127.0.0.1", port = 1, timeout = "600s", require = first }
	neap.file { path = "/etc/last", content = "x", require = wait }
	LUA
	export NEAP
	run -4 --separate-stderr under 5 "$NEAP" apply --timeout 1s --root machine waits.lua
	[[ ${lines[0]} == "timed out after 1s: 2 not done, 1 created" ]]
	[ -z "$stderr" ]
	[ -e machine/etc/first ]
	[ ! -e machine/etc/last ]
	run -4 "$NEAP" status --root machine
	[ "${lines[0]}" = "the last run timed out after 1s: 2 not done, 1 created" ]
	run -4 "$NEAP" status --root machine --format json
	[ "$(jq -c '.last_run | [.timeout, .signal]' <<<"$output")" = '[1,null]' ]
	run -4 --separate-stderr "$NEAP" apply --format json --timeout 1s --root machine waits.lua
	printf '%s\n' "$output" >apply.json
	valid apply apply.json
	[ "$(jq -c '[.stopped.timeout, .stopped.signal, .summary.not_done]' apply.json)" = '[1,null,2]' ]
	[ "$stderr" = "timed out after 1s before wait_for[w: 127.0.0.1: 1] (waits.lua:3): 2 not done" ]
	# With something changed it is 6, where that is asked for.
	run -4 "$NEAP" apply --detailed-exitcode --timeout 1s --root machine waits.lua
	rm machine/etc/first
	run -6 "$NEAP" apply --detailed-exitcode --timeout 1s --root machine waits.lua
}

@test "what is under way when the time is over is brought to its end" {
	cat >runs.lua <<-LUA
	local neap = require "neap"
	neap.exec { name = "one", command = { "sh", "-c", "sleep 1.7; touch $PWD/done" }, creates = "$PWD/done" }
	neap.file { path = "/etc/last", content = "x" }
	LUA
	run -4 "$NEAP" apply --timeout 1s --state-dir state runs.lua
	[ "${lines[0]}" = "timed out after 1s: 1 not done, 1 ran" ]
	[ -e done ]
	# With nothing left to do after it the time was enough.
	sed -i '$d' runs.lua
	rm done
	run -0 "$NEAP" apply --timeout 1s --state-dir state runs.lua
	[[ ${lines[0]} == "applied: 1 "* ]]
	[ -e done ]
	run -0 "$NEAP" status --state-dir state
}

@test "a run that is done in time says nothing of it" {
	run -0 --separate-stderr "$NEAP" apply --timeout 10m --root machine site.lua
	[[ $output != *timed* ]]
	run -0 "$NEAP" apply --format json --timeout 10m --root machine site.lua
	[ "$(jq .stopped <<<"$output")" = null ]
	run -64 "$NEAP" apply --timeout 0s --root machine site.lua
	[[ $output == *"--timeout: at least 1s"* ]]
	run -64 "$NEAP" check --timeout 1s site.lua
}

@test "the pause before another try, and a download, end with the time" {
	load ../web/server.bash
	work=$PWD
	web_start a
	head -c 1000 /dev/zero >"a/www/big"
	cat >tries.lua <<-LUA
	local neap = require "neap"
	neap.exec { name = "one", command = { "false" }, always = true, retries = 100, delay = "100s" }
	LUA
	cat >loads.lua <<-LUA
	local neap = require "neap"
	neap.download { path = "/etc/big", url = "http://$web_a/stall/5/big", checksum = "sha256:$(sha256sum a/www/big | cut -d' ' -f1)" }
	LUA
	run -4 under 5 "$NEAP" apply --timeout 1s --state-dir state tries.lua
	run -4 under 5 "$NEAP" apply --timeout 1s --root machine loads.lua
	[[ ${lines[0]} == "timed out after 1s: 1 not done" ]]
}

@test "a plan ends in time too: its questions are ended" {
	cat >asks.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/guarded", content = "x", only_if = { "sleep", "50" } }
	neap.file { path = "/etc/last", content = "x" }
	LUA
	run -4 --separate-stderr under 5 "$NEAP" plan --timeout 1s --state-dir state asks.lua
	[[ ${lines[0]} == "timed out after 1s: 2 not done" ]]
	run -4 --separate-stderr "$NEAP" plan --format json --timeout 1s --state-dir state asks.lua
	printf '%s\n' "$output" >plan.json
	valid plan plan.json
	[ "$(jq -c '[.stopped.timeout, (.resources[] | .action)]' plan.json)" = '[1,"error","error"]' ]
	[ ! -e state ]
}

@test "the evaluation counts: a command that is waited for, a loop, and one of Lua's functions that never ends" {
	cat >secret.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "etc", content = "x" }
	local ok, said = pcall(neap.secret, { command = { "sleep", "25" } })
	neap.file { path = "/etc/secret", content = said }
	LUA
	cat >loop.lua <<-'LUA'
	while pcall(function() while true do end end) or true do end
	LUA
	cat >stuck.lua <<-'LUA'
	require "neap".file { path = "/etc/motd", ownr = "root" }
	local x = (("x"):rep(1e5)):find(("x*"):rep(20) .. "y")
	LUA
	run -0 "$NEAP" apply -q --root machine site.lua
	run -4 --separate-stderr under 5 "$NEAP" apply --timeout 1s --root machine secret.lua
	[[ $stderr == *"secret.lua:3: timed out after 1s (--timeout)"$'\n'"2 errors; nothing was applied" ]]
	run -4 "$NEAP" status --root machine
	[[ ${lines[0]} == "the last run timed out after 1s" ]]
	run -4 --separate-stderr under 5 "$NEAP" apply --timeout 1s --eval-timeout 1h --root machine loop.lua
	[[ $stderr == "loop.lua:1: timed out after 1s (--timeout)"$'\n'"1 error; nothing was applied" ]]
	run -4 --separate-stderr under 5 "$NEAP" plan --format json --timeout 1s --eval-timeout 1h --root machine loop.lua
	printf '%s\n' "$output" >errors.json
	valid errors errors.json
	run -4 --separate-stderr under 20 "$NEAP" apply --timeout 1s --eval-timeout 1h --root machine stuck.lua
	[[ $stderr == *"stuck.lua:1: "*"stuck.lua:2: timed out after 1s (--timeout)"$'\n'"2 errors; nothing was applied" ]]
}

@test "waiting for another run counts: 3, as ever, and the reason" {
	"$NEAP" apply -q --root machine site.lua
	exec 9<>machine/var/lib/neap/lock
	flock -x 9
	run -3 --separate-stderr under 5 "$NEAP" apply --lock-wait 1h --timeout 1s --root machine site.lua
	[[ $stderr == "neap: timed out after 1s: another run holds the lock"* ]]
	exec 9>&-
}

# ---- -q ---------------------------------------------------------------------------------------------------

quiet() { "$NEAP" apply -q --root machine "$@"; }

@test "quiet: nothing at all when nothing changed, warnings of the recipe included" {
	echo secret >key
	chmod 644 key
	cat >warns.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", content = neap.secret { file = "key" }, mode = "0600" }
	neap.file { path = "/etc/noop", content = "x", noop = true }
	LUA
	run -0 --separate-stderr quiet -D typo=1 warns.lua
	[ "$output" = "applied: 1 created, 1 unchanged" ]
	[[ $stderr == *warning*typo* && $stderr == *warning*key* ]]
	for verb in apply plan; do
		run -0 --separate-stderr "$NEAP" "$verb" -q -v --diff --root machine -D typo=1 warns.lua
		[ -z "$output" ]
		[ -z "$stderr" ]
	done
	run -0 --separate-stderr "$NEAP" check -q -D typo=1 warns.lua
	[ -z "$output" ]
	[[ $stderr == *warning*typo* ]]
}

@test "quiet: one line on standard output when something changed, whatever else is asked for" {
	for options in "" "-v" "--diff" "-vv --diff --color always" "--timeout 10m --lock-wait 5s" "-t a"; do
		rm -f machine/etc/*
		cat >tagged.lua <<-'LUA'
		local neap = require "neap"
		for i = 1, 30 do neap.file { path = "/etc/" .. i, content = "x\ny\n", tags = { "a" } } end
		LUA
		# shellcheck disable=SC2086
		run -0 --separate-stderr quiet $options tagged.lua
		[ "${#lines[@]}" = 1 ]
		[[ $output == *"applied: 30 created"* ]]
		[ -z "$stderr" ]
	done
}

@test "quiet: what failed is on standard error with place, reason and hint; the verdict is one line" {
	cat >blocked.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/fine", content = "x" }
	local srv = neap.file { path = "/srv", content = "x" }
	neap.file { path = "/etc/after", content = "x", require = srv }
	LUA
	run -4 --separate-stderr quiet blocked.lua
	[ "$output" = "apply failed: 1 failed, 1 skipped, 1 created" ]
	[ "$stderr" = 'file[/srv] (blocked.lua:3): /srv is a directory
    remove it with neap.directory { path = "/srv", ensure = "absent" }' ]
	# As long as it fails it says so, although nothing changes.
	run -4 --separate-stderr quiet blocked.lua
	[ "$output" = "apply failed: 1 failed, 1 skipped, 1 unchanged" ]
	[ "${#stderr_lines[@]}" = 2 ]
}

@test "quiet: a time limit and a signal say what they came before" {
	cat >waits.lua <<-'LUA'
	local neap = require "neap"
	neap.wait_for { name = "w", host = "127.0.0.1", port = 1, timeout = "600s" }
	LUA
	run -4 --separate-stderr quiet --timeout 1s waits.lua
	[ "$output" = "timed out after 1s: 1 not done" ]
	[ "$stderr" = "timed out after 1s before wait_for[w: 127.0.0.1: 1] (waits.lua:2): 1 not done" ]
	run --separate-stderr timeout -s TERM 1 "$NEAP" apply -q --root machine waits.lua
	[ "$output" = "stopped by SIGTERM: 1 not done" ]
	[ "$stderr" = "stopped by SIGTERM before wait_for[w: 127.0.0.1: 1] (waits.lua:2): 1 not done" ]
}

@test "quiet: a lock that another run holds is one line" {
	quiet site.lua
	exec 9<>machine/var/lib/neap/lock
	flock -x 9
	printf '4711 %s\n' "$(($(date +%s) - 250))" >machine/var/lib/neap/lock
	run -3 --separate-stderr quiet site.lua
	[ -z "$output" ]
	[ "$stderr" = "neap: another run holds the lock: pid 4711, for 4 min (machine/var/lib/neap/lock)" ]
	exec 9>&-
}

@test "quiet: a refresh that is owed is said when it is tried, and when it fails" {
	cat >owed.lua <<-LUA
	local neap = require "neap"
	local file = neap.file { path = "$PWD/machine/etc/motd", content = "x" }
	neap.exec { name = "reload", shell = "exit \$(cat $PWD/code)", refresh_only = true, subscribe = file }
	LUA
	echo 1 >code
	run -4 --separate-stderr "$NEAP" apply -q --state-dir state owed.lua
	[ "$output" = "apply failed: 1 failed, 1 created" ]
	run -4 --separate-stderr "$NEAP" apply -q --state-dir state owed.lua
	[ "$output" = "apply failed: 1 failed, 1 unchanged" ]
	[ "${stderr_lines[0]}" = "exec[reload] (owed.lua:3): refresh: exit 1" ]
	[ "${stderr_lines[1]}" = "    the next run tries it again" ]
	echo 0 >code
	run -0 --separate-stderr "$NEAP" apply -q --state-dir state owed.lua
	[ "$output" = "applied: 1 refreshed, 1 unchanged" ]
	[ -z "$stderr" ]
	run -0 --separate-stderr "$NEAP" apply -q --state-dir state owed.lua
	[ -z "$output$stderr" ]
}

@test "quiet: a recipe that is wrong is told in full, on standard error" {
	echo 'require "neap".file { path = "/etc/motd", ownr = "root" }' >wrong.lua
	run -1 --separate-stderr quiet wrong.lua
	[ -z "$output" ]
	[[ $stderr == 'wrong.lua:1: file[/etc/motd]: unknown parameter "ownr"'*'did you mean "owner"?'*"1 error; nothing was applied" ]]
}
