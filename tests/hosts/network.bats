#!/usr/bin/env bats
# @network on real hosts: nodes reach each other's bridges; a reboot and a power cut take links, routes and rules along, and
# a run brings them back. Pods on them, routed and through a vxlan, reach each other and the world beyond.

bats_require_minimum_version 1.5.0
load hosts

setup_file() {
	hosts_require || return 0
	host_boot one two three
	world_begin
}

setup() {
	hosts_require
	nodes="one=10.77.0.1/10.10.1.0/24,two=10.77.0.2/10.10.2.0/24,three=10.77.0.3/10.10.3.0/24"
	declare -gA number=([one]=1 [two]=2 [three]=3)
	docker=(-D CLUSTER=10.10.0.0/16)
}

teardown_file() {
	[ -z "${WORLD-}" ] || kill "$WORLD" 2>/dev/null || true
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

# The world is behind the hosts' gateway, which knows no way to a pod.
world_begin() {
	unshare --net sleep 900 3>&- 4>&- &
	WORLD=$!
	export WORLD
	for _ in $(seq 100); do
		[ "$(cat "/proc/$WORLD/comm" 2>/dev/null)" = sleep ] && break
		sleep 0.05
	done
	hosts_do switch ip link add world type veth peer name eth0 netns "$WORLD"
	hosts_do switch ip address add 198.51.100.1/24 dev world
	hosts_do switch ip link set world up
	hosts_do switch sysctl -qw net.ipv4.ip_forward=1
	world ip address add 198.51.100.9/24 dev eth0
	world ip link set eth0 up
	world ip route add default via 198.51.100.1
}

world() {
	nsenter --net --target "$WORLD" "$@"
}

# pod HOST MTU: on its bridge, and it answers pods and the world by their own addresses, and no host.
pod() {
	host_run "$1" sh -ec "
		ip link delete pod 2>/dev/null || true # with a namespace it goes some time later
		ip netns delete pod 2>/dev/null || true
		ip netns add pod
		ip link add pod mtu $2 type veth peer name eth0 mtu $2 netns pod
		ip link set pod master cni0 up
		ip -n pod link set lo up
		ip -n pod address add 10.10.${number[$1]}.9/24 dev eth0
		ip -n pod link set eth0 up
		ip -n pod route add default via 10.10.${number[$1]}.1
		ip netns exec pod iptables -P INPUT DROP
		for n in 1 2 3; do ip netns exec pod iptables -A INPUT -s 10.10.\$n.9 -j ACCEPT; done
		ip netns exec pod iptables -A INPUT -s 198.51.100.9 -j ACCEPT"
}

from_pod() { # from_pod HOST [OPTION…] ADDRESS
	local host=$1
	shift
	host_run "$host" ip netns exec pod ping -c 1 -W 2 "$@"
}

# everybody_meets SIZE: pods each other, with that many bytes in a packet, and the world, which answers only their host.
everybody_meets() {
	local from to
	for from in one two three; do
		for to in one two three; do
			[ "$from" = "$to" ] || from_pod "$from" -M do -s "$1" "10.10.${number[$to]}.9"
		done
		world iptables -F INPUT
		world iptables -A INPUT -s "10.77.0.${number[$from]}" -j ACCEPT
		world iptables -A INPUT -j DROP
		from_pod "$from" 198.51.100.9
	done
}

@test "@network: nodes reach each other's bridges, and a second run has nothing to do" {
	for host in one two three; do
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

@test "@network: routed, pods of three hosts reach each other as they are, and the world under their host's address" {
	for host in one two three; do
		network "$host" apply -q
		host_run "$host" iptables -P FORWARD DROP # as Docker does
		pod "$host" 1500
	done
	run ! from_pod one 10.10.2.9
	run ! from_pod one 198.51.100.9
	for host in one two three; do
		run -2 network "$host" plan "${docker[@]}"
		network "$host" apply -q "${docker[@]}"
		run -0 network "$host" plan "${docker[@]}"
	done
	everybody_meets 1472
}

@test "@network: through a vxlan they do so too, with packets as large as fit" {
	# The network between the hosts carries no pod's packet.
	hosts_do switch iptables -A FORWARD -s 10.10.0.0/16 -j DROP
	for host in one two three; do
		run -2 network "$host" plan "${docker[@]}" -D VXLAN=1
		[[ $output == *"vxlan[vxlan0]"*"address[vxlan0: 10.10.${number[$host]}.0/32]"* ]]
		network "$host" apply -q "${docker[@]}" -D VXLAN=1
		run -0 network "$host" plan "${docker[@]}" -D VXLAN=1
		pod "$host" 1450
	done
	everybody_meets 1422
	run -0 host_run one ip route get 10.10.3.9
	[[ $output == *"via 10.10.3.0 dev vxlan0"* ]]
	# With nothing to do it is nothing: nobody's packets are lost over a run.
	run -0 network one apply "${docker[@]}" -D VXLAN=1
	[[ $output == *"nothing to change"* ]]
}

@test "@network: after a reboot one run brings vxlan, routes and rules back without an error" {
	host_reboot two
	host_run two iptables -P FORWARD DROP
	run ! host_run two ip link show vxlan0
	run network two apply "${docker[@]}" -D VXLAN=1
	echo "$output"
	[ "$status" = 0 ]
	[[ $output != *failed* ]]
	run -0 network two plan "${docker[@]}" -D VXLAN=1
	pod two 1450
	everybody_meets 1422
}

@test "@network: with PERSIST=unit a reboot and a power cut bring all back without a run" {
	run -2 network two plan "${docker[@]}" -D VXLAN=1 -D PERSIST=unit
	network two apply -q "${docker[@]}" -D VXLAN=1 -D PERSIST=unit
	for boot in "host_reboot two" "host_cut two"; do
		$boot
		[ "$boot" != "host_cut two" ] || host_boot two
		host_run two iptables -P FORWARD DROP
		host_run two timeout 60 sh -c 'until systemctl is-active -q multi-user.target; do sleep 0.1; done'
		run -0 network two plan "${docker[@]}" -D VXLAN=1 -D PERSIST=unit
		pod two 1450
		everybody_meets 1422
	done
	# And no more.
	network two apply -q "${docker[@]}" -D VXLAN=1 -D PERSIST=false
	[ -z "$(host_run two sh -c 'ls /etc/neap/network.d /etc/neap/iptables.d | grep conf')" ]
	run -0 network two plan "${docker[@]}" -D VXLAN=1
}

@test "@network: with PERSIST=networkd a reboot and a power cut bring all back without a run" {
	host_run two systemctl enable -q systemd-networkd
	run -2 network two plan "${docker[@]}" -D VXLAN=1 -D PERSIST=networkd
	network two apply -q "${docker[@]}" -D VXLAN=1 -D PERSIST=networkd
	for boot in "host_reboot two" "host_cut two"; do
		$boot
		[ "$boot" != "host_cut two" ] || host_boot two
		host_run two iptables -P FORWARD DROP
		host_run two timeout 60 sh -c 'until systemctl is-active -q multi-user.target; do sleep 0.1; done'
		host_run two /lib/systemd/systemd-networkd-wait-online --timeout=60
		run -0 network two plan "${docker[@]}" -D VXLAN=1 -D PERSIST=networkd
		pod two 1450
		everybody_meets 1422
	done
	network two apply -q "${docker[@]}" -D VXLAN=1 -D PERSIST=false
	[ -z "$(host_run two sh -c 'ls -d /etc/systemd/network/*neap*' 2>/dev/null)" ]
	run -0 network two plan "${docker[@]}" -D VXLAN=1
	host_run two systemctl disable -q systemd-networkd
	host_run two systemctl stop -q systemd-networkd.socket systemd-networkd
}

@test "@network: a host that has left is known no more, and the others still meet" {
	nodes=${nodes%,*}
	for host in one two; do
		run -2 network "$host" plan "${docker[@]}" -D VXLAN=1 -D GONE=three=10.77.0.3/10.10.3.0/24
		network "$host" apply -q "${docker[@]}" -D VXLAN=1 -D GONE=three=10.77.0.3/10.10.3.0/24
		run -0 network "$host" plan "${docker[@]}" -D VXLAN=1 -D GONE=three=10.77.0.3/10.10.3.0/24
	done
	run ! from_pod one 10.10.3.9
	run -0 host_run one bridge fdb show dev vxlan0
	[[ $output == *"0a:58:0a:0a:02:00 dst 10.77.0.2"* && $output != *"10.77.0.3"* ]]
	from_pod one 10.10.2.9
	from_pod two 10.10.1.9
}
