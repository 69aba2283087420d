#!/usr/bin/env bats
# What the network and the packet filter keep for the boot by neap's units: the files, what the plan says of them, and who
# may lay hands on them. Each test has namespaces of its own. That a boot brings it all back is hosts/persist.bats'.

bats_require_minimum_version 1.5.0
load ../support/netns.bash

setup() {
	netns_setup
	netns_accounts
	netns_variants
	mkdir -p etc/systemd/system
	cp /etc/services /etc/protocols etc/
	network=etc/neap/network.d rules=etc/neap/iptables.d units=etc/systemd/system
}

inside() { # inside SCRIPT: with lo, and a pair eth1, far that is up; its /etc is ./etc
	local variant=nft # the alternatives of /etc are not seen
	netns_run "$1" netns_variant kept_tools netns_links
}

kept_tools() {
	cat <<-'SH'
	# The plan says what the apply does, in every word, and the next plan is empty.
	true_plan() {
		local what='.resources | map({address, action, refresh, reason, changes})'
		plan --format json >plan.json || true
		apply --format json >apply.json
		diff <(jq -S "$what" plan.json) <(jq -S "$what" apply.json)
		plan
	}
	network=/etc/neap/network.d rules=/etc/neap/iptables.d units=/etc/systemd/system
	SH
}

site() { # all types, each with what there is to keep
	recipe <<-'LUA'
	neap.veth { name = "v0", peer = "v1", mtu = 1400, persist = "unit" }
	neap.bridge { name = "br0", members = { "v1", "eth1" }, mtu = 1500, stp = true, forward_delay = "2s", ageing_time = "100s", persist = "unit" }
	neap.address { link = "br0", address = "10.10.1.1/24", persist = "unit" }
	neap.address { link = "br0", address = "fd00::1/64", persist = "unit" }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.7", source = "10.10.1.1", persist = "unit" }
	neap.route { to = "default", link = "eth1", table = 100, metric = 7, persist = "unit" }
	neap.iptables_chain { name = "SITE", rules = { "-p tcp --dport ssh -j ACCEPT", "-j DROP" }, persist = "unit" }
	neap.iptables_chain { name = "FORWARD", policy = "DROP", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j SITE", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j DROP", position = "first", persist = "unit" }
	neap.iptables_rule { family = "ipv6", table = "nat", chain = "POSTROUTING", rule = "-s fd00::/8 -j MASQUERADE", persist = "unit" }
	LUA
}

