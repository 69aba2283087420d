# Types that keep a part of somebody else's file, judged by those who read such files.

bats_require_minimum_version 1.5.0

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-edits-XXXXXX")
	root=$work/root
	mkdir -p "$root/etc"
	printf 'root:x:0:0::/root:/bin/sh\nu:x:%d:%d::/home/u:/bin/sh\n' "$(id -u)" "$(id -g)" >"$root/etc/passwd"
}

teardown() {
	rm -rf "$work"
}

recipe() { # the recipe on standard input, after its first line
	{ echo 'local neap = require "neap"'; cat; } >"$work/site.lua"
}

# What the plan says is what the apply does, and then there is nothing to do.
converges() {
	"$NEAP" plan --format json --root "$root" "$work/site.lua" >"$work/plan.json" || [ $? -eq 2 ]
	"$NEAP" apply --format json --root "$root" "$work/site.lua" >"$work/apply.json"
	entries='[.resources[] | {address, action, changes, reason}]'
	diff <(jq -S "$entries" "$work/plan.json") <(jq -S "$entries" "$work/apply.json")
	"$NEAP" plan --root "$root" "$work/site.lua"
}

@test "parts of one file by several types come in the order of declaration, and go again" {
	printf '# theirs\n[A]\nk = 1\n' >"$root/etc/x"
	cp "$root/etc/x" "$work/before"
	recipe <<-'LUA'
		local absent = neap.params.GONE and "absent" or nil
		neap.block { path = "/etc/x", name = "one", content = not absent and "first\n" or nil, ensure = absent, insert_before = not absent and "^\\[" or nil }
		neap.ini { path = "/etc/x", section = "A", key = "j", value = not absent and 2 or nil, ensure = absent }
		neap.line { path = "/etc/x", line = "last", ensure = absent, insert_after = not absent and "^first" or nil }
	LUA
	converges
	printf '# theirs\n# BEGIN neap: one\nfirst\n# END neap: one\nlast\n[A]\nk = 1\nj = 2\n' | diff - "$root/etc/x"
	"$NEAP" apply -q --root "$root" "$work/site.lua" -D GONE=1
	diff "$work/before" "$root/etc/x"
}

@test "a block's secret is in the file and nowhere else" {
	recipe <<-'LUA'
		neap.block { path = "/etc/x", name = "token", content = "token=" .. neap.secret { value = "hunter2hunter2" } .. "\n" }
	LUA
	run "$NEAP" plan --diff -v --root "$root" "$work/site.lua"
	[[ "$output" != *hunter2* ]]
	run "$NEAP" apply --diff -v --root "$root" "$work/site.lua"
	[ "$status" -eq 0 ]
	[[ "$output" != *hunter2* ]]
	grep -q hunter2hunter2 "$root/etc/x"
	[ "$(stat -c %a "$root/etc/x")" = 600 ]
	run grep -r hunter2 "$root/var"
	[ "$status" -eq 1 ]
	printf '# BEGIN neap: token\ntoken=old\n# END neap: token\n' >"$root/etc/x"
	run "$NEAP" plan --diff --format json --root "$root" "$work/site.lua"
	[[ "$output" != *hunter2* && "$output" != *token=old* ]]
}

@test "units that ini edits are what systemd reads" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	mkdir -p "$root/etc/systemd/system"
	printf '[Unit]\nDescription=x\n\n[Service]\n# how\nExecStart=/bin/true\n' >"$root/etc/systemd/system/x.service"
	recipe <<-'LUA'
		local unit = "/etc/systemd/system/x.service"
		neap.ini { path = unit, section = "Service", key = "Type", value = "oneshot", separator = "=" }
		neap.ini { path = unit, section = "Unit", key = "Description", value = "a thing" }
		neap.ini { path = unit, section = "Install", key = "WantedBy", value = "multi-user.target" }
	LUA
	converges
	printf '[Unit]\nDescription=a thing\n\n[Service]\n# how\nExecStart=/bin/true\nType=oneshot\n\n[Install]\nWantedBy = multi-user.target\n' |
		diff - "$root/etc/systemd/system/x.service"
	run systemd-analyze verify --man=no "$root/etc/systemd/system/x.service"
	[[ "$output" != *x.service:* ]]
}

