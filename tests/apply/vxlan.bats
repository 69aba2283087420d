#!/usr/bin/env bats
# vxlan against the kernel, judged by ip(8) and bridge(8). Each test has a network namespace of its own and never sees the
# machine's network.

bats_require_minimum_version 1.5.0
load ../support/netns.bash

setup() {
	netns_setup
	netns_accounts
	unshare --net ip link add v type vxlan id 1 dstport 4789 2>/dev/null || skip "the kernel has no vxlan"
}

inside() { # inside SCRIPT: with lo, and a pair eth1, far that is up
	netns_run "$1" netns_links
}

@test "vxlan: made with what is given, in a bridge, and then as wanted" {
	recipe <<-'LUA'
	neap.bridge { name = "br0", members = { "vx0" } }
	neap.vxlan {
		name = "vx0", id = 42, local_address = "192.0.2.1", link = "eth1", mtu = 1400, learning = false, ttl = 9,
		mac = "02:00:00:00:00:01", peers = { "192.0.2.2", "192.0.2.3" },
		fdb = { ["02:00:00:00:00:02"] = "192.0.2.2" },
		neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02", ["fd00::2"] = "02:00:00:00:00:03" },
	}
	neap.vxlan { name = "vx1", id = 42, local_address = "fd00::1", peers = { "fd00::9" }, up = false }
	LUA
	inside '
		fails plan >plan.txt
		fails ip link show vx0 2>/dev/null
		converges
		ip -d -j link show vx0 >vx0.json; ip -d -j link show vx1 >vx1.json
		bridge fdb show >fdb.txt; ip neigh >neigh.txt'
	grep -q "port 4789" plan.txt
	jq -e '.[0] | .mtu == 1400 and .master == "br0" and .address == "02:00:00:00:00:01" and (.flags | index("UP")) and
		(.linkinfo.info_data | .id == 42 and .local == "192.0.2.1" and .link == "eth1" and .port == 4789 and .learning == false and .ttl == 9)' vx0.json
	jq -e '.[0] | .mtu == 1500 and (.flags | index("UP") | not) and (.linkinfo.info_data | .learning == true and .port == 4789)' vx1.json
	for entry in "00:00:00:00:00:00 dev vx0 dst 192.0.2.2 self permanent" "00:00:00:00:00:00 dev vx0 dst 192.0.2.3 self permanent" \
		"02:00:00:00:00:02 dev vx0 dst 192.0.2.2 self permanent" "00:00:00:00:00:00 dev vx1 dst fd00::9 self permanent"; do
		grep -qF "$entry" fdb.txt
	done
	grep -q "^10.0.0.2 dev vx0 lladdr 02:00:00:00:00:02 PERMANENT" neigh.txt
	grep -q "^fd00::2 dev vx0 lladdr 02:00:00:00:00:03 PERMANENT" neigh.txt
}

