# neap.wait_for on the network of this machine (tests/web/server.c): when it ends, how, and what it asked.

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-wait-XXXXXX")
	mkdir "$work/root"
	. "$NEAP_SOURCE/tests/web/server.bash"
	unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY NO_PROXY
	web_start a
}

teardown() {
	web_stop_all
	rm -rf "$work"
}

# waits PARAMETERS: neap apply of a recipe that waits, and a file that stands on it.
waits() {
	cat >"$work/wait.lua" <<-LUA
		local neap = require "neap"
		local it = neap.wait_for { $1 }
		neap.file { path = "/after", content = "1\n", require = it }
	LUA
	shift
	run "$NEAP" apply "$work/wait.lua" --root "$work/root" "$@"
	echo "$output"
}

@test "a plan says that it will wait, and asks nobody" {
	waits "url = \"http://$web_a/x\", timeout = \"1s\""
	rm -f "$work/a/log" "$work/root/after"
	strace -f -o "$work/trace" -e trace=%network "$NEAP" plan "$work/wait.lua" --root "$work/root" --format json \
		>"$work/plan.json" || [ $? -eq 2 ]
	never grep -E 'socket|connect' "$work/trace"
	[ "$(jq -r '[.resources[] | .action + " " + (.reason // "")] | join("; ")' "$work/plan.json")" = "none will wait; create " ]
	rm -f "$work/a/log"
	sed -i '/neap.file/d' "$work/wait.lua"
	run "$NEAP" plan "$work/wait.lua" --root "$work/root"
	[ "$status" -eq 0 ]
	[ -z "$(web_log a)" ]
}

@test "a URL is asked for until it answers as wanted; it changes nothing" {
	waits "url = \"http://$web_a/ready\", timeout = \"3s\""
	[ "$status" -eq 4 ]
	[[ "$output" == *"wait_for[http://$web_a/ready] (wait.lua:2): the server answers 404, for 3 s"* ]]
	[[ "$output" == *"1 skipped"* ]]
	[ ! -e "$work/root/after" ]
	[ "$(web_log a | wc -l)" -ge 2 ]
	(until_true [ "$(web_log a | wc -l)" -ge 2 ] && sleep 1 && echo >"$work/a/www/ready") &
	waits "url = \"http://$web_a/ready\", timeout = \"60s\""
	[ "$status" -eq 0 ]
	[[ "$output" == *"1 created, 1 unchanged"* ]]
	[ -e "$work/root/after" ]
}

@test "one status is wanted, or any from 200 to 399" {
	waits "url = \"http://$web_a/status/503\", status = 503"
	[ "$status" -eq 0 ]
	waits "url = \"http://$web_a/to/302/ftp://x/\""
	[ "$status" -eq 0 ]
	waits "url = \"http://$web_a/status/204\", status = 200, timeout = \"1s\""
	[ "$status" -eq 4 ]
	[[ "$output" == *"the server answers 204, for 1 s"*"200 is wanted"* ]]
	# The status is all that is waited for: a body that never ends is not.
	waits "url = \"http://$web_a/endless\", timeout = \"20s\""
	[ "$status" -eq 0 ]
}

@test "a port is waited for until somebody listens" {
	web_stop a
	port=${web_a#*:}
	waits "host = \"127.0.0.1\", port = $port, timeout = \"2s\""
	[ "$status" -eq 4 ]
	[[ "$output" == *"connect 127.0.0.1:$port: Connection refused, for 2 s"* ]]
	echo "$port" >"$work/a/again"
	(sleep 1 && web_start a) &
	waits "host = \"localhost\", port = $port, timeout = \"60s\""
	[ "$status" -eq 0 ]
	waits "host = \"127.0.0.1\", port = $port"
	[ "$status" -eq 0 ]
	[ -z "$(web_log a)" ]
}

@test "one try that hangs is not all: each has its end, and so has the whole" {
	waits "url = \"http://$web_a/hang\", timeout = \"2s\""
	[ "$status" -eq 4 ]
	[[ "$output" == *"no answer in time, for 2 s"* ]]
}

@test "a command is waited for until it exits with 0" {
	cat >"$work/command.lua" <<-LUA
		local neap = require "neap"
		neap.wait_for { name = "flag", command = { "test", "-e", "$work/flag" }, timeout = neap.params.TIMEOUT }
	LUA
	run "$NEAP" apply "$work/command.lua" --state-dir "$work/state" -D TIMEOUT=2s
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"wait_for[flag] (command.lua:2): test: exit 1, for 2 s"* ]]
	(sleep 1 && touch "$work/flag") &
	"$NEAP" apply "$work/command.lua" --state-dir "$work/state" -D TIMEOUT=60s
}

@test "a signal ends the wait at once, also that for a command: not done" {
	cat >"$work/long.lua" <<-LUA
		local neap = require "neap"
		neap.wait_for { name = "x", url = neap.params.URL, command = neap.params.SLEEP and { "sleep", "1000" }, timeout = "1h" }
	LUA
	for what in "URL=http://$web_a/hang" "URL=http://$web_a/status/500" SLEEP=1; do
		"$NEAP" apply "$work/long.lua" --state-dir "$work/state" -D "$what" >"$work/out" 2>&1 &
		pid=$!
		if [ $what = SLEEP=1 ]; then
			until_true pgrep -P $pid sleep
		else
			until_true test -s "$work/a/log"
		fi
		rm -f "$work/a/log"
		kill -INT $pid
		kill -TERM $pid
		status=0
		wait $pid || status=$?
		cat "$work/out"
		[ $status -eq 143 ] || [ $status -eq 130 ]
		grep -q '1 not done' "$work/out"
	done
}

@test "what is changed before it is on the machine when it begins to wait" {
	cat >"$work/site.lua" <<-LUA
		local neap = require "neap"
		local page = neap.file { path = "/www/page", content = "1\n" }
		neap.wait_for { url = "http://$web_a/page", require = page }
		neap.file { path = "/last", content = "1\n" }
	LUA
	rmdir "$work/a/www"
	ln -s "$work/root/www" "$work/a/www"
	"$NEAP" apply "$work/site.lua" --root "$work/root"
	[ -e "$work/root/last" ]
}

@test "TLS with a client certificate, and with headers that are secret" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=it" \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$work/root/key" -out "$work/root/cert" 2>/dev/null
	web_start s "$work/root/cert" "$work/root/key" "$work/root/cert"
	tls='ca_cert = "/cert", headers = { ["X-Token"] = neap.secret { value = "SWORDFISH" } }'
	waits "url = \"https://$web_s/status/200\", timeout = \"1s\""
	[ "$status" -eq 4 ]
	[[ "$output" == *"TLS: "* ]]
	waits "url = \"https://$web_s/status/200\", timeout = \"1s\", $tls"
	[ "$status" -eq 4 ]
	waits "url = \"https://$web_s/status/200\", client_cert = \"/cert\", client_key = \"/key\", $tls" --format json
	[ "$status" -eq 0 ]
	[[ "$output" != *SWORDFISH* ]]
	[ "$(web_log s)" = "GET /status/200 token=SWORDFISH cert=it" ]
}

@test "retries wait again" {
	waits "url = \"http://$web_a/status/500\", timeout = \"1s\", retries = 2"
	[ "$status" -eq 4 ]
	[ "$(web_log a | wc -l)" -eq 3 ]
}

@test "noop does not wait" {
	waits "url = \"http://$web_a/hang\", noop = true"
	[ "$status" -eq 0 ]
	[ -z "$(web_log a)" ]
}
