#!/usr/bin/env bats
# The shipped recipes do what they are for, and the tools of the system say so.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	# libfaketime comes before the runtime of the sanitizers, which minds unless told not to.
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
}

converged() { run -0 "$NEAP" plan "$@"; }

@test "tls: what the authority signs is good, for its names and its use, and is left alone until it ends" {
	mkdir root
	arguments=(--root root @examples/tls -D DIR=/tls -D SERVERS=db.example.org,web -D CLIENTS=backup)
	run -2 "$NEAP" plan "${arguments[@]}"
	[ ! -e root/tls ]
	run -0 "$NEAP" apply "${arguments[@]}"
	converged "${arguments[@]}"
	openssl verify -purpose sslserver -verify_hostname db.example.org -CAfile root/tls/ca.crt root/tls/db.example.org.crt
	openssl verify -purpose sslclient -CAfile root/tls/ca.crt root/tls/backup.crt
	! openssl verify -purpose sslserver -CAfile root/tls/ca.crt root/tls/backup.crt
	[ "$(stat -c %a root/tls/private root/tls/private/*.key | sort -u | tr '\n' ' ')" = "600 700 " ]
	before=$(sha256sum root/tls/*.crt root/tls/private/*)
	run -0 "$NEAP" apply "${arguments[@]}"
	[ "$before" = "$(sha256sum root/tls/*.crt root/tls/private/*)" ]
	# 70 days on, the leaves are renewed with their keys, and the authority is not.
	run -0 faketime -f +70d "$NEAP" apply --format json "${arguments[@]}"
	echo "$output" | jq -e '[.resources[] | select(.outcome == "changed") | .address] ==
		["cert[/tls/db.example.org.crt]", "cert[/tls/web.crt]", "cert[/tls/backup.crt]"]'
	[ "$(sha256sum root/tls/private/*)" = "$(grep private <<<"$before")" ]
}

@test "release: installed by version, moved at one moment, reloaded once, verified in every run" {
	for version in 1.0 1.1; do
		mkdir -p "app-$version/bin"
		printf '#!/bin/sh\necho %s\n' "$version" >"app-$version/bin/app"
		chmod 755 "app-$version/bin/app"
		tar -czf "app-$version.tar.gz" "app-$version"
	done
	prefix=$PWD/opt
	release() { # VERB VERSION
		"$NEAP" "$1" @examples/release --state-dir state -D NAME=app -D VERSION="$2" -D ARCHIVE="$PWD/app-$2.tar.gz" \
			-D CHECKSUM="sha256:$(sha256sum <"app-$2.tar.gz" | cut -d' ' -f1)" -D PREFIX="$prefix" \
			-D PROGRAMS=, -D RELOAD="echo reloaded >> $PWD/log"
	}
	run -0 release apply 1.0
	[ "$(opt/app/current/bin/app)" = 1.0 ]
	run -0 release plan 1.0
	run -2 release plan 1.1
	[ "$(readlink opt/app/current)" = 1.0 ]
	run -0 release apply 1.1
	[ "$(opt/app/current/bin/app)" = 1.1 ]
	[ "$(wc -l <log)" = 2 ]
	# A byte changed by hand, with its time kept, is found and put right, and nothing is reloaded for it.
	touch -r opt/app/1.1/bin/app stamp
	sed -i 's/1.1/6.6/' opt/app/1.1/bin/app
	touch -r stamp opt/app/1.1/bin/app
	run -2 release plan 1.1
	run -0 release apply 1.1
	[ "$(opt/app/current/bin/app)" = 1.1 ]
	[ "$(wc -l <log)" = 2 ]
	# Back.
	run -0 release apply 1.0
	[ "$(opt/app/current/bin/app)" = 1.0 ]
	# Another archive than was meant is refused before anything is changed.
	cp app-1.1.tar.gz app-1.2.tar.gz
	run -1 "$NEAP" apply @examples/release --state-dir state -D NAME=app -D VERSION=1.2 -D ARCHIVE="$PWD/app-1.2.tar.gz" \
		-D CHECKSUM="sha256:$(sha256sum <app-1.0.tar.gz | cut -d' ' -f1)" -D PREFIX="$prefix"
	[ ! -e opt/app/1.2 ]
}

@test "sshd: people log in with their keys and with nothing else; who is gone does not; the mistake locks nobody out" {
	[ "$(id -u)" = 0 ] || skip "needs root, for namespaces"
	unshare --mount --net true 2>/dev/null || skip "needs namespaces"
	ssh-keygen -q -t ed25519 -N '' -f ada
	ssh-keygen -q -t ed25519 -N '' -f bob
	cat >people.yaml <<-YAML
	- name: ada
	  keys: [ "$(cat ada.pub)" ]
	  admin: true
	- name: bob
	  keys: [ "$(cat bob.pub)" ]
	  shell: /bin/sh
	YAML
	cat >inside.sh <<-'SH'
	set -eu
	# The machine's /etc, /home and /run, and none of what is done to them outlives this.
	for directory in etc home run; do
		mkdir -p "over/$directory/up" "over/$directory/work"
	done
	mount -t tmpfs tmpfs over
	for directory in etc home; do
		mkdir -p "over/$directory/up" "over/$directory/work"
		mount -t overlay overlay -o "lowerdir=/$directory,upperdir=over/$directory/up,workdir=over/$directory/work" "/$directory"
	done
	mount -t tmpfs tmpfs /run
	mkdir -p /run/sshd
	rm -f /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d/*
	ip link set lo up
	neap() { "$NEAP" "$1" @examples/sshd --state-dir state -D PEOPLE="$PWD/people.yaml" -D PORT=2022 -D RELOAD="echo r >> $PWD/reloads" "${@:2}"; }
	neap plan >plan.txt && exit 1
	! getent passwd ada >/dev/null
	neap apply >apply.txt
	neap plan >second.txt
	[ "$(wc -l <reloads)" = 1 ]
	/usr/sbin/sshd -D -e >sshd.log 2>&1 &
	trap "kill $!" EXIT
	as() { ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o BatchMode=yes -p 2022 -i "$@" 2>ssh.log; }
	for _ in $(seq 50); do as ada ada@127.0.0.1 true && break; sleep 0.1; done
	[ "$(as ada ada@127.0.0.1 id -nG)" = "ada sudo ssh-users" ] || [ "$(as ada ada@127.0.0.1 id -nG | tr ' ' '\n' | sort | tr '\n' ' ')" = "ada ssh-users sudo " ]
	[ "$(as bob bob@127.0.0.1 'echo $SHELL')" = /bin/sh ]
	! as bob ada@127.0.0.1 true
	! as ada root@127.0.0.1 true
	/usr/sbin/sshd -T 2>/dev/null | grep -qx 'passwordauthentication no'
	# Gone.
	printf -- '- name: ada\n  keys: [ "%s" ]\n  admin: true\n- name: bob\n  shell: /bin/sh\n  keys: [ "%s" ]\n  gone: true\n' "$(cat ada.pub)" "$(cat bob.pub)" >people.yaml
	neap apply >gone.txt
	! as bob bob@127.0.0.1 true
	as ada ada@127.0.0.1 true
	[ "$(wc -l <reloads)" = 1 ]
	# A port that is none: sshd refuses the file, and the old one stays.
	"$NEAP" apply @examples/sshd --state-dir state -D PEOPLE="$PWD/people.yaml" -D PORT=none >bad.txt 2>&1 && exit 1
	grep -q 'Port 2022' /etc/ssh/sshd_config.d/10-hardened.conf
	grep -q 'validate' bad.txt
	SH
	run -0 unshare --mount --net --propagation private bash inside.sh
	grep -q "create    user\[ada\]" plan.txt
}

@test "what -D gives is what a recipe needs, or an error that names it" {
	says() { # WORDS ARGUMENT…
		run -1 "$NEAP" check "${@:2}"
		[[ $output == *"$1"* ]] || { echo "$output"; return 1; }
	}
	# A server that lets nobody in is nobody's wish.
	says "-D PEOPLE=" @examples/sshd
	printf -- '- name: ada\n  gone: true\n  keys: [ "ssh-ed25519 x" ]\n- name: bob\n' >people.yaml
	says "nobody in $PWD/people.yaml has a key and is not gone" @examples/sshd -D PEOPLE="$PWD/people.yaml"
	says 'RELEASE: "etcd.tar.gz" is relative: say it as an absolute name' @etcd -D RELEASE=etcd.tar.gz
	says 'ARCHIVE: "a.tar" is relative' @release -D NAME=a -D VERSION=1 -D ARCHIVE=a.tar
	says 'SETTINGS: "app.yaml" is relative' @service -D NAME=app -D COMMAND=/x -D SETTINGS=app.yaml
	says 'PEOPLE: "people.yaml" is relative' @sshd -D PEOPLE=people.yaml
	says 'ADMIN_TOKEN_FILE: "token" is relative' @control-plane-files -D ADMIN_TOKEN_FILE=token
	says 'KEEP: "0" is no whole number' @etcd -D RELEASE=/x -D KEEP=0
	says 'PORT: "http" is no whole number from 1 to 65535' @service -D NAME=app -D COMMAND=/x -D PORT=http
	says 'PORT: "70000" is no whole number from 1 to 65535' @service -D NAME=app -D COMMAND=/x -D PORT=70000
	says 'say which: -D COMMAND=' @service -D NAME=app
	echo 'require "etcd.member" { release = { source = "etcd.tar.gz" } }' >site.lua
	says 'release.source: "etcd.tar.gz" is relative' site.lua
	for keep in 0 -1 1.5; do
		echo "require 'etcd.member' { release = { source = '/etcd.tar.gz' }, snapshots = { keep = $keep } }" >site.lua
		says 'keep is a whole number, at least 1' site.lua
	done
}

@test "service: settings that are no variables of an environment are an error" {
	settings() { "$NEAP" "$1" @service --root . -D NAME=app -D COMMAND=/x -D SETTINGS="$PWD/app.yaml"; }
	while IFS='|' read -r text words; do
		printf '%b' "$text" >app.yaml
		run -1 settings check
		[[ $output == *"$words"* ]] || { echo "$output"; return 1; }
	done <<-'END'
	LIST: [ a, b ]\n|SETTINGS: LIST is no text, number or boolean
	MAP: { a: b }\n|SETTINGS: MAP is no text, number or boolean
	NOTHING: null\n|SETTINGS: NOTHING is no text, number or boolean
	"A B": c\n|SETTINGS: "A B" is no name of a variable
	- a\n|SETTINGS: "1" is no name of a variable
	word\n|is no map of variables
	END
	[ "$(id -u)" -eq 0 ] || skip "files of users are root's"
	printf 'TEXT: a "b"\nNUMBER: 8080\nSWITCH: true\n' >app.yaml
	mkdir etc
	echo "root:x:0:0::/root:/bin/sh" >etc/passwd
	echo "root:x:0:" >etc/group
	run settings apply
	diff etc/default/app - <<-'END'
	NUMBER="8080"
	SWITCH="true"
	TEXT="a \"b\""
	END
}

@test "etcd: a snapshot is looked at by etcdutl where there is one, and the newest ones stay" {
	for release in 3.4 3.6; do
		mkdir -p "etcd-$release"
		printf '#!/bin/sh\necho "ctl $*" >>%s/log\nfor word; do case $word in status) exit %d ;; *.new) echo x >"$word" ;; esac; done\n' \
			"$PWD" "$([ $release = 3.4 ] && echo 0 || echo 1)" >"etcd-$release/etcdctl"
		[ $release = 3.4 ] || printf '#!/bin/sh\necho "utl $*" >>%s/log\n' "$PWD" >"etcd-$release/etcdutl"
		chmod 755 etcd-"$release"/*
		tar -czf "etcd-$release.tar.gz" "etcd-$release"
		root=root-$release
		mkdir -p "$root"
		echo "require 'etcd.member' { release = { source = '$PWD/etcd-$release.tar.gz' }, name = 'x', timeout = '1s', snapshots = { keep = 2 } }" >site.lua
		# Nobody answers, and all the rest is there.
		run "$NEAP" apply --root "$root" site.lua
		sed -i "s|/opt/etcd|$PWD/$root/opt/etcd|; s|/var/backups/etcd|$PWD/$root/var/backups/etcd|" "$root/etc/etcd/snapshot"
		for old in 1 2 3; do echo x >"$root/var/backups/etcd/etcd-2000010${old}T000000Z.db"; done
		: >log
		"$root/etc/etcd/snapshot"
		cat log
		[ "$(ls "$root/var/backups/etcd" | wc -l)" = 2 ]
		[ -e "$root/var/backups/etcd/etcd-20000103T000000Z.db" ]
		grep -q "^$([ $release = 3.4 ] && echo ctl || echo utl) snapshot status etcd-.*.new" log
	done
}
