#!/usr/bin/env bats
# --events: what happens in a run as lines for programs, and that writing them is never in its way.

bats_require_minimum_version 1.5.0

load ../support/schema.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir -p machine/etc machine/srv
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	local motd = neap.file { path = "/etc/motd", content = "hello\n", mode = "0640" }
	local srv = neap.file { path = "/srv", content = "x" }
	neap.file { path = "/etc/after", content = "x", require = srv }
	neap.file { path = "/etc/same", content = "same" }
	LUA
	printf same >machine/etc/same
	cat >fine.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", content = "hello\n" }
	neap.file { path = "/etc/other", content = "x", tags = { "b" } }
	LUA
	cat >many.lua <<-'LUA'
	local neap = require "neap"
	for i = 1, 2000 do neap.file { path = "/srv/" .. neap.params.d .. "/" .. i, content = "x" } end
	LUA
}

apply() { "$NEAP" apply -q --root machine "$@"; }
# of FILE ADDRESS: what the last event of it says, as "action outcome changes".
of() { jq -r --arg a "$2" 'select(.address == $a) | [.action, .outcome // "-", (.changes | join(","))] | join(" ")' "$1" | tail -n 1; }

@test "a run is told from its beginning to its end, each resource once" {
	chmod 644 machine/etc/same
	echo old >machine/etc/motd
	chmod 600 machine/etc/motd
	run -4 apply --events events site.lua
	valid_lines events events
	[ "$(jq -r .event events | uniq -c | xargs)" = "1 run_begin 4 resource 1 run_end" ]
	[ "$(jq -r .run events | sort -u | wc -l)" = 1 ]
	[ "$(jq -r .time events)" = "$(jq -r .time events | sort)" ]
	[ "$(jq -c 'select(.event == "run_begin") | [.mode, .recipe, .tags, .neap_version]' events)" = \
		"[\"apply\",\"site.lua\",null,\"$("$NEAP" version | head -n 1 | grep -oE '[0-9.]+')\"]" ]
	[ "$(of events 'file[/etc/motd]')" = "update changed content,mode" ]
	[ "$(of events 'file[/srv]')" = "error failed " ]
	[ "$(of events 'file[/etc/after]')" = "none skipped " ]
	[ "$(of events 'file[/etc/same]')" = "none unchanged " ]
	[ "$(jq -c 'select(.outcome == "failed") | [.error, .source.file, .source.line, .type]' events)" = '["/srv is a directory","site.lua",3,"file"]' ]
	[ "$(jq -r 'select(.outcome == "skipped").cause' events)" = "file[/srv]" ]
	[ "$(jq -c 'select(.event == "run_end") | [.exit_code, .stopped, .summary.update, .summary.failed]' events)" = '[4,null,1,1]' ]
	# The next run is appended, with an id of its own; it is that of the record.
	run -0 apply --events events -t b fine.lua
	valid_lines events events
	[ "$(jq -r .run events | sort -u | wc -l)" = 2 ]
	[ "$(tail -n 1 events | jq -r .run)" = "$("$NEAP" status --root machine --format json | jq -r .last_run.id)" ]
	[ "$(tail -n 3 events | jq -r '.tags // empty, .address // empty')" = $'b\nfile[/etc/other]' ]
	[ "$(stat -c %a events)" = 600 ]
}

@test "a plan is told, too, and what it says of a resource in the end" {
	run -4 "$NEAP" plan -q --root machine --events events site.lua
	valid_lines events events
	[ "$(head -n 1 events | jq -r .mode)" = plan ]
	[ "$(of events 'file[/etc/motd]')" = "create - ensure,content,mode" ]
	[ "$(of events 'file[/srv]')" = "error - " ]
	[ "$(of events 'file[/etc/after]')" = "error - " ]
	[ "$(tail -n 1 events | jq .exit_code)" = 4 ]
	[ ! -e machine/var ]
	# Where a later step undoes what an earlier one did, the end of the plan shows it: the last event counts.
	cat >odd.lua <<-'LUA'
	return require "neap".type {
		name = "odd", summary = "is there as long as /etc/b is not",
		params = { path = { kind = "path", key = true, owns = true, doc = "Where." } },
		read = function(view, want)
			return view:file(want.path) and not view:file("/etc/b") and {} or nil
		end,
		apply = function(host, want) host:write(want.path, "x") end,
	}
	LUA
	cat >undone.lua <<-'LUA'
	require "odd" { path = "/etc/a" }
	require "neap".file { path = "/etc/b", content = "x" }
	LUA
	run -4 "$NEAP" plan -q --root machine --events other undone.lua
	valid_lines events other
	[ "$(jq -c 'select(.event == "resource") | [.address, .action]' other | xargs)" = "[odd[/etc/a],create] [file[/etc/b],create] [odd[/etc/a],error]" ]
}

