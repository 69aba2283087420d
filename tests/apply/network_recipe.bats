#!/usr/bin/env bats
# @network on three nodes in namespaces on one switch: pods of different nodes reach each other, a lost route comes back, a
# node joins and another leaves.

bats_require_minimum_version 1.5.0

# Each namespace is a process that sleeps; the names of the links say whose they are.
setup() {
	[ "$(id -u)" = 0 ] || skip "needs root, for namespaces"
	unshare --net true 2>/dev/null || skip "needs namespaces"
	cd "$BATS_TEST_TMPDIR" || return 1
	export ASAN_OPTIONS=detect_leaks=0
	mkdir etc && cp /etc/passwd /etc/group etc/
	namespace switch
	at switch ip link add sw0 type bridge
	at switch ip link set sw0 up
	for n in 1 2 3; do
		namespace "n$n"
		namespace "pod$n"
		at switch ip link add "port$n" type veth peer name eth0 netns "${pid[n$n]}"
		at switch ip link set "port$n" master sw0 up
		at "n$n" ip addr add "192.0.2.$n/24" dev eth0
		at "n$n" ip link set eth0 up
		at "n$n" ip link set lo up
	done
	nodes="n1=192.0.2.1/10.10.1.0/24,n2=192.0.2.2/10.10.2.0/24,n3=192.0.2.3/10.10.3.0/24"
}

teardown() {
	for each in "${pid[@]}"; do kill "$each" 2>/dev/null || true; done
}

declare -gA pid
namespace() { # namespace NAME
	unshare --net --mount --propagation private sh -c "mount --bind '$PWD/etc' /etc; exec sleep 300" 3>&- 4>&- &
	pid[$1]=$!
	for _ in $(seq 50); do
		[ "$(readlink "/proc/${pid[$1]}/ns/net")" != "$(readlink /proc/self/ns/net)" ] &&
			[ "$(cat "/proc/${pid[$1]}/comm")" = sleep ] && return
		sleep 0.05
	done
	return 1
}

at() { # at NAME COMMAND…
	local name=$1
	shift
	nsenter --net --mount --target "${pid[$name]}" "$@"
}

neap_at() { # neap_at NODE VERB [OPTION…]
	local node=$1 verb=$2
	shift 2
	at "$node" "$NEAP" "$verb" @network --state-dir "$PWD/state.$node" -D NODE="$node" -D NODES="$nodes" "$@"
}

pod() { # pod N: on the bridge of node N
	at "n$1" ip link add pod type veth peer name eth0 netns "${pid[pod$1]}"
	at "n$1" ip link set pod master cni0 up
	at "pod$1" ip addr add "10.10.$1.9/24" dev eth0
	at "pod$1" ip link set eth0 up
	at "pod$1" ip route add default via "10.10.$1.1"
}

reaches() { # reaches N M
	at "pod$1" busybox ping -c 1 -W 2 "10.10.$2.9" >/dev/null
}

@test "@network: pods of one node reach those of others, and the second run has nothing to do" {
	command -v busybox || skip "needs busybox, for ping"
	for n in 1 2 3; do
		run -2 neap_at "n$n" plan
		neap_at "n$n" apply -q
		neap_at "n$n" plan
		pod "$n"
	done
	reaches 1 2
	reaches 2 3
	reaches 3 1
	# A pod's link on the bridge is not the recipe's: nothing to do.
	neap_at n1 plan
	# What is lost comes back.
	at n1 ip route del 10.10.2.0/24
	at n1 ip addr del 10.10.1.1/24 dev cni0
	run ! reaches 1 2
	run -2 neap_at n1 plan
	[[ $output == *"address[cni0: 10.10.1.1/24]"*"route[10.10.2.0/24]"* ]]
	neap_at n1 apply -q
	neap_at n1 plan
	reaches 1 2
	# One leaves.
	nodes=${nodes%,*}
	neap_at n1 apply -q -D GONE=n3=192.0.2.3/10.10.3.0/24
	neap_at n1 plan -D GONE=n3=192.0.2.3/10.10.3.0/24
	at n1 ip route >routes.txt
	! grep -q 10.10.3.0 routes.txt
	grep -q "10.10.2.0/24 via 192.0.2.2 dev eth0" routes.txt
}

@test "@network: a list that makes no sense is an error of the recipe" {
	run -1 "$NEAP" check @network -D NODE=n9 -D NODES="$nodes"
	[[ $output == *"node n9 is not among the nodes"* ]]
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES=n1=192.0.2.1
	[[ $output == *"is not NAME=ADDRESS/PODS"* ]]
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES=n1=192.0.2.1/10.10.1.0
	[[ $output == *"is no IPv4 network"* ]]
	while IFS='|' read -r pods words; do
		run -1 "$NEAP" check @network -D NODE=n1 -D NODES="n1=192.0.2.1/$pods"
		[[ $output == *"\"$pods\" $words"* ]] || { echo "$output"; return 1; }
	done <<-'END'
	10.10.1.255/24|is an address in a network
	10.10.1.16/24|is an address in a network
	10.10.256.0/24|is no IPv4 network
	10.10.1.0/33|is no IPv4 network
	10.10.1.0/31|has no room
	END
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES="$nodes,n1=192.0.2.9/10.10.9.0/24"
	[[ $output == *"n1 is there twice"* ]]
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES="$nodes" -D MTU=abc
	[[ $output == *'MTU: "abc" is no whole number'* ]]
	run -0 "$NEAP" graph --format json @network -D NODE=n1 -D NODES="n1=192.0.2.1/10.10.1.252/30" -D MEMBERS=e1,e2 -D MTU=1400
	[[ $output == *"address[cni0: 10.10.1.253/30]"* ]]
	run -1 "$NEAP" check @network
	[[ $output == *"-D NODE=cp1"* ]]
}
