# neap.package on a real dpkg and apt, with a repository made here; dpkg is the judge.

load ../support/debian.bash

setup() {
	debian_start
}

teardown() {
	debian_stop
}

@test "packages are installed by one apt-get, at their versions, and the second run is empty" {
	deb nt-a 1.0
	deb nt-a 2.0
	deb nt-b 1.0 'Depends: nt-lib (>= 1)'
	deb nt-lib 1.0
	deb nt-c 1.0
	use_repository
	recipe <<-'LUA'
		neap.package { name = "nt-a", version = "1.0" }
		neap.file { path = "/srv/between", content = "x" }
		neap.package { name = "nt-b" }
		neap.package { name = "nt-c", ensure = "latest" }
	LUA
	run neap plan
	echo "$status: $output"
	[ "$status" -eq 2 ]
	[[ "$output" == *'installs  + nt-lib 1.0'* ]]
	[[ "$output" == *'in one transaction with 2 other packages'* ]]
	[ "$(state_of nt-a)" = none ]
	run inside env ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=execve -e status=successful -o "$work/trace" "$NEAP" apply "$work/site.lua"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c 'execve("[^"]*apt-get".*"--no-remove".*"install"' "$work/trace")" -eq 1 ]
	[ "$(state_of nt-a) $(state_of nt-b) $(state_of nt-lib) $(state_of nt-c)" = "ii 1.0 ii 1.0 ii 1.0 ii 1.0" ]
	converged
	# and costs one question for all of them
	inside env ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=execve -e status=successful -o "$work/trace" "$NEAP" plan "$work/site.lua"
	[ "$(grep -c 'execve("[^"]*dpkg-query"' "$work/trace")" -eq 1 ]
	run grep -c 'execve("[^"]*"apt-get' "$work/trace"
	[ "$output" -eq 0 ]
}

@test "versions go up and down as the recipe says, a hold stays, and what is on hold by hand is not changed" {
	deb nt-a 1.0
	deb nt-a 2.0
	use_repository
	recipe <<<'neap.package { name = "nt-a", version = "2.0", hold = true }'
	neap apply
	[ "$(state_of nt-a)" = "hi 2.0" ]
	recipe <<<'neap.package { name = "nt-a", version = "1.0", hold = true }'
	run neap plan
	echo "$output"
	[[ "$output" == *'2.0 -> 1.0'*'(a downgrade)'* ]]
	neap apply
	[ "$(state_of nt-a)" = "hi 1.0" ]
	converged
	recipe <<<'neap.package { name = "nt-a", ensure = "latest" }'
	run neap apply
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"nt-a is on hold at 1.0"* ]]
	[ "$(state_of nt-a)" = "hi 1.0" ]
	recipe <<<'neap.package { name = "nt-a", version = "2.0", hold = false }'
	neap apply
	[ "$(state_of nt-a)" = "ii 2.0" ]
	converged
}

@test "absent keeps configuration files unless purge is said" {
	deb nt-a 1.0
	use_repository
	inside apt-get -qq -y install nt-a
	recipe <<<'neap.package { name = "nt-a", ensure = "absent" }'
	neap apply
	[ "$(state_of nt-a)" = "rc 1.0" ]
	inside test -e /etc/neap-test/nt-a.conf
	converged
	recipe <<<'neap.package { name = "nt-a", ensure = "absent", purge = true }'
	run neap plan
	echo "$output"
	[ "$status" -eq 2 ]
	[[ "$output" == *'its configuration files are left'* ]]
	neap apply
	[ "$(state_of nt-a)" = none ]
	run inside test -e /etc/neap-test/nt-a.conf
	[ "$status" -eq 1 ]
	converged
}

@test "purge of what is installed takes one run; an edited configuration file survives an upgrade" {
	deb nt-a 1.0
	deb nt-a 2.0
	use_repository
	inside apt-get -qq -y install nt-a=1.0
	inside sh -c 'echo mine >/etc/neap-test/nt-a.conf'
	recipe <<<'neap.package { name = "nt-a", ensure = "latest" }'
	neap apply
	[ "$(state_of nt-a)" = "ii 2.0" ]
	[ "$(inside cat /etc/neap-test/nt-a.conf)" = mine ]
	recipe <<<'neap.package { name = "nt-a", ensure = "absent", purge = true }'
	neap apply
	[ "$(state_of nt-a)" = none ]
}

@test "removals are shown in the plan, and made" {
	deb nt-a 1.0
	deb nt-c 1.0 'Conflicts: nt-a'
	use_repository
	inside apt-get -qq -y install nt-a
	recipe <<<'neap.package { name = "nt-c" }'
	run neap plan
	echo "$output"
	[[ "$output" == *'removes'*'nt-a 1.0'* ]]
	neap apply
	[ "$(state_of nt-a) $(state_of nt-c)" = "rc 1.0 ii 1.0" ]
}

