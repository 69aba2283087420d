#!/usr/bin/env bats
# What a script sees: exit codes, one document on standard output, schemas, and an output that cannot be written.

bats_require_minimum_version 1.5.0

load ../support/schema.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir -p machine/etc machine/srv
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	local a = neap.file { path = "/etc/motd", content = "hello\n" }
	local b = neap.link { path = "/etc/current", target = "/etc/motd" }
	neap.file { path = "/etc/last", content = neap.params.color or "none", require = { a, b } }
	LUA
	cat >wrong.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", ownr = "root" }
	neap.file { path = "etc" }
	LUA
	cat >blocked.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", content = "hello\n" }
	neap.file { path = "/srv", content = "x" }
	LUA
}

@test "exit codes of plan: 2 with something to do, 0 without, 4 with a failure, 1 for a wrong recipe" {
	run -2 "$NEAP" plan --root machine site.lua
	run -0 "$NEAP" apply --root machine site.lua
	run -0 "$NEAP" plan --root machine site.lua
	run -4 "$NEAP" plan --root machine blocked.lua
	run -1 "$NEAP" plan --root machine wrong.lua
}

@test "exit codes of apply: 2 and 6 only when asked for" {
	run -2 "$NEAP" apply --detailed-exitcode --root machine site.lua
	run -0 "$NEAP" apply --detailed-exitcode --root machine site.lua
	run -4 "$NEAP" apply --detailed-exitcode --root machine blocked.lua
	rm machine/etc/motd
	run -0 "$NEAP" apply --root machine site.lua
	rm machine/etc/motd
	run -6 "$NEAP" apply --detailed-exitcode --root machine blocked.lua
	rm machine/etc/motd
	run -4 "$NEAP" apply --root machine blocked.lua
}

@test "a plan makes nothing, not even neap's own state" {
	run -2 "$NEAP" plan --root machine --state-dir state site.lua
	[ ! -e state ]
	[ "$(find machine | sort | xargs)" = "machine machine/etc machine/srv" ]
}

@test "plans and reports keep their schemas" {
	run -2 --separate-stderr "$NEAP" plan --format json --root machine -D color=blue site.lua
	printf '%s\n' "$output" >plan.json
	valid plan plan.json
	[ -z "$stderr" ]
	[ "$(jq -r '[.resources[].action] | join(" ")' plan.json)" = "create create create" ]
	[ "$(jq -c '.params, .hosts, .recipe.path, .format_version' plan.json | xargs)" = '{color:blue} [local] site.lua 1' ]
	[ "$(jq -c '.resources[2].requires' plan.json)" = '[{"group":"j1","why":"require"}]' ]
	[ "$(jq -c '.groups' plan.json)" = '{"j1":["file[/etc/motd]","link[/etc/current]"]}' ]
	run -0 --separate-stderr "$NEAP" apply --format json --root machine -D color=blue site.lua
	printf '%s\n' "$output" >apply.json
	valid apply apply.json
	[ "$(jq -r '[.resources[].outcome] | join(" ")' apply.json)" = "changed changed changed" ]
	[ "$(jq .summary.create apply.json)" = 3 ]
	[ "$(jq -r .graph_digest plan.json)" = "$(jq -r .graph_digest apply.json)" ]
}

@test "a report with failures keeps its schema, and standard error tells of them" {
	run -4 --separate-stderr "$NEAP" plan --format json --root machine blocked.lua
	printf '%s\n' "$output" >plan.json
	valid plan plan.json
	[ "$(jq -r '[.resources[].action] | sort | join(" ")' plan.json)" = "create error" ]
	[[ $stderr == *"file[/srv] (blocked.lua:3): /srv is a directory"* ]]
	run -4 --separate-stderr "$NEAP" apply --format json --root machine blocked.lua
	printf '%s\n' "$output" >apply.json
	valid apply apply.json
	[ "$(jq -r '[.resources[].outcome] | sort | join(" ")' apply.json)" = "changed failed" ]
	[ "$(jq -r '.resources[] | select(.outcome == "failed").error' apply.json)" = "/srv is a directory" ]
}