@test "each resource keeps a file of its own, and the first of a kind makes the unit; the plan says so" {
	site
	inside true_plan
	jq -r '.resources[] | select(.changes | any(.param | startswith("persistent."))) | .address' plan.json >first.txt
	[ "$(paste -sd' ' first.txt)" = "veth[v0] iptables_chain[SITE]" ]
	jq -e '.resources | all(.action == "create" or .address == "iptables_chain[FORWARD]")' plan.json
	for unit in neap-network neap-iptables; do
		[ "$(readlink $units/multi-user.target.wants/$unit.service)" = /etc/systemd/system/$unit.service ]
		systemd-analyze verify $units/$unit.service
	done
	diff - <(cat $network/* | grep -v '^#') <<-'END'
	link add name v0 mtu 1400 type veth peer name v1 mtu 1400
	link set dev v0 up
	link set dev v1 up
	link add name br0 type bridge stp_state 1 forward_delay 200 ageing_time 10000
	link set dev br0 up
	link set dev v1 master br0
	link set dev eth1 master br0
	link set dev br0 mtu 1500
	address replace 10.10.1.1/24 brd + dev br0
	address replace fd00::1/64 dev br0
	route replace 10.20.0.0/16 via 10.10.1.7 src 10.10.1.1 proto static
	route replace default dev eth1 table 100 metric 7 proto static
	END
	diff - <(cat $rules/* | grep -v '^#' | sort) <<-'END'
	0 :FORWARD DROP [0:0]
	0 :SITE - [0:0]
	1 -A SITE -j DROP
	1 -A SITE -p tcp --dport ssh -j ACCEPT
	2 -A INPUT -p tcp -j SITE
	2 -A POSTROUTING -s fd00::/8 -j MASQUERADE
	3 -I INPUT -p udp -j DROP
	END
	[ "$(stat -c '%a %U' $network/* $rules/* $units/neap-*.service | sort -u)" = "644 root" ]
}

@test "what is in force and what is kept are two checks: each is repaired alone" {
	site
	# shellcheck disable=SC2016 # for the inner shell
	inside '
		converges
		ip link del br0
		fails plan --format json >live.json
		converges
		rm $network/20-bridge-br0.conf; echo more >>$rules/ipv4-filter-chain-SITE.conf
		chmod 600 $network/50-address-br0-10.10.1.1-24.conf
		fails plan --format json >kept.json
		ip -o link >before; iptables-save | grep -v "^#" >>before
		true_plan
		ip -o link >after; iptables-save | grep -v "^#" >>after
		diff before after
		rm $units/multi-user.target.wants/* $units/neap-network.service
		fails plan --format json >unit.json
		true_plan
		ln -sf ../other.service $units/multi-user.target.wants/neap-iptables.service
		fails plan --format json >link.json
		true_plan
		rm -r /etc/neap
		true_plan'
	jq -e '.resources | map(select(.action != "none")) | all(.changes | all(.param | startswith("persistent") | not))' live.json
	[ "$(jq -c '.resources | map(select(.action != "none") | [.address, .action, (.changes | map(.param))])' kept.json)" = \
		'[["bridge[br0]","update",["persistent"]],["address[br0: 10.10.1.1/24]","update",["persistent.mode"]],["iptables_chain[SITE]","update",["persistent"]]]' ]
	[ "$(jq -c '.resources | map(select(.action != "none") | [.address, (.changes | map(.param))])' unit.json)" = \
		'[["veth[v0]",["persistent.unit","persistent.enabled"]],["iptables_chain[SITE]",["persistent.enabled"]]]' ]
	jq -e '.resources | map(.changes[]) == [{param: "persistent.enabled", before: "../other.service",
		after: "/etc/systemd/system/neap-iptables.service", secret: false, unknown: false}]' link.json
}

@test "absent with persist: the file goes, the unit stays; without persist what is kept is not looked at" {
	site
	# shellcheck disable=SC2016
	inside '
		converges
		sed "s/, persist = \"unit\"//" site.lua >plain.lua
		cp site.lua kept.lua; cp plain.lua site.lua; plan
		cat >site.lua <<-LUA
		local neap = require "neap"
		neap.route { to = "10.20.0.0/16", ensure = "absent", persist = "unit" }
		neap.address { link = "br0", address = "10.10.1.1/24", ensure = "absent", persist = "unit" }
		neap.bridge { name = "br0", ensure = "absent", persist = "unit" }
		neap.veth { name = "v0", ensure = "absent" }
		neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j SITE", ensure = "absent", persist = "unit" }
		neap.iptables_chain { name = "SITE", ensure = "absent", persist = "unit" }
		LUA
		true_plan
		ls $network $rules
		[ ! -e $network/20-bridge-br0.conf ] && [ -e $network/10-veth-v0.conf ]
		[ ! -e $rules/ipv4-filter-chain-SITE.conf ] && [ -e $units/neap-network.service ]
		# What is gone, and is kept still.
		touch $network/20-bridge-br0.conf
		fails plan --format json >left.json
		true_plan'
	[ "$(jq -c '.resources | map(select(.action != "none") | [.address, .action, (.changes | map([.param, .before, .after]))])' left.json)" = \
		'[["bridge[br0]","delete",[["persistent","/etc/neap/network.d/20-bridge-br0.conf",null]]]]' ]
}

@test "persist = false: what was kept goes, what is in force stays" {
	site
	# shellcheck disable=SC2016
	inside '
		converges
		sed -i "s/persist = \"unit\"/persist = false/" site.lua
		true_plan
		[ -z "$(ls $network $rules | grep conf)" ]
		ip link show br0 | grep -q UP; iptables -C INPUT -p tcp -j SITE'
	jq -e '.resources | all(.action == "update" and (.changes | map(.param) == ["persistent"]))' plan.json
}

@test "what was kept of a link's name goes when another takes the name over, and the plan says so" {
	# shellcheck disable=SC2016
	inside '
		was() { printf "local neap = require \"neap\"\n%s\n" "$1" >site.lua; converges; ip link del b0; }
		now() { # now MOST: which files are left, and that each name is made once
			sed -i "s/^neap.*/$1/" site.lua
			true_plan
			find /etc/neap /etc/systemd/network -type f | sort >left.txt
		}
		mkdir -p /etc/systemd/network/60-eth1.network.d
		printf "[Match]\nName=eth1\n" >/etc/systemd/network/60-eth1.network
		was "neap.bridge { name = \"b0\", members = { \"eth1\" }, persist = \"unit\" }"
		now "neap.vxlan { name = \"b0\", id = 1, persist = \"unit\" }"
		cp plan.json unit.json; cp left.txt unit.txt
		ip link del b0
		was "neap.veth { name = \"b0\", peer = \"b1\", persist = \"networkd\" }"
		now "neap.bridge { name = \"b0\", members = { \"eth1\" }, persist = \"networkd\" }"
		cp left.txt veth.txt; ip link del b0
		now "neap.vxlan { name = \"b0\", id = 1, persist = \"networkd\" }"
		cp plan.json networkd.json; cp left.txt networkd.txt; ip link del b0
		# As the other end of a pair it is made, too. Whoever keeps nothing keeps nothing of others.
		now "neap.veth { name = \"a0\", peer = \"b0\", persist = \"unit\" }"
		cp left.txt peer.txt; ip link del b0
		now "neap.bridge { name = \"b0\" }"
		ip link del b0
		cp left.txt unsaid.txt
		was "neap.bridge { name = \"b0\", persist = \"unit\" }"
		now "neap.vxlan { name = \"b0\", id = 1, persist = false }"
		cp left.txt false.txt'
	jq -e '.resources[0] | .action == "create" and (.changes | any(.param == "persistent.former" and .before == "/etc/neap/network.d/20-bridge-b0.conf" and
		.after == null)) and (.reason | contains("what was kept of its name before goes"))' unit.json
	diff unit.txt - <<<"/etc/neap/network.d/30-vxlan-b0.conf
/etc/systemd/network/60-eth1.network"
	jq -e '.resources[0].changes | any(.before == "/etc/systemd/network/60-eth1.network.d/neap-bridge-b0.conf" and .after == null)' networkd.json
	[[ "$(<veth.txt)" != *51-neap-b0* && "$(<veth.txt)" == *neap-bridge-b0.conf* ]]
	diff networkd.txt - <<<"/etc/systemd/network/50-neap-b0.netdev
/etc/systemd/network/50-neap-b0.network
/etc/systemd/network/60-eth1.network"
	diff peer.txt - <<<"/etc/neap/network.d/10-veth-a0.conf