@test "vxlan: only what is given is compared; lists are whole, and what was learned stays" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 42, learning = true, peers = { "192.0.2.2", "192.0.2.3" }, fdb = { ["02:00:00:00:00:02"] = "192.0.2.2" } }
	neap.vxlan { name = "vx1", id = 43, neighbours = {} }
	LUA
	inside '
		ip link add vx0 mtu 1300 type vxlan id 42 dstport 8472 ttl 3 nolearning remote 192.0.2.9
		ip link add vx1 type vxlan id 43 dstport 8472 && ip link set vx1 up
		bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.3
		bridge fdb append 00:00:00:00:00:00 dev vx1 dst 192.0.2.9
		bridge fdb add 02:00:00:00:00:02 dev vx0 dst 192.0.2.7
		bridge fdb add 02:00:00:00:00:03 dev vx0 dst 192.0.2.7
		bridge fdb add 02:00:00:00:00:04 dev vx0 dst 192.0.2.7 dynamic
		bridge fdb append 01:00:5e:00:00:05 dev vx0 dst 192.0.2.7
		ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev vx0 nud permanent
		ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev vx1 nud permanent
		ip neigh add 10.0.0.8 lladdr 02:00:00:00:00:07 dev vx1 nud reachable
		fails plan >plan.txt
		converges
		ip -d -j link show vx0 >vx0.json
		bridge fdb show dev vx0 >fdb.txt; bridge fdb show dev vx1 >fdb1.txt
		ip neigh >neigh.txt'
	for said in "- 192.0.2.9" "+ 192.0.2.2" '- 02:00:00:00:00:03 192.0.2.7' '- 02:00:00:00:00:02 192.0.2.7' \
		'+ 02:00:00:00:00:02 192.0.2.2' '- 10.0.0.7 02:00:00:00:00:07'; do
		grep -qF -- "$said" plan.txt
	done
	grep -q "learning *false -> true" plan.txt
	run ! grep -qE "^ +(port|ttl|mtu)|192.0.2.3$|10.0.0.8" plan.txt
	jq -e '.[0] | .mtu == 1300 and (.linkinfo.info_data | .port == 8472 and .learning == true and .ttl == 3)' vx0.json
	[ "$(grep -c "00:00:00:00:00:00 dst 192.0.2.[23] self" fdb.txt)" = 2 ]
	run ! grep -q "00:00:00:00:00:00 dst 192.0.2.9\|02:00:00:00:00:03" fdb.txt
	grep -q "02:00:00:00:00:04 dst 192.0.2.7" fdb.txt
	grep -q "01:00:5e:00:00:05 dst 192.0.2.7" fdb.txt
	grep -q "00:00:00:00:00:00 dst 192.0.2.9" fdb1.txt
	grep -q "^10.0.0.7 dev vx0" neigh.txt
	run ! grep -q "^10.0.0.7 dev vx1" neigh.txt
	grep -q "^10.0.0.8 dev vx1" neigh.txt
}

@test "vxlan: an MTU and a setting that the kernel does not take at once change in one run; who is forgotten is not told to go" {
	recipe <<-'LUA'
	neap.vxlan {
		name = "vx0", id = 42, mtu = 1300, ttl = 9, learning = false, mac = "02:00:00:00:00:01",
		neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" },
	}
	LUA
	inside '
		ip link add vx0 type vxlan id 42 dstport 4789
		ip link set vx0 up
		ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev vx0 nud permanent
		converges
		ip -d -j link show vx0 >vx0.json
		ip neigh show dev vx0 >neigh.txt'
	jq -e '.[0] | .mtu == 1300 and (.linkinfo.info_data | .ttl == 9 and .learning == false)' vx0.json
	grep -q "^10.0.0.2" neigh.txt
	run ! grep -q "10.0.0.9" neigh.txt
}

@test "vxlan: an entry with a port of its own is put right, and neighbours come back with the link" {
	recipe <<-'LUA'
	neap.vxlan {
		name = "vx0", id = 42, mac = "02:00:00:00:00:01",
		fdb = { ["02:00:00:00:00:02"] = "192.0.2.2" }, neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" },
	}
	LUA
	inside '
		apply -q
		bridge fdb replace 02:00:00:00:00:02 dev vx0 dst 192.0.2.2 port 99
		ip link set vx0 down && ip link set vx0 address 02:00:00:00:00:09
		fails plan >plan.txt
		converges
		bridge fdb show dev vx0 >fdb.txt
		ip neigh show dev vx0 >neigh.txt
		# Not down: the kernel forgets them all the same.
		ip link set vx0 address 02:00:00:00:00:09
		ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev vx0 nud permanent
		converges
		ip neigh show dev vx0 >>neigh.txt'
	grep -q "in another way" plan.txt
	grep -q "up *false -> true" plan.txt
	grep -qx "02:00:00:00:00:02 dst 192.0.2.2 self permanent" <(sed 's/ *$//' fdb.txt)
	[ "$(grep -c "^10.0.0.2 lladdr 02:00:00:00:00:02 PERMANENT" neigh.txt)" = 2 ]
}

