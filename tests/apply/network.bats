#!/usr/bin/env bats
# bridge, veth, address, route against the kernel, judged by ip(8). Each test has a network namespace of its own and never
# sees the machine's network.

bats_require_minimum_version 1.5.0
load ../support/netns.bash

setup() {
	netns_setup
	netns_accounts
}

inside() { # inside SCRIPT: with lo, and a pair eth1, far that is up
	netns_run "$1" netns_links
}

@test "bridge and veth: made with what is given, and then as wanted" {
	recipe <<-'LUA'
	neap.bridge { name = "br0", members = { "v1", "eth1" }, mtu = 1500, stp = false, forward_delay = "0s", ageing_time = "100s" }
	neap.veth { name = "v0", peer = "v1", mtu = 1400 }
	LUA
	inside '
		fails plan >plan.txt
		fails ip link show br0 2>/dev/null
		converges
		ip -d -j link show br0 >br0.json; ip -j link show v1 >v1.json; ip -j link show v0 >v0.json; ip -j link show eth1 >eth1.json'
	grep -q "create  *veth\[v0\]" plan.txt
	# What makes a member comes first.
	[ "$(grep -n 'veth\[v0\]' plan.txt | cut -d: -f1)" -lt "$(grep -n 'bridge\[br0\]' plan.txt | cut -d: -f1)" ]
	jq -e '.[0] | .mtu == 1500 and (.flags | index("UP")) and (.linkinfo.info_data | .forward_delay == 0 and .ageing_time == 10000 and .stp_state == 0)' br0.json
	jq -e '.[0] | .mtu == 1400 and .master == "br0" and (.flags | index("UP"))' v1.json
	jq -e '.[0] | .mtu == 1400 and (.flags | index("UP"))' v0.json
	jq -e '.[0].master == "br0"' eth1.json
}

@test "bridge: only what is given is compared, and what differs is said and repaired alone" {
	recipe <<-'LUA'
	neap.bridge { name = "br0", members = "eth1", stp = true, forward_delay = "4s" }
	LUA
	inside '
		ip link add br0 type bridge ageing_time 8000 && ip link set far master br0 && ip link set br0 up
		fails plan >plan.txt
		converges
		ip -d -j link show br0 >br0.json
		ip -j link show far >far.json
		ip link set br0 mtu 1300 type bridge ageing_time 9000
		plan
		ip link set br0 type bridge forward_delay 500
		fails plan >delay.txt
		converges
		ip link set br0 down
		ip link set eth1 nomaster
		fails plan >down.txt
		converges'
	grep -q "update  *bridge\[br0\]" plan.txt
	grep -q "stp  *false -> true" plan.txt
	grep -q "forward_delay  *15s -> 4s" plan.txt
	jq -e '.[0].linkinfo.info_data | .ageing_time == 8000 and .stp_state == 1 and .forward_delay == 400' br0.json
	jq -e '.[0].master == "br0"' far.json # others stay
	grep -q "forward_delay *5s -> 4s" delay.txt
	! grep -qE "stp|up|members" <(grep -v update delay.txt)
	grep -q "up  *false -> true" down.txt
	grep -q "members *+ eth1" down.txt
}

@test "bridge: a member is taken out of another bridge, and says so" {
	recipe <<<'neap.bridge { name = "br0", members = { "eth1" } }'
	inside '
		ip link add other type bridge && ip link set eth1 master other
		fails plan >plan.txt
		converges
		ip -j link show eth1 >eth1.json'
	grep -q "takes eth1 out of other" plan.txt
	jq -e '.[0].master == "br0"' eth1.json
}

@test "bridge: a link that the kernel does not let into one is an error of the plan, and named" {
	recipe <<-'LUA'
	neap.bridge { name = "br0", members = { "br1" } }
	neap.bridge { name = "br1" }
	LUA
	inside '
		plan >plan.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		ip link add gre1 type gre local 192.0.2.1 remote 192.0.2.2 2>/dev/null || exit 0
		sed -i "s/br1\" } }/gre1\" } }/" site.lua
		plan >tunnel.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		grep -F "members: gre1 has no Ethernet, and no bridge takes it" tunnel.txt'
	grep -qF "members: br1 is a bridge, and no bridge takes one" plan.txt
}

