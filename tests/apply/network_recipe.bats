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
	mkdir etc && cp -a /etc/passwd /etc/group /etc/alternatives etc/
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
	run ! grep -q 10.10.3.0 routes.txt
	grep -q "10.10.2.0/24 via 192.0.2.2 dev eth0" routes.txt
}

# The nodes' switch lets only packets of nodes to nodes through, and the world behind it knows no way to a pod.
strict() {
	at switch iptables -P FORWARD DROP
	at switch sysctl -qw net.ipv4.ip_forward=1
	namespace world
	at switch ip link add world type veth peer name eth0 netns "${pid[world]}"
	at switch ip addr add 192.0.2.254/24 dev sw0
	at switch ip addr add 198.51.100.1/24 dev world
	at switch ip link set world up
	at switch iptables -A FORWARD -s 192.0.2.0/24 -d 192.0.2.0/24 -j ACCEPT # where bridges filter too
	at switch iptables -A FORWARD -s 192.0.2.0/24 -d 198.51.100.0/24 -j ACCEPT
	at switch iptables -A FORWARD -d 192.0.2.0/24 -s 198.51.100.0/24 -j ACCEPT
	at world ip addr add 198.51.100.9/24 dev eth0
	at world ip link set eth0 up
	at world ip route add default via 198.51.100.1
	for n in 1 2 3; do at "n$n" ip route add default via 192.0.2.254; done
}

@test "@network: through a vxlan pods reach each other as they are, and the world under their node's address" {
	command -v busybox || skip "needs busybox, for ping"
	command -v iptables-save || skip "needs iptables"
	strict
	# A Docker was here.
	for n in 1 2 3; do
		at "n$n" iptables -P FORWARD DROP
		way=(-D VXLAN=7 -D CLUSTER=10.10.0.0/16 -D DOCKER=absent)
		run -2 neap_at "n$n" plan "${way[@]}"
		neap_at "n$n" apply -q "${way[@]}"
		neap_at "n$n" plan "${way[@]}"
		pod "$n"
		# Whom a pod answers: its own, others by their own addresses, no node.
		at "pod$n" iptables -A INPUT -s 10.10.0.0/16 -j ACCEPT
		for m in 1 2 3; do at "pod$n" iptables -I INPUT -s "10.10.$m.0/31" -j DROP; done
		at "pod$n" iptables -A INPUT -s 198.51.100.9 -j ACCEPT
		at "pod$n" iptables -A INPUT -j DROP
	done
	reaches 1 2
	reaches 2 3
	reaches 3 1
	# Not by the way between the nodes.
	at n1 ip route get 10.10.2.9 | grep -q "via 10.10.2.0 dev vxlan0"
	at world iptables -A INPUT -s 192.0.2.1 -j ACCEPT
	at world iptables -A INPUT -j DROP
	at pod1 busybox ping -c 1 -W 2 198.51.100.9
	run ! at pod2 busybox ping -c 1 -W 1 198.51.100.9
	# Without the rule the world does not know whom to answer.
	way=(-D VXLAN=7 -D CLUSTER=10.10.0.0/16 -D MASQUERADE=false)
	neap_at n1 apply -q "${way[@]}"
	run ! at pod1 busybox ping -c 1 -W 1 198.51.100.9
	reaches 1 2
	# One leaves: its routes go by GONE, and it is known no more.
	nodes=${nodes%,*}
	run -2 neap_at n1 plan "${way[@]}" -D GONE=n3=192.0.2.3/10.10.3.0/24
	[[ $output == *'- 0a:58:0a:0a:03:00 192.0.2.3'*'- 10.10.3.0 0a:58:0a:0a:03:00'* ]]
	neap_at n1 apply -q "${way[@]}" -D GONE=n3=192.0.2.3/10.10.3.0/24
	neap_at n1 plan "${way[@]}" -D GONE=n3=192.0.2.3/10.10.3.0/24
	run ! grep -E "10.10.3|192.0.2.3" <(at n1 ip route; at n1 bridge fdb show dev vxlan0; at n1 ip neigh show dev vxlan0)
	reaches 1 2
}

