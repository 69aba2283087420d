# neap.apt_repository on a real apt, with a signed repository made here.

load ../support/debian.bash

setup() {
	debian_start
	deb nt-a 1.0
	deb nt-boot 1.0
	debian_key first
	sign_repository first
}

teardown() {
	debian_stop
}

sources=/etc/apt/sources.list.d/test.sources

@test "a repository and its key, then a package from it: one run, and the second is empty" {
	recipe <<-LUA
		neap.package { name = "nt-a" }
		neap.apt_repository { name = "test", uris = { "file:$work/repository" }, suites = { "./" }, key_source = "first.asc" }
	LUA
	run neap plan
	echo "$output"
	[ "$status" -eq 2 ]
	[[ "$output" == *'apt-get update for this source'* ]]
	# what it brings is not known yet, and no error
	[[ "$output" == *'? unknown   package[nt-a]'*'apt_repository[test]'* ]]
	run inside test -e "$sources"
	[ "$status" -eq 1 ]
	neap apply
	[ "$(state_of nt-a)" = "ii 1.0" ]
	[ "$(inside stat -c '%a %U' "$sources" /etc/apt/keyrings/test.asc)" = $'644 root\n644 root' ]
	inside cmp "$work/first.asc" /etc/apt/keyrings/test.asc
	[ "$(inside cat "$sources")" = "Types: deb
URIs: file:$work/repository
Suites: ./
Signed-By: /etc/apt/keyrings/test.asc" ]
	converged
	inside apt-get -qq update
	converged
}

@test "what a repository stands on goes before it, though it is a package" {
	index_repository
	echo "deb [trusted=yes] file:$work/repository ./" >"$work/other.list"
	inside cp "$work/other.list" /etc/apt/sources.list.d/other.list
	inside apt-get -qq update
	recipe <<-LUA
		neap.apt_repository { name = "test", uris = { "file:$work/repository" }, suites = { "./" }, trusted = true,
			require = "package[nt-boot]" }
		neap.package { name = "nt-boot" }
		neap.package { name = "nt-a" }
	LUA
	run inside "$NEAP" graph "$work/site.lua" --format json
	echo "$output"
	neap apply
	[ "$(state_of nt-a) $(state_of nt-boot)" = "ii 1.0 ii 1.0" ]
	converged
}

@test "a key of another fails the repository with apt's words; the right one, binary, mends it" {
	debian_key second
	recipe <<-LUA
		neap.apt_repository { name = "test", uris = { "file:$work/repository" }, suites = { "./" }, key_source = "second.asc" }
		neap.package { name = "nt-a" }
	LUA
	run neap apply
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *'x failed'*'apt_repository[test]'*'NO_PUBKEY'* ]]
	[ "$(state_of nt-a)" = none ]
	[ "$(inside stat -c %a "$sources")" = 600 ]
	# not done, and said to be so
	run neap plan
	echo "$output"
	[ "$status" -eq 2 ]
	[[ "$output" == *'0600 -> 0644'*'has not come to its end'* ]]
	recipe <<-LUA
		neap.apt_repository { name = "test", uris = { "file:$work/repository" }, suites = { "./" }, key_source = "first.gpg" }
		neap.package { name = "nt-a" }
	LUA
	neap apply
	[ "$(state_of nt-a)" = "ii 1.0" ]
	[ "$(inside ls /etc/apt/keyrings)" = test.gpg ]
	converged
}

@test "kill -9 before the lists have come: the next run fetches them" {
	recipe <<-LUA
		neap.apt_repository { name = "test", uris = { "file:$work/repository" }, suites = { "./" }, key_source = "first.asc" }
		neap.package { name = "nt-a" }
	LUA
	cat >"$work/killer" <<-'SH'
		#!/bin/sh
		rm /etc/apt/apt.conf.d/killer
		at=$PPID
		while [ "$at" -gt 1 ]; do
			case $(cat /proc/$at/comm) in neap | apt-get) pids="$pids $at" ;; esac
			at=$(awk '{ print $4 }' /proc/$at/stat)
		done
		kill -KILL $pids
	SH
	chmod +x "$work/killer"
	inside sh -c 'echo "APT::Update::Pre-Invoke { \"$0\"; };" >/etc/apt/apt.conf.d/killer' "$work/killer"
	run neap apply
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$(inside stat -c %a "$sources")" = 600 ]
	run neap plan
	[ "$status" -eq 2 ]
	neap apply
	[ "$(state_of nt-a)" = "ii 1.0" ]
	converged
}

@test "absent takes the files away and leaves the packages; an update is of one source only" {
	recipe <<-LUA
		neap.apt_repository { name = "test", uris = { "file:$work/repository" }, suites = { "./" }, key_source = "first.asc" }
		neap.package { name = "nt-a" }
	LUA
	inside sh -c 'echo "deb http://192.0.2.1/debian nowhere main" >/etc/apt/sources.list.d/unreachable.list'
	neap apply
	[ "$(state_of nt-a)" = "ii 1.0" ]
	recipe <<<'neap.apt_repository { name = "test", ensure = "absent" }'
	run neap plan
	echo "$output"
	neap apply
	run inside ls /etc/apt/keyrings
	[ -z "$output" ]
	run inside test -e "$sources"
	[ "$status" -eq 1 ]
	[ "$(state_of nt-a)" = "ii 1.0" ]
	converged
}

@test "a setting of apt's that a file makes comes before packages too" {
	recipe <<-LUA
		neap.package { name = "nt-a" }
		neap.apt_repository { name = "test", uris = { "file:$work/repository" }, suites = { "./" }, key_source = "first.asc" }
		neap.file { path = "/etc/apt/preferences.d/never", content = "Package: nt-a\nPin: version *\nPin-Priority: -1\n" }
	LUA
	run neap apply
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"preferences leave no version of nt-a"* ]]
}