@test "bridge: an MTU that is given holds, also when members come and change" {
	recipe <<-'LUA'
	neap.veth { name = "v0", peer = "v1", mtu = tonumber(neap.params.mtu) }
	neap.bridge { name = "br0", members = { "v1" }, mtu = 1500 }
	LUA
	inside '
		for mtu in 1400 1450 1300 1500 1400; do
			plan -D mtu=$mtu >plan.txt || true
			apply -q -D mtu=$mtu
			plan -D mtu=$mtu
			ip -o link show br0 | grep -q "mtu 1500 "
			ip -o link show v0 | grep -q "mtu $mtu "
		done'
}

@test "bridge and veth: absent takes addresses and routes along, and nothing else" {
	recipe <<-'LUA'
	neap.bridge { name = "br0", ensure = "absent" }
	neap.veth { name = "v0", ensure = "absent" }
	LUA
	inside '
		ip link add br0 type bridge && ip link set br0 up && ip addr add 10.0.0.1/24 dev br0 && ip link set eth1 master br0
		ip link add v0 type veth peer name v1
		fails plan >plan.txt
		converges
		ip -br link >links.txt
		ip route >routes.txt'
	grep -q "along  *- veth v1$" plan.txt
	grep -q "along  *- address 10.0.0.1/24 on br0$" plan.txt
	! grep -qE "br0|v0|v1" links.txt
	grep -q eth1 links.txt
	! grep -q 10.0.0 routes.txt
}

@test "what goes along is named by the plan and the report, is what ip misses, and what of it is wanted comes again" {
	recipe <<-'LUA'
	neap.address { link = "eth1", address = "10.0.0.1/24", ensure = "absent" }
	neap.address { link = "eth1", address = "10.0.0.3/24" }
	neap.route { to = "default", via = "10.0.0.254" }
	neap.bridge { name = "br0", up = false }
	neap.bridge { name = "br1", ensure = "absent", confirm_within = "20s", confirm_probe = { "true" } }
	LUA
	cat >there <<-'SH'
	there() { # in the words of a plan
		ip -j addr | jq -r '.[] | .ifname as $on | .addr_info[] | select(.scope == "global") | "address \(.local)/\(.prefixlen) on \($on)"'
		ip -j link show type vxlan | jq -r '.[] | select(.ifname) | "vxlan \(.ifname)"'
		{ ip -j route; ip -6 -j route; } | jq -r '.[] | select(.dst != "fe80::/64") |
			"route \(.dst)" + (if .gateway then " via \(.gateway)" else "" end) + " on \(.dev)"'
	}
	SH
	inside '
		source ./there
		ip addr add 10.0.0.1/24 dev eth1; ip route add default via 10.0.0.254; ip route add 10.9.0.0/16 via 10.0.0.9
		ip link add br0 type bridge; ip link set br0 addrgenmode eui64; ip link set br0 up
		ip addr add 10.1.0.1/24 dev br0; ip addr add fd00::1/64 dev br0 nodad; ip -6 route add fd09::/48 via fd00::9 dev br0
		ip link add br1 type bridge; ip link set br1 up; ip addr add 10.2.0.1/24 dev br1; ip route add 10.8.0.0/16 via 10.2.0.9
		ip link add vx1 type vxlan id 43 dstport 4789 dev br1; ip addr add 10.3.0.1/24 dev vx1; ip link set vx1 up
		bridge fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.2
		there | sort >before
		fails plan --format json >plan.json
		apply --format json >apply.json
		there | sort >after
		plan'
	run ! grep -q "address fe80" plan.json
	for run in plan apply; do
		jq -c '[.resources[] | .address as $a | .changes[] | select(.param == "along") | [$a, .before, .after]]' $run.json >$run.along
	done
	diff plan.along apply.along
	[ "$(jq -c '.[0][1:3]' plan.along)" = '[["route default via 10.0.0.254 on eth1","route 10.9.0.0/16 via 10.0.0.9 on eth1"],[]]' ]
	jq -e '.resources[] | select(.address == "route[default]").action == "create"' plan.json
	# All that is missed has been named or asked for, but for routes that came with addresses.
	comm -23 before after | grep -vxF -e "address 10.0.0.1/24 on eth1" -e "route 10.2.0.0/24 on br1" -e "route 10.3.0.0/24 on vx1" \
		-e "route fd00::/64 on br0" >missed
	jq -r '.[][1][]' plan.along | grep -vxF "route default via 10.0.0.254 on eth1" | sort | diff missed -
}