@test "hosts entries are what the resolver finds" {
	[ "$(id -u)" -eq 0 ] || skip "mounting needs root"
	printf '127.0.0.1 localhost\n::1 localhost\n192.0.2.9 old db # both\n192.0.2.8 gone\n' >"$root/etc/hosts"
	recipe <<-'LUA'
		neap.hosts_entry { ip = "192.0.2.7", name = "db", aliases = { "sql" } }
		neap.hosts_entry { ip = "2001:DB8:0::7", name = "db" }
		neap.hosts_entry { name = "gone", ensure = "absent" }
	LUA
	converges
	run unshare -m sh -c 'mount --bind "$1/etc/hosts" /etc/hosts && for name in db sql old; do getent ahostsv4 $name | head -1; done
		getent ahostsv6 db | head -1; getent hosts gone; getent ahostsv4 localhost | head -1' sh "$root"
	echo "$output"
	[[ "${lines[0]}" == "192.0.2.7 "* ]]
	[[ "${lines[1]}" == "192.0.2.7 "*db ]]
	[[ "${lines[2]}" == "192.0.2.9 "* ]]
	[[ "${lines[3]}" == "2001:db8::7 "* ]]
	[[ "${lines[4]}" == "127.0.0.1 "* ]]
}

@test "an authorized key is the user's alone, and what ssh reads" {
	mkdir -p "$root/home/u"
	ssh-keygen -q -t ed25519 -N '' -C 'a key' -f "$work/a"
	ssh-keygen -q -t rsa -b 2048 -N '' -C b -f "$work/b"
	recipe <<-LUA
		neap.authorized_key { user = "u", key = "$(cat "$work/a.pub")", options = { 'from="10.0.0.0/8,::1"', "no-pty" } }
		neap.authorized_key { user = "u", key = neap.read "$work/b.pub" }
	LUA
	# The address says who, and which key as ssh-keygen does, not all of it.
	for key in a b; do
		fingerprint=$(ssh-keygen -lf "$work/$key.pub" | cut -d' ' -f2 | head -c 23)
		"$NEAP" graph --format json "$work/site.lua" |
			jq -e --arg f "$fingerprint" '.resources[] | select(.address == "authorized_key[u: \($f) '"$([ $key = a ] && echo "a key" || echo b)"']")'
	done
	umask 0
	converges
	[ "$(stat -c %a "$root/home/u/.ssh")" = 700 ]
	[ "$(stat -c '%a %u' "$root/home/u/.ssh/authorized_keys")" = "600 $(id -u)" ]
	diff <(ssh-keygen -lf "$root/home/u/.ssh/authorized_keys") <(ssh-keygen -lf "$work/a.pub" && ssh-keygen -lf "$work/b.pub")
	chmod 755 "$root/home/u/.ssh"
	chmod 666 "$root/home/u/.ssh/authorized_keys"
	converges
	[ "$(stat -c %a "$root/home/u/.ssh" "$root/home/u/.ssh/authorized_keys" | xargs)" = "700 600" ]
}

@test "an authorized key goes through no link that the user planted" {
	[ "$(id -u)" -eq 0 ] || skip "another owner needs root"
	mkdir -p "$root/home/u" "$root/target"
	echo 'u:x:1234:1234::/home/u:/bin/sh' >"$root/etc/passwd"
	ssh-keygen -q -t ed25519 -N '' -f "$work/a"
	recipe <<-LUA
		neap.authorized_key { user = "u", key = "$(cat "$work/a.pub")" }
	LUA
	ln -s /target "$root/home/u/.ssh"
	chown -h 1234:1234 "$root/home/u" "$root/home/u/.ssh"
	run "$NEAP" apply --root "$root" "$work/site.lua"
	[ "$status" -eq 4 ]
	[ -z "$(ls -A "$root/target")" ]
	rm "$root/home/u/.ssh"
	mkdir "$root/home/u/.ssh"
	ln -s /etc/shadow "$root/home/u/.ssh/authorized_keys"
	chown -hR 1234:1234 "$root/home/u"
	run "$NEAP" apply --root "$root" "$work/site.lua"
	[ "$status" -eq 4 ]
	[ ! -e "$root/etc/shadow" ]
	rm "$root/home/u/.ssh/authorized_keys"
	# The home itself, once it is a link of his.
	mv "$root/home/u" "$root/home/v"
	ln -s /target "$root/home/u"
	chown -h 1234:1234 "$root/home/u"
	run "$NEAP" apply --root "$root" "$work/site.lua"
	[ "$status" -eq 4 ]
	[ -z "$(ls -A "$root/target")" ]
}

