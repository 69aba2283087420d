# Users and groups on real files, judged by who reads them: getent, id, pwck and grpck in a chroot, and by what
# useradd and its kin write for the same request.

bats_require_minimum_version 1.5.0

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-accounts-XXXXXX")
	root=$work/root
	mkdir -p "$root/etc/skel/.config" "$root/home"
	cat >"$root/etc/passwd" <<-'X'
		root:x:0:0:root:/root:/bin/bash
		daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
		old:x:1000:1000:Old One:/home/old:/bin/sh
	X
	printf '%s\n' root:x:0: daemon:x:1: adm:x:4:old shadow:x:42: users:x:100: old:x:1000: >"$root/etc/group"
	printf '%s\n' 'root:*:19000:0:99999:7:::' 'daemon:*:19000:0:99999:7:::' 'old:$6$oldsalt$oldoldoldoldoldoldoldold:19000:0:99999:7:::' \
		>"$root/etc/shadow"
	printf '%s\n' 'root:*::' 'daemon:*::' 'adm:*::old' 'shadow:*::' 'users:*::' 'old:!::' >"$root/etc/gshadow"
	echo old:100000:65536 >"$root/etc/subuid"
	echo old:100000:65536 >"$root/etc/subgid"
	cat >"$root/etc/login.defs" <<-'X'
		# as Debian has it
		UID_MIN			 1000
		UID_MAX			60000
		GID_MIN			 1000
		GID_MAX			60000
		UMASK		022
		HOME_MODE	0750
		PASS_MAX_DAYS	99999
		PASS_MIN_DAYS	0
		PASS_WARN_AGE	7
		USERGROUPS_ENAB yes
		ENCRYPT_METHOD SHA512
	X
	echo 'passwd: files
group: files
shadow: files
gshadow: files' >"$root/etc/nsswitch.conf"
	echo "# profile" >"$root/etc/skel/.profile"
	echo "set x" >"$root/etc/skel/.config/rc"
	chmod 640 "$root/etc/skel/.config/rc"
	ln -s .profile "$root/etc/skel/.link"
	if [ "$(id -u)" -eq 0 ]; then
		chown 0:42 "$root/etc/shadow" "$root/etc/gshadow"
	fi
	chmod 640 "$root/etc/shadow" "$root/etc/gshadow"
}

teardown() {
	rm -rf "$work"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "accounts are root's to give away"
}

# The machine whose /etc and /home are those of DIR: COMMAND in it.
within() { # within DIR COMMAND…
	mkdir -p "$work/all"
	unshare -m sh -c 'mount --bind / "$1" && mount --bind "$2/etc" "$1/etc" && mount --bind "$2/home" "$1/home" &&
		all=$1 && shift 2 && exec chroot "$all" "$@"' sh "$work/all" "$@"
}

recipe() {
	{ echo 'local neap = require "neap"'; cat; } >"$work/site.lua"
}

apply() {
	"$NEAP" apply "$work/site.lua" --root "$root" "$@"
}

hash='$6$saltsalt$GG2tL0HzIH1Mq3x8J0dJZpXcN0uGJ1mQq0m1r9zjQhHnQmZKc7H0oGJ9aX4JpBq0t6y2mYkz8bq2wVtq1'