@test "an error of a recipe is one document too" {
	for verb in check plan apply graph; do
		run -1 --separate-stderr "$NEAP" "$verb" --format json wrong.lua
		[ -z "$stderr" ]
		printf '%s\n' "$output" >errors.json
		valid errors errors.json
		[ "$(jq -c '[.errors[] | .line]' errors.json)" = '[2,3]' ]
		[ "$(jq -r '.errors[0].hint' errors.json)" = 'did you mean "owner"?' ]
	done
	run -1 --separate-stderr "$NEAP" plan --format json nowhere.lua
	printf '%s\n' "$output" >errors.json
	valid errors errors.json
	run -0 "$NEAP" check --format json site.lua
	[ "$(jq -c .errors <<<"$output")" = '[]' ]
}

@test "an evaluation that must be killed tells all errors too, as text and as a document" {
	cat >stuck.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", ownr = "\"root\"\\" }
	neap.file { path = "etc/\1ü\xff" }
	local x = (("x"):rep(1e5)):find(("x*"):rep(20) .. "y")
	LUA
	for verb in check plan apply graph; do
		run -1 --separate-stderr "$NEAP" "$verb" --format json --eval-timeout 1s stuck.lua
		[ -z "$stderr" ]
		printf '%s\n' "$output" >errors.json
		valid errors errors.json
		[ "$(jq -c '[.errors[] | .line]' errors.json)" = '[2,3,4]' ]
		[ "$(jq -r '.errors[0].hint' errors.json)" = 'did you mean "owner"?' ]
		[[ "$(jq -r '.errors[2].message' errors.json)" == "evaluation took more than 1 s"* ]]
	done
	sed '$d' stuck.lua >ends.lua
	run -1 "$NEAP" check --format json ends.lua
	[ "$(jq -c '[.errors[] | .message]' <<<"$output")" = "$(jq -c '[.errors[:2][] | .message]' errors.json)" ]
	run -1 --separate-stderr "$NEAP" apply --eval-timeout 1s --root machine stuck.lua
	[ -z "$output" ]
	[[ $stderr == "stuck.lua:2: "*$'\n'"stuck.lua:3: "*$'\n'"stuck.lua:4: evaluation took more than 1 s"*"3 errors; nothing was applied" ]]
	[ "$(LC_ALL=C tr -d '\n\t -~\200-\377' <<<"$stderr" | wc -c)" = 0 ]
	run ! grep -q $'\xff' <<<"$stderr"
}

# A report larger than a pipe waits for its reader; by then all is done.
@test "a signal after the last step takes nothing from the report" {
	{
		printf 'local neap = require "neap"\n'
		printf 'for i = 1, 2000 do neap.file { path = "/srv/" .. i, content = "x" } end\n'
		printf 'neap.file { path = "/etc/last" }\n'
	} >many.lua
	mkfifo pipe
	for verb in apply plan; do
		for signal in TERM INT HUP; do
			rm -rf machine
			mkdir -p machine/etc
			"$NEAP" "$verb" --format json --root machine many.lua >pipe 3>&- &
			pid=$!
			exec 8<pipe
			# It has begun to write, so the run is over.
			head -c 1 <&8 >report
			kill -"$signal" "$pid"
			sleep 0.1
			cat <&8 >>report
			exec 8<&-
			code=0
			wait "$pid" || code=$?
			echo "$verb $signal: $code"
			[ "$verb:$code" = apply:0 ] || [ "$verb:$code" = plan:2 ]
			[ "$(jq .summary.create report)" = 2001 ]
			[ "$verb" = plan ] || [ -e machine/etc/last ]
		done
	done
}

@test "graph writes json by its schema" {
	"$NEAP" graph --format json site.lua >graph.json
	valid graph graph.json
}