/etc/systemd/network/60-eth1.network"
	diff peer.txt unsaid.txt
	[[ "$(<false.txt)" != *b0* ]]
}

@test "a vxlan is kept with whom it knows; each is repaired alone, and absent takes both away" {
	recipe <<-'LUA'
	neap.bridge { name = "br0", members = { "vx0" }, persist = "unit" }
	neap.vxlan {
		name = "vx0", id = 42, local_address = "192.0.2.1", link = "eth1", mtu = 1400, learning = false, ttl = 9, mac = "02:00:00:00:00:01",
		peers = { "192.0.2.3", "192.0.2.2" },
		fdb = { ["02:00:00:00:00:03"] = "192.0.2.3", ["02:00:00:00:00:02"] = "192.0.2.2" },
		neighbours = { ["10.9.0.2"] = "02:00:00:00:00:02", ["fd09::2"] = "02:00:00:00:00:02" },
		persist = "unit",
	}
	neap.vxlan { name = "vx1", id = 0, up = false, learning = true, persist = "unit" }
	LUA
	# shellcheck disable=SC2016
	inside '
		true_plan
		cp plan.json first.json
		cat $network/30-vxlan-* >kept
		# The lines make what the run has made.
		about() { for link in vx0 vx1; do
			ip -d link show $link | grep -o "mtu [0-9]*\|,UP\|ether 02:0[0-9:]*\|vxlan id.*noudp6zerocsumrx"
			bridge fdb show dev $link | grep " dst " || true; ip neigh show dev $link
		done; }
		about >made
		grep -q "02:00:00:00:00:03 dst 192.0.2.3" made
		ip link del vx0; ip link del vx1
		grep -hv "^#\|^fdb" $network/30-vxlan-* | ip -batch -
		grep -h "^fdb" $network/30-vxlan-* | bridge -batch -
		about | diff made -
		fails plan --format json >joins.json
		true_plan
		bridge fdb del 02:00:00:00:00:03 dev vx0 self
		fails plan --format json >live.json
		true_plan
		sed -i "/192.0.2.2/d" $network/30-vxlan-vx0.conf
		fails plan --format json >file.json
		true_plan
		# Who has left the list is kept no more.
		sed -i "s/\"192.0.2.3\", \"192.0.2.2\"/\"192.0.2.2\"/" site.lua
		fails plan --format json >left.json
		true_plan
		[ "$(grep -c "^fdb append" $network/30-vxlan-vx0.conf)" = 1 ]
		cp site.lua kept.lua
		sed -i "s/persist = \"unit\"/persist = false/" site.lua
		true_plan
		[ -z "$(ls $network)" ]; ip link show vx0 | grep -q "master br0"
		cp kept.lua site.lua; converges
		cat >site.lua <<-LUA
		local neap = require "neap"
		neap.vxlan { name = "vx0", ensure = "absent", persist = "unit" }
		neap.vxlan { name = "vx1", ensure = "absent" }
		LUA
		true_plan
		[ ! -e $network/30-vxlan-vx0.conf ] && [ -e $network/30-vxlan-vx1.conf ]
		touch $network/30-vxlan-vx0.conf
		fails plan --format json >gone.json
		true_plan'
	diff - <(grep -v '^#' kept) <<-'END'
	link add name vx0 address 02:00:00:00:00:01 type vxlan id 42 local 192.0.2.1 dev eth1 dstport 4789 nolearning ttl 9
	link set dev vx0 up
	link set dev vx0 mtu 1400
	fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.3 self permanent
	fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.2 self permanent
	fdb replace 02:00:00:00:00:02 dev vx0 dst 192.0.2.2 self permanent
	fdb replace 02:00:00:00:00:03 dev vx0 dst 192.0.2.3 self permanent
	neighbour replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev vx0 nud permanent
	neighbour replace fd09::2 lladdr 02:00:00:00:00:02 dev vx0 nud permanent
	link add name vx1 type vxlan id 0 dstport 4789 learning
	END
	local what='.resources | map(select(.action != "none") | [.address, .action, (.changes | map(.param))])'
	jq -e '.resources | map(select(.action == "create")) | length == 3' first.json
	[ "$(jq -c "$what" joins.json)" = '[["bridge[br0]","update",["members"]]]' ]
	[ "$(jq -c "$what" live.json)" = '[["vxlan[vx0]","update",["fdb"]]]' ]
	[ "$(jq -c "$what" file.json)" = '[["vxlan[vx0]","update",["persistent"]]]' ]
	[ "$(jq -c "$what" left.json)" = '[["vxlan[vx0]","update",["peers","persistent"]]]' ]
	[ "$(jq -c "$what" gone.json)" = '[["vxlan[vx0]","delete",["persistent"]]]' ]
}

@test "in an image there is only what is kept, and a boot of it finds the same" {
	site
	mkdir image
	cp -r etc image/
	run -2 "$NEAP" plan --root "$PWD/image" --format json site.lua
	jq -S '.resources | map({address, action, changes})' <<<"$output" >planned
	jq -e 'all(.action == "create" and (.changes | all(.param | startswith("live") | not)))' planned
	run -0 "$NEAP" apply --root "$PWD/image" --format json site.lua
	jq -S '.resources | map({address, action, changes})' <<<"$output" | diff planned -
	run -0 "$NEAP" plan --root "$PWD/image" site.lua
	inside 'cp -r image/etc/neap /etc; cp -rP image/etc/systemd/system /etc/systemd; fails plan --format json >plan.json; converges'
	jq -e '.resources | all(.changes | all(.param | startswith("persistent") | not))' plan.json
	# Without persist a rule is an error there, as before.
	recipe <<<'neap.iptables_rule { chain = "INPUT", rule = "-j DROP" }'
	run -4 "$NEAP" plan --root "$PWD/image" site.lua
	[[ $output == *"has no packet filter of its own"* ]]
}