converged() {
	run "$NEAP" plan "$work/site.lua" --root "$root"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "users and groups are what getent and id take them for, and pwck and grpck find nothing" {
	need_root
	recipe <<-LUA
		neap.user { name = "alice", comment = "Alice A.", shell = "/bin/bash", groups = { "deploy", "adm" },
			create_home = true, password = neap.secret { value = "$hash" } }
		neap.user { name = "etcd", system = true, home = "/home/etcd", create_home = true }
		neap.user { name = "web", uid = 70000, gid = 70001, create_home = true }
		neap.user { name = "guest", group = "users", create_home = true }
		neap.group { name = "deploy", members = { "old" } }
		neap.group { name = "fixed", gid = 4242 }
	LUA
	apply
	converged
	[ "$(within "$root" getent passwd alice)" = "alice:x:1002:1002:Alice A.:/home/alice:/bin/bash" ]
	[ "$(within "$root" getent passwd etcd)" = "etcd:x:999:999::/home/etcd:/usr/sbin/nologin" ]
	[ "$(within "$root" getent passwd web)" = "web:x:70000:70001::/home/web:/bin/sh" ]
	[ "$(within "$root" getent group web)" = "web:x:70001:" ]
	[ "$(within "$root" getent group fixed)" = "fixed:x:4242:" ]
	[ "$(within "$root" getent group deploy)" = "deploy:x:1001:old,alice" ]
	[ "$(within "$root" id alice)" = "uid=1002(alice) gid=1002(alice) groups=1002(alice),4(adm),1001(deploy)" ]
	[ "$(within "$root" id guest)" = "uid=1001(guest) gid=100(users) groups=100(users)" ]
	[ "$(within "$root" getent shadow alice | cut -d: -f2)" = "$hash" ]
	[ "$(within "$root" getent shadow etcd | cut -d: -f2,4-)" = '!::::::' ]
	[ "$(within "$root" getent gshadow deploy)" = 'deploy:!::old,alice' ]
	rmdir "$root/home/old" 2>/dev/null || true
	mkdir "$root/home/old"
	run within "$root" pwck -r
	echo "$output"
	[ "$status" -eq 0 ]
	run within "$root" grpck -r
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(stat -c '%a %g' "$root/etc/shadow" "$root/etc/gshadow" "$root/etc/passwd" | tr '\n' ,)" = "640 42,640 42,644 0," ]
}

@test "they are the bytes that groupadd, useradd and usermod write" {
	need_root
	# Debian 12's useradd makes directories of skel, and forgets what is in them
	rm -r "$root/etc/skel/.config"
	cp -a "$root" "$work/theirs"
	recipe <<-LUA
		neap.group { name = "docker", system = true }
		local plain = neap.group { name = "plain" }
		local one = neap.user { name = "one", comment = "One", create_home = true, require = plain }
		local two = neap.user { name = "two", groups = { "docker", "plain" }, shell = "/bin/bash", create_home = true, require = one }
		local svc = neap.user { name = "svc", system = true, shell = "/bin/sh", require = two }
		neap.user { name = "old", groups = { "docker" }, groups_exclusive = true, comment = "Older", require = svc }
	LUA
	apply
	within "$work/theirs" sh -ec 'groupadd -r docker; groupadd plain
		useradd -m -s /bin/sh -c One one; useradd -m -s /bin/bash -G docker,plain two; useradd -r -s /bin/sh svc
		usermod -G docker -c Older old' || {
		echo "their own tools failed"
		false
	}
	for file in passwd group shadow gshadow subuid subgid; do
		diff "$work/theirs/etc/$file" "$root/etc/$file"
	done
	# All but one thing: a link in a new home belongs to root here.
	tree='find . ! -type l -printf "%p %y %m %U:%G\n" | sort; find . -type l -printf "%p %l\n" | sort'
	diff <(cd "$work/theirs/home" && eval "$tree") <(cd "$root/home" && eval "$tree")
	diff -r --no-dereference "$work/theirs/home" "$root/home"
	# And the other way.
	recipe <<-'LUA'
		for _, name in ipairs { "one", "two", "svc" } do
			neap.user { name = name, ensure = "absent" }
		end
		neap.group { name = "plain", ensure = "absent" }
	LUA
	apply
	converged
	within "$work/theirs" sh -c 'for user in one two svc; do userdel $user; done; groupdel plain'
	for file in passwd group shadow gshadow subuid subgid; do
		diff "$work/theirs/etc/$file" "$root/etc/$file"
	done
}

@test "the plan says the very numbers that the apply takes, and a second plan is empty" {
	need_root
	recipe <<-'LUA'
		for i = 1, 5 do
			neap.user { name = "u" .. i, groups = { "all" }, create_home = i % 2 == 0 }
			neap.user { name = "s" .. i, system = true }
			neap.group { name = "g" .. i }
		end
		neap.group { name = "all", system = true }
		neap.file { path = "/home/u2/.profile", content = "mine\n", owner = "u2", group = "g3" }
		neap.directory { path = "/home/u4", owner = "u4", mode = "0700" }
	LUA
	"$NEAP" plan "$work/site.lua" --root "$root" --format json >"$work/plan.json" || [ $? -eq 2 ]
	apply --format json >"$work/apply.json"
	entries='[.resources[] | {address, action, changes, reason}]'
	diff <(jq -S "$entries" "$work/plan.json") <(jq -S "$entries" "$work/apply.json")
	uids=$(jq -r '.resources[] | select(.type == "user") | .name + " " + (.changes[] | select(.param == "uid") | .after)' \
		"$work/plan.json" | sort)
	[ "$uids" = "$(within "$root" getent passwd | awk -F: '/^[us][0-9]:/ { print $1, $3 }' | sort)" ]
	[ "$(echo "$uids" | cut -d' ' -f2 | sort -u | wc -l)" -eq 10 ]
	converged
}

