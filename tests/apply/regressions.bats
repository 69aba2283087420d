# What once went wrong, one fact a test.

bats_require_minimum_version 1.5.0

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-regress-XXXXXX")
	mkdir "$work/root"
	cd "$work"
}

teardown() {
	cd /
	rm -rf "$work"
}

recipe() { # recipe LINES…: site.lua
	{
		echo 'local neap = require "neap"'
		printf '%s\n' "$@"
	} >site.lua
}

@test "a purge spares what a resource owns by another name, through a link on the way" {
	mkdir -p root/real
	ln -s real root/lnk
	touch root/real/junk
	recipe 'neap.directory { path = "/real", purge = true, recurse = true }' \
		'neap.file { path = "/lnk/keep", content = "x" }'
	"$NEAP" apply site.lua --root root
	run "$NEAP" plan site.lua --root root
	[ "$status" -eq 0 ]
	[ -f root/real/keep ]
	[ ! -e root/real/junk ]
}

@test "a directory that is to go does not take what a resource owns by another name" {
	mkdir -p root/real
	ln -s real root/lnk
	echo x >root/real/keep
	recipe 'neap.directory { path = "/real", ensure = "absent", recurse = true }' \
		'neap.file { path = "/lnk/keep", content = "x\n" }'
	run "$NEAP" apply site.lua --root root
	[ "$status" -eq 4 ]
	[[ "$output" == *"/real/keep"* ]]
	[ -f root/real/keep ]
}

@test "a source over one megabyte is shown by its size and digest, and copied" {
	head -c 3000000 /dev/zero >big
	recipe 'neap.file { path = "/big", source = "big" }'
	run "$NEAP" plan site.lua --root root --format json
	[ "$status" -eq 2 ]
	[ "$(jq -c '.resources[0].changes[] | select(.param == "content").after.size' <<<"$output")" = 3000000 ]
	[ "$(jq -r '.resources[0].changes[] | select(.param == "content").after.sha256' <<<"$output")" = \
		"$(sha256sum <big | cut -d' ' -f1)" ]
	"$NEAP" apply site.lua --root root
	cmp big root/big
}

@test "two secret lines that look the same are two resources" {
	recipe 'local a, b = neap.secret { value = "one1" }, neap.secret { value = "two2" }' \
		'neap.line { path = "/f", line = "pass=" .. a }' \
		'neap.line { path = "/f", line = "pass=" .. b }'
	"$NEAP" apply site.lua --root root
	[ "$(cat root/f)" = "$(printf 'pass=one1\npass=two2')" ]
	run "$NEAP" plan site.lua --root root
	[ "$status" -eq 0 ]
}

@test "all errors of a recipe come together, an unknown type among them" {
	recipe 'local x = neap.fil { path = "/x" }' 'neap.file { path = "y" .. x.path, ownr = 1, require = x }'
	run "$NEAP" check site.lua
	[ "$status" -eq 1 ]
	[[ "$output" == *"did you mean neap.file?"* ]]
	[[ "$output" == *'site.lua:3'*'did you mean "owner"?'* ]]
}

@test "what a validating program says of a secret is not shown, whoever may read the file" {
	recipe 'local key = neap.secret { value = "hunter2hunter2" }' \
		'neap.file { path = "/key", content = key, mode = "0644",' \
		'  validate = { "/bin/sh", "-c", "cat %s >&2; exit 1" } }'
	run "$NEAP" apply site.lua --root root
	[ "$status" -eq 4 ]
	[[ "$output" != *hunter2* ]]
}

@test "a file that its validating program has changed does not land" {
	recipe 'neap.file { path = "/f", content = "x", validate = { "/bin/sh", "-c", "echo more >>%s" } }'
	run "$NEAP" apply site.lua --root root
	[ "$status" -eq 4 ]
	[ ! -e root/f ]
}

@test "no address of memory gets into what a recipe says" {
	recipe 'neap.file { path = "/f", content = tostring({}) .. tostring(print) }'
	"$NEAP" apply site.lua --root root
	run "$NEAP" plan site.lua --root root
	[ "$status" -eq 0 ]
}

@test "directories above the state are 0755 under any umask" {
	recipe 'neap.file { path = "/f" }'
	(umask 077 && "$NEAP" apply site.lua --root root)
	[ "$(id -u)" -ne 0 ] || [ "$(stat -c %a root/var/lib)" = 755 ]
	[ "$(stat -c %a root/var/lib/neap)" = 700 ]
}

@test "a file too large for a line is refused without being read" {
	truncate -s 1T root/f || skip "no file of this size here"
	recipe 'neap.line { path = "/f", line = "x" }'
	run timeout 10 "$NEAP" plan site.lua --root root
	[ "$status" -eq 4 ]
	[[ "$output" == *"larger than 1 MB"* ]]
}

@test "the lock is nobody's to replace" {
	recipe 'neap.file { path = "/var/lib/neap/lock", content = "x" }'
	run "$NEAP" apply site.lua --root root
	[ "$status" -eq 4 ]
	[[ "$output" == *"neap's own"* ]]
}