@test "rules of one chain are kept in the order in which they have their turn, also when that changes" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-j LATE", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT", persist = "unit" }
	neap.iptables_rule { chain = "OUTPUT", rule = "-p tcp -j ACCEPT", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-p icmp -j ACCEPT", persist = "unit" }
	neap.iptables_chain { name = "LATE", persist = "unit" }
	LUA
	# shellcheck disable=SC2016
	inside '
		true_plan
		iptables-save -t filter | grep "^-A INPUT" | grep -v udp >live
		cat $rules/*INPUT* | grep "^[0-9]" | sort -n | cut -d" " -f2- >kept
		diff live kept
		grep -v "p tcp" site.lua >less.lua; mv less.lua site.lua
		fails plan --format json >plan.json
		true_plan'
	[ "$(jq -c '.resources | map(select(.action != "none") | [.address, (.changes | map(.param))])' plan.json)" = \
		'[["iptables_rule[INPUT: -p icmp -j ACCEPT]",["persistent"]],["iptables_rule[INPUT: -j LATE]",["persistent"]]]' ]
}

@test "what the boot could not make is refused: a chain that is not kept, a host by name, a name of a link" {
	recipe <<-'LUA'
	neap.iptables_chain { name = "MINE" }
	neap.iptables_rule { chain = "INPUT", rule = "-j MINE", persist = "unit" }
	neap.iptables_rule { chain = "MINE", rule = "-p tcp -j ACCEPT", persist = "unit" }
	neap.iptables_chain { name = "OTHER", rules = { "-g MINE" }, persist = "unit" }
	neap.iptables_chain { name = "FINE", rules = { "-s 10.0.0.0/8,10.1.1.1 ! -d ::1 -j DROP" }, family = "ipv6" }
	LUA
	inside 'fails plan 2>&1 >plan.txt'
	[ "$(grep -c "chain MINE of table filter (ipv4) is not kept for the boot" plan.txt)" = 3 ]
	grep -q 'persist = "unit" for the neap.iptables_chain' plan.txt
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp ! -s db.example.org -j ACCEPT", persist = "unit" }
	neap.iptables_chain { name = "A", rules = { "--dst 10.0.0.1,web -j ACCEPT" }, persist = "unit" }
	neap.iptables_rule { chain = "OUTPUT", rule = "! -d 10.0.0.1/255.0.0.0,10.2.0.0/16 -j ACCEPT", persist = "unit" }
	neap.bridge { name = "a#b", persist = "unit" }
	neap.address { link = "-x", address = "10.0.0.1/8", persist = "unit" }
	neap.route { to = "10.0.0.0/8", link = "a'b", persist = "unit" }
	neap.veth { name = "a", peer = "b;c", persist = "unit" }
	neap.veth { name = "c", peer = "d", persist = true }
	local many = {}
	for i = 0, 1023 do many[#many + 1] = ("10.%d.%d.1"):format(i // 250, i % 250) end
	neap.vxlan { name = "e0", id = 4, peers = many, neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" }, persist = "networkd" }
	neap.vxlan { name = "f", id = 1, peers = many, fdb = { ["02:00:00:00:00:02"] = "10.0.0.1" }, persist = "networkd" }
	neap.vxlan { name = "f0", id = 5, peers = many, fdb = { ["02:00:00:00:00:02"] = "10.0.0.1" }, persist = "unit" }
	neap.vxlan { name = "g", id = 2, link = "a#b", persist = "unit" }
	neap.vxlan { name = "h", id = 3, neighbours = { ["10.0.0.2"] = "02:00:00:00:00:02" }, persist = "unit" }
	neap.bridge { name = "e", persist = "false" }
	neap.iptables_rule { chain = "OUTPUT", rule = "-j DROP", persist = "networkd" }
	LUA
	run -1 "$NEAP" check site.lua
	for text in "site.lua:2: "*"db.example.org in the rule" "site.lua:3: "*"10.0.0.1,web in the rule" "site.lua:5: "*"the link a#b cannot be kept" \
		"site.lua:6: "*"the link -x" "site.lua:7: "*"the link a'b" "site.lua:8: "*"the link b;c" \
		'persist must be false, "unit" or "networkd", not a boolean' 'persist must be false, "unit" or "networkd", not "false"' \
		"site.lua:13: "*"networkd takes 1024 of peers and fdb together, and these are 1025"*'persist = "unit" takes any number' \
		"site.lua:15: "*"the link a#b" "site.lua:16: "*"neighbours are not kept for the boot without mac" \
		'persist must be false or "unit", not "networkd"'; do
		# shellcheck disable=SC2053 # a pattern
		[[ $output == *$text* ]] || { echo "not said: $text"; false; }
	done
	[[ $output != *"site.lua:4:"* && $output != *"site.lua:12:"* && $output != *"site.lua:14:"* ]]
}

@test "nobody else may say what is in the unit, or make it absent; a purge spares what is kept" {
	local kept='neap.bridge { name = "br0", persist = "unit" }; neap.address { link = "br0", address = "10.0.0.1/8", persist = "unit" }'
	for other in 'neap.unit { name = "neap-network.service", content = "[Service]\nExecStart=/bin/true\n" }' \
		'neap.unit { name = "neap-network.service", masked = true }' \
		'neap.unit { name = "neap-network.service", ensure = "absent" }' \
		'neap.file { path = "/etc/systemd/system/neap-network.service", content = "x" }' \
		'neap.file { path = "/etc/neap/network.d/20-bridge-br0.conf", content = "x" }' \
		'neap.link { path = "/etc/systemd/system/multi-user.target.wants/neap-network.service", target = "x" }' \
		'neap.directory { path = "/etc/neap", ensure = "absent" }'; do
		recipe <<<"$kept; $other"
		run -1 "$NEAP" check site.lua
		[[ $output == *"site.lua:2"*br0* ]] || { echo "$other: $output"; false; }
		recipe <<<"$other; $kept"
		run -1 "$NEAP" check site.lua
		[[ $output == *"site.lua:2"*br0* ]] || { echo "$other: $output"; false; }
	done
	# Nor may it be left out at the next boot, nor networkd where that brings something back.
	for way in unit:neap-network networkd:systemd-networkd; do
		keeper="neap.bridge { name = \"br0\", persist = \"${way%:*}\" }"
		for how in 'enabled = false' 'masked = true' 'ensure = "absent"'; do
			other="neap.unit { name = \"${way#*:}.service\", $how }"
			recipe <<<"$keeper; $other"
			run -1 "$NEAP" check site.lua
			[[ $output == *"site.lua:2: unit[${way#*:}.service]: bridge[br0] (site.lua:2) is brought back at boot by"*"which unit["* ]]
			recipe <<<"$other
				$keeper; neap.bridge { name = \"br1\", persist = \"${way%:*}\" }"
			run -1 "$NEAP" check site.lua
			[[ $output == *"site.lua:3: bridge[br0]: bridge[br0] (site.lua:3) is brought back at boot by"*"which unit["* ]]
			[[ $output != *br1*"brought back"* ]] # said once
		done
		recipe <<<"neap.unit { name = \"${way#*:}.service\", enabled = false }
			neap.bridge { name = \"br0\", persist = false }; neap.bridge { name = \"br1\", ensure = \"absent\", persist = \"${way%:*}\" }"
		run -0 "$NEAP" check site.lua
	done
	recipe <<-LUA
	neap.directory { path = "/etc/neap", purge = true, recurse = true }
	neap.directory { path = "/etc/systemd/system", purge = true, recurse = true, mode = "0755" }
	neap.unit { name = "neap-network.service", enabled = true }
	$kept
	LUA
	mkdir -p $network
	touch $network/20-bridge-old.conf $units/other.service
	# shellcheck disable=SC2016
	inside '
		true_plan
		touch $network/99-mine.conf
		fails plan >purge.txt
		true_plan
		[ "$(ls $network)" = "$(printf "20-bridge-br0.conf\n50-address-br0-10.0.0.1-8.conf")" ]
		[ -L $units/multi-user.target.wants/neap-network.service ]'
	[ ! -e $units/other.service ]
	grep -q "99-mine.conf" purge.txt
	[ "$(grep -c '^~' purge.txt)" = 1 ]
	jq -e '.resources[] | select(.address == "unit[neap-network.service]") | .action == "none"' plan.json
}

@test "the first one fails: the next one makes the unit, and only what stands on the failed one is left" {
	recipe <<-'LUA'
	neap.address { link = "eth1", address = "10.0.0.1/24", persist = "unit" }
	neap.route { to = "10.9.0.0/16", via = "10.0.0.9", persist = "unit" }
	neap.address { link = "far", address = "10.1.0.1/24", persist = "unit" }
	neap.bridge { name = "br0", persist = "unit" }
	LUA
	# shellcheck disable=SC2016
	inside '
		before() { rm -rf /etc/neap $units/*; ip address flush dev eth1; ip address flush dev far; ip link del br0 2>/dev/null || true; }
		# Of those that failed there is something by themselves or before them, and not for the want of the unit.
		seen() {
			if grep -q "did not converge: after" struck.json; then cat struck.json >&2; exit 1; fi
			if jq -e ".resources | any(.outcome == \"changed\")" struck.json >/dev/null; then
				[ -e $units/neap-network.service ] && [ -L $units/multi-user.target.wants/neap-network.service ]
				touch changed
			fi
		}
		each_struck sendto error=EPERM
		[ -e changed ]
		# With the directories alone gone, too.
		rm -r /etc/neap; ip address flush dev eth1
		for when in $(seq 1 12); do
			struck sendto error=EPERM $when "$neap" apply --state-dir state --format json site.lua >struck.json || true
			seen
			rm -rf /etc/neap; ip address flush dev eth1
		done'
}

@test "killed before any change, the next run does the rest" {
	site
	# shellcheck disable=SC2016
	inside '
		before() { rm -rf /etc/neap $units/*; ip link del br0; ip link del v0; ip route flush table 100; } 2>/dev/null
		for call in renameat2 symlinkat sendto mkdirat; do each_struck $call signal=KILL 3 >>when.txt; done'
	cat when.txt
	[ "$(wc -l <when.txt)" = 4 ]
}

@test "by networkd: files of a link's own, and what is dropped in to those of others; the plan says so" {
	recipe <<-'LUA'
	local net = "/etc/systemd/network/"
	neap.bridge { name = "br0", members = { "v1", "eth1" }, mtu = 1500, stp = true, forward_delay = "2s", ageing_time = "100s", persist = "networkd" }
	neap.veth { name = "v0", peer = "v1", mtu = 1400, persist = "networkd" }
	neap.bridge { name = "quiet", up = false, persist = "networkd" }
	neap.address { link = "br0", address = "10.10.1.1/24", persist = "networkd" }
	neap.address { link = "eth1", address = "fd00::1/64", persist = "networkd" }
	neap.route { to = "10.20.0.0/16", via = "10.10.1.7", link = "br0", source = "10.10.1.1", persist = "networkd" }
	neap.route { to = "::/0", link = "eth1", table = 100, metric = 7, persist = "networkd" }
	neap.file { path = net .. "60-eth1.network", content = "[Match]\nName=eth1\n" }
	neap.directory { path = net, purge = true, recurse = true }
	LUA
	# shellcheck disable=SC2016
	inside '
		true_plan
		cp plan.json first.json
		cat >/etc/systemd/network/99-old.network </dev/null
		mkdir /etc/systemd/network/60-eth1.network.d/sub; touch /etc/systemd/network/60-eth1.network.d/mine.conf
		# What is kept in the place of another link, and in one that is damaged.
		mkdir /etc/systemd/network/99-old.network.d
		cp /etc/systemd/network/60-eth1.network.d/neap-bridge-br0.conf /etc/systemd/network/99-old.network.d/
		true_plan
		[ ! -e /etc/systemd/network/99-old.network.d/neap-bridge-br0.conf ]
		sed -i "s/STP=yes/STP=no/" /etc/systemd/network/50-neap-br0.netdev
		rm /etc/systemd/network/50-neap-br0.network.d/*address*
		fails plan --format json >kept.json
		true_plan'
	[ "$(jq -c '.resources | map(select(.action != "none") | [.address, .action, (.changes | map(.param))])' kept.json)" = \
		'[["bridge[br0]","update",["persistent.netdev"]],["address[br0: 10.10.1.1/24]","update",["persistent"]]]' ]
	cd etc/systemd/network || return 1
	[ "$(find . -type f | sort | paste -sd' ')" = "./50-neap-br0.netdev ./50-neap-br0.network \
./50-neap-br0.network.d/neap-address-br0-10.10.1.1-24.conf ./50-neap-br0.network.d/neap-route-10.20.0.0-16-table-254-metric-0.conf \
./50-neap-quiet.netdev ./50-neap-quiet.network ./50-neap-v0.netdev ./50-neap-v0.network ./51-neap-v0.network \
./51-neap-v0.network.d/neap-bridge-br0.conf ./60-eth1.network ./60-eth1.network.d/neap-address-eth1-fd00::1-64.conf \
./60-eth1.network.d/neap-bridge-br0.conf ./60-eth1.network.d/neap-route-::-0-table-100-metric-7.conf" ]
	diff - <(cat 50-neap-br0.net* 50-neap-quiet.network 5*v0.net* ./*/neap-route* | grep -v '^#' | grep .) <<-'END'
	[NetDev]
	Name=br0
	Kind=bridge
	MTUBytes=1280
	[Bridge]
	STP=yes
	ForwardDelaySec=2
	AgeingTimeSec=100
	[Match]
	Name=br0
	[Link]
	MTUBytes=1500
	RequiredForOnline=no-carrier
	[Network]
	ConfigureWithoutCarrier=yes
	[Match]
	Name=quiet
	[Link]
	ActivationPolicy=manual
	RequiredForOnline=no
	[Network]
	ConfigureWithoutCarrier=yes
	[NetDev]
	Name=v0
	Kind=veth
	[Peer]
	Name=v1
	[Match]
	Name=v0
	[Link]
	MTUBytes=1400
	RequiredForOnline=no-carrier
	[Network]
	ConfigureWithoutCarrier=yes
	[Match]
	Name=v1
	[Link]
	MTUBytes=1400
	RequiredForOnline=no-carrier
	[Network]
	ConfigureWithoutCarrier=yes
	[Route]
	Destination=10.20.0.0/16
	Gateway=10.10.1.7
	PreferredSource=10.10.1.1
	[Route]
	Destination=::/0
	Table=100
	Metric=7
	END
}