@test "@network: from routed to a vxlan and back, the routes are replaced" {
	command -v busybox || skip "needs busybox, for ping"
	for way in "" "-D VXLAN=7" ""; do
		# shellcheck disable=SC2086
		for n in 1 2; do neap_at "n$n" apply -q $way && neap_at "n$n" plan $way; done
		[ -n "$(at n1 ip link show pod 2>/dev/null)" ] || { pod 1; pod 2; }
		reaches 1 2
	done
	at n1 ip route get 10.10.2.9 | grep -q "via 192.0.2.2 dev eth0"
}

@test "@network: what Docker has left goes by exact rule, and nothing else" {
	command -v iptables-save || skip "needs iptables"
	cat >docker.sh <<-'SH'
	set -e
	ip link add docker0 type bridge
	ip addr add 172.17.0.1/16 dev docker0
	iptables -P FORWARD DROP
	for chain in DOCKER DOCKER-USER DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2; do iptables -N $chain; done
	iptables -A FORWARD -j DOCKER-USER
	iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1
	iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	iptables -A FORWARD -o docker0 -j DOCKER
	iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
	iptables -A FORWARD -i docker0 -o docker0 -j ACCEPT
	iptables -A FORWARD -i docker1 -o docker1 -j ACCEPT
	iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
	iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
	iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
	iptables -A DOCKER-USER -s 203.0.113.0/24 -j DROP
	iptables -t nat -N DOCKER
	iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
	iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
	iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
	iptables -t nat -A POSTROUTING -s 10.99.0.0/16 -j MASQUERADE
	iptables -t nat -A DOCKER -i docker0 -j RETURN
	SH
	at n1 bash "$PWD/docker.sh"
	run -2 neap_at n1 plan -D DOCKER=absent
	neap_at n1 apply -q -D DOCKER=absent
	neap_at n1 plan -D DOCKER=absent
	at n1 iptables-save | grep -E "^-A|^:FORWARD" | sed 's/ \[.*//' >left.txt
	diff left.txt - <<-'END'
	:FORWARD DROP
	-A FORWARD -j DOCKER-USER
	-A FORWARD -i docker1 -o docker1 -j ACCEPT
	-A DOCKER-ISOLATION-STAGE-1 -j RETURN
	-A DOCKER-USER -s 203.0.113.0/24 -j DROP
	-A POSTROUTING -s 10.99.0.0/16 -j MASQUERADE
	END
	run ! at n1 ip link show docker0
}