@test "what keeps a run from its work is told: errors of the recipe, a lock, a time limit" {
	echo 'require "neap".file { path = "/etc/motd", ownr = "root" }' >wrong.lua
	run -1 apply --events events wrong.lua
	[ "$(jq -r .event events | xargs)" = "run_begin error run_end" ]
	[ "$(jq -c 'select(.event == "error") | [.message, .hint, .source.line, .address]' events)" = \
		'["unknown parameter \"ownr\"","did you mean \"owner\"?",1,"file[/etc/motd]"]' ]
	run -1 apply --events events nowhere.lua
	run -1 apply --events events --facts nowhere fine.lua
	run -64 apply --events events -t nobody fine.lua
	apply fine.lua
	exec 9<>machine/var/lib/neap/lock
	flock -x 9
	run -3 apply --events events fine.lua
	exec 9>&-
	echo 'while true do end' >loop.lua
	run -4 apply --events events --timeout 1s loop.lua
	valid_lines events events
	[ "$(jq -c 'select(.event == "run_end") | [.exit_code, .summary, .stopped.timeout]' events | xargs)" = \
		'[1,null,null] [1,null,null] [1,null,null] [64,null,null] [3,null,null] [4,null,1]' ]
	[ "$(jq -r 'select(.event == "error") | .message' events | grep -c 'another run holds the lock')" = 1 ]
}

@test "of a run that is stopped all resources are told, and by what it was" {
	cat >waits.lua <<-'LUA'
	local neap = require "neap"
	local first = neap.file { path = "/etc/first", content = "x" }
	local wait = neap.wait_for { name = "w", host = "127.0.0.1", port = 1, timeout = "600s", require = first }
	neap.file { path = "/etc/last", content = "x", require = wait }
	LUA
	run -4 apply --events events --timeout 1s waits.lua
	valid_lines events events
	[ "$(jq -r 'select(.event == "resource").outcome' events | xargs)" = "changed not_done not_done" ]
	[ "$(tail -n 1 events | jq -c .stopped)" = '{"signal":null,"timeout":1}' ]
	run timeout -s TERM 1 "$NEAP" apply -q --root machine --events events waits.lua
	[ "$(tail -n 1 events | jq -c '[.stopped, .exit_code]')" = '[{"signal":"TERM","timeout":null},143]' ]
}

@test "what has happened before a run is killed is there, and whole" {
	cat >slow.lua <<-LUA
	local neap = require "neap"
	local first = neap.file { path = "/etc/first", content = "x" }
	local second = neap.wait_for { name = "w", host = "127.0.0.1", port = 1, timeout = "600s", require = first }
	LUA
	"$NEAP" apply -q --root machine --events events slow.lua 3>&- &
	pid=$!
	for _ in $(seq 200); do grep -q first events 2>/dev/null && break; sleep 0.05; done
	kill -KILL "$pid"
	wait "$pid" || true
	valid_lines events events
	[ "$(jq -r .event events | xargs)" = "run_begin resource" ]
}

@test "runs that write to one file at one time do not tear each other's lines" {
	for d in a b c; do
		"$NEAP" apply -q --root machine --state-dir "state-$d" --events events -D "d=$d" many.lua >/dev/null 3>&- &
	done
	wait
	valid_lines events events
	[ "$(wc -l <events)" = 6006 ]
	[ "$(jq -r .address events | grep -c '^file')" = 6000 ]
	[ "$(jq -r .run events | sort | uniq -c | awk '{ print $1 }' | xargs)" = "2002 2002 2002" ]
}

@test "no secret and no value is in an event" {
	cat >secret.lua <<-'LUA'
	local neap = require "neap"
	local secret = neap.secret { value = "hunter2hunter2" }
	neap.file { path = "/etc/s", content = neap.format("a%s", secret) }
	neap.file { path = "/etc/plain", content = "valuevalue" }
	neap.exec { name = "e", command = { "sh", "-c", "echo $S; exit 1" }, environment = { S = secret }, always = true }
	neap.line { path = "/etc/l", line = "hunter2" .. "valuevalue" }
	LUA
	run -4 "$NEAP" apply -q --state-dir state --root "$PWD/machine" --events events secret.lua
	run -4 "$NEAP" apply -q --state-dir state --root "$PWD/machine" --events - secret.lua
	printf '%s\n' "$output" >>events
	run ! grep -q hunter2hunter2 events
	[ "$(of events 'file[/etc/plain]')" = "create changed ensure,content" ] || [ "$(of events 'file[/etc/plain]')" = "none unchanged " ]
	# What stands in an address is no secret.
	jq -r 'select(.event == "resource") | del(.address)' <(grep '^{' events) >rest
	run ! grep -q valuevalue rest
}