@test "a job is what cron takes, and what cron would not take is refused" {
	command -v crontab >/dev/null || skip "no crontab"
	recipe <<-'LUA'
		neap.cron { name = "a", minute = "0,15-20,30-50/5,*/7", hour = "*/6", day = "1-31", month = "feb", weekday = "0-7",
			user = "u", command = "date +\\%F >/dev/null", environment = { MAILTO = "", QUOTED = 'say "x"' } }
		neap.cron { name = "b", special = "@weekly", command = "true" }
		neap.cron { name = "c", minute = 5, hour = 3, weekday = "sun", command = "true" }
	LUA
	converges
	for job in a b c; do
		# As cron.d has it, without the user.
		sed -E 's/^(([^ =]+ ){5}|@weekly )(u|root) /\1/' "$root/etc/cron.d/$job" >"$work/tab"
		run crontab -n "$work/tab"
		echo "$output"
		[ "$status" -eq 0 ]
	done
	for minute in 60 '*/0' '5/10' '1,' '-1' 'x' '1-70'; do
		recipe <<<"neap.cron { name = 'a', minute = '$minute', command = 'true' }"
		run "$NEAP" check "$work/site.lua"
		[ "$status" -eq 1 ]
		echo "$minute * * * * true" >"$work/tab"
		run crontab -n "$work/tab"
		[ "$status" -ne 0 ]
	done
}

@test "the time zone is what the C library shows" {
	mkdir -p "$root/usr/share"
	[ -e /usr/share/zoneinfo/Asia/Tokyo ] || skip "no zones"
	cp -a /usr/share/zoneinfo "$root/usr/share"
	echo Etc/UTC >"$root/etc/timezone"
	recipe <<<'neap.timezone { name = "Asia/Tokyo" }'
	converges
	[ "$(cat "$root/etc/timezone")" = Asia/Tokyo ]
	[ "$(TZ=":$root$(readlink "$root/etc/localtime")" date -d @0 +%H)" = 09 ]
	ln -sfn ../usr/share/zoneinfo/Asia/Tokyo "$root/etc/localtime"
	"$NEAP" plan --root "$root" "$work/site.lua"
	cp --remove-destination /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"
	converges
}

@test "each part of a file stands on the owner of the file and on the directory, not the first alone" {
	cat >"$BATS_TEST_TMPDIR/owner.lua" <<-LUA
	local neap = require "neap"
	local d = "$BATS_TEST_TMPDIR/"
	local bad = neap.exec { name = "bad", command = { "false" }, always = true }
	neap.directory { path = d .. "private", mode = "0700", require = bad }
	neap.file { path = d .. "secret", mode = "0600", require = bad }
	for _, path in ipairs { d .. "private/file", d .. "secret" } do
		neap.block { path = path, name = "a", content = "a" }
		neap.block { path = path, name = "b", content = "b" }
		neap.line { path = path, line = "c" }
	end
	LUA
	run "$NEAP" apply --state-dir "$BATS_TEST_TMPDIR/state" "$BATS_TEST_TMPDIR/owner.lua"
	[ "$status" = 4 ]
	[[ $output == *"1 failed, 8 skipped"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/private" ] && [ ! -e "$BATS_TEST_TMPDIR/secret" ]
}

@test "an entry whose requirement fails does not come along with the next entry of the file" {
	cat >"$work/site.lua" <<-'LUA'
	local neap = require "neap"
	local bad = neap.file { path = "/bad", content = "x", validate = { "false", "%s" } }
	neap.sysctl { name = "kernel.first", value = "1", require = bad }
	neap.sysctl { name = "kernel.second", value = "1" }
	LUA
	run "$NEAP" apply --root "$root" "$work/site.lua"
	[ "$status" = 4 ]
	[[ $output == *"1 failed, 1 skipped"* ]]
	[ "$(cat "$root/etc/sysctl.d/90-neap.conf")" = "kernel.second = 1" ]
}