@test "on a link that is too small for IPv6 there is none: in the plan, in the apply and in the kernel" {
	recipe <<-'LUA'
	neap.address { link = "eth1", address = "fd00::1/64" }
	neap.route { to = "fd09::/48", link = "eth1" }
	neap.address { link = "eth1", address = "10.0.0.1/24" }
	neap.bridge { name = "br0", members = { "eth1" } }
	neap.address { link = "br0", address = "fd02::1/64" }
	neap.vxlan { name = "vx0", id = 4, link = "far" }
	neap.address { link = "vx0", address = "fd03::1/64" }
	LUA
	recipe wide.lua <<-'LUA'
	neap.bridge { name = "br0", members = { "eth1" }, mtu = 1500 }
	neap.address { link = "br0", address = "fd02::1/64" }
	neap.route { to = "fd08::/48", via = "fd02::9" }
	LUA
	inside '
		ip link set eth1 mtu 1279; ip link set far mtu 1329
		ip link add br0 type bridge; ip link set br0 up; ip addr add fd02::1/64 dev br0 nodad; ip -6 route add fd08::/48 via fd02::9
		plan >plan.txt && rc=0 || rc=$?; [ $rc = 4 ]
		apply >apply.txt && rc=0 || rc=$?; [ $rc = 4 ]
		ip -6 addr show >six; ip -6 route >>six
		fails ip addr add fd00::1/64 dev eth1 2>/dev/null
		fails ip addr add fd02::1/64 dev br0 2>/dev/null
		fails ip addr add fd03::1/64 dev vx0 2>/dev/null
		ip -4 addr show dev eth1 | grep -q 10.0.0.1/24
		site=wide.lua
		fails plan >wide.txt
		converges
		ip -6 addr show dev br0 | grep -q fd02::1/64
		ip -6 route | grep -q "^fd08::/48 via fd02::9 dev br0"'
	for said in plan.txt apply.txt; do
		grep -qF "eth1 has no IPv6, as its MTU is 1279" $said
		grep -qF "ip link set eth1 mtu 1280" $said
		grep -qF "br0 has no IPv6, as its MTU is 1279" $said
		grep -qF "eth1, its smallest member" $said
		grep -qF "vx0 has no IPv6, as its MTU is 1279" $said
		grep -qF "a vxlan 50 bytes more of far" $said
		grep -qF "along    - route fd08::/48 via fd02::9 on br0" $said
		grep -qF "         - address fd02::1/64 on br0" $said
		[ "$(grep -c "^x " $said)" = 4 ]
	done
	run ! grep -q "fd0[0-9]" six
	run ! grep -q along wide.txt
}

@test "links of another kind are errors, and stay" {
	recipe <<-'LUA'
	neap.bridge { name = "eth1" }
	neap.bridge { name = "far", ensure = "absent" }
	neap.bridge { name = "lo", ensure = "absent" }
	neap.veth { name = "br0", peer = "p" }
	neap.veth { name = "v0", peer = "other" }
	neap.veth { name = "w0", peer = "taken" }
	neap.bridge { name = "br1", members = { "nobody" } }
	LUA
	inside '
		ip link add br0 type bridge; ip link add v0 type veth peer name v1; ip link add taken type bridge
		plan >plan.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		ip -br link | cut -d" " -f1 >before.txt
		apply >apply.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		ip -br link | cut -d" " -f1 >after.txt'
	diff before.txt after.txt
	for said in "the link eth1 is there, and is no bridge but a veth" "the link far is there, and is no bridge but a veth" \
		"the link lo is there, and is no bridge but a device" "the link br0 is there, and is no veth but a bridge" \
		"the other end of v0 is v1, not other" "w0: the link taken is in the place of its other end" "there is no link nobody"; do
		grep -qF "$said" plan.txt
		grep -qF "$said" apply.txt
	done
}

