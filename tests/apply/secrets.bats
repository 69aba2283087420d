# A secret planted in every place that takes one appears in no output, no state file, no argument list.

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-secret-XXXXXX")
	mkdir -p "$work/root/etc"
	secret='S3cr3t+Needle/42'
	printf '%s\n' "$secret" >"$work/token"
	chmod 600 "$work/token"
	printf 'user,old\n' >"$work/root/etc/tokens.csv"
	echo 'root:x:0:0::/root:/bin/sh' >"$work/root/etc/passwd"
	echo 'root:x:0:' >"$work/root/etc/group"
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local token = neap.secret { file = "token" }
		local from_env = neap.secret { env = "TOKEN" }
		neap.file { path = "/etc/tokens.csv", content = token .. ",admin,1\n" }
		neap.file { path = "/etc/env", content = neap.format("token=%s\n", from_env) }
		neap.file { path = "/etc/a.yaml", content = neap.yaml.encode { user = { name = "admin", token = token } } }
		neap.file { path = "/etc/a.json", content = neap.json.encode({ list = { token, "plain" } }, { pretty = true }) }
		neap.file { path = "/etc/t", content = neap.template("t.tmpl", { token = token }), validate = { "test", "-s", "%s" },
			backup = true }
		neap.line { path = "/etc/line", line = "password " .. token }
		neap.file { path = "/etc/base64", content = neap.base64.encode(token) }
		neap.block { path = "/etc/blocks", name = "b", content = "p = " .. token }
		neap.ini { path = "/etc/i.ini", section = "s", key = "password", value = token }
		neap.cron { name = "job", minute = "5", command = "true", environment = { PW = token } }
		neap.user { name = "svc", password = neap.secret { value = "$6$S3cr3tSalt$" .. ("x"):rep(86) } }
		neap.file { path = "/etc/command", content = neap.secret { command = { "cat", neap.params.file } } }
		local made = neap.token { path = "/etc/made" }
		neap.file { path = "/etc/uses", content = neap.json.encode { token = made.value } }
		neap.key { path = "/etc/key", algorithm = "ed25519" }
		print("token is", token)
	LUA
	echo 'value = <%= token %> end' >"$work/t.tmpl"
	export TOKEN=$secret
	encoded=$(printf '%s' "$secret" | base64)
}

teardown() {
	rm -rf "$work"
}

clean() { # no needle in a file, plain or encoded; nor what was made
	! grep -rqF -e "$secret" -e "$encoded" -e 'S3cr3t' "$@" || return 1
	[ ! -e "$work/root/etc/made" ] || ! grep -rqF -e "$(cat "$work/root/etc/made")" "$@" || return 1
	[ ! -e "$work/root/etc/key" ] || ! grep -rqF -e "$(sed -n 2p "$work/root/etc/key")" "$@"
}

@test "no verb prints a secret, in text, JSON or a diff" {
	for arguments in "plan" "plan --diff" "plan --diff -v" "plan --format json" "check" "graph --format json" \
		"graph --format dot" "apply --diff" "plan --diff" "apply --format json"; do
		# shellcheck disable=SC2086
		"$NEAP" $arguments "$work/site.lua" -D file="$work/token" $(case $arguments in graph*) ;; *) echo --root "$work/root" ;; esac) >"$work/out" 2>&1 || true
		[ -s "$work/out" ]
		clean "$work/out" || { echo "in: $arguments"; cat "$work/out"; false; }
	done
	grep -q "$secret,admin,1" "$work/root/etc/tokens.csv"
	grep -q "$encoded" "$work/root/etc/base64"
	[ "$(jq -r '.list[0]' "$work/root/etc/a.json")" = "$secret" ]
}

@test "drift next to a secret is shown without it, and the old bytes are hidden" {
	"$NEAP" apply "$work/site.lua" -D file="$work/token" --root "$work/root"
	sed -i 's/admin/mallory/' "$work/root/etc/tokens.csv" "$work/root/etc/a.yaml"
	printf 'value = %s END\n' "$secret" >"$work/root/etc/t"
	run "$NEAP" plan --diff "$work/site.lua" -D file="$work/token" --root "$work/root"
	[ "$status" -eq 2 ]
	printf '%s\n' "$output" >"$work/out"
	clean "$work/out"
	[[ "$output" == *"(secret)"* ]]
}

@test "a secret is in no state file but the backup that was asked for, and in no argument list" {
	"$NEAP" apply "$work/site.lua" -D file="$work/token" --root "$work/root"
	echo drift >>"$work/root/etc/t"
	strace -f -v -s 4096 -e trace=execve -o "$work/trace" "$NEAP" apply "$work/site.lua" -D file="$work/token" --root "$work/root"
	run grep -cF "$secret" "$work/trace"
	# the environment of neap itself holds TOKEN; a child's must not
	[ "$output" -le 1 ]
	[ "$(stat -c %a "$work/root/var/lib/neap")" = 700 ]
	find "$work/root/var/lib/neap" -type f -path '*backup*' ! -perm 600 | grep . && false
	find "$work/root/var/lib/neap" -type f ! -path '*backup*' -exec grep -lF "$secret" {} + | grep . && false
	true
}