@test "who names an account comes after who makes it, wherever it is declared" {
	need_root
	recipe <<-'LUA'
		neap.file { path = "/srv/app/conf", owner = "app", group = "ops", content = "x" }
		neap.directory { path = "/srv/app", owner = "app", group = "app", mode = "0750" }
		neap.user { name = "app", home = "/srv/app/home", create_home = true, groups = { "ops" } }
		neap.group { name = "ops" }
	LUA
	apply
	[ "$(stat -c '%u:%g %a' "$root/srv/app/conf" "$root/srv/app" "$root/srv/app/home" | tr '\n' ,)" = \
		"1001:1001 644,1001:1002 750,1001:1002 750," ]
	converged
	[ "$("$NEAP" graph "$work/site.lua" --format json |
		jq -r '.resources[] | select(.address == "file[/srv/app/conf]") | .requires[] | .address + " " + .why' | sort | tr '\n' ,)" = \
		"directory[/srv/app] autorequire,group[ops] autorequire,user[app] autorequire," ]
	# What is to go is no owner.
	recipe <<-'LUA'
		neap.file { path = "/srv/app/conf", owner = "app", content = "x" }
		neap.user { name = "app", ensure = "absent" }
	LUA
	run "$NEAP" plan "$work/site.lua" --root "$root"
	[ "$status" -eq 1 ]
	[[ $output == *"file[/srv/app/conf] (site.lua:2) needs the user app, which user[app] (site.lua:3) makes absent"* ]]
}

@test "a home is copied from skel with its modes, and one that is there is left as it is" {
	need_root
	mkdir "$root/home/bob"
	echo kept >"$root/home/bob/.profile"
	chmod 711 "$root/home/bob"
	recipe <<-'LUA'
		neap.user { name = "alice", create_home = true }
		neap.user { name = "bob", create_home = true }
		neap.user { name = "carol" }
	LUA
	run apply
	[ "$status" -eq 0 ]
	[[ $output == *"/home/bob is there, and stays as it is"* ]]
	[ "$(cd "$root/home" && find alice ! -type l -printf '%p %m %U\n' | sort | tr '\n' ,)" = \
		"alice 750 1001,alice/.config 755 1001,alice/.config/rc 640 1001,alice/.profile 644 1001," ]
	[ "$(readlink "$root/home/alice/.link")" = .profile ]
	diff "$root/etc/skel/.config/rc" "$root/home/alice/.config/rc"
	[ "$(cat "$root/home/bob/.profile")" = kept ]
	[ "$(stat -c '%a %u' "$root/home/bob")" = "711 0" ]
	[ ! -e "$root/home/carol" ]
	converged
	# One that was lost is made again for a user who is there.
	rm -r "$root/home/alice"
	apply
	[ "$(stat -c '%a %u' "$root/home/alice")" = "750 1001" ]
	converged
}

@test "a making that was interrupted half way through a home is completed" {
	need_root
	mkdir -m 1700 "$root/home/alice"
	cp "$root/etc/skel/.profile" "$root/home/alice"
	recipe <<-'LUA'
		neap.user { name = "alice", create_home = true }
	LUA
	run "$NEAP" plan "$work/site.lua" --root "$root"
	[[ $output == *"completes /home/alice"* ]]
	apply
	[ -e "$root/home/alice/.config/rc" ]
	[ "$(stat -c '%a %u' "$root/home/alice")" = "750 1001" ]
	converged
}

