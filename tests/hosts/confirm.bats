#!/usr/bin/env bats
# Changes that cut off who makes them, on real hosts: desk works on edge over ssh, and shuts itself out. It is let in again
# in time, by a timer of systemd, whatever has become of neap.

bats_require_minimum_version 1.5.0
load hosts

setup_file() {
	hosts_require || return 0
	host_boot edge desk
	host_run desk ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
	host_run edge mkdir -p /root/.ssh /srv
	host_run desk cat /root/.ssh/id_ed25519.pub >"$BATS_FILE_TMPDIR/key"
	install -m 0600 "$BATS_FILE_TMPDIR/key" "$(host_disk edge)/root/.ssh/authorized_keys"
	host_run edge ssh-keygen -A
	host_run edge systemctl start ssh
}

setup() {
	hosts_require
	cd "$BATS_TEST_TMPDIR" || return 1
	edge=10.77.0.1
	host_run edge ip -j addr show dev host0 >/dev/null 2>&1 && link=host0 || link=eth0
}

teardown_file() { host_down_all; }

# recipe: standard input, with `neap` at hand; it lies on edge.
recipe() {
	{
		echo "local neap = require 'neap'"
		cat
	} >"$(host_disk edge)/srv/site.lua"
}

# from_desk COMMAND…: on edge, over ssh from desk.
from_desk() {
	host_run desk ssh -n -o BatchMode=yes -o StrictHostKeyChecking=no "$edge" "$@"
}

# let_in: whether desk gets in, at once.
let_in() {
	host_run desk ssh -n -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=2 "$edge" true
}

# let_in_within SECONDS
let_in_within() {
	local end=$((SECONDS + $1))
	while [ "$SECONDS" -lt "$end" ]; do
		let_in 2>/dev/null && return 0
		sleep 0.3
	done
	return 1
}

until_armed() {
	for _ in $(seq 100); do
		compgen -G "$(host_disk edge)/var/lib/neap/confirm/*.armed" >/dev/null && break
		sleep 0.05
	done
	sleep 0.5
}

rules() { host_run edge iptables-save -t filter | sed '/^#/d; s/\[[0-9:]*\]//'; }
timers() { host_run edge systemctl list-units --all --plain --no-legend 'neap-revert-*'; }

# no_clock: neither a timer nor a service of it is left.
no_clock() {
	for _ in $(seq 50); do
		[ -n "$(timers)" ] || return 0
		sleep 0.1
	done
	timers
	return 1
}

shut_out() { # shut_out SECONDS: the recipe
	recipe <<-LUA
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 22 -j DROP", position = "first", confirm_within = "$1s" }
	LUA
}

@test "a rule that drops the connection it was made over is taken back, and the connection goes on" {
	let_in
	rules >was.txt
	shut_out 6
	SECONDS=0
	from_desk neap apply /srv/site.lua >out.txt 2>&1 &
	local run=$!
	until_armed
	[[ $(timers) == *neap-revert-*.timer*active* ]]
	run ! let_in
	let_in_within 20
	rules | diff was.txt -
	# The very session it was said in is alive and hears how it went.
	local code=0
	wait "$run" || code=$?
	[ "$code" = 4 ] || { echo "exit $code"; cat out.txt; host_run edge journalctl -b -q -n 30 -u ssh; return 1; }
	grep "not confirmed within 6s: what it changed has been taken back" out.txt
	no_clock
	[ -z "$(ls "$(host_disk edge)/var/lib/neap/confirm")" ]
}

@test "with neap and all around it killed the manager's timer lets in again" {
	rules >was.txt
	shut_out 5
	host_run edge systemd-run -q -G --unit=job neap apply /srv/site.lua
	until_armed
	host_run edge systemctl kill -s KILL --kill-who=all job
	run ! let_in
	run -3 host_neap edge plan /srv/site.lua
	[[ $output == *"waits for its confirmation until"* ]]
	let_in_within 20
	rules | diff was.txt -
	no_clock
	run -0 host_run edge journalctl -b -q -o cat -g 'Take back iptables_rule'
	run -2 host_neap edge plan /srv/site.lua
}