@test "a package that would remove a wanted, a protected or an essential one fails, and the others go on" {
	deb nt-a 1.0
	deb nt-b 1.0
	deb nt-c 1.0 'Conflicts: nt-a'
	deb nt-e 1.0 'Conflicts: nt-essential'
	deb nt-essential 1.0 'Essential: yes'
	use_repository
	inside apt-get -qq -y install nt-a nt-essential
	recipe <<-'LUA'
		neap.package { name = "nt-b" }
		neap.package { name = "nt-c" }
		neap.package { name = "nt-e" }
		neap.package { name = "nt-a", protect = true }
		neap.file { path = "/srv/after-c", content = "c", require = "package[nt-c]" }
		neap.file { path = "/srv/after-b", content = "b", require = "package[nt-b]" }
	LUA
	run neap plan
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *'package[nt-c]'*'apt-get would remove nt-a, which package[nt-a] wants present'* ]]
	run neap apply
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *'nt-e'*'essential'* ]]
	[ "$(state_of nt-a) $(state_of nt-b) $(state_of nt-c) $(state_of nt-essential)" = "ii 1.0 ii 1.0 none ii 1.0" ]
	inside test -e /srv/after-b
	run inside test -e /srv/after-c
	[ "$status" -eq 1 ]
}

@test "wrong names, versions and dependencies fail alone, each with what is wrong" {
	deb nt-a 1.0
	deb nt-b 1.0
	deb nt-d 1.0 'Depends: nt-nowhere'
	deb nt-v 1.0 'Provides: nt-virtual'
	use_repository
	recipe <<-'LUA'
		neap.package { name = "nt-nothing" }
		neap.package { name = "nt-a", version = "9" }
		neap.package { name = "nt-d" }
		neap.package { name = "nt-virtual" }
		neap.package { name = "nt-b" }
	LUA
	run neap apply
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *'apt knows no package nt-nothing'* ]]
	[[ "$output" == *'apt has no version 9 of nt-a'*'it has 1.0'* ]]
	[[ "$output" == *'nt-d : Depends: nt-nowhere'* ]]
	[[ "$output" == *'apt has no version of nt-virtual'* ]]
	[ "$(state_of nt-b)" = "ii 1.0" ]
}

@test "what belongs together by an edge stays in its order, in transactions of its own" {
	deb nt-a 1.0
	deb nt-b 1.0 'postinst: test -e /srv/first'
	use_repository
	recipe <<-'LUA'
		local b = neap.package { name = "nt-b", require = "file[/srv/first]" }
		neap.package { name = "nt-a" }
		neap.file { path = "/srv/first", content = "x", require = "package[nt-a]" }
	LUA
	neap apply
	[ "$(state_of nt-a) $(state_of nt-b)" = "ii 1.0 ii 1.0" ]
	converged
}

@test "a package that fails to configure fails alone, with its own words; the next run finishes it" {
	deb nt-a 1.0
	deb nt-s 1.0 'postinst: test ! -e /srv/fail || { echo the script says no >&2; exit 3; }'
	use_repository
	inside touch /srv/fail
	recipe <<-'LUA'
		neap.package { name = "nt-a" }
		neap.package { name = "nt-s" }
	LUA
	run neap apply
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *'x failed'*'package[nt-s]'*'the script says no'* ]]
	[ "$(state_of nt-a)" = "ii 1.0" ]
	inside rm /srv/fail
	run neap plan
	echo "$output"
	[[ "$output" == *'half-configured -> installed'* ]]
	neap apply
	[ "$(state_of nt-s)" = "ii 1.0" ]
	converged
}

@test "kill -9 of everything inside a transaction: the next run clears it up, whatever was half done" {
	# Kills neap, apt-get and dpkg from within a script of the package, once.
	kill_all='test ! -e /srv/kill || { rm /srv/kill; pids=; at=$PPID; while [ "$at" -gt 1 ]; do
		case $(cat /proc/$at/comm) in neap|apt-get|dpkg) pids="$pids $at";; esac
		at=$(awk "{ print \$4 }" /proc/$at/stat); done; kill -KILL $pids; sleep 1; }'
	deb nt-pre 1.0 "preinst: $kill_all"
	deb nt-pre 2.0 "preinst: $kill_all"
	deb nt-post 1.0 'Depends: nt-a' "postinst: $kill_all"
	deb nt-a 1.0
	use_repository
	for name in nt-pre nt-post; do
		recipe <<-LUA
			neap.package { name = "$name", version = "1.0" }
			neap.package { name = "nt-a" }
		LUA
		inside touch /srv/kill
		run neap apply
		[ "$status" -ne 0 ]
		echo "after the kill: $(state_of $name)"
		[ "$(state_of $name)" != "ii 1.0" ]
		run neap plan
		echo "$output"
		[ "$status" -eq 2 ]
		[[ "$output" == *'dpkg was interrupted: dpkg --configure -a goes first'* ]]
		neap apply
		[ "$(state_of $name) $(state_of nt-a)" = "ii 1.0 ii 1.0" ]
		converged
	done
	recipe <<<'neap.package { name = "nt-pre", ensure = "latest" }'
	inside touch /srv/kill
	run neap apply
	neap apply
	[ "$(state_of nt-pre)" = "ii 2.0" ]
	converged
}

