#!/usr/bin/env bats
# neap status: how the last run went, what is under way, and what a script makes of it.

bats_require_minimum_version 1.5.0

load ../support/schema.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir -p machine/etc machine/srv
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", content = neap.params.text or "hello\n" }
	neap.file { path = "/etc/issue", content = "x", tags = { "b" } }
	LUA
	cat >blocked.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", content = "hello\n" }
	local srv = neap.file { path = "/srv", content = "x" }
	neap.file { path = "/etc/after", content = "x", require = srv }
	LUA
	cat >wrong.lua <<-'LUA'
	require "neap".file { path = "/etc/motd", ownr = "root" }
	LUA
	# Holds the lock until somebody makes the file "go".
	cat >slow.lua <<-LUA
	require "neap".file { path = "/etc/slow", content = "x", validate = { "sh", "-c", "touch $PWD/begun; while [ ! -e $PWD/go ]; do sleep 0.05; done", "%s" } }
	LUA
}

apply() { "$NEAP" apply --root machine "$@"; }
status() { "$NEAP" status --root machine "$@"; }
# The document, by its schema; its exit code.
document() {
	local code=0
	status --format json >status.json || code=$?
	valid status status.json
	return "$code"
}
# Without what is never the same.
masked() {
	sed -E -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC, [0-9]+ seconds? ago/MOMENT/' -e 's/after [0-9.]+ s/after N s/' \
		-e 's/pid [0-9]+/pid N/' <<<"$1"
}
begun() {
	for _ in $(seq 200); do [ ! -e begun ] || return 0; sleep 0.05; done
	return 1
}

@test "where neap has not run it says so, makes nothing, and that is no failure" {
	run -0 status
	[ "$output" = "neap has not run here: there is no record in machine/var/lib/neap" ]
	[ ! -e machine/var ]
	document
	[ "$(jq -c '[.last_run, .last_success, .running, .killed, .pending, .well]' status.json)" = '[null,null,null,null,[],true]' ]
	[ ! -e machine/var ]
}