@test "by networkd: a vxlan's files, whom it knows among them, and what is dropped in to its link's" {
	mkdir -p etc/systemd/network
	printf '[Match]\nName=eth1\n' >etc/systemd/network/60-eth1.network
	recipe <<-'LUA'
	neap.bridge { name = "br0", members = { "vx0" }, persist = "networkd" }
	neap.vxlan {
		name = "vx0", id = 42, local_address = "192.0.2.1", link = "eth1", mtu = 1400, learning = false, ttl = 9, mac = "02:00:00:00:00:01",
		peers = { "192.0.2.3", "192.0.2.2" }, fdb = { ["02:00:00:00:00:03"] = "192.0.2.3" },
		neighbours = { ["10.9.0.2"] = "02:00:00:00:00:02", ["fd09::2"] = "02:00:00:00:00:02" },
		persist = "networkd",
	}
	neap.vxlan { name = "vx1", id = 0, port = 8472, up = false, learning = true, local_address = "fd00::1", peers = { "fd00::2" }, persist = "networkd" }
	LUA
	cp -r etc image
	# shellcheck disable=SC2016
	inside '
		files() { cat $(find /etc/systemd/network -type f | sort); }
		true_plan
		cp plan.json first.json; files >kept; (cd /etc/systemd/network && find . -type f | sort) >names
		bridge fdb del 00:00:00:00:00:00 dev vx0 dst 192.0.2.3 self
		fails plan --format json >live.json
		true_plan
		sed -i "s/192.0.2.3/192.0.2.9/" /etc/systemd/network/50-neap-vx0.network
		rm /etc/systemd/network/60-eth1.network.d/neap-vxlan-vx0.conf
		fails plan --format json >file.json
		true_plan
		files | diff kept -
		# Another peer in the place of one.
		sed -i "s/\"192.0.2.3\", /\"192.0.2.4\", /" site.lua
		fails plan --format json >left.json
		fails plan --diff >left.txt
		true_plan
		files | diff kept - >changed || true
		# Over no link, when it is another.
		cp site.lua kept.lua; sed -i "s/link = \"eth1\", //; s/vx0/vx9/; s/id = 42/id = 43/" site.lua
		converges
		cp kept.lua site.lua; converges
		for way in "\"unit\"" "\"networkd\"" false "\"networkd\""; do
			sed -i "s/persist = [^ ,]*/persist = $way/" site.lua
			true_plan
			case $way in
			*networkd*) [ -z "$(find /etc/neap -name "*.conf")" ] ;;
			*) [ "$(ls -d /etc/systemd/network/*vx0* /etc/systemd/network/*.d 2>/dev/null | grep -v vx9)" = "" ] ;;
			esac
		done
		cat >site.lua <<-LUA
		local neap = require "neap"
		neap.vxlan { name = "vx0", ensure = "absent", persist = "networkd" }
		neap.vxlan { name = "vx1", ensure = "absent", persist = "networkd" }
		neap.vxlan { name = "vx9", ensure = "absent", persist = "networkd" }
		neap.bridge { name = "br0", ensure = "absent", persist = "networkd" }
		LUA
		true_plan
		[ "$(find /etc/systemd/network)" = "$(printf "/etc/systemd/network\n/etc/systemd/network/60-eth1.network")" ]'
	diff - names <<-'END'
	./50-neap-br0.netdev
	./50-neap-br0.network
	./50-neap-vx0.netdev
	./50-neap-vx0.network
	./50-neap-vx0.network.d/neap-bridge-br0.conf
	./50-neap-vx1.netdev
	./50-neap-vx1.network
	./60-eth1.network
	./60-eth1.network.d/neap-vxlan-vx0.conf
	END
	diff - <(grep -v '^#' kept | grep . | sed -n '/Name=vx0/,/Name=eth1/p') <<-'END'
	Name=vx0
	Kind=vxlan
	MACAddress=02:00:00:00:00:01
	[VXLAN]
	VNI=42
	Local=192.0.2.1
	DestinationPort=4789
	MacLearning=no
	TTL=9
	UDPChecksum=yes
	[Match]
	Name=vx0
	[Link]
	MTUBytes=1400
	RequiredForOnline=no-carrier
	[Network]
	ConfigureWithoutCarrier=yes
	[BridgeFDB]
	MACAddress=00:00:00:00:00:00
	Destination=192.0.2.3
	[BridgeFDB]
	MACAddress=00:00:00:00:00:00
	Destination=192.0.2.2
	[BridgeFDB]
	MACAddress=02:00:00:00:00:03
	Destination=192.0.2.3
	[Neighbor]
	Address=10.9.0.2
	LinkLayerAddress=02:00:00:00:00:02
	[Neighbor]
	Address=fd09::2
	LinkLayerAddress=02:00:00:00:00:02
	[Network]
	Bridge=br0
	[NetDev]
	Name=vx1
	Kind=vxlan
	[VXLAN]
	VNI=0
	Local=fd00::1
	DestinationPort=8472
	MacLearning=yes
	UDPChecksum=yes
	Independent=yes
	[Match]
	Name=vx1
	[Link]
	ActivationPolicy=manual
	RequiredForOnline=no
	[Network]
	ConfigureWithoutCarrier=yes
	[BridgeFDB]
	MACAddress=00:00:00:00:00:00
	Destination=fd00::2
	[Match]
	Name=eth1
	END
	[ "$(tail -n 2 kept)" = "$(printf '[Network]\nVXLAN=vx0')" ]
	local what='.resources | map(select(.action != "none") | [.address, .action, (.changes | map(.param))])'
	jq -e '.resources | map(select(.action == "create")) | length == 3' first.json
	[ "$(jq -c "$what" live.json)" = '[["vxlan[vx0]","update",["peers"]]]' ]
	[ "$(jq -c "$what" file.json)" = '[["vxlan[vx0]","update",["persistent.network","persistent.link"]]]' ]
	[ "$(jq -c "$what" left.json)" = '[["vxlan[vx0]","update",["peers","persistent.network"]]]' ]
	for said in "- 192.0.2.3" "+ 192.0.2.4" "-Destination=192.0.2.3" "+Destination=192.0.2.4" "1 line added, 1 removed" "in /etc/systemd/network/50-neap-vx0.network"; do
		grep -qF -- "$said" left.txt
	done
	[ "$(grep '^[<>]' changed)" = "$(printf '< Destination=192.0.2.3\n> Destination=192.0.2.4')" ]
	jq -e '.resources | all(.action == "delete")' plan.json

	# In an image there is only what is kept.
	cp kept.lua site.lua
	mkdir image/etc && mv image/{group,passwd,systemd} image/etc/
	run -2 "$NEAP" plan --root "$PWD/image" --format json site.lua
	jq -S '.resources | map({address, action, changes})' <<<"$output" >planned
	jq -e 'all(.action == "create" and (.changes | all(.param | test("^(persistent|parents)"))))' planned
	run -0 "$NEAP" apply --root "$PWD/image" --format json site.lua
	jq -S '.resources | map({address, action, changes})' <<<"$output" | diff planned -
	run -0 "$NEAP" plan --root "$PWD/image" site.lua
	grep -q "^VXLAN=vx0$" image/etc/systemd/network/60-eth1.network.d/neap-vxlan-vx0.conf
}