@test "errors of the recipe name both, and how a thing is spelled" {
	recipe <<-'LUA'
	neap.bridge { name = "br0", members = { "eth1" } }
	neap.veth { name = "v0", peer = "br0" }
	neap.bridge { name = "br1", members = { "eth1" } }
	neap.bridge { name = "a name" }
	neap.bridge { name = "br3", stp = true, forward_delay = "1s" }
	neap.bridge { name = "gone", ensure = "absent" }
	neap.address { link = "gone", address = "10.0.0.1/24" }
	neap.sysctl { name = "net.ipv4.conf.gone.forwarding", value = 1 }
	neap.address { link = "br0", address = "FD00::1/64" }
	neap.address { link = "br0", address = "10.0.0.1" }
	neap.route { to = "10.0.0.1/24", link = "br0" }
	neap.route { to = "0.0.0.0/0", link = "br0" }
	neap.route { to = "default", via = "fd00::1" }
	neap.route { to = "10.0.0.0/24" }
	neap.route { to = "10.9.0.0/24", via = "10.0.0.1" }
	neap.route { to = "10.9.0.0/24", via = "10.0.0.2", table = 254 }
	neap.route { to = "fd00::/64", via = "fe80::1" }
	LUA
	run -1 "$NEAP" check site.lua
	for said in "bridge[br0] (site.lua:2) and veth[v0] (site.lua:3) both make the link br0" \
		"both own what bridge the link eth1 is in" '"a name" is no name of a link' "from 2s to 30s" \
		"address[gone: 10.0.0.1/24] (site.lua:8) needs the link gone, which bridge[gone] (site.lua:7) makes absent" \
		"sysctl[net.ipv4.conf.gone.forwarding] (site.lua:9) needs the link gone" "is spelled fd00::1/64" \
		"alone in it: 10.0.0.1/32" "is in the network 10.0.0.0/24" "is spelled default" 'the default route of IPv6 is to = "::/0"' \
		"via or link is required" "both own the route to 10.9.0.0/24, metric 0 in table 254" "link says which"; do
		[[ $output == *"$said"* ]] || { echo "missing: $said"; echo "$output"; false; }
	done
}

@test "settings of a link that does not exist yet are unknown in a plan, and set by the apply" {
	recipe <<-'LUA'
	neap.sysctl { name = "net.ipv4.conf.br0.forwarding", value = 1, persistent = false }
	neap.bridge { name = "br0" }
	LUA
	inside '
		fails plan >plan.txt
		converges
		[ "$(sysctl -n net.ipv4.conf.br0.forwarding)" = 1 ]'
	grep -A1 "unknown   sysctl" plan.txt | grep -q "not known until bridge\[br0\]"
}

@test "addresses: after their links, in both families, and others stay" {
	recipe <<-'LUA'
	neap.address { link = "br0", address = "10.10.1.1/24" }
	neap.address { link = "br0", address = "10.10.1.2/24" }
	neap.address { link = "br0", address = "10.10.9.9/32" }
	neap.address { link = "br0", address = "fd00::1/64" }
	neap.bridge { name = "br0" }
	LUA
	inside '
		fails plan >plan.txt
		converges
		ip -j addr show br0 >br0.json
		ip addr add 192.0.2.9/24 dev br0; ip addr del 10.10.1.1/24 dev br0
		fails plan >one.txt
		converges
		ip -j addr show br0 >again.json'
	jq -e '[.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort == ["10.10.1.1/24", "10.10.1.2/24", "10.10.9.9/32", "fd00::1/64"]' br0.json
	jq -e '[.[0].addr_info[] | select(.local == "10.10.1.1")][0].broadcast == "10.10.1.255"' br0.json
	jq -e '[.[0].addr_info[] | select(.scope == "global")] | length == 5' again.json
}

@test "addresses: absent; the first of a network takes the others along, unless they are promoted" {
	recipe <<-'LUA'
	neap.address { link = "far", address = "10.0.0.1/24", ensure = "absent" }
	neap.address { link = "far", address = "fd00::1/64", ensure = "absent" }
	local first = neap.address { link = "eth1", address = "10.0.0.1/24", ensure = "absent" }
	neap.address { link = "eth1", address = "10.0.0.2/24", require = first }
	LUA
	inside '
		for link in eth1 far; do
			ip addr add 10.0.0.1/24 dev $link; ip addr add 10.0.0.2/24 dev $link; ip addr add fd00::1/64 dev $link
		done
		echo 1 >/proc/sys/net/ipv4/conf/far/promote_secondaries
		fails plan >plan.txt
		converges
		ip -br -4 addr show far >far.txt; ip -br -6 addr show far >far6.txt; ip -br -4 addr show eth1 >eth1.txt'
	# Without promotion the second one is gone in the plan, and put back.
	grep -q "create  *address\[eth1: 10.0.0.2/24\]" plan.txt
	grep -q "10.0.0.2/24" far.txt
	! grep -q "10.0.0.1/24" far.txt
	! grep -q "fd00::1/64" far6.txt
	grep -q "10.0.0.2/24" eth1.txt
}

