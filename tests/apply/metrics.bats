#!/usr/bin/env bats
# --metrics: a run's numbers in the text format of Prometheus, there however the run went.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir -p machine/etc machine/srv textfile
	file=textfile/neap.prom
	cat >site.lua <<-'LUA'
	local neap = require "neap"
	neap.file { path = "/etc/motd", content = neap.params.text or "hello\n" }
	neap.file { path = "/etc/other", content = "x" }
	LUA
	cat >tls.lua <<-'LUA'
	local neap = require "neap"
	local ca = neap.cert { path = "/etc/ca.pem", key = "/etc/ca.key", ca = true, common_name = "ca", valid_for = "30d" }
	neap.cert { path = "/etc/leaf.pem", key = "/etc/leaf.key", issuer = ca, sans = { "DNS:x.example" }, valid_for = "10d" }
	LUA
}

apply() { "$NEAP" apply -q --root machine --metrics "$file" "$@"; }

# The value of a line, as "neap_x" or 'neap_x{path="y"}'.
value() { awk -v name="$1" '$1 == name { print $2 }' "$file"; }

# What node_exporter and promtool insist on.
check() {
	awk '
		function bad(why) { print why ": " $0; failed = 1 }
		/^# HELP / { if ($3 in help) bad("second help"); help[$3] = 1; if (NF < 4 || $0 !~ /\.$/) bad("no help"); next }
		/^# TYPE / { if ($3 in type) bad("second type"); type[$3] = 1; family = $3; if ($4 != "gauge") bad("type"); next }
		/^#/ { bad("comment") }
		!/^[a-z_]+(\{[a-z_]+="([^"\\]|\\\\|\\"|\\n)*"\})? [0-9.e+-]+$/ { bad("line") }
		{
			name = $1; sub(/\{.*/, "", name); series = $0; sub(/ [^ ]*$/, "", series)
			if (name != family || !(name in help)) bad("not below its head")
			if (series in seen) bad("twice")
			seen[series] = 1
			if (name !~ /^neap_/) bad("name")
		}
		END { exit failed }' "$1" || return 1
	[ "$(tail -c 1 "$1")" = "" ] || return 1
	if command -v promtool >/dev/null; then [ -z "$(promtool check metrics <"$1" 2>&1)" ]; fi
}

@test "after a run that went well: when, how long, what, and no drift the next time" {
	before=$(date +%s)
	apply site.lua
	check "$file"
	[ "$(value neap_run_exit_code)" = 0 ]
	[ "$(value 'neap_resources{state="create"}')" = 2 ]
	[ "$(value neap_drift_resources)" = 2 ]
	[ "$(value neap_pending_notifications)" = 0 ]
	[ "$(value 'neap_build_info{version="'"$("$NEAP" version | head -n 1 | grep -oE '[0-9.]+')"'"}')" = 1 ]
	last=$(value neap_last_run_timestamp_seconds)
	[ "$last" = "$(value neap_last_success_timestamp_seconds)" ]
	[ "${last%.*}" -ge "$before" ]
	[ "${last%.*}" -le "$(date +%s)" ]
	[[ "$(value neap_run_duration_seconds)" =~ ^[0-9]+(\.[0-9]{1,3})?$ ]]
	[ "$(stat -c '%a %U' "$file")" = "644 $(id -un)" ]
	[ "$(ls -A textfile)" = neap.prom ]
	apply site.lua
	[ "$(value neap_drift_resources)" = 0 ]
	[ "$(value 'neap_resources{state="unchanged"}')" = 2 ]
	apply --detailed-exitcode -D text=other site.lua || [ $? = 2 ]
	[ "$(value neap_run_exit_code)" = 2 ]
	[ "$(value neap_last_run_timestamp_seconds)" = "$(value neap_last_success_timestamp_seconds)" ]
}