@test "an error does not print a secret" {
	mkdir -p "$work/root/etc/tokens.d"
	cat >"$work/bad.lua" <<-'LUA'
		local neap = require "neap"
		local token = neap.secret { file = "token" }
		neap.file { path = token, content = "x" }
		neap.file { path = "/etc/x", content = "x", mode = token }
		neap.link { path = "/etc/y", target = token }
		neap.line { path = "/etc/tokens.d", line = token, match = "[" }
		neap.file { path = "/etc/z", content = token, ["no" .. "such"] = token }
		error("stop " .. token)
	LUA
	run "$NEAP" check "$work/bad.lua"
	[ "$status" -eq 1 ]
	printf '%s\n' "$output" >"$work/out"
	clean "$work/out" || { cat "$work/out"; false; }
	cat >"$work/worse.lua" <<-'LUA'
		local neap = require "neap"
		local token = neap.secret { file = "token" }
		local n = #token
	LUA
	run "$NEAP" check "$work/worse.lua"
	[ "$status" -eq 1 ]
	[[ "$output" == *"worse.lua:3"* ]]
	printf '%s\n' "$output" >"$work/out"
	clean "$work/out"
}

@test "what a program says of a secret that it read is masked in the error, wherever that goes" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: a root of its own is entered"
	printf 'first line of it\nsecond line of it\n' >"$work/lines"
	cat >"$work/site.lua" <<-LUA
		local neap = require "neap"
		local token = neap.secret { file = "token" }
		local lines = neap.secret { file = "lines" }
		neap.file { path = "$work/a.conf", content = "pw=" .. token .. "\n" }
		neap.file { path = "$work/b.conf", content = "pw=" .. neap.base64.encode(token) .. "\n" }
		neap.file { path = "$work/c.conf", content = "x: " .. lines .. "\n" }
		local made = neap.token { path = "$work/made" }
		neap.exec { name = "a", shell = "cat $work/a.conf >&2; exit 3", always = true }
		neap.exec { name = "b", shell = "cat $work/b.conf; base64 -d <$work/b.conf; exit 3", always = true }
		neap.exec { name = "c", shell = "cat $work/c.conf; exit 3", always = true }
		neap.exec { name = "d", shell = "cat $work/made; exit 3", always = true, require = made }
		local key = neap.key { path = "$work/key.pem", algorithm = "rsa-2048" }
		local cert = neap.cert { path = "$work/ca.crt", key = "$work/ca.key", key_algorithm = "ed25519", ca = true, common_name = "ca" }
		neap.exec { name = "k", shell = "sed -n 8,9p $work/key.pem; tail -n 2 $work/key.pem; exit 3", always = true, require = key }
		neap.exec { name = "l", shell = "cat $work/ca.key; exit 3", always = true, require = cert }
		neap.exec { name = "m", shell = "printf 'client-key-data: '; base64 -w 0 $work/ca.key; exit 3", always = true, require = cert }
		neap.exec { name = "n", shell = "grep -v -e - $work/key.pem | head -n 3 | tr -d '\\\\n' | fold -w 50; exit 3", always = true, require = key }
		neap.exec { name = "e", always = true,
			shell = "head -c 100 /dev/zero | tr '\\\\0' a; cat $work/a.conf; head -c 393 /dev/zero | tr '\\\\0' b; exit 3" }
		neap.exec { name = "f", shell = "exit 1", only_if = { "sh", "-c", "cat $work/a.conf; kill -9 \$\$" } }
		neap.file { path = "$work/v", content = "plain\n", validate = { "sh", "-c", "cat $work/a.conf %s; exit 1" } }
	LUA
	run "$NEAP" apply --state-dir "$work/state" --events "$work/events" --format json "$work/site.lua"
	[ "$status" -eq 4 ]
	printf '%s\n' "$output" >"$work/out"
	[[ "$output" == *"exit 3: pw=(secret)"* ]]
	[[ "$output" == *"exit 3: x: (secret)|(secret)"* ]]
	[[ "$output" == *"exit 3: …(secret)"* ]]
	[[ "$output" == *"exit 3: (secret)|(secret)|(secret)|-----END PRIVATE KEY-----"* ]]
	[[ "$output" == *"exit 3: -----BEGIN PRIVATE KEY-----|(secret)|-----END PRIVATE KEY-----"* ]]
	# However it is folded, and as a kubeconfig has it; what is around it may be in every key.
	[[ "$output" == *"exit 3: client-key-data: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t(secret)LS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo="* ]]
	[[ "$output" == *"exit 3: (secret)|(secret)|(secret)|(secret)"* ]]
	"$NEAP" status --state-dir "$work/state" >>"$work/out" || true
	"$NEAP" plan --state-dir "$work/state" "$work/site.lua" >>"$work/out" 2>&1 || true
	clean "$work/out" "$work/events" "$work/state" || { cat "$work/out"; false; }
	grep -hv -e ---- "$work/key.pem" "$work/ca.key" >"$work/keys"
	! grep -q -F -f "$work/keys" "$work/out" "$work/events" "$work/state/last-run.json"
	! grep -q -e "line of it" -e "Needle" "$work/out" "$work/events" "$work/state/last-run.json"
}