@test "routes: after what they go through, and told apart by network, table and metric" {
	recipe <<-'LUA'
	neap.route { to = "default", via = "10.10.1.9" }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.7", source = "10.10.1.1" }
	neap.route { to = "10.30.0.0/16", link = "br0", metric = 20 }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.8", table = 100 }
	neap.route { to = "fd09::/48", via = "fd00::9" }
	neap.route { to = "::/0", via = "fe80::9", link = "br0" }
	neap.address { link = "br0", address = "10.10.1.1/24" }
	neap.address { link = "br0", address = "fd00::1/64" }
	neap.bridge { name = "br0" }
	LUA
	inside '
		fails plan >plan.txt
		converges
		ip route >routes.txt; ip -6 route >routes6.txt; ip route show table 100 >table.txt
		ip route add 10.30.0.0/16 dev br0 metric 30; ip route add blackhole default metric 7
		plan
		ip route replace 10.20.0.0/16 via 10.10.1.3
		ip route replace blackhole default
		ip -6 route replace fd09::/48 nexthop via fd00::8 nexthop via fd00::7
		fails plan >drift.txt
		converges
		ip route >again.txt; ip -6 route >again6.txt'
	grep -q "^default via 10.10.1.9 dev br0 proto static" routes.txt
	grep -q "^10.20.0.0/16 via 10.10.1.7 dev br0 proto static src 10.10.1.1" routes.txt
	grep -q "^10.30.0.0/16 dev br0 proto static scope link metric 20" routes.txt
	grep -q "^10.20.0.0/16 via 10.10.1.8 dev br0" table.txt
	grep -q "^fd09::/48 via fd00::9 dev br0 proto static metric 1024" routes6.txt
	grep -q "^default via fe80::9 dev br0" routes6.txt
	grep -q "via 10.10.1.3 -> 10.10.1.7" <(tr -s ' ' <drift.txt)
	[ "$(grep -c '"a route of another kind"' drift.txt)" = 2 ]
	grep -q "^10.30.0.0/16 dev br0 scope link metric 30" again.txt
	grep -q "^blackhole default metric 7" again.txt
	grep -q "^10.20.0.0/16 via 10.10.1.7 dev br0 proto static src 10.10.1.1" again.txt
	grep -q "^fd09::/48 via fd00::9 dev br0" again6.txt
}

@test "routes: absent, and a gateway that cannot be reached is an error of the plan too" {
	recipe <<-'LUA'
	neap.route { to = "10.20.0.0/16", ensure = "absent" }
	neap.route { to = "10.30.0.0/16", metric = 5, ensure = "absent" }
	neap.route { to = "10.40.0.0/16", via = "172.16.0.1" }
	neap.route { to = "10.50.0.0/16", link = "still" }
	neap.route { to = "10.60.0.0/16", via = "10.0.0.9", source = "10.9.9.9" }
	neap.route { to = "fd09::/48", via = "fd07::1" }
	LUA
	inside '
		ip link add still type bridge
		ip addr add 10.0.0.1/24 dev eth1
		ip route add 10.20.0.0/16 via 10.0.0.9; ip route add 10.30.0.0/16 via 10.0.0.9; ip route add 10.30.0.0/16 via 10.0.0.9 metric 5
		plan >plan.txt && rc=0 || rc=$?; [ $rc = 4 ]
		apply >apply.txt && rc=0 || rc=$?; [ $rc = 4 ]
		ip route >routes.txt'
	for said in "to 10.40.0.0/16, metric 0 in table 254, via 172.16.0.1: Network is unreachable" \
		"no link that is up has an address in the network of the gateway 172.16.0.1" \
		"10.50.0.0/16, metric 0 in table 254, through still: Network is down" "the link still is not up" \
		"to 10.60.0.0/16, metric 0 in table 254, via 10.0.0.9, from 10.9.9.9: Invalid argument" \
		"source has to be an address of this machine, and via must not be one" \
		"to fd09::/48, metric 1024 in table 254, via fd07::1: No route to host"; do
		grep -qF "$said" plan.txt
		grep -qF "$said" apply.txt
	done
	! grep -q 10.20.0.0 routes.txt
	grep -q "^10.30.0.0/16 via 10.0.0.9 dev eth1" routes.txt
	! grep -q "metric 5" routes.txt
}