@test "what somebody else writes between reading and landing is not lost" {
	mkdir -p root/d
	echo first >root/d/hosts
	recipe 'neap.file { path = "/d/v", content = "2", validate = { "sh", "-c", "sleep 1; test -s $0", "%s" } }' \
		'neap.line { path = "/d/hosts", line = "mine" }' \
		'neap.file { path = "/d/new", content = "ours\n" }'
	"$NEAP" apply site.lua --root root >out 2>&1 &
	pid=$!
	sleep 0.4
	echo other >>root/d/hosts
	echo theirs >root/d/new
	status=0
	wait $pid || status=$?
	cat out
	[ $status -eq 4 ]
	grep -q "while neap was at work" out
	[ "$(cat root/d/hosts)" = "$(printf 'first\nother')" ]
	[ "$(cat root/d/new)" = theirs ]
	"$NEAP" apply site.lua --root root
	[ "$(cat root/d/hosts)" = "$(printf 'first\nother\nmine')" ]
	[ "$(cat root/d/new)" = ours ]
}

@test "a signal while a group lands ends the run between two resources" {
	recipe 'for i = 1, 3 do neap.file { path = "/f" .. i, content = "x",' \
		'validate = { "sh", "-c", "sleep 1; test -s $0", "%s" } } end'
	"$NEAP" apply site.lua --root root --format json >out &
	pid=$!
	sleep 0.5
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status -eq 143 ]
	[ -f root/f1 ]
	[ ! -e root/f2 ]
	[ "$(jq -r '.summary.not_done' out)" = 2 ]
	"$NEAP" apply site.lua --root root
	[ -f root/f3 ]
}

@test "a plain user's plan foresees what only root may do" {
	[ "$(id -u)" -eq 0 ] || skip "becoming another user needs root"
	chmod 755 "$work"
	mkdir root/closed root/open root/var
	chown 4711 root root/open root/var
	echo x >root/open/roots
	chmod 644 root/open/roots
	recipe 'neap.file { path = "/open/mine", content = "x" }' \
		'neap.file { path = "/closed/f", content = "x" }' \
		'neap.file { path = "/open/given", content = "x", owner = "0" }' \
		'neap.file { path = "/open/roots", mode = "0600" }' \
		'neap.line { path = "/open/roots", line = "y", require = {} }'
	for verb in plan apply; do
		run --separate-stderr setpriv --reuid=4711 --regid=4711 --clear-groups "$NEAP" $verb site.lua --root root --format json
		[ "$status" -eq 4 ]
		echo "$output" >$verb.json
		[ "$(jq '.summary.create' $verb.json)" = 1 ]
		[ "$(jq '.summary.failed' $verb.json)" = 3 ]
		[ "$(jq '.summary.skipped' $verb.json)" = 1 ]
	done
	diff <(jq '[.resources[0:4][].error]' plan.json) <(jq '[.resources[0:4][].error]' apply.json)
}

@test "a first plan below a root knows that neap's state makes /var/lib" {
	recipe 'neap.file { path = "/var/lib/x/y", content = "x" }' 'neap.directory { path = "/var/spool" }'
	for verb in plan apply; do
		"$NEAP" $verb site.lua --root root --format json >$verb.json || [ $verb = plan ]
	done
	diff <(jq '[.resources[] | {action, reason, changes}]' plan.json) <(jq '[.resources[] | {action, reason, changes}]' apply.json)
}

# The plan is what is done, nothing fails, and the second plan is empty
converges() {
	local what='[.resources[] | {address, action, changes}]'
	"$NEAP" plan site.lua --root root --format json >plan.json || [ $? = 2 ]
	"$NEAP" apply site.lua --root root --format json >apply.json
	diff <(jq "$what" plan.json) <(jq "$what" apply.json)
	"$NEAP" plan site.lua --root root
}

@test "a purge spares the keys of users, wherever they live" {
	[ "$(id -u)" -eq 0 ] || skip "giving files to users needs root"
	mkdir -p root/etc root/home/alice/.ssh root/srv/bob/.ssh root/srv/eve/.ssh
	printf '%s\n' root:x:0:0::/root:/bin/sh alice:x:0:0::/home/alice:/bin/sh bob:x:0:0::/srv/bob:/bin/sh >root/etc/passwd
	printf '%s\n' root:x:0: >root/etc/group
	key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIcSTkMWjN8wcJXtcEcpYcxSXa0K6Shfj7WUbGSYbYKr"
	for directory in home/alice srv/bob srv/eve; do
		touch root/$directory/.ssh/junk
		[ $directory = srv/eve ] || echo "# by hand" >root/$directory/.ssh/authorized_keys
	done
	# alice's and bob's before the purge and behind it; eve is only made by this run.
	recipe "neap.authorized_key { user = 'alice', key = '$key' }" \
		"neap.directory { path = '/home/alice/.ssh', mode = '0700', purge = true }" \
		"neap.directory { path = '/srv', purge = true, recurse = true }" \
		"neap.authorized_key { user = 'bob', key = '$key' }" \
		"neap.user { name = 'eve', home = '/srv/eve', before = 'directory[/srv/eve/.ssh]' }" \
		"neap.directory { path = '/srv/eve/.ssh', purge = true }" \
		"neap.authorized_key { user = 'eve', key = '$key', require = 'directory[/srv/eve/.ssh]' }"
	converges
	for directory in home/alice srv/bob srv/eve; do
		[ $directory = srv/eve ] || grep -q "^# by hand" root/$directory/.ssh/authorized_keys
		grep -qF "$key" root/$directory/.ssh/authorized_keys
		[ ! -e root/$directory/.ssh/junk ]
	done
}

@test "a purge spares what a resource makes through a link that another has just made" {
	recipe 'neap.directory { path = "/b", purge = true, recurse = true }' \
		'neap.link { path = "/b/current", target = "one" }' \
		'neap.directory { path = "/b/one" }' \
		'neap.file { path = "/b/current/t", content = "x" }'
	converges
	[ -f root/b/one/t ]
}
