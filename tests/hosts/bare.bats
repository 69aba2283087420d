#!/usr/bin/env bats
# A bare machine under one plan: what stands on links, chains, users and files that are not there yet is planned as it is
# done, in one run, with both variants of iptables.

bats_require_minimum_version 1.5.0
load hosts

setup_file() {
	hosts_require || return 0
	mkdir "$BATS_FILE_TMPDIR/site"
	cat >"$BATS_FILE_TMPDIR/site/init.lua" <<-'LUA'
	local neap = require "neap"

	-- Named before what they stand on, to a large part: the order is neap's to find.
	neap.unit {
		name = "outpost.service",
		content = [[
	[Service]
	User=outpost
	ExecStartPre=/bin/ping -c 1 -W 2 -I 10.20.0.1 10.20.0.1
	ExecStart=/bin/sleep 10000
	[Install]
	WantedBy=multi-user.target
	]],
		enabled = true, state = "running",
		require = { "address[br0: 10.20.0.1/24]" },
	}
	neap.iptables_rule { chain = "INPUT", rule = "-i br0 -j OUTPOST" }
	neap.route { to = "10.30.0.0/16", via = "10.20.0.77" }
	neap.address { link = "br0", address = "10.20.0.1/24" }
	neap.sysctl { name = "net.ipv4.conf.br0.proxy_arp", value = 1, persistent = false }
	neap.sysctl { name = "net.ipv4.ip_forward", value = 1 }
	neap.bridge { name = "br0", members = { "pod0" }, stp = false, forward_delay = "0s" }
	neap.veth { name = "pod0", peer = "pod0p" }
	neap.address { link = "pod0p", address = "10.20.0.9/24" }
	neap.iptables_chain {
		name = "OUTPOST",
		rules = { "-p icmp -j ACCEPT", "-s 10.30.0.0/16 -j LATER", "-j RETURN" },
	}
	neap.iptables_chain { name = "LATER", rules = { "-p tcp --dport 80 -j ACCEPT" } }
	neap.iptables_rule { table = "nat", chain = "POSTROUTING", rule = "! -d 10.0.0.0/8 -m addrtype ! --dst-type LOCAL -j MASQUERADE" }
	neap.iptables_rule { family = "ipv6", chain = "FORWARD", rule = "-j DROP" }
	neap.file { path = "/srv/outpost/owned", content = "x\n", owner = "outpost" }
	neap.directory { path = "/srv/outpost", owner = "outpost" }
	neap.user { name = "outpost", system = true, home = "/srv/outpost" }
	LUA
	host_boot nft legacy
	for host in nft legacy; do host_bind "$host" "$BATS_FILE_TMPDIR/site" /srv/site; done
	for tool in iptables ip6tables; do host_run legacy update-alternatives --quiet --set "$tool" "/usr/sbin/$tool-legacy"; done
}

setup() {
	hosts_require
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown_file() { host_down_all; }

# What can be seen from outside neap.
sight() { # sight HOST
	local host=$1
	host_run "$host" ip -j -d addr | jq -r '.[] | select(.ifname | test("^(br0|pod0p?)$"))
		| [.ifname, .linkinfo.info_kind, .master, (.flags | index("UP") != null), (.addr_info[] | select(.family == "inet") | "\(.local)/\(.prefixlen)")] | tostring' | sort
	host_run "$host" ip -4 route show 10.30.0.0/16 | sed "s/ *$//"
	for table in filter nat; do host_run "$host" iptables-save -t "$table" | grep '^-A'; done
	host_run "$host" ip6tables-save -t filter | grep '^-A'
	host_run "$host" sysctl net.ipv4.conf.br0.proxy_arp net.ipv4.ip_forward
	host_run "$host" systemctl is-active outpost.service
	host_run "$host" stat -c '%n %U' /srv/outpost /srv/outpost/owned
}

one_plan() { # one_plan HOST
	local host=$1 known='.resources[] | {address, action, refresh, reason, changes}'
	run -2 --separate-stderr host_neap "$host" plan --format json /srv/site
	printf '%s' "$output" >plan.json
	# What a plan cannot know it says, and of the rest each word is what is done.
	jq -r '.resources[] | select(.action == "unknown").address' plan.json | sort >unknown
	[ ! -s unknown ] || diff - unknown <<<"sysctl[net.ipv4.conf.br0.proxy_arp]"
	jq -e '[.resources[] | select(.action == "error" or .action == "none")] == []' plan.json
	run -0 --separate-stderr host_neap "$host" apply --format json /srv/site
	printf '%s' "$output" >apply.json
	diff <(jq -cS --rawfile not unknown "$known | select(.address as \$a | \$not | split(\"\n\") | index(\$a) | not)" plan.json) \
		<(jq -cS --rawfile not unknown "$known | select(.address as \$a | \$not | split(\"\n\") | index(\$a) | not)" apply.json)
	run -0 host_neap "$host" plan /srv/site
	[[ $output == "nothing to change"* ]]
	sight "$host" >"$BATS_FILE_TMPDIR/$host"
}

@test "one plan for a bare machine is what one run does" {
	one_plan nft
	diff - "$BATS_FILE_TMPDIR/nft" <<-'X'
	["br0","bridge",null,true,"10.20.0.1/24"]
	["pod0","veth","br0",true]
	["pod0p","veth",null,true,"10.20.0.9/24"]
	10.30.0.0/16 via 10.20.0.77 dev br0 proto static
	-A INPUT -i br0 -j OUTPOST
	-A LATER -p tcp -m tcp --dport 80 -j ACCEPT
	-A OUTPOST -p icmp -j ACCEPT
	-A OUTPOST -s 10.30.0.0/16 -j LATER
	-A OUTPOST -j RETURN
	-A POSTROUTING ! -d 10.0.0.0/8 -m addrtype ! --dst-type LOCAL -j MASQUERADE
	-A FORWARD -j DROP
	net.ipv4.conf.br0.proxy_arp = 1
	net.ipv4.ip_forward = 1
	active
	/srv/outpost outpost
	/srv/outpost/owned outpost
	X
}

@test "and with the legacy variant of iptables" {
	one_plan legacy
	diff "$BATS_FILE_TMPDIR/nft" "$BATS_FILE_TMPDIR/legacy"
}