@test "vxlan: what it is known by cannot change while it is there, and says what to do" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 43 }
	neap.vxlan { name = "vx1", id = 1, port = 8472 }
	neap.vxlan { name = "vx2", id = 2, local_address = "192.0.2.2" }
	neap.vxlan { name = "vx3", id = 3, link = "eth1" }
	neap.vxlan { name = "vx4", id = 4, ttl = 5 }
	neap.vxlan { name = "far", id = 5 }
	neap.vxlan { name = "vx6", id = 6, link = "nobody" }
	neap.vxlan { name = "vx7", id = 7, link = "eth1", mtu = 1460 }
	LUA
	inside '
		ip link add vx0 type vxlan id 42 dstport 4789
		ip link add vx1 type vxlan id 1 dstport 4789
		ip link add vx2 type vxlan id 2 dstport 4789 local 192.0.2.1
		ip link add vx3 type vxlan id 3 dstport 4789 dev far
		ip link add vx4 type vxlan id 4 dstport 4789 ttl inherit
		plan >plan.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		ip -d link >before.txt
		apply >apply.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		ip -d link >after.txt'
	diff before.txt after.txt
	for said in "vx0 is there with id 42, not 43: that cannot change while it is there" "vx1 is there with port 4789, not 8472" \
		"vx2 is there with local_address 192.0.2.1, not 192.0.2.2" "vx3 is there with link far, not eth1" \
		'vx4 is there with ttl "inherit", not 5' "the link far is there, and is no vxlan but a veth" "there is no link nobody" \
		"mtu: 1460 does not fit through eth1, whose own is 1500" "1450 at most" 'neap.vxlan { name = "vx0", ensure = "absent" }'; do
		grep -qF "$said" plan.txt
		grep -qF "$said" apply.txt
	done
}

@test "vxlan: one that has its id and port is named, in the plan and when it came since; so is who has the UDP port" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 42 }
	LUA
	inside '
		ip link add other type vxlan id 42 dstport 4789
		for verb in plan apply; do $verb >$verb.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]; done
		# In another namespace it is out of sight, and there all the same.
		unshare --net sleep 60 & away=$!
		until [ "$(readlink /proc/$away/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
		ip link set other netns $away
		plan >/dev/null && rc=0 || rc=$?; [ $rc = 2 ]
		apply >away.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		kill $away; until plan >/dev/null 2>&1 || [ $? = 2 ] && apply -q >/dev/null 2>&1; do sleep 0.1; done
		plan
		# Others are not of its sort or family, and do not stand in the way.
		ip link del vx0
		ip link add gbp type vxlan id 42 dstport 4789 gbp
		ip link add six type vxlan id 42 dstport 4789 remote fd00::9
		ip link set six up
		converges
		ip link set vx0 down; ip link set gbp up
		for verb in plan apply; do $verb >port-$verb.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]; done
		ip link del vx0
		apply >port-new.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		fails ip link show vx0 2>/dev/null
		ip link del gbp; ip link del six
		python3 -c "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((str(), 4789)); time.sleep(60)" & program=$!
		until ss -Huln | grep -q :4789; do sleep 0.05; done
		apply >program.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		kill $program'
	for said in "add the link vx0, a vxlan with id 42 on port 4789 of IPv4: File exists" "the vxlan other has this id and port already" \
		'neap.vxlan { name = "other", ensure = "absent" }'; do
		grep -qF "$said" plan.txt
		grep -qF "$said" apply.txt
	done
	grep -qF "is there already, in another namespace perhaps" away.txt
	run ! grep -q "a link vx0" plan.txt apply.txt away.txt
	for said in port-plan.txt port-apply.txt port-new.txt; do
		grep -qF "the vxlan gbp has the UDP port 4789, in a way that no other can share" $said
	done
	grep -qF "a program of this machine has the UDP port 4789" program.txt
}

