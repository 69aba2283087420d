# kill -9 at random moments: every file is old or new, nothing is left behind, the next run converges.

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-crash-XXXXXX")
	mkdir -p "$work/root"
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local version = neap.params.VERSION
		for i = 1, 40 do
			neap.file { path = ("/etc/app/%02d/conf"):format(i), content = (version .. "\n"):rep(i * 20),
				mode = version == "one" and "0600" or "0640" }
		end
		neap.directory { path = "/srv/pool", purge = true, recurse = true }
		neap.file { path = "/srv/pool/" .. version, content = version .. "\n" }
		neap.link { path = "/etc/current", target = "app-" .. version }
		neap.line { path = "/etc/lines", line = "version=" .. version, match = "^version=" }
		neap.file { path = "/etc/checked", content = version .. "\n", validate = { "grep", "-q", version, "%s" } }
		neap.file { path = "/etc/kept", content = version .. "\n", backup = true }
	LUA
}

teardown() {
	rm -rf "$work"
}

# What stands in the tree, one line a path, without neap's own.
tree() {
	(cd "$work/root" && find . -path ./var/lib/neap -prune -o \( -type f -printf '%p %m ' -exec sha256sum {} \; \) \
		-o -type l -printf '%p -> %l\n' | grep -v '^\./\.neap-stage' | sed 's/  .*//' | sort)
}

leftovers() {
	find "$work/root" -name '.neap-*'
}

@test "kill -9 at 200 random moments leaves old or new, no temps after the next run, and it converges" {
	"$NEAP" apply "$work/site.lua" --root "$work/root" -D VERSION=one
	tree >"$work/one"
	# The shortest of some runs: what else the machine has to do must not make every moment come too late.
	took=
	for version in two one two one two; do
		start=$(date +%s%N)
		"$NEAP" apply -q "$work/site.lua" --root "$work/root" -D VERSION=$version
		round=$((($(date +%s%N) - start) / 1000))
		if [ -z "$took" ] || [ "$round" -lt "$took" ]; then took=$round; fi
	done
	tree >"$work/two"
	sort -u "$work/one" "$work/two" >"$work/allowed"
	version=two
	killed=0
	between=0
	for i in $(seq 200); do
		if [ $version = one ]; then version=two; else version=one; fi
		moment=$((RANDOM * RANDOM % (took + took / 5 + 1)))
		status=0
		timeout -s KILL "$(printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000)))" \
			"$NEAP" apply --lock-wait 10s "$work/site.lua" --root "$work/root" -D VERSION=$version >/dev/null 2>&1 || status=$?
		[ $status -eq 0 ] || [ $status -eq 137 ] || [ $status -eq 124 ]
		[ $status -eq 0 ] || killed=$((killed + 1))
		tree >"$work/now"
		half=$(comm -23 "$work/now" "$work/allowed")
		[ -z "$half" ] || { echo "half: $half"; false; }
		cmp -s "$work/now" "$work/one" || cmp -s "$work/now" "$work/two" || between=$((between + 1))
		if [ $((i % 4)) -eq 0 ]; then
			"$NEAP" apply --lock-wait 10s "$work/site.lua" --root "$work/root" -D VERSION=$version >/dev/null
			[ -z "$(leftovers)" ] || { leftovers; false; }
			tree >"$work/now"
			cmp "$work/now" "$work/$version"
			run "$NEAP" plan "$work/site.lua" --root "$work/root" -D VERSION=$version
			[ "$status" -eq 0 ]
		fi
	done
	echo "# $killed of 200 runs killed, $between seen between the two versions" >&3
	[ $killed -gt 50 ]
	[ $between -gt 0 ]
}