@test "addresses: the plan takes what the kernel takes, and no other" {
	inside '
		verdict() { # verdict LINK ADDRESS: the same of both; what the kernel takes in silence and does not have it refuses
			ip addr add "$2" dev $1 2>/dev/null && [ "$(ip -o addr show dev $1 to ${2%/*})" ] && said=0 || said=1
			ip addr del "$2" dev $1 2>/dev/null || true
			echo "require(\"neap\").address { link = \"$1\", address = \"$2\" }" >site.lua
			plan >plan.txt 2>&1 && ours=1 || ours=$?
			[ $ours-$said = 2-0 ] || [ $ours-$said = 1-1 ] || { echo "$2 on $1: kernel $said, neap $ours"; cat plan.txt; exit 1; }
			[ $ours = 1 ] || { converges; ip addr del "$2" dev $1; }
			[ $ours = 2 ] || grep "^site.lua:1: address.*: address: ${2%/*} is " plan.txt
		}
		for address in 0.0.0.0/24 0.0.0.0/32 0.0.0.5/24 10.0.0.0/24 10.0.0.255/24 10.0.0.0/31 10.0.0.0/32 10.0.0.1/1 127.0.0.9/8 \
			224.0.0.1/24 239.1.2.3/32 240.0.0.1/24 255.255.255.255/32 255.255.255.255/24 \
			ff02::1/64 ffff::/16 ::/64 ::/128 ::1/128 ::1/64 ::2/128 fd00::/64 ::ffff:10.0.0.1/96 fe80::/64; do
			verdict eth1 $address
		done
		ip -6 addr del ::1/128 dev lo
		for address in 0.0.0.0/8 224.0.0.1/24 ff02::1/64 ::/128 ::1/128; do verdict lo $address; done' >said.txt || { cat said.txt; return 1; }
	grep -q "address: ff02::1 is a multicast address, which a link cannot have" said.txt
	grep -q "address: ::1 is a loopback address, which only lo can have" said.txt
	grep -q "address: 0.0.0.0 is the unspecified address, which a link cannot have" said.txt
}

@test "routes: the plan takes what the kernel takes, and no other; a gateway is no machine of our own" {
	inside '
		ip link add still type veth peer name quiet
		ip addr add 10.0.0.1/24 dev eth1; ip addr add 10.0.0.2/24 dev eth1; ip addr add 10.1.0.1/31 dev eth1; ip addr add 10.2.0.1/32 dev eth1
		ip addr add 10.3.0.1/24 dev still; ip addr add fd00::1/64 dev eth1 nodad; ip route add 10.4.0.0/24 dev far
		verdict() { # verdict TO VIA [LINK]: the same of both, but for a gateway of IPv4 that is the machine itself
			ip route replace "$1" via "$2" ${3:+dev $3} 2>/dev/null && said=0 || said=1
			ip route del "$1" 2>/dev/null || true
			[ "$2" != 10.0.0.1 ] && [ "$2" != 10.2.0.1 ] && [ "$2" != 0.0.0.0 ] || said=1
			echo "require(\"neap\").route { to = \"$1\", via = \"$2\"${3:+, link = \"$3\"} }" >site.lua
			plan >plan.txt 2>&1 && ours=1 || ours=$?
			[ $ours-$said = 2-0 ] || [ $ours-$said = 1-1 ] || [ $ours-$said = 4-1 ] || { echo "$*: kernel $said, neap $ours"; cat plan.txt; exit 1; }
			[ $ours = 2 ] || { echo "$*"; cat plan.txt; }
			[ $ours != 2 ] || { converges; ip route del "$1"; }
		}
		for via in 10.0.0.9 10.0.0.0 10.0.0.1 10.0.0.255 10.1.0.0 10.2.0.1 10.3.0.9 10.3.0.255 10.4.0.255 10.9.9.9 \
			0.0.0.0 224.0.0.1 255.255.255.255; do
			verdict 99.0.0.0/24 $via
			verdict 99.0.0.0/24 $via eth1
			verdict 99.0.0.0/24 $via far
		done
		for via in fd00::9 fd00:: fd00::1 fd00::ffff:ffff:ffff:ffff fd09::1 fe80::9 :: ::1 ff02::1; do
			verdict 2001:99::/64 $via
			verdict 2001:99::/64 $via eth1
		done
		for to in 224.0.0.0/24 0.0.0.0/8 127.1.0.0/16 240.0.0.0/4 10.0.0.255/32; do verdict $to 10.0.0.9; done
		for to in ff05::/16 ::1/128 fe80::/10; do verdict $to fd00::9; done' >said.txt || { cat said.txt; return 1; }
	grep -A4 "^99.0.0.0/24 10.0.0.255 eth1" said.txt | grep -q "nor the broadcast address of a network that it is in"
	grep -A5 "^99.0.0.0/24 10.2.0.1 far" said.txt | grep -q "must not be an address of this machine"
	grep -A4 "^99.0.0.0/24 224.0.0.1" said.txt | grep -q "site.lua:1: .*via: 224.0.0.1 is a multicast address, which no gateway has"
	grep -A4 "^2001:99::/64 ::1" said.txt | grep -q "via: ::1 is a loopback address, which no gateway has"
	grep -q "via: 255.255.255.255 is the broadcast address" said.txt
	echo "require('neap').route { to = '99.0.0.0/24', via = '10.0.0.9', source = '239.0.0.1' }" >site.lua
	run -1 "$NEAP" check site.lua
	[[ $output == *"source: 239.0.0.1 is a multicast address, which no packet is sent from"* ]]
}