@test "vxlan: a peer it was made with, and those sent to through a link or to a port of their own, go like others; groups stay" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 42, peers = { "192.0.2.2" } }
	LUA
	inside '
		ip link add vx0 type vxlan id 42 dstport 4789 remote 192.0.2.9 dev eth1
		bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.2 port 99
		bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.2 vni 7
		bridge fdb append 00:00:00:00:00:00 dev vx0 dst 239.0.0.1 via eth1
		fails plan >plan.txt
		converges
		bridge fdb show dev vx0 >fdb.txt
		# Nor does it come back when something else changes.
		ip link set vx0 down; sed -i "s/id = 42/id = 42, ttl = 9/" site.lua
		converges
		bridge fdb show dev vx0 | diff fdb.txt -'
	for said in '- 192.0.2.9 through eth1' '- 192.0.2.2 port 99' '- 192.0.2.2 id 7' '+ 192.0.2.2'; do
		grep -qF -- "$said" plan.txt
	done
	[ "$(sed "s/ *$//" fdb.txt | sort)" = "00:00:00:00:00:00 dst 192.0.2.2 self permanent
00:00:00:00:00:00 dst 239.0.0.1 via eth1 self permanent" ]
}

@test "vxlan: an MTU that the lower link has no room for any more is an error, with a way out that there is" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 42, mtu = 1400 }
	neap.vxlan { name = "vx1", id = 43 }
	LUA
	inside '
		for at in 0 1; do ip link add vx$at mtu 1400 type vxlan id 4$((at + 2)) dstport 4789 dev eth1; ip link set vx$at up; done
		plan
		ip link set eth1 mtu 1440
		plan >plan.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		ip link set eth1 mtu 1300
		plan >narrow.txt 2>&1 && rc=0 || rc=$?; [ $rc = 4 ]
		ip link set eth1 mtu 1450
		plan'
	grep -qF "mtu: 1400 does not fit through eth1, whose own is 1440" plan.txt
	grep -qF "a vxlan adds 50 bytes to each packet: 1390 at most" plan.txt
	grep -qF "eth1 has to have 1450 at least: a vxlan adds 50 bytes to each packet, and has 1280 at least itself" narrow.txt
	run ! grep -q "vx1" plan.txt
}

@test "vxlan: a local_address that the machine has not yet is said, and no error" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 42, local_address = "192.0.2.1" }
	neap.address { link = "eth1", address = "192.0.2.2/24" }
	neap.vxlan { name = "vx1", id = 43, local_address = "192.0.2.2" }
	LUA
	inside '
		fails plan >plan.txt
		converges'
	[ "$(grep -c "nothing is sent before" plan.txt)" = 1 ]
	grep -qF "nothing is sent before this machine has the address 192.0.2.1" plan.txt
}

@test "vxlan: absent takes addresses and routes along; and so goes one whose link goes" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", ensure = "absent" }
	neap.bridge { name = "br0", ensure = "absent" }
	LUA
	inside '
		ip link add vx0 type vxlan id 42 dstport 4789 && ip link set vx0 up && ip addr add 10.0.0.1/24 dev vx0
		ip link add br0 type bridge && ip link add vx1 type vxlan id 43 dstport 4789 dev br0
		fails plan >plan.txt
		converges
		ip -br link >links.txt; ip route >routes.txt'
	grep -q "along  *- address 10.0.0.1/24 on vx0$" plan.txt
	grep -q "along  *- vxlan vx1$" plan.txt
	run ! grep -qE "vx0|vx1|br0" links.txt
	run ! grep -q 10.0.0 routes.txt
}

