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