@test "routes: an IPv6 source that was put there just now is waited for" {
	recipe <<-'LUA'
	neap.address { link = "eth1", address = "fd00::1/64" }
	neap.route { to = "fd09::/48", via = "fd00::9", source = "fd00::1" }
	LUA
	inside '
		converges
		ip -6 route >routes6.txt'
	grep -q "^fd09::/48 via fd00::9 dev eth1 proto static src fd00::1" routes6.txt
}

@test "what the kernel says beside its verdict is told" {
	recipe <<<'neap.bridge { name = "br0", members = { "eth1" } }'
	inside '
		ip link add br0 type bridge
		# Somebody is faster: between look and change the link becomes a bridge of its own kind.
		strace -f -o /dev/null -e inject=sendto:delay_enter=600000:when=2 "'"$NEAP"'" apply --state-dir state site.lua >apply.txt 2>&1 &
		sleep 0.3; ip link del eth1
		wait $! && rc=0 || rc=$?; [ $rc = 4 ]'
	grep -q "eth1, as a member of br0: .*No such device" apply.txt
}

@test "a plan only dumps, and no process is started" {
	recipe <<-'LUA'
	neap.veth { name = "v0", peer = "v1" }
	neap.bridge { name = "br0", members = { "v1" } }
	neap.address { link = "br0", address = "10.10.1.1/24" }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.7" }
	LUA
	inside '
		ip -d addr >before.txt; ip route >>before.txt
		fails traced "'"$NEAP"'" plan site.lua >plan.txt
		ip -d addr >after.txt; ip route >>after.txt
		cp trace plan.trace
		traced "'"$NEAP"'" apply -q --state-dir state site.lua
		plan'
	diff <(sed 's/timer *[0-9.]*//g' before.txt) <(sed 's/timer *[0-9.]*//g' after.txt)
	[ "$(grep -c 'sendto(' plan.trace)" = 4 ] # links, addresses, routes of both families
	! grep 'sendto(' plan.trace | grep -v NLM_F_DUMP
	[ "$(grep -c execve plan.trace)" = 1 ]
	[ "$(grep -c execve trace)" = 1 ]
}