@test "SIGTERM stops cleanly: what was begun is whole, the rest is reported as not done" {
	cat >"$work/slow.lua" <<-'LUA'
		local neap = require "neap"
		local first = neap.file { path = "/a", content = "a\n", validate = { "sh", "-c", "sleep 1; test -s $0", "%s" } }
		neap.file { path = "/b", content = "b\n" }
	LUA
	"$NEAP" apply "$work/slow.lua" --root "$work/root" --format json >"$work/report.json" &
	pid=$!
	sleep 0.3
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	echo "status $status"
	cat "$work/report.json"
	[ $status -eq 0 ] || [ $status -eq 143 ]
	[ -z "$(leftovers)" ]
	"$NEAP" apply "$work/slow.lua" --root "$work/root"
	[ "$(cat "$work/root/a" "$work/root/b")" = "$(printf 'a\nb')" ]
}

@test "a step that waited for a landing in which a signal came is not done, and has not failed" {
	cat >"$work/slow.lua" <<-LUA
		local neap = require "neap"
		local first = neap.file { path = "/a", content = "a\n",
			validate = { "sh", "-c", "touch $work/begun; while [ ! -e $work/go ]; do sleep 0.05; done", "%s" } }
		neap.wait_for { name = "w", host = "127.0.0.1", port = 1, require = first }
	LUA
	"$NEAP" apply "$work/slow.lua" --root "$work/root" --format json >"$work/report.json" 3>&- &
	pid=$!
	for _ in $(seq 200); do [ -e "$work/begun" ] && break || sleep 0.05; done
	kill -TERM $pid
	touch "$work/go"
	status=0
	wait $pid || status=$?
	cat "$work/report.json"
	[ $status -eq 143 ]
	[ "$(jq -r '[.resources[].outcome] | join(" ")' "$work/report.json")" = "changed not_done" ]
	[ "$(cat "$work/root/a")" = a ]
}

@test "what a signal finds under way is looked at to its end: it is changed, and not failed" {
	cat >"$work/mark.lua" <<-LUA
		return require "neap".type {
			name = "mark", summary = "a file that programs look at and make",
			params = { path = { kind = "path", key = true, doc = "Where." } },
			read = function(view, want)
				return view:query { command = { "test", "-e", want.path } }.status == 0 and {} or nil
			end,
			apply = function(host, want)
				host:run { command = { "sh", "-c", "touch $work/begun; while [ ! -e $work/go ]; do sleep 0.05; done; touch " .. want.path } }
				host:query { command = { "true" } }
			end,
		}
	LUA
	cat >"$work/slow.lua" <<-LUA
		local mark = require "mark"
		mark { path = "$work/one" }
		mark { path = "$work/two" }
	LUA
	"$NEAP" apply "$work/slow.lua" --state-dir "$work/state" --format json >"$work/report.json" 3>&- &
	pid=$!
	for _ in $(seq 200); do [ -e "$work/begun" ] && break || sleep 0.05; done
	kill -TERM $pid
	touch "$work/go"
	status=0
	wait $pid || status=$?
	cat "$work/report.json"
	[ $status -eq 143 ]
	[ "$(jq -r '[.resources[].outcome] | join(" ")' "$work/report.json")" = "changed not_done" ]
	[ ! -e "$work/two" ]
}

@test "a second run waits for the lock or says who holds it" {
	cat >"$work/slow.lua" <<-'LUA'
		local neap = require "neap"
		neap.file { path = "/a", content = "a\n", validate = { "sh", "-c", "sleep 2; test -s $0", "%s" } }
	LUA
	"$NEAP" apply "$work/slow.lua" --root "$work/root" >/dev/null &
	pid=$!
	for _ in $(seq 50); do [ -e "$work/root/var/lib/neap/lock" ] && break || sleep 0.02; done
	sleep 0.2
	run "$NEAP" apply "$work/slow.lua" --root "$work/root"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ "$output" == *"$pid"* ]]
	run "$NEAP" plan "$work/slow.lua" --root "$work/root"
	[ "$status" -eq 2 ] || [ "$status" -eq 0 ]
	run "$NEAP" apply "$work/slow.lua" --root "$work/root" --lock-wait 10s
	[ "$status" -eq 0 ]
	wait $pid
}