@test "other lines stay byte for byte" {
	need_root
	printf 'root:x:0:0::/root:/bin/sh\n# comment\n\nbroken line\nbroken:x:abc:5::/:/bin/sh\nold:x:1000:1000::/h:/s\n+::::::\n-foe' \
		>"$root/etc/passwd"
	printf 'root:x:0:\nold:x:1000:\n+:::' >"$root/etc/group"
	recipe <<-'LUA'
		neap.user { name = "old", shell = "/bin/bash" }
		neap.user { name = "new", require = "user[old]" }
	LUA
	apply
	printf 'root:x:0:0::/root:/bin/sh\n# comment\n\nbroken line\nbroken:x:abc:5::/:/bin/sh\nold:x:1000:1000::/h:/bin/bash\nnew:x:1001:1001::/home/new:/bin/sh\n+::::::\n-foe' |
		cmp - "$root/etc/passwd"
	printf 'root:x:0:\nold:x:1000:\nnew:x:1001:\n+:::' | cmp - "$root/etc/group"
	converged
	recipe <<-'LUA'
		neap.user { name = "broken" }
	LUA
	run "$NEAP" plan "$work/site.lua" --root "$root"
	[ "$status" -eq 4 ]
	[[ $output == *"/etc/passwd:5: the entry of broken is malformed"* ]]
	printf 'one:x:1:1::/:/bin/sh' >"$root/etc/passwd"
	recipe <<-'LUA'
		neap.user { name = "new" }
	LUA
	apply
	printf 'one:x:1:1::/:/bin/sh\nnew:x:1000:1001::/home/new:/bin/sh\n' | cmp - "$root/etc/passwd"
}

@test "a user who goes leaves nothing but a home, and with remove_home not even that" {
	need_root
	recipe <<-'LUA'
		neap.user { name = "alice", create_home = true, groups = { "adm", "team" } }
		neap.user { name = "bob", create_home = true, groups = { "alice" } }
		neap.group { name = "team" }
	LUA
	sed -i '/groups = { "alice" }/s/}$/, require = "user[alice]" }/' "$work/site.lua"
	apply
	before=$(cat "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid} | grep -c alice)
	[ "$before" -ge 9 ]
	recipe <<-'LUA'
		neap.group { name = "team", ensure = "absent" }
		neap.user { name = "alice", ensure = "absent" }
		neap.user { name = "bob", ensure = "absent", remove_home = true }
	LUA
	run "$NEAP" plan "$work/site.lua" --root "$root"
	[[ $output == *"/home/alice stays"* ]]
	[[ $output == *"removes /home/bob and all that is in it"* ]]
	apply
	converged
	# bob was still in it when alice went, so it is somebody's
	[ "$(grep -h alice "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid} | tr '\n' ,)" = 'alice:x:1002:,alice:!::,' ]
	run grep bob "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid}
	[ "$status" -eq 1 ]
	[ -d "$root/home/alice" ]
	[ ! -e "$root/home/bob" ]
}

@test "remove_home spares what is not the user's alone" {
	need_root
	mkdir -p "$root/home/shared/x" "$root/home/roots"
	chown 1100 "$root/home/shared"
	printf '%s\n' a:x:1100:1000::/home/shared:/s b:x:1101:1000::/home/shared/x:/s c:x:1102:1000::/home/roots:/s \
		d:x:1103:1000::/home:/s >>"$root/etc/passwd"
	for user in a c d; do
		recipe <<<"neap.user { name = \"$user\", ensure = \"absent\", remove_home = true }"
		run "$NEAP" apply "$work/site.lua" --root "$root"
		echo "$output"
		[ "$status" -eq 4 ]
		grep -q "^$user:" "$root/etc/passwd"
	done
	[ -d "$root/home/shared/x" ]
	[ -d "$root/home/roots" ]
}

@test "no hash is in a plan, a diff, a report, JSON, the state or an argument, however it came into the recipe" {
	need_root
	recipe <<-LUA
		neap.user { name = "alice", password = "$hash" }
		neap.user { name = "old", password = neap.secret { value = "$hash" } }
	LUA
	for options in "" "--diff" "--format json" "-v --diff"; do
		# shellcheck disable=SC2086
		"$NEAP" plan "$work/site.lua" --root "$root" $options >>"$work/said" 2>&1 || true
	done
	strace -f -s 4096 -e trace=execve -o "$work/trace" "$NEAP" apply "$work/site.lua" --root "$root" --diff >>"$work/said" 2>&1
	apply --format json -v >>"$work/said" 2>&1
	grep -q "$hash" "$root/etc/shadow" # it is there
	run grep -rlF -e 'saltsalt' -e oldsalt "$work/said" "$work/trace" "$root/var/lib/neap" "$root/etc/passwd"
	[ "$status" -eq 1 ]
	grep -q '(secret)' "$work/said"
	converged
	recipe <<-'LUA'
		neap.user { name = "alice", password = "correct horse battery" }
	LUA
	run "$NEAP" plan "$work/site.lua" --root "$root"
	[ "$status" -eq 1 ]
	[[ $output == *"password must be a hash"* ]]
	[[ $output != *horse* ]]
}