@test "vxlan: errors of the recipe" {
	recipe <<-'LUA'
	neap.vxlan { name = "a" }
	neap.vxlan { name = "b", id = 2, link = "b" }
	neap.vxlan { name = "c", id = 3, peers = { "192.0.2.2", "192.0.2.2" } }
	neap.vxlan { name = "d", id = 4, peers = { "224.0.0.1" } }
	neap.vxlan { name = "e", id = 5, peers = { "fd00::1" } }
	neap.vxlan { name = "f", id = 6, local_address = "192.0.2.1", peers = { "192.0.2.1" } }
	neap.vxlan { name = "g", id = 7, local_address = "192.0.2.1", fdb = { ["02:00:00:00:00:01"] = "fd00::2" } }
	neap.vxlan { name = "h", id = 8, fdb = { ["01:00:00:00:00:01"] = "192.0.2.1" } }
	neap.vxlan { name = "i", id = 9, mac = "02:00:00:00:00:AB" }
	neap.vxlan { name = "j", id = 10, neighbours = { ["10.0.0.1/24"] = "02:00:00:00:00:01" } }
	neap.vxlan { name = "k", id = 11, local_address = "fe80::1" }
	neap.vxlan { name = "l", id = 16777216 }
	neap.vxlan { name = "m", id = 13, ensure = "absent" }
	neap.vxlan { name = "n", id = 14 }
	neap.vxlan { name = "o", id = 14, port = 4789 }
	neap.vxlan { name = "p", id = 14, port = 8472 }
	neap.vxlan { name = "q", id = 15, fdb = { ["02:00:00:00:00:01"] = "192.0.2.1\0x" } }
	neap.vxlan { name = "r", id = 16, neighbours = { ["10.0.0.1"] = "02:00:00:00:00:01\n" } }
	neap.vxlan { name = "s", id = 17, mac = "02:00:00:00:00:01", fdb = { ["02:00:00:00:00:01"] = "192.0.2.1" } }
	LUA
	run -1 "$NEAP" check site.lua
	for said in "id is required" "cannot go over itself" "192.0.2.2 is there twice" "peers: 224.0.0.1 is not the address of one machine" \
		"peers: fd00::1 is IPv6, and without local_address" "192.0.2.1 is its own local_address" \
		"fdb: fd00::2 is IPv6, and local_address is IPv4" "fdb: 01:00:00:00:00:01 is not the hardware address of one machine" \
		'mac: "02:00:00:00:00:AB" is no hardware address' 'neighbours: "10.0.0.1/24" is no IP address' \
		"local_address: fe80::1 is good on one link only" "16777215" "id has no meaning with ensure" \
		"fdb: 02:00:00:00:00:01 is its own mac" 'fdb: "192.0.2.1…" is no address' 'neighbours: "02:00:00:00:00:01…" is no address' \
		"vxlan[n] (site.lua:15) and vxlan[o] (site.lua:16) both own the vxlan with id 14 on port 4789 of IPv4"; do
		[[ $output == *"$said"* ]] || { echo "missing: $said"; echo "$output"; false; }
	done
	[[ $output != *"vxlan[p]"* ]]
}