@test "equal inputs give equal plans, byte for byte" {
	"$NEAP" plan --format json --root machine site.lua >one || [ $? = 2 ]
	"$NEAP" plan --format json --root machine site.lua >two || [ $? = 2 ]
	cmp one two
	cat >addresses.lua <<-'LUA'
	local neap = require "neap"
	local t = { {}, print, coroutine.create(print), neap.null, neap }
	for i, v in ipairs(t) do t[i] = tostring(v) .. string.format("%s", v) end
	for _, k in ipairs { "a", "b", "c", "d", "e", "f" } do t[k] = k end
	for k in next, t do t[1] = t[1] .. k end
	for k in pairs(t) do t[1] = t[1] .. k end
	local s = {}
	for i = 1, 5000 do s[i] = { i % 7 == 0 and 1 or 0, i } end
	table.sort(s, function(a, b) return a[1] < b[1] end)
	for i = 1, #s do s[i] = s[i][2] end
	neap.file { path = "/etc/motd", content = table.concat(t) .. table.concat(s) }
	LUA
	"$NEAP" plan --format json --root machine addresses.lua >first || [ $? = 2 ]
	for _ in 1 2 3; do
		"$NEAP" plan --format json --root machine addresses.lua >next || [ $? = 2 ]
		cmp first next
	done
	jq -S . one >sorted
	jq . one | cmp - sorted
	"$NEAP" plan --format json --root machine -D color=red site.lua >three || [ $? = 2 ]
	[ "$(jq -r .id one)" != "$(jq -r .id three)" ]
}

@test "an output that cannot take the report is an error" {
	[ -c /dev/full ] || skip "no /dev/full"
	run --separate-stderr sh -c '"$NEAP" plan --root machine site.lua >/dev/full'
	[ "$status" = 1 ]
	[[ $stderr == "neap: write standard output: No space left on device" ]]
	run --separate-stderr sh -c '"$NEAP" apply --root machine site.lua >/dev/full'
	[ "$status" = 4 ]
	for words in "help" "doc" "doc file" "version" "graph site.lua" "check site.lua" "plan --format json --root machine site.lua" \
		"check --format json wrong.lua"; do
		run sh -c "\"\$NEAP\" $words >/dev/full"
		echo "$words: $status: $output"
		[ "$status" = 1 ]
		[[ $output == *"write standard output"* ]]
	done
}

@test "a reader that went away is an error, not a death by signal" {
	run bash -c 'exec 3>&1; { sleep 0.3; "$NEAP" doc --reference 2>&3; echo "code $?" >&3; } | true'
	[[ $output == *"write standard output: Broken pipe"*"code 1" ]]
}

@test "closed standard descriptors are not taken for files" {
	run -1 sh -c '"$NEAP" plan --root machine site.lua >&-'
	[[ $output == *"write standard output"* ]]
	run -0 sh -c '"$NEAP" apply --root machine site.lua <&- 2>&-'
	[ "$(cat machine/etc/motd)" = hello ]
	run sh -c '"$NEAP" apply --root machine -D color=green site.lua >&- 2>&-'
	[ "$status" = 4 ]
	[ "$(cat machine/etc/last)" = green ]
}

@test "quiet says nothing when nothing changes and one line when something does" {
	run -0 "$NEAP" apply -q --root machine site.lua
	[ "$output" = "applied: 3 created" ]
	run -0 "$NEAP" apply -q --root machine site.lua
	[ -z "$output" ]
	run -0 "$NEAP" check -q site.lua
	[ -z "$output" ]
}

@test "color is for terminals, unless asked for" {
	escape=$'\033'
	run -2 "$NEAP" plan --root machine site.lua
	[[ $output != *"$escape"* ]]
	run -2 "$NEAP" plan --color always --root machine site.lua
	[[ $output == *"${escape}[32m+ create"* ]]
	command -v script >/dev/null || skip "no script(1)"
	export TERM=xterm
	run script -qefc "$NEAP plan --root machine site.lua" /dev/null
	[[ $output == *"${escape}[32m+ create"* ]]
	NO_COLOR=1 run script -qefc "$NEAP plan --root machine site.lua" /dev/null
	[[ $output != *"$escape"* ]]
	TERM=dumb run script -qefc "$NEAP plan --root machine site.lua" /dev/null
	[[ $output != *"$escape"* ]]
}