@test "packages that do not fit together are repaired first" {
	deb nt-b 1.0 'Depends: nt-lib'
	deb nt-lib 1.0
	deb nt-a 1.0
	use_repository
	run inside dpkg --unpack "$work/repository/nt-b_1.0.deb"
	[ "$(state_of nt-b)" = "iU 1.0" ]
	recipe <<<'neap.package { name = "nt-a" }'
	run neap plan
	echo "$output"
	[[ "$output" == *'nt-lib 1.0'*'apt-get --fix-broken install goes first'* ]]
	neap apply
	[ "$(state_of nt-a) $(state_of nt-b) $(state_of nt-lib)" = "ii 1.0 ii 1.0 ii 1.0" ]
}

# Holds dpkg's locks until $work/held is removed.
hold_lock() {
	touch "$work/held"
	inside perl -MFcntl=:DEFAULT,:seek -e '
		for my $name (qw(lock-frontend lock)) {
			open(my $file, "+>>", "/var/lib/dpkg/$name") or die;
			my $how = pack("s s x4 q q i x4", F_WRLCK, SEEK_SET, 0, 0, 0);
			fcntl($file, F_SETLK, $how) or die "lock: $!";
			push @main::files, $file;
		}
		open(my $ready, ">", "$ARGV[0]/holding"); close $ready;
		select(undef, undef, undef, 0.05) while -e "$ARGV[0]/held";
	' "$work" &
	holder=$!
	for _ in $(seq 500); do [ ! -e "$work/holding" ] || return 0; sleep 0.02; done
	return 1
}

@test "the lock of dpkg is waited for; who holds it is named when that takes too long" {
	deb nt-a 1.0
	use_repository
	hold_lock
	recipe <<<'neap.package { name = "nt-a", lock_wait = "1s" }'
	run neap plan
	[ "$status" -eq 2 ]
	run neap apply
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *'held by process '*'(perl)'* ]]
	[ "$(state_of nt-a)" = none ]
	recipe <<<'neap.package { name = "nt-a", hold = true }'
	neap apply >"$work/out" 2>&1 &
	applying=$!
	sleep 1
	kill -0 "$applying"
	rm "$work/held"
	wait "$applying"
	wait "$holder" || true
	[ "$(state_of nt-a)" = "hi 1.0" ]
}

@test "guards, noop and tags leave a package out of the transaction, and the plan shows none of what it would bring" {
	deb nt-a 1.0
	deb nt-b 1.0 'Depends: nt-lib'
	deb nt-c 1.0 'Depends: nt-lic'
	deb nt-lib 1.0
	deb nt-lic 1.0
	use_repository
	recipe <<-'LUA'
		neap.package { name = "nt-a", tags = { "some" } }
		neap.package { name = "nt-b", only_if = { "false" } }
		neap.package { name = "nt-c", noop = true }
	LUA
	run neap plan
	echo "$output"
	[[ "$output" != *'+ "nt-lib'* ]]
	[[ "$output" != *'nt-lic'* ]]
	neap apply
	[ "$(state_of nt-a) $(state_of nt-b) $(state_of nt-c) $(state_of nt-lib)" = "ii 1.0 none none none" ]
}

@test "a plan starts no process that changes anything: it works where nothing can be written" {
	deb nt-a 1.0 'Depends: nt-lib'
	deb nt-lib 1.0
	use_repository
	recipe <<<'neap.package { name = "nt-a" }'
	before=$(inside sh -c 'find /var/lib/dpkg /var/lib/apt /var/cache/apt /etc/apt -printf "%p %s %T@ %C@\n" | sort')
	run inside unshare --mount sh -c 'mount -o remount,ro / && ! touch /x 2>/dev/null && exec "$@"' sh "$NEAP" plan "$work/site.lua"
	echo "$output"
	[ "$status" -eq 2 ]
	run neap plan
	[ "$status" -eq 2 ]
	after=$(inside sh -c 'find /var/lib/dpkg /var/lib/apt /var/cache/apt /etc/apt -printf "%p %s %T@ %C@\n" | sort')
	[ "$before" = "$after" ]
}

@test "a plain user can plan, and is told that only root may change packages" {
	deb nt-a 1.0
	use_repository
	recipe <<<'neap.package { name = "nt-a" }'
	run inside setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$work" "$NEAP" plan "$work/site.lua"
	echo "$output"
	[ "$status" -eq 2 ]
	mkdir "$work/state"
	chown 65534:65534 "$work/state"
	chmod 700 "$work/state"
	run inside setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$work" "$NEAP" apply "$work/site.lua" --state-dir "$work/state"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *'only root may change packages'* ]]
}