@test "after a run that failed or never came to a resource: its exit code, and the last success of before" {
	cat >blocked.lua <<-'LUA'
	local neap = require "neap"
	local srv = neap.file { path = "/srv", content = "x" }
	neap.file { path = "/etc/after", content = "x", require = srv }
	LUA
	echo 'require "neap".file { path = "/etc/motd", ownr = "root" }' >wrong.lua
	run -4 apply blocked.lua
	check "$file"
	[ "$(value neap_last_success_timestamp_seconds)" = 0.000 ]
	[ "$(value 'neap_resources{state="failed"}')" = 1 ]
	[ "$(value 'neap_resources{state="skipped"}')" = 1 ]
	apply site.lua
	success=$(value neap_last_success_timestamp_seconds)
	run -4 apply blocked.lua
	[ "$(value neap_run_exit_code)" = 4 ]
	[ "$(value neap_last_success_timestamp_seconds)" = "$success" ]
	for recipe in wrong.lua nowhere.lua; do
		previous=$(value neap_last_run_timestamp_seconds)
		run -1 apply "$recipe"
		check "$file"
		[ "$(value neap_run_exit_code)" = 1 ]
		[ "$(value neap_last_success_timestamp_seconds)" = "$success" ]
		[ "$(value neap_last_run_timestamp_seconds)" != "$previous" ]
		run ! grep -qE '^neap_(resources|drift)' "$file"
	done
	run -1 apply --facts nowhere site.lua
	[ "$(value neap_run_exit_code)" = 1 ]
	run -1 apply --events nowhere/x site.lua
	[ "$(value neap_run_exit_code)" = 1 ]
	run -64 apply -t nobody site.lua
	[ "$(value neap_run_exit_code)" = 64 ]
	exec 9<>machine/var/lib/neap/lock
	flock -x 9
	run -3 apply site.lua
	exec 9>&-
	check "$file"
	[ "$(value neap_run_exit_code)" = 3 ]
	[ "$(value neap_last_success_timestamp_seconds)" = "$success" ]
	echo 'while true do end' >loop.lua
	run -4 apply --timeout 1s loop.lua
	[ "$(value neap_run_exit_code)" = 4 ]
	[ "$(value neap_last_success_timestamp_seconds)" = "$success" ]
}

@test "a plan has the drift that it found, and the success of the last apply" {
	apply site.lua
	success=$(value neap_last_success_timestamp_seconds)
	echo drift >machine/etc/motd
	run -2 "$NEAP" plan -q --root machine --metrics "$file" site.lua
	check "$file"
	[ "$(value neap_drift_resources)" = 1 ]
	[ "$(value 'neap_resources{state="update"}')" = 1 ]
	[ "$(value neap_run_exit_code)" = 2 ]
	[ "$(value neap_last_success_timestamp_seconds)" = "$success" ]
	[ "$(value neap_last_run_timestamp_seconds)" != "$success" ]
	# Where it may not look it does not say that there was none.
	echo '{' >machine/var/lib/neap/last-run.json
	run -2 "$NEAP" plan -q --root machine --metrics "$file" site.lua
	check "$file"
	[ -z "$(value neap_last_success_timestamp_seconds)" ]
	mkdir image
	run -2 "$NEAP" plan -q --root image --metrics "$file" site.lua
	[ "$(value neap_last_success_timestamp_seconds)" = 0.000 ]
	[ -z "$(ls -A image)" ]
}