@test "1,000 routes ask the kernel as often as 50 do" {
	recipe <<-'LUA'
	neap.address { link = "eth1", address = "10.0.0.1/24" }
	for i = 0, neap.params.n - 1 do
		neap.route { to = ("10.%d.%d.0/24"):format(1 + i // 250, i % 250), via = "10.0.0.9" }
	end
	LUA
	inside '
		for n in 50 1000; do
			apply -q -D n=$n
			traced "'"$NEAP"'" plan -q -D n=$n site.lua
			cp trace trace.$n
		done
		ip route | grep -c "via 10.0.0.9" >count.txt'
	[ "$(cat count.txt)" = 1000 ]
	[ "$(grep -c 'sendto(' trace.50)" = 4 ]
	[ "$(grep -c 'sendto(' trace.1000)" = 4 ]
	# Beside the pieces a dump comes in, and memory, not a call more.
	calls() { grep -cvE 'recvfrom\(|brk\(|mmap\(|munmap\(|mremap\(|madvise\(|read\(' "$1"; }
	[ "$(calls trace.50)" = "$(calls trace.1000)" ]
	[ "$(grep -c 'recvfrom(' trace.1000)" -lt 40 ]
}

@test "killed before any change, the next run does the rest" {
	recipe <<-'LUA'
	neap.veth { name = "v0", peer = "v1", mtu = 1400 }
	neap.bridge { name = "br0", members = { "v1", "eth1" }, mtu = 1450, stp = true, forward_delay = "2s" }
	neap.address { link = "br0", address = "10.10.1.1/24" }
	neap.address { link = "br0", address = "fd00::1/64" }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.7", source = "10.10.1.1" }
	LUA
	inside '
		before() { ip link del br0; ip link del v0; } 2>/dev/null
		each_struck sendto signal=KILL >when.txt'
	[ "$(cat when.txt)" -gt 12 ]
}

@test "each message failing once, the next run does the rest" {
	recipe <<-'LUA'
	neap.veth { name = "v0", peer = "v1", mtu = 1400 }
	neap.bridge { name = "br0", members = { "v1", "eth1" }, mtu = 1450 }
	neap.address { link = "br0", address = "10.10.1.1/24" }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.7" }
	LUA
	inside '
		before() { ip link del br0; ip link del v0; } 2>/dev/null
		seen() { grep -q "No buffer space" struck.json; }
		each_struck sendto error=ENOBUFS >when.txt'
	[ "$(cat when.txt)" -gt 8 ]
}

@test "below --root there is nothing to do" {
	recipe <<-'LUA'
	neap.bridge { name = "br0" }
	neap.address { link = "br0", address = "10.10.1.1/24" }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.7" }
	LUA
	mkdir root
	run -0 "$NEAP" plan --root root site.lua
	[[ $output == *"nothing to change"* ]]
}

@test "links of other kinds go along with the one they lie over, and with what is on them" {
	recipe <<<'neap.bridge { name = "br1", ensure = "absent", confirm_within = neap.params.WITHIN }'
	inside '
		ip link add br1 type bridge; ip link set br1 up
		ip link add mv0 link br1 type macvlan || exit 0 # a kernel without them
		ip link set mv0 up; ip address add 10.6.0.1/24 dev mv0; ip route add 10.7.0.0/16 via 10.6.0.2
		plan >plan.txt && exit 1
		for gone in "macvlan mv0" "address 10.6.0.1/24 on mv0" "route 10.7.0.0/16 via 10.6.0.2 on mv0"; do
			grep -- "- $gone" plan.txt
		done
		# What cannot be made again does not wait.
		apply -D WITHIN=2s >out.txt && exit 1
		grep "mv0 goes with it, and a macvlan cannot be made again as it was" out.txt
		ip link show mv0
		converges'
}

@test "address: one with a peer is an error of the plan, whatever is wanted of it" {
	recipe <<<'neap.address { link = "eth1", address = "10.80.0.1/32", ensure = neap.params.ENSURE }'
	inside '
		ip address add 10.80.0.1 peer 10.80.0.2/32 dev eth1
		for ensure in present absent; do
			plan -D ENSURE=$ensure >plan.txt && exit 1
			grep "eth1 has this address with a peer" plan.txt
		done'
}

@test "route: one that the kernel made for an address is neither removed nor replaced" {
	recipe <<-'LUA'
	neap.address { link = "eth1", address = "10.1.0.1/24" }
	neap.route { to = "10.1.0.0/24", via = "10.1.0.9" }
	LUA
	inside '
	ip address add 10.1.0.1/24 dev eth1
	fails plan >said 2>&1
	grep -q "the route to 10.1.0.0/24 came with an address of eth1" said
	grep -q "metric = … is for another one beside it" said
	sed -i "s/via = .*}/link = \"eth1\" }/" site.lua
	plan # it is as wanted
	'
}