@test "after a run that went well: when, what, and 0, also when nothing was to be done" {
	apply -q site.lua
	run -0 status
	[ "$(masked "$output")" = "the last run went well: 2 created

last run      MOMENT, after N s, exit code 0
recipe        site.lua
last success  MOMENT
running       no
pending       nothing" ]
	apply -q -t b site.lua
	run -0 status
	[[ $output == "the last run went well: 1 unchanged"*$'\n'"recipe        site.lua, only tags b"* ]]
	document
	[ "$(jq -c '.last_run | [.exit_code, .failed, .failures, .summary.unchanged, .recipe, .tags, .signal, .timeout]' status.json)" = \
		'[0,0,[],1,"site.lua","b",null,null]' ]
	[ "$(jq -r '.last_run.ended == .last_success' status.json)" = true ]
	[ "$(jq -r '.last_run.neap_version' status.json)" = "$("$NEAP" version | head -n 1 | grep -oE '[0-9.]+')" ]
	apply --detailed-exitcode -q -D text=other site.lua || [ $? = 2 ]
	run -0 status
	[[ $output == *"exit code 2"* ]]
}

@test "after a run that failed: what failed, where, why, and 4; the last success is kept" {
	apply -q site.lua
	document
	success=$(jq -r .last_success status.json)
	run -4 apply blocked.lua
	run -4 status
	[ "$(masked "$output")" = "the last run failed: 1 failed, 1 skipped, 1 unchanged

last run      MOMENT, after N s, exit code 4
recipe        blocked.lua
last success  MOMENT
running       no
pending       nothing

failed
  file[/srv] (blocked.lua:3): /srv is a directory
      remove it with neap.directory { path = \"/srv\", ensure = \"absent\" }" ]
	run -4 document
	[ "$(jq -r .last_success status.json)" = "$success" ]
	[ "$(jq -c '[.well, .last_run.failed, (.last_run.failures[] | .address, .file, .line, .message)]' status.json)" = \
		'[false,1,"file[/srv]","blocked.lua",3,"/srv is a directory"]' ]
	apply -q site.lua
	run -0 status
	[[ $output == "the last run went well: 2 unchanged"* ]]
}

@test "a recipe that is wrong is a last run too, where neap has run; elsewhere it leaves nothing" {
	run -1 apply wrong.lua
	[ ! -e machine/var ]
	apply -q site.lua
	run -1 apply wrong.lua
	run -4 status
	[[ $output == "the last run could not begin"*"exit code 1"*"failed"*'wrong.lua:1'*'unknown parameter "ownr"'*'did you mean "owner"?'* ]]
	run -4 document
	[ "$(jq -c '[.last_run.exit_code, .last_run.summary, .last_run.failures[0].line]' status.json)" = '[1,null,1]' ]
	[ "$(jq -r '.last_success' status.json)" != null ]
	run -1 apply nowhere.lua
	run -4 status
	[[ $output == *"nowhere.lua"* ]]
	# What was typed wrong is not a run.
	apply -q site.lua
	run -64 apply -t nobody site.lua
	run -0 status
	# Another machine's, with a root of its own, is another state.
	mkdir other
	run -0 "$NEAP" status --root other
	[[ $output == "neap has not run here"* ]]
}

@test "a hundred failures are kept, and all are counted" {
	echo 'for i = 1, 150 do require "neap".file { path = "/etc/" .. i .. "/x/y", content = "x" } end' >many.lua
	for i in $(seq 150); do touch "machine/etc/$i"; done
	run -4 apply many.lua
	run -4 status
	[[ $output == *"  and 50 more" ]]
	[ "$(grep -c '^  file' <<<"$output")" = 100 ]
	run -4 document
	[ "$(jq -c '[.last_run.failed, (.last_run.failures | length)]' status.json)" = '[150,100]' ]
}

@test "a run that is under way is seen, and goes on undisturbed" {
	apply -q site.lua
	"$NEAP" apply -q --root machine slow.lua >/dev/null 3>&- &
	pid=$!
	begun
	before=$(stat -c '%n %s %y %z' machine/var/lib/neap/*)
	run -0 status
	[[ $output == *$'\n'"running       pid $pid, begun "*" ago"$'\n'"recipe        slow.lua"* ]]
	document
	[ "$(jq -c '[.running.pid, .running.recipe, .killed, .last_run.recipe]' status.json)" = "[$pid,\"slow.lua\",null,\"site.lua\"]" ]
	[ "$before" = "$(stat -c '%n %s %y %z' machine/var/lib/neap/*)" ]
	touch go
	wait "$pid"
	run -0 status
	[[ $output == *$'\n'"recipe        slow.lua"*$'\n'"running       no"* ]]
}

@test "looking never gets in the way of a run that wants the lock" {
	apply -q site.lua
	while [ ! -e go ]; do status >/dev/null; done &
	watcher=$!
	for _ in $(seq 50); do apply -q site.lua; done
	touch go
	wait "$watcher"
}

@test "a run that was killed is told until the next one" {
	apply -q site.lua
	"$NEAP" apply -q --root machine slow.lua >/dev/null 3>&- &
	pid=$!
	begun
	kill -KILL "$pid"
	wait "$pid" || true
	touch go
	run -4 status
	[ "$(masked "$output")" = "the last run was killed: it did not say how it ended

killed        pid N, begun MOMENT
recipe        slow.lua
the one before MOMENT, after N s, exit code 0
recipe        site.lua
last success  MOMENT
running       no
pending       nothing" ]
	run -4 document
	[ "$(jq -c '[.killed.pid, .killed.rebooted, .killed.recipe, .running, .well]' status.json)" = "[$pid,false,\"slow.lua\",null,false]" ]
	# The machine has been started again: another boot id.
	sed -i -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/00000000-0000-0000-0000-000000000000/' machine/var/lib/neap/lock
	run -4 status
	[[ $output == *"; the machine has started again since"* ]]
	apply -q --lock-wait 10s site.lua
	run -0 status
	[[ $output != *killed* ]]
}

@test "a run that a signal has stopped says which" {
	cat >two.lua <<-LUA
	local neap = require "neap"
	local first = neap.file { path = "/etc/slow", content = "x", validate = { "sh", "-c", "touch $PWD/begun; while [ ! -e $PWD/go ]; do sleep 0.05; done", "%s" } }
	neap.wait_for { name = "w", host = "127.0.0.1", port = 1, timeout = "60s", require = first }
	LUA
	"$NEAP" apply --root machine two.lua >/dev/null 3>&- &
	pid=$!
	begun
	kill -TERM "$pid"
	touch go
	code=0
	wait "$pid" || code=$?
	echo "code $code"
	[ "$code" = 143 ]
	run -4 status
	[[ $output == "the last run was stopped by SIGTERM: 1 not done, 1 created"*"exit code 143"* ]]
	run -4 document
	[ "$(jq -r .last_run.signal status.json)" = TERM ]
}

@test "what stands in the state and cannot be read is told, and is 1" {
	apply -q site.lua
	for text in '' '{' '{"counts":{}}' "$(printf '\033[31m')" '{"format_version":7}'; do
		printf '%s' "$text" >machine/var/lib/neap/last-run.json
		run -1 --separate-stderr status
		[ -z "$output" ]
		[[ $stderr == "neap: read machine/var/lib/neap/last-run.json: "* ]]
		[[ $stderr != *$'\033'* ]]
		run -1 --separate-stderr status --format json
		printf '%s\n' "$output" >errors.json
		valid errors errors.json
	done
	# The next run makes it whole.
	apply -q site.lua
	run -0 status
	touch plain
	run -1 status --state-dir plain
	run -1 status --state-dir plain/below
	run -64 status --root nowhere
	run -64 status site.lua
	[[ $output == *'neap status takes no "site.lua"'* ]]
}

@test "a plain user is told that root's state is not for him" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	chmod 755 .
	apply -q site.lua
	run -1 setpriv --reuid=65534 --regid=65534 --clear-groups "$NEAP" status --state-dir "$PWD/machine/var/lib/neap"
	[[ $output == *"Permission denied"* ]]
}

@test "no byte of what failed steers the terminal, and no secret is kept" {
	cat >hostile.lua <<-'LUA'
	local neap = require "neap"
	local secret = neap.secret { value = "hunter2hunter2" }
	neap.file { path = "/srv/\u{9b}31m\xff/x", content = "x" }
	neap.exec { name = "s", command = { "sh", "-c", "echo $S; exit 1" }, environment = { S = secret }, always = true }
	neap.line { path = "/etc/" .. "l", line = "a", match = "^a" }
	LUA
	touch "$(printf 'machine/srv/\302\23331m\377')"
	printf 'a\na\n' >machine/etc/l
	run -4 apply --state-dir state hostile.lua
	run -4 status --state-dir state
	[[ $output == *'file[/srv/'*'line[/etc/l'* ]]
	[ "$(LC_ALL=C tr -d '\n\t -~' <<<"$output" | wc -c)" = 0 ]
	run ! grep -r hunter2 state
	run -4 "$NEAP" status --state-dir state --format json
	[[ $output != *hunter2* ]]
	jq -e .last_run <<<"$output"
}

@test "a converged run costs a dozen system calls more for all of this" {
	apply -q site.lua
	strace -f -o trace "$NEAP" apply -q --root machine site.lua
	calls=$(grep -cE 'last-run|boot_id|getrandom\(|ftruncate\(|pwrite64\(' trace || true)
	echo "$calls"
	[ "$calls" -le 10 ]
	# Nothing is synced when nothing is changed.
	run ! grep -E 'f(data)?sync\(|syncfs\(' trace
}

@test "a refresh that is owed is pending, and 4, until it has been done" {
	cat >owed.lua <<-LUA
	local neap = require "neap"
	local file = neap.file { path = "$PWD/machine/etc/motd", content = "x" }
	neap.exec { name = "reload", shell = "exit \$(cat $PWD/code)", refresh_only = true, subscribe = file }
	LUA
	echo 1 >code
	run -4 "$NEAP" apply --state-dir state owed.lua
	run -4 "$NEAP" status --state-dir state
	[[ $output == *$'\n\npending\n'"  exec[reload] is to be refreshed, because of file[$PWD/machine/etc/motd], since "*" ago" ]]
	"$NEAP" status --state-dir state --format json >status.json || [ $? = 4 ]
	valid status status.json
	[ "$(jq -c '.pending[] | [.address, .cause, .recipe]' status.json)" = "[\"exec[reload]\",\"file[$PWD/machine/etc/motd]\",\"$PWD/owed.lua\"]" ]
	[ "$(jq -r '.pending[0].since[:19] + "Z" | fromdate > 1000' status.json)" = true ]
	# Another run that went well does not take it away.
	echo 'require "neap".file { path = "/etc/x" }' >other.lua
	mkdir -p root/etc
	run -0 "$NEAP" apply --root root --state-dir state other.lua
	run -4 "$NEAP" status --state-dir state
	[[ $output == "the last run went well, but 1 notification is pending"* ]]
	echo 0 >code
	run -0 "$NEAP" apply --state-dir state owed.lua
	run -0 "$NEAP" status --state-dir state
	[[ $output == *"pending       nothing" ]]
}

@test "what is owed to noop alone is told, and no failure" {
	cat >owed.lua <<-LUA
	local neap = require "neap"
	local file = neap.file { path = "$PWD/machine/etc/motd", content = neap.params.text }
	neap.exec {
		name = "reload", shell = "exit \$(cat $PWD/code)", refresh_only = true, subscribe = file,
		noop = neap.params.noop == "yes",
	}
	LUA
	run -0 "$NEAP" apply --state-dir state -D noop=yes -D text=1 --metrics "$PWD/metrics" owed.lua
	run -0 "$NEAP" status --state-dir state
	[[ $output == "the last run went well: "* ]]
	[[ $output == *$'\n\npending\n'"  exec[reload] would be refreshed (noop), because of file[$PWD/machine/etc/motd], since "*" ago" ]]
	"$NEAP" status --state-dir state --format json >status.json
	valid status status.json
	[ "$(jq -c '[.well, (.pending[] | .noop)]' status.json)" = '[true,true]' ]
	grep -qx 'neap_pending_notifications 0' metrics
	# Said again, it is owed as before.
	run -0 "$NEAP" apply --state-dir state -D noop=yes -D text=1 owed.lua
	run -0 "$NEAP" status --state-dir state
	# Without noop it is to be done, and a failure until it has been.
	echo 1 >code
	run -4 "$NEAP" apply --state-dir state -D text=1 owed.lua
	echo >empty.lua
	run -0 "$NEAP" apply --root machine --state-dir state empty.lua
	run -4 "$NEAP" status --state-dir state
	[[ $output == "the last run went well, but 1 notification is pending"* ]]
	# With noop once more it is not.
	run -0 "$NEAP" apply --state-dir state -D noop=yes -D text=1 owed.lua
	run -0 "$NEAP" status --state-dir state
	echo 0 >code
	run -0 "$NEAP" apply --state-dir state -D text=1 owed.lua
	run -0 "$NEAP" status --state-dir state
	[[ $output == *"pending       nothing" ]]
}