@test "until when each certificate is good that is there, after the change and before it" {
	run -2 "$NEAP" plan -q --root machine --metrics "$file" tls.lua
	run ! grep -q certificate "$file"
	apply tls.lua
	check "$file"
	not_after() { date -d "$(openssl x509 -in "machine/etc/$1" -noout -enddate | cut -d= -f2)" +%s; }
	of() { value 'neap_certificate_not_after_timestamp_seconds{path="/etc/'"$1"'"}'; }
	for name in ca.pem leaf.pem; do [ "$(of $name)" = "$(not_after $name)" ]; done
	# A plan that would make another one shows the one that is there.
	sed -i 's/10d/20d/' tls.lua
	run -2 "$NEAP" plan -q --root machine --metrics "$file" tls.lua
	[ "$(of leaf.pem)" = "$(not_after leaf.pem)" ]
	before=$(of leaf.pem)
	apply tls.lua
	[ "$(of leaf.pem)" = "$(not_after leaf.pem)" ]
	[ "$(of leaf.pem)" -gt "$before" ]
	# One whose issuer is not to be had is watched all the same.
	rm machine/etc/ca.pem machine/etc/ca.key
	run -2 "$NEAP" plan -q --root machine --metrics "$file" tls.lua
	[ "$(of leaf.pem)" = "$(not_after leaf.pem)" ]
	[ -z "$(of ca.pem)" ]
}

@test "a name that holds anything is a label that is right" {
	cat >odd.lua <<-'LUA'
	local neap = require "neap"
	for i, name in ipairs { 'q"uote', "back\\slash", "\xff\xfe", "\u{e4}", "x{y=\"z\"} 1" } do
		neap.cert { path = "/etc/" .. name, key = "/etc/key" .. i, common_name = "x" }
	end
	LUA
	apply odd.lua
	check "$file"
	[ "$(grep -c '^neap_certificate' "$file")" = 5 ]
	grep -qF '{path="/etc/q\"uote"}' "$file"
	grep -qF '{path="/etc/back\\slash"}' "$file"
	grep -qF '{path="/etc/\\xff\\xfe"}' "$file"
	iconv -f utf-8 -t utf-8 "$file" >/dev/null
}

@test "notifications that are owed are counted" {
	cat >owed.lua <<-LUA
	local neap = require "neap"
	local file = neap.file { path = "$PWD/machine/etc/motd", content = "x" }
	for i = 1, 3 do neap.exec { name = "r" .. i, shell = "exit \$(cat $PWD/code)", refresh_only = true, subscribe = file } end
	LUA
	echo 1 >code
	run -4 "$NEAP" apply -q --state-dir state --metrics "$file" owed.lua
	[ "$(value neap_pending_notifications)" = 3 ]
	echo 0 >code
	run -0 "$NEAP" apply -q --state-dir state --metrics "$file" owed.lua
	[ "$(value neap_pending_notifications)" = 0 ]
	[ "$(value 'neap_resources{state="refresh"}')" = 3 ]
}

@test "who reads the file while runs go on sees a whole one" {
	apply site.lua
	for _ in $(seq 30); do apply site.lua; done &
	writers=$!
	while kill -0 "$writers" 2>/dev/null; do check "$file"; done
	wait "$writers"
	[ "$(ls -A textfile)" = neap.prom ]
}

@test "a file that cannot be is refused before anything is done" {
	mkdir textfile/directory.prom
	mkfifo textfile/fifo.prom
	ln -s neap.prom textfile/link.prom
	for name in nowhere/neap.prom textfile/directory.prom textfile/fifo.prom textfile/link.prom textfile/neap.prom/ site.lua/neap.prom /dev/null; do
		file=$name
		run -1 --separate-stderr apply site.lua
		[ -z "$output" ]
		[[ $stderr == "neap: --metrics: write $name: "* ]]
		[ ! -e machine/var ]
	done
	[ -p textfile/fifo.prom ]
	[ -L textfile/link.prom ]
	[ -c /dev/null ]
	file=textfile/neap.prom
	run -64 "$NEAP" check --metrics "$file" site.lua
	# What goes wrong later is a warning.
	cat >goes.lua <<-LUA
	require "neap".exec { name = "x", command = { "rm", "-r", "$PWD/textfile" }, always = true }
	LUA
	run -0 --separate-stderr "$NEAP" apply -q --state-dir state --metrics "$file" goes.lua
	[ "$output" = "applied: 1 ran" ]
	[[ $stderr == "neap: warning: write textfile/neap.prom: No such file or directory" ]]
}