@test "standard error can be the file" {
	run -0 --separate-stderr apply --events - fine.lua
	[ "$output" = "applied: 2 created" ]
	printf '%s\n' "$stderr" >events
	valid_lines events events
	[ "$(jq -r .event events | xargs)" = "run_begin resource resource run_end" ]
}

@test "a file that cannot be is refused before anything is done" {
	mkdir directory
	for file in directory nowhere/events machine/etc/same/x; do
		run -1 --separate-stderr "$NEAP" apply --root machine --events "$file" fine.lua
		[ -z "$output" ]
		[[ $stderr == "neap: --events: open $file to append to it: "* ]]
		[ ! -e machine/var ]
		[ ! -e machine/etc/motd ]
	done
	run -1 --separate-stderr "$NEAP" plan --format json --root machine --events directory fine.lua
	printf '%s\n' "$output" >errors.json
	valid errors errors.json
	run -64 "$NEAP" check --events x fine.lua
	run -64 "$NEAP" apply --events "" --root machine fine.lua
}

@test "a disk is nothing that lines are appended to" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	mknod disk b 7 250 || skip "no device can be made here"
	run -1 "$NEAP" apply --root machine --events disk fine.lua
	[ ! -e machine/etc/motd ]
}

@test "a pipe that nobody reads is a warning, once, and no failure" {
	mkfifo pipe
	run -0 --separate-stderr timeout 20 "$NEAP" apply -q --root machine --events pipe -D d=x many.lua
	[ "$output" = "applied: 2000 created" ]
	[ "$stderr" = "neap: warning: write pipe: nobody reads it; what comes meanwhile is lost" ]
}

@test "a reader that comes late gets the rest; one that goes away is no failure" {
	mkfifo pipe
	cat >slow.lua <<-LUA
	local neap = require "neap"
	neap.exec { name = "wait", command = { "sh", "-c", "touch $PWD/begun; while [ ! -e $PWD/go ]; do sleep 0.05; done" }, always = true }
	neap.file { path = "$PWD/machine/etc/last", content = "x" }
	LUA
	"$NEAP" apply -q --state-dir state --events pipe slow.lua >said 2>&1 3>&- &
	pid=$!
	for _ in $(seq 200); do [ ! -e begun ] || break; sleep 0.05; done
	timeout 30 cat pipe >events 3>&- &
	reader=$!
	sleep 0.2
	touch go
	wait "$pid"
	wait "$reader"
	valid_lines events events
	[ "$(jq -r .event events | xargs)" = "resource resource run_end" ]
	[ "$(cat said)" = $'neap: warning: write pipe: nobody reads it; what comes meanwhile is lost\napplied: 1 created, 1 ran' ]
	# One that reads a line and goes.
	head -n 1 pipe >one 3>&- &
	run -0 --separate-stderr timeout 20 "$NEAP" apply -q --root machine --events pipe -D d=y many.lua
	[ "$output" = "applied: 2000 created" ]
	[ "$(grep -c warning <<<"$stderr")" = 1 ]
	[ "$(jq -r .event one)" = run_begin ]
}

@test "a reader that does not read is waited for a moment, in all" {
	mkfifo pipe
	sleep 30 <pipe 3>&- &
	reader=$!
	run -0 --separate-stderr timeout 20 "$NEAP" apply -q --root machine --events pipe -D d=x many.lua
	kill "$reader"
	[ "$output" = "applied: 2000 created" ]
	[ "$stderr" = "neap: warning: write pipe: it is read too slowly; what does not fit is lost" ]
}

@test "a full disk is a warning, once, and no failure; what fits is whole" {
	run -0 --separate-stderr "$NEAP" apply -q --root machine --events /dev/full fine.lua
	[ "$output" = "applied: 2 created" ]
	[ "$stderr" = "neap: warning: write /dev/full: what comes meanwhile is lost: No space left on device" ]
	run -0 --separate-stderr bash -c 'ulimit -f 2; "$NEAP" apply -q --root machine --state-dir "$1" --events events -D d=x many.lua' sh "$PWD/state"
	[ "$(grep -c warning <<<"$stderr")" = 1 ]
	[ "$(wc -c <events)" -le 2048 ]
	# The run after it begins on a line of its own.
	apply --events events fine.lua
	tail -n 4 events >last
	valid_lines events last
	[ "$(head -n 1 last | jq -r .event)" = run_begin ]
}

@test "each line is one write, at the end of the file" {
	[ "$(id -u)" = 0 ] || skip "only root may read what neap's system calls are given"
	strace -f -s 16 -e trace=write,openat -o trace "$NEAP" apply -q --root machine --events events fine.lua
	grep -q 'openat(AT_FDCWD, "events", O_WRONLY|O_CREAT|.*O_APPEND' trace
	[ "$(grep -cE 'write\([0-9]+, "\{\\"(event|action)' trace)" = "$(wc -l <events)" ]
	[ "$(wc -l <events)" = 4 ]
}