@test "lines fit the width" {
	for columns in 60 80 120; do
		COLUMNS=$columns run "$NEAP" plan --root machine site.lua
		awk -v width="$columns" 'length > width { exit 1 }' <<<"$output"
	done
}

@test "a held lock is 3, as text and as a document" {
	mkdir -m 0700 state
	"$NEAP" apply --root machine --state-dir state site.lua >/dev/null
	lock=$(find state -name '*lock*' | head -n 1)
	[ -n "$lock" ]
	exec 9<>"$lock"
	flock -x 9
	run --separate-stderr "$NEAP" apply --root machine --state-dir state site.lua
	[ "$status" = 3 ]
	[ -z "$output" ]
	[[ $stderr == *"give --lock-wait DURATION, as in 30s" ]]
	run -3 "$NEAP" apply --lock-wait 1s --root machine --state-dir state site.lua
	run --separate-stderr "$NEAP" apply --format json --root machine --state-dir state site.lua
	[ "$status" = 3 ]
	printf '%s\n' "$output" >errors.json
	valid errors errors.json
	run -0 "$NEAP" plan --root machine --state-dir state site.lua
	exec 9>&-
	run -0 "$NEAP" apply --root machine --state-dir state site.lua
}

@test "a state directory that cannot be is 1, before any change" {
	touch state
	run -1 "$NEAP" apply --root machine --state-dir state/dir site.lua
	[ ! -e machine/etc/motd ]
}

@test "what is neap's own is refused in a plan too, before the state is there" {
	echo 'require "neap".directory { path = "/var/lib/neap", mode = "0755" }' >own.lua
	for options in "" "--state-dir machine/var//lib/neap/" "--state-dir ./machine/x/../var/lib/neap"; do
		mkdir -p machine/x
		run -4 "$NEAP" plan --root machine $options own.lua
		[[ $output == *"neap's own"* ]]
	done
	run -2 "$NEAP" plan --root machine --state-dir state own.lua
	run -2 "$NEAP" plan --root machine --state-dir site.lua/x own.lua
	[ ! -e machine/var ]
}

@test "-D: the last wins, and one that is never read is a warning" {
	run -2 --separate-stderr "$NEAP" plan --format json --root machine -Dcolor=one -D color=two -D shape=x site.lua
	[ "$(jq -r '.params.color' <<<"$output")" = two ]
	[[ $stderr == *shape* ]]
	[[ $stderr != *color* ]]
}

@test "no core file and no debugger: secrets lie in memory" {
	printf 'local neap = require "neap"\nwhile true do end\n' >endless.lua
	"$NEAP" plan --eval-timeout 20s --root machine endless.lua >/dev/null 2>&1 &
	pid=$!
	sleep 0.5
	grep -q '^Max core file size *0 ' "/proc/$pid/limits"
	[ "$(id -u)" != 0 ] || [ "$(stat -c %u "/proc/$pid/mem")" = 0 ]
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
}

@test "every verb has a screen of at most 80 columns" {
	for verb in plan apply status check graph doc facts version help; do
		run -0 "$NEAP" "$verb" --help
		[ -n "$output" ]
		awk 'length > 80 { exit 1 }' <<<"$output"
		first=$output
		run -0 "$NEAP" help "$verb"
		[ "$output" = "$first" ] || [ "$verb" = help ]
	done
	for type in directory file line link; do
		run -0 "$NEAP" doc "$type"
		[[ $output == "neap.$type: "* ]]
	done
	[ "$("$NEAP" --version)" = "$("$NEAP" version)" ]
}