@test "a manager that is reloaded or replaces itself meanwhile has not forgotten it" {
	rules >was.txt
	shut_out 6
	host_run edge systemd-run -q -G --unit=job neap apply /srv/site.lua
	until_armed
	host_run edge systemctl kill -s KILL --kill-who=all job
	host_run edge systemctl daemon-reload
	host_run edge systemctl daemon-reexec
	let_in_within 20
	rules | diff was.txt -
	no_clock
}

@test "who can still get in says so: neap confirm from a new session keeps it, and nothing is left" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 23 -j DROP", confirm_within = "60s" }
	LUA
	from_desk neap apply /srv/site.lua >out.txt 2>&1 &
	local run=$!
	until_armed
	run -0 from_desk neap confirm
	[[ $output == *"confirmed: iptables_rule[INPUT: -p tcp --dport 23 -j DROP]"* ]]
	wait "$run" || { cat out.txt; return 1; }
	no_clock
	run -0 host_neap edge plan /srv/site.lua
	host_run edge iptables -C INPUT -p tcp --dport 23 -j DROP
	run -4 from_desk neap confirm
	host_run edge iptables -F INPUT
}

@test "a probe that looks whether the way is open decides by itself" {
	local desk=10.77.0.2
	recipe <<-LUA
	local probe = { "ping", "-c", "1", "-W", "1", "$desk" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 23 -j DROP", confirm_within = "20s", confirm_probe = probe }
	neap.iptables_rule { chain = "OUTPUT", rule = "-d $desk -j DROP", confirm_within = "4s", confirm_probe = probe }
	LUA
	SECONDS=0
	run -4 host_neap edge apply /srv/site.lua
	[ "$SECONDS" -lt 20 ]
	echo "$output"
	[[ $output == *"created"*"dport 23"* ]]
	[[ $output == *"not confirmed within 4s (ping: exit 1): what it changed has been taken back"* ]]
	let_in
	no_clock
	host_run edge iptables -F
}

@test "the address that desk comes by is taken away, and comes back with the way out" {
	host_run edge ip route add 10.99.0.0/16 via 10.77.0.254
	snap() { host_run edge ip -j addr show; host_run edge ip -j route show table all; }
	local address
	address=$(host_run edge ip -o -4 addr show to "$edge" | awk '{ print $4; exit }')
	link=$(host_run edge ip -o -4 addr show to "$edge" | awk '{ print $2; exit }')
	snap | jq -S 'map(del(.addr_info[]?.valid_life_time, .addr_info[]?.preferred_life_time))' >was.json
	recipe <<-LUA
	neap.address { link = "$link", address = "$address", ensure = "absent", confirm_within = "5s" }
	LUA
	host_run edge systemd-run -q -G --unit=job neap apply /srv/site.lua
	until_armed
	host_run edge systemctl kill -s KILL --kill-who=all job
	run ! let_in
	let_in_within 20
	snap | jq -S 'map(del(.addr_info[]?.valid_life_time, .addr_info[]?.preferred_life_time))' >is.json
	diff was.json is.json
}

@test "in a network namespace on such a host the clock is a process, for the manager's timer would work elsewhere" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "3s" }
	LUA
	host_run edge ip netns add inner
	host_run edge ip netns exec inner setsid bash -c 'neap apply --state-dir /run/inner /srv/site.lua & sleep 1.5; kill -9 $!'
	[ -z "$(timers)" ]
	host_run edge ip netns exec inner iptables -C INPUT -p tcp -j DROP
	sleep 3
	run -1 host_run edge ip netns exec inner iptables -C INPUT -p tcp -j DROP
	run -1 host_run edge iptables -C INPUT -p tcp -j DROP
}

@test "after a power cut nothing of it is in force, and nothing is waited for" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 23 -j DROP", confirm_within = "10m" }
	LUA
	host_run edge systemd-run -q -G --unit=job neap apply /srv/site.lua
	until_armed
	run -3 host_neap edge plan /srv/site.lua
	host_cut edge
	host_boot edge
	compgen -G "$(host_disk edge)/var/lib/neap/confirm/*.armed"
	run -2 host_neap edge plan /srv/site.lua
	run -4 host_neap edge status --format json
	[ "$(jq -c .unconfirmed <<<"$output")" = "[]" ]
	sed -i 's/, confirm_within = "10m"//' "$(host_disk edge)/srv/site.lua"
	host_neap edge apply /srv/site.lua
	[ -z "$(ls "$(host_disk edge)/var/lib/neap/confirm")" ]
}