@test "by networkd: a vxlan's link needs a file that is its own alone" {
	recipe <<<'neap.vxlan { name = "vx0", id = 42, link = "eth1", persist = "networkd" }'
	inside 'fails plan >plan.txt 2>&1'
	grep -q "networkd has no .network file for the link eth1" plan.txt
	mkdir -p etc/systemd/network
	printf '[Match]\nName=eth*\n' >etc/systemd/network/20-eth.network
	inside 'fails plan >plan.txt 2>&1'
	grep -q "20-eth.network, which networkd uses for eth1, fits other links too" plan.txt
	# One that is made by the same run will do.
	recipe <<-'LUA'
	neap.vxlan { name = "vx0", id = 42, link = "v1", persist = "networkd" }
	neap.veth { name = "v0", peer = "v1", persist = "networkd" }
	LUA
	inside true_plan
	[ "$(grep -v '^#' etc/systemd/network/51-neap-v0.network.d/neap-vxlan-vx0.conf)" = "$(printf '[Network]\nVXLAN=vx0')" ]
}

@test "by networkd: what cannot be decided is refused by name; another way, or none, takes all of it away" {
	recipe <<<'neap.route { to = "10.0.0.0/8", via = "10.1.1.1", persist = "networkd" }'
	run -1 "$NEAP" check site.lua
	[[ $output == *'persist = "networkd" needs link'* ]]
	mkdir -p etc/systemd/network
	printf '[Match]\nName=br*\n' >etc/systemd/network/10-br.network
	printf '[Match]\nName=eth1\nDriver=veth\n' >etc/systemd/network/20-eth1.network
	recipe <<-'LUA'
	neap.bridge { name = "br0", persist = "networkd" }
	neap.address { link = "eth1", address = "10.0.0.1/8", persist = "networkd" }
	neap.address { link = "far", address = "10.1.0.1/16", persist = "networkd" }
	LUA
	inside 'fails plan >plan.txt 2>&1'; cat plan.txt
	grep -q "networkd would use /etc/systemd/network/10-br.network for br0" plan.txt
	grep -q "whether networkd uses /etc/systemd/network/20-eth1.network for eth1 cannot be told" plan.txt
	grep -q "networkd has no .network file for the link far" plan.txt
	rm -r etc/systemd/network
	mkdir etc/systemd/network
	printf '[Match]\nName=eth1\n' >etc/systemd/network/20-eth1.network
	recipe <<-'LUA'
	neap.veth { name = "v0", peer = "v1", persist = "networkd" }
	neap.bridge { name = "br0", members = { "eth1", "v1" }, persist = "networkd" }
	neap.address { link = "eth1", address = "10.0.0.1/8", persist = "networkd" }
	neap.route { to = "10.9.0.0/16", link = "eth1", persist = "networkd" }
	LUA
	# shellcheck disable=SC2016
	inside '
		converges
		for way in "\"unit\"" "\"networkd\"" false "\"networkd\""; do
			sed -i "s/persist = [^ ]*/persist = $way/" site.lua
			true_plan
			case $way in
			*networkd*) [ -z "$(find /etc/neap -name "*.conf")" ] ;;
			*) [ "$(find /etc/systemd/network -type f)" = /etc/systemd/network/20-eth1.network ] ;;
			esac
		done
		cat >site.lua <<-LUA
		local neap = require "neap"
		neap.route { to = "10.9.0.0/16", ensure = "absent", persist = "networkd" }
		neap.address { link = "eth1", address = "10.0.0.1/8", ensure = "absent", persist = "networkd" }
		neap.bridge { name = "br0", ensure = "absent", persist = "networkd" }
		neap.veth { name = "v0", ensure = "absent", persist = "networkd" }
		LUA
		true_plan
		[ "$(find /etc/systemd/network -type f)" = /etc/systemd/network/20-eth1.network ]'
	jq -e '.resources | all(.action == "delete")' plan.json
}

@test "by networkd: killed before any change, the next run does the rest" {
	mkdir -p etc/systemd/network
	printf '[Match]\nName=eth1\n' >etc/systemd/network/20-eth1.network
	recipe <<-'LUA'
	neap.veth { name = "v0", peer = "v1", persist = "networkd" }
	neap.bridge { name = "br0", members = { "eth1", "v1" }, persist = "networkd" }
	neap.address { link = "eth1", address = "10.0.0.1/8", persist = "networkd" }
	neap.route { to = "10.9.0.0/16", link = "eth1", persist = "networkd" }
	neap.vxlan { name = "vx0", id = 1, link = "v0", peers = { "192.0.2.2" }, persist = "networkd" }
	LUA
	# shellcheck disable=SC2016
	inside '
		before() {
			find /etc/systemd/network -name "*neap*" -delete
			ip link del br0 2>/dev/null || true; ip link del v0 2>/dev/null || true; ip address flush dev eth1
		}
		for call in renameat2 sendto; do each_struck $call signal=KILL 2; done'
}