@test "vxlan: machines that name each other reach each other through it, also where they learn nothing" {
	recipe <<-'LUA'
	local n = math.tointeger(neap.params.n)
	local other = 3 - n
	local of = ("192.0.2.%d"):format(other)
	neap.vxlan { name = "flood", id = 1, local_address = "192.0.2." .. n, peers = { of } }
	neap.address { link = "flood", address = ("10.1.0.%d/24"):format(n) }
	neap.vxlan {
		name = "told", id = 2, learning = false, mac = "02:00:00:00:00:0" .. n, peers = {},
		fdb = { ["02:00:00:00:00:0" .. other] = of },
		neighbours = { ["10.2.0." .. other] = "02:00:00:00:00:0" .. other },
	}
	neap.address { link = "told", address = ("10.2.0.%d/24"):format(n) }
	LUA
	command -v busybox || skip "needs busybox, for ping"
	inside '
		unshare --net sleep 60 3>&- 4>&- & other=$!
		trap "kill $other" EXIT
		for i in $(seq 50); do [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.05; done
		ip link set far netns $other
		there() { nsenter --net --target $other "$@"; }
		ip addr add 192.0.2.1/24 dev eth1
		there ip link set far up; there ip addr add 192.0.2.2/24 dev far
		apply -q -D n=1; plan -D n=1
		there "'"$NEAP"'" apply -q --state-dir other -D n=2 site.lua
		busybox ping -c 1 -W 2 10.1.0.2
		busybox ping -c 1 -W 2 10.2.0.2
		plan -D n=1 # what was learned is nobody'"'"'s
		bridge fdb show dev flood >fdb.txt'
	grep -q "dst 192.0.2.2 self $" <(sed 's/ *$/ /' fdb.txt) # learned, not permanent
}

@test "vxlan: one dump for all, whatever their number, and none where there is none" {
	recipe <<-'LUA'
	for i = 1, neap.params.n do
		neap.vxlan { name = "vx" .. i, id = i, peers = { "192.0.2.2", "192.0.2.3" }, neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" } }
	end
	LUA
	recipe bridge.lua <<<'neap.bridge { name = "br0" }'
	inside '
		traced "'"$NEAP"'" plan bridge.lua >/dev/null || true; cp trace trace.none
		for n in 1 50; do
			apply -q -D n=$n
			traced "'"$NEAP"'" plan -q -D n=$n site.lua
			cp trace trace.$n
		done
		traced "'"$NEAP"'" plan -q bridge.lua >/dev/null || true; cp trace trace.bridge
		ip link add br0 type bridge; ip link set br0 up
		traced "'"$NEAP"'" plan -q bridge.lua'
	[ "$(grep -c 'sendto(' trace.none)" = 4 ]
	[ "$(grep -c 'sendto(' trace.1)" = 3 ] # links, what they forward, neighbours
	[ "$(grep -c 'sendto(' trace.50)" = 3 ]
	[ "$(grep -c execve trace.50)" = 1 ]
	# A bridge that is as wanted asks nobody about vxlans.
	[ "$(grep -c 'sendto(' trace)" = 1 ]
}

@test "vxlan: of one that knows few the kernel does not tell the thousands that others know" {
	recipe <<<'neap.vxlan { name = "vx0", id = 1, peers = { "192.0.2.2" }, neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" } }'
	inside '
		apply -q
		traced "'"$NEAP"'" plan -q site.lua; cp trace trace.few
		ip link add br0 type bridge && ip link set eth1 master br0
		for i in $(seq 0 11); do
			for j in $(seq 1 250); do
				echo "neigh add 10.9.$i.$j lladdr 02:00:00:00:00:02 dev far nud permanent" >>neigh.batch
				printf "fdb add 02:00:00:01:%02x:%02x dev eth1 master static\n" $i $j >>fdb.batch
			done
		done
		ip -batch neigh.batch
		bridge -batch fdb.batch
		traced "'"$NEAP"'" plan -q site.lua'
	[ "$(grep -c 'recvfrom(' trace)" = "$(grep -c 'recvfrom(' trace.few)" ]
}

@test "vxlan: killed before any change, the next run does the rest" {
	recipe <<-'LUA'
	neap.vxlan {
		name = "vx0", id = 42, mtu = 1400, peers = { "192.0.2.2", "192.0.2.3" },
		fdb = { ["02:00:00:00:00:02"] = "192.0.2.2" }, neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" },
	}
	neap.bridge { name = "br0", members = { "vx0" } }
	LUA
	inside '
		before() { ip link del br0; ip link del vx0; } 2>/dev/null
		each_struck sendto signal=KILL >when.txt'
	[ "$(cat when.txt)" -gt 9 ]
}

@test "vxlan: each message failing once, the next run does the rest" {
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 42, peers = { "192.0.2.3" }, neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" } }
	LUA
	inside '
		before() {
			ip link del vx0 2>/dev/null || true
			ip link add vx0 type vxlan id 42 dstport 4789
			bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.9
		}
		seen() { grep -q "No buffer space" struck.json; }
		each_struck sendto error=ENOBUFS >when.txt'
	[ "$(cat when.txt)" -gt 5 ]
}

@test "vxlan: below --root there is nothing to do" {
	recipe <<<'neap.vxlan { name = "vx0", id = 42, peers = { "192.0.2.2" } }'
	mkdir root
	run -0 "$NEAP" plan --root root site.lua
	[[ $output == *"nothing to change"* ]]
}