@test "@network: by PERSIST=unit all but the setting is kept for the boot, and who has left is kept no more" {
	command -v iptables-save || skip "needs iptables"
	mkdir -p etc/systemd/system
	way=(-D VXLAN=7 -D CLUSTER=10.10.0.0/16 -D PERSIST=unit)
	neap_at n1 apply -q "${way[@]}"
	neap_at n1 plan "${way[@]}"
	diff - <(ls etc/neap/network.d) <<-'END'
	20-bridge-cni0.conf
	30-vxlan-vxlan0.conf
	50-address-cni0-10.10.1.1-24.conf
	50-address-vxlan0-10.10.1.0-32.conf
	70-route-10.10.2.0-24-table-254-metric-0.conf
	70-route-10.10.2.0-32-table-254-metric-0.conf
	70-route-10.10.3.0-24-table-254-metric-0.conf
	70-route-10.10.3.0-32-table-254-metric-0.conf
	END
	[ "$(grep -h '^[0-9]' etc/neap/iptables.d/* | sort | cut -c 3-)" = "-A FORWARD -s 10.10.0.0/16 -j ACCEPT
-A POSTROUTING ! -d 10.10.0.0/16 -m addrtype ! --dst-type LOCAL -j MASQUERADE
-A FORWARD -d 10.10.0.0/16 -j ACCEPT" ]
	nodes=${nodes%,*}
	neap_at n1 apply -q "${way[@]}" -D GONE=n3=192.0.2.3/10.10.3.0/24
	neap_at n1 plan "${way[@]}" -D GONE=n3=192.0.2.3/10.10.3.0/24
	run ! grep -rE "10.10.3|192.0.2.3" etc/neap
	# A way that it does not offer, and one that it does only through a vxlan.
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES="$nodes" -D PERSIST=ifupdown
	[[ $output == *'PERSIST: "ifupdown" is none of what it can be'* ]]
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES="$nodes" -D PERSIST=networkd
	[[ $output == *'kept by networkd only through a vxlan; "unit" keeps these, too'* ]]
}

@test "@network: by PERSIST=networkd it keeps links, addresses and routes, and the unit rules; who has left is kept no more" {
	command -v iptables-save || skip "needs iptables"
	mkdir -p etc/systemd/{system,network}
	way=(-D VXLAN=7 -D CLUSTER=10.10.0.0/16)
	neap_at n1 apply -q "${way[@]}" -D PERSIST=unit
	neap_at n1 apply -q "${way[@]}" -D PERSIST=networkd
	neap_at n1 plan "${way[@]}" -D PERSIST=networkd
	[ -z "$(ls etc/neap/network.d)" ]
	[ "$(cat etc/neap/iptables.d/* | grep -c '^[0-9]')" = 3 ]
	diff - <(cd etc/systemd/network && find . -type f | sort) <<-'END'
	./50-neap-cni0.netdev
	./50-neap-cni0.network
	./50-neap-cni0.network.d/neap-address-cni0-10.10.1.1-24.conf
	./50-neap-vxlan0.netdev
	./50-neap-vxlan0.network
	./50-neap-vxlan0.network.d/neap-address-vxlan0-10.10.1.0-32.conf
	./50-neap-vxlan0.network.d/neap-route-10.10.2.0-24-table-254-metric-0.conf
	./50-neap-vxlan0.network.d/neap-route-10.10.2.0-32-table-254-metric-0.conf
	./50-neap-vxlan0.network.d/neap-route-10.10.3.0-24-table-254-metric-0.conf
	./50-neap-vxlan0.network.d/neap-route-10.10.3.0-32-table-254-metric-0.conf
	END
	nodes=${nodes%,*}
	neap_at n1 apply -q "${way[@]}" -D PERSIST=networkd -D GONE=n3=192.0.2.3/10.10.3.0/24
	neap_at n1 plan "${way[@]}" -D PERSIST=networkd -D GONE=n3=192.0.2.3/10.10.3.0/24
	run ! grep -rE "10.10.3|192.0.2.3" etc/systemd
	neap_at n1 apply -q "${way[@]}" -D PERSIST=false
	[ -z "$(find etc/systemd/network etc/neap -type f)" ]
}

@test "@network: a list that makes no sense is an error of the recipe" {
	run -1 "$NEAP" check @network -D NODE=n9 -D NODES="$nodes"
	[[ $output == *"node n9 is not among the nodes"* ]]
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES=n1=192.0.2.1
	[[ $output == *"is not NAME=ADDRESS/PODS"* ]]
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES=n1=192.0.2.1/10.10.1.0
	[[ $output == *"is no IPv4 network"* ]]
	for said in "VXLAN=a|no whole number" "MASQUERADE=no|none of what it can be" "DOCKER=gone|none of what it can be" \
		"CLUSTER=10.0.0.0/16|10.10.1.0/24 is not in the cluster's, 10.0.0.0/16" "CLUSTER=10.10.1.0/25|is not in the cluster's" \
		"CLUSTER=10.10.0.0|no IPv4 network"; do
		run -1 "$NEAP" check @network -D NODE=n1 -D NODES="$nodes" -D "${said%%|*}"
		[[ $output == *"${said#*|}"* ]] || { echo "$said: $output"; false; }
	done
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
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES="n1=192.0.2.1/10.10.1.0/24,n2=192.0.2.2/10.10.1.0/24"
	[[ $output == *"n1 and n2 have one network for their pods, 10.10.1.0/24"* ]]
	run -1 "$NEAP" check @network -D NODE=n1 -D NODES="$nodes" -D MTU=abc
	[[ $output == *'MTU: "abc" is no whole number'* ]]
	run -0 "$NEAP" graph --format json @network -D NODE=n1 -D NODES="n1=192.0.2.1/10.10.1.252/30" -D MEMBERS=e1,e2 -D MTU=1400
	[[ $output == *"address[cni0: 10.10.1.253/30]"* ]]
	run -1 "$NEAP" check @network
	[[ $output == *"-D NODE=cp1"* ]]
}