@test "a thousand users converged cost no more system calls than ten" {
	need_root
	recipe <<-'LUA'
		for i = 1, tonumber(neap.params.COUNT) do
			neap.user { name = ("u%04d"):format(i), comment = "User", groups = { "all" }, password = "!" }
		end
		neap.group { name = "all" }
	LUA
	calls() {
		strace -f -o "$work/trace" "$NEAP" "$1" "$work/site.lua" --root "$root" -D COUNT="$2" >/dev/null
		grep -vcE '(brk|mmap|munmap|mremap|madvise)\(|\+\+\+' "$work/trace"
	}
	apply -q -D COUNT=1000
	for verb in plan apply; do
		few=$(calls $verb 10)
		many=$(calls $verb 1000)
		echo "$verb: $few for 10, $many for 1000"
		# more bytes are read, in a few more pieces
		[ $((many - few)) -le 40 ]
	done
}

# Holds the lock as lckpwdf() does, until its input ends.
hold_lock() {
	perl -MFcntl -e 'sysopen(my $f, $ARGV[0], O_WRONLY | O_CREAT, 0600) or die; my $lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0);
		fcntl($f, F_SETLKW, $lock) or die; print "held\n"; $| = 1; print ""; readline(STDIN)' "$root/etc/.pwd.lock"
}

@test "the lock of the account files is waited for, held while they land, and told when it is not to be had" {
	need_root
	recipe <<<'neap.group { name = "late" } neap.file { path = "/etc/motd", content = "x" }'
	mkfifo "$work/end" "$work/held"
	hold_lock <"$work/end" >"$work/held" &
	exec 7>"$work/end"
	read -r _ <"$work/held"
	# Not to be had: what else there is to do is done.
	run "$NEAP" apply "$work/site.lua" --root "$root"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ $output == *"lock /etc/.pwd.lock: process "*" has held it for 15 seconds"* ]]
	[ -e "$root/etc/motd" ]
	run grep late "$root/etc/group"
	[ "$status" -eq 1 ]
	# A plan does not ask for it.
	"$NEAP" plan "$work/site.lua" --root "$root" || [ $? -eq 2 ]
	# Waited for.
	"$NEAP" apply -q "$work/site.lua" --root "$root" 7>&- &
	neap=$!
	while ! ls -l "/proc/$neap/fd" 2>/dev/null | grep -q pwd.lock; do sleep 0.01; done
	exec 7>&-
	wait "$neap"
	grep -q late "$root/etc/group"
	# Taken before the first of them gets its name.
	sed -i 's/late/later/' "$work/site.lua"
	strace -f -o "$work/trace" "$NEAP" apply -q "$work/site.lua" --root "$root"
	locked=$(grep -n 'F_OFD_SETLK' "$work/trace" | head -1 | cut -d: -f1)
	renamed=$(grep -nE 'rename(at|at2)?\(.*"(group|gshadow)"' "$work/trace" | head -1 | cut -d: -f1)
	[ "$locked" -lt "$renamed" ]
}

# No user without its group, its password and its ranges.
whole() {
	while IFS=: read -r name _ uid gid _; do
		[ "$uid" -ge 1001 ] && [ "$uid" -lt 60000 ] || continue
		cut -d: -f3 "$root/etc/group" | grep -qx "$gid" || { echo "$name has no group $gid"; return 1; }
		for file in shadow subuid subgid; do
			grep -q "^$name:" "$root/etc/$file" || { echo "$name is not in $file"; return 1; }
		done
	done <"$root/etc/passwd"
	for file in passwd group shadow gshadow subuid subgid; do
		[ "$(cut -d: -f1 "$root/etc/$file" | sort | uniq -d)" = "" ] || { echo "twice in $file"; return 1; }
	done
}

