#!/usr/bin/env bats
# @network on real hosts: two nodes reach each other's pods by the bridges' addresses; a reboot and a power cut take links
# and routes along, and a run brings them back.

bats_require_minimum_version 1.5.0
load hosts

setup_file() {
	hosts_require || return 0
	host_boot one two
}

setup() {
	hosts_require
	nodes="one=10.77.0.1/10.10.1.0/24,two=10.77.0.2/10.10.2.0/24"
}

teardown_file() {
	host_down_all
}

network() { # network HOST VERB [OPTION…]
	local host=$1 verb=$2
	shift 2
	host_neap "$host" "$verb" @network -D NODE="$host" -D NODES="$nodes" "$@"
}

reaches() { # reaches HOST FROM TO
	host_run "$1" ping -c 1 -W 2 -I "$2" "$3"
}

@test "@network: nodes reach each other's bridges, and a second run has nothing to do" {
	for host in one two; do
		run -2 network "$host" plan
		network "$host" apply -q
		run -0 network "$host" plan
	done
	reaches one 10.10.1.1 10.10.2.1
	reaches two 10.10.2.1 10.10.1.1
}

@test "@network: after a reboot links, addresses and routes are missing, the setting is not; one run brings them back" {
	host_reboot one
	run ! reaches one 10.10.1.1 10.10.2.1
	[ "$(host_run one sysctl -n net.ipv4.ip_forward)" = 1 ]
	run -2 network one plan
	[[ $output == *"bridge[cni0]"* && $output == *"route[10.10.2.0/24]"* ]]
	[[ $output != *"sysctl["* ]]
	network one apply -q
	run -0 network one plan
	reaches one 10.10.1.1 10.10.2.1
}

@test "@network: after a power cut, and with a bridge that went down, one run brings it back" {
	host_cut two
	host_boot two
	run ! reaches one 10.10.1.1 10.10.2.1
	network two apply -q
	run -0 network two plan
	reaches two 10.10.2.1 10.10.1.1
	host_run two ip link set cni0 down
	run -2 network two plan
	[[ $output == *"bridge[cni0]"*"false -> true"* ]]
	network two apply -q
	run -0 network two plan
	reaches two 10.10.2.1 10.10.1.1
}