@test "kill -9 at random moments leaves no user half made, and the next run converges" {
	need_root
	recipe <<-'LUA'
		local there = neap.params.STATE == "there"
		for i = 1, 20 do
			neap.user { name = "u" .. i, ensure = there and "present" or "absent", create_home = there or nil,
				remove_home = not there or nil, groups = there and { "all" } or nil }
		end
		neap.group { name = "all", ensure = there and "present" or "absent" }
	LUA
	start=$(date +%s%N)
	apply -q -D STATE=there
	took=$((($(date +%s%N) - start) / 1000))
	killed() { # killed STATE: an apply, at a random moment
		moment=$((RANDOM * RANDOM % (took + took / 5 + 1)))
		timeout -s KILL "$(printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000)))" \
			"$NEAP" apply -q --lock-wait 30s "$work/site.lua" --root "$root" -D STATE="$1" >/dev/null 2>&1 || true
	}
	brought() { # brought STATE: to the end, and nothing is left to do
		apply -q --lock-wait 30s -D STATE="$1" # a killed one may take a moment to go
		run "$NEAP" plan "$work/site.lua" --root "$root" -D STATE="$1"
		echo "$output"
		[ "$status" -eq 0 ]
	}
	for i in $(seq 14); do
		killed gone
		# Every other time it is thought better of.
		[ $((i % 2)) -eq 0 ] || brought gone
		[ $((i % 2)) -eq 0 ] || [ "$(cat "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid} | grep -c '^u[0-9]')" -eq 0 ]
		killed there
		[ $((i % 2)) -eq 0 ] || whole
		brought there
		whole
		[ $((i % 2)) -eq 0 ] || [ "$(find "$root/home" -name rc -path '*/u*' | wc -l)" -eq 20 ]
		run -0 find "$root/home" -mindepth 1 -maxdepth 1 -user 0 ! -name old
		echo "$output"
		[ -z "$output" ]
	done
}

@test "killed at any call that makes a home, the next run gives it to its user, whole" {
	need_root
	recipe <<<'neap.user { name = "u", create_home = true }'
	cp -a "$root" "$work/before"
	for call in renameat2 fchownat chmod; do
		for when in $(seq 20); do
			rm -rf "$root"
			cp -a "$work/before" "$root"
			! strace -f -qq -o /dev/null -e trace="$call" -e "inject=$call:signal=KILL:when=$when" \
				"$NEAP" apply -q "$work/site.lua" --root "$root" >/dev/null 2>&1 || break
			apply -q --lock-wait 30s
			echo "killed at $call $when: $(stat -c '%a %U %n' "$root"/home/*)"
			[ "$(stat -c %a:%u "$root/home/u")" = 750:1001 ]
			[ "$(stat -c %a:%u "$root/home/u/.config/rc")" = 640:1001 ]
			[ -e "$root/home/u/.profile" ] && [ -L "$root/home/u/.link" ]
		done
		[ "$when" -gt 1 ] && [ "$when" -lt 20 ]
	done
}

@test "a plain user below a root of his own" {
	mkdir -p "$work/own/etc"
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$work"
	recipe <<<'neap.group { name = "team", gid = 70 } neap.user { name = "app", group = "team", system = true }'
	run() {
		if [ "$(id -u)" -eq 0 ]; then
			command setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
		else
			"$@"
		fi
	}
	HOME=$work run "$NEAP" apply "$work/site.lua" --root "$work/own"
	[ "$(cat "$work/own/etc/passwd")" = "app:x:999:70::/home/app:/usr/sbin/nologin" ]
	[ "$(cat "$work/own/etc/group")" = "team:x:70:" ]
	[ "$(stat -c %a "$work/own/etc/shadow" "$work/own/etc/gshadow" "$work/own/etc/passwd" "$work/own/etc/.pwd.lock" | tr '\n' ,)" = \
		"640,640,644,600," ]
	HOME=$work run "$NEAP" plan "$work/site.lua" --root "$work/own"
}

@test "whose number is not known yet is not nobody: what is his is unknown in a plan, and done" {
	recipe <<-'LUA'
	neap.file { path = "/first", content = "x" }
	neap.user { name = "bob", system = true, only_if = { "/bin/true" } }
	neap.user { name = "eve" }
	neap.file { path = "/hers", content = "x", owner = "eve" }
	LUA
	local plan=0
	"$NEAP" plan --format json "$work/site.lua" --root "$root" --state-dir "$work/state" >"$work/plan.json" || plan=$?
	[ "$plan" = 2 ]
	[ "$(jq -r '.resources[] | select(.address == "file[/hers]") | "\(.action) \(.cause)"' "$work/plan.json")" = "unknown file[/first]" ]
}
