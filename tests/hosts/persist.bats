#!/usr/bin/env bats
# persist on real hosts: what the network and the packet filter keep is back after a reboot or a power cut, before any run
# of neap, and as it was.

bats_require_minimum_version 1.5.0
load hosts
load site

# Links, addresses, routes and rules: without what is the kernel's to choose, such as numbers and MAC addresses. That a
# bridge is up it says up to a second late; until then it is unknown.
state() {
	on sh -c 'ip -d -j link; ip -j address; ip -j route show table all; ip -j -6 route show table all; iptables-save; ip6tables-save' |
		sed 's/^#.*//; s/ \[[0-9]*:[0-9]*\]$//' >"$1.raw"
	jq -S 'map(select(.ifname? != "eth0" and .dev? != "eth0") | select((.dst? // "") | startswith("fe80") or startswith("ff00") | not) |
		{ifname, mtu, master, operstate: (if .operstate == "UNKNOWN" then "UP" else .operstate end), linkinfo: .linkinfo?.info_kind, bridge: (.linkinfo?.info_data // {} | {forward_delay, ageing_time, stp_state}),
		 vxlan: (if .linkinfo?.info_kind == "vxlan" then [.mtu, .address, (.flags | sort), .linkinfo.info_data] else null end),
		 addresses: ((.addr_info // []) | map(select(.scope != "link") | {local, prefixlen, broadcast, scope}) | sort_by(.local)),
		 dst, gateway, dev, prefsrc, metric, table, protocol, type, scope}) | sort_by(tojson)' <(grep '^\[' "$1.raw") >"$1"
	sed '/^\[/d; /^$/d' "$1.raw" >>"$1"
	# Whom vxlans know because somebody said so.
	on sh -c 'bridge fdb show; ip neigh show nud permanent' | grep -E 'dst|lladdr' | sort >>"$1"
}

# The boot is over when systemd has nothing more to do.
booted() {
	for _ in $(seq 100); do
		[[ $(on systemctl is-system-running) =~ ^(initializing|starting)$ ]] || return 0
		sleep 0.1
	done
	on systemctl list-jobs
	return 1
}

brings_back() { # brings_back COMMAND: COMMAND boots the host anew
	state before
	"$@"
	booted
	state after
	diff -u before after
	plan
	[ -z "$(on systemctl --failed --plain --no-legend)" ]
}

power_cut() { host_cut web; host_boot web; }

site() {
	recipe <<-'LUA'
	-- What is declared first stands on what comes later.
	neap.route { to = "10.30.0.0/16", via = "10.20.0.9", persist = "unit" }
	neap.route { to = "10.20.0.0/16", link = "br0", source = "10.10.1.1", persist = "unit" }
	neap.route { to = "fd02::/64", link = "br0", source = "fd00::1", persist = "unit" }
	neap.route { to = "10.10.3.0/24", via = "10.77.0.254", table = 100, metric = 7, persist = "unit" }
	neap.address { link = "br0", address = "10.10.1.1/24", persist = "unit" }
	neap.address { link = "br0", address = "fd00::1/64", persist = "unit" }
	neap.address { link = "eth0", address = "10.78.0.1/32", persist = "unit" }
	neap.bridge { name = "br0", members = { "v1" }, stp = false, forward_delay = "0s", ageing_time = "100s", mtu = 1500, persist = "unit" }
	neap.bridge { name = "quiet", up = false, persist = "unit" }
	neap.veth { name = "v0", peer = "v1", mtu = 1400, persist = "unit" }
	-- Over eth0; over a bridge that is made wider later, and in another; with nothing that is said.
	neap.address { link = "vx0", address = "10.50.1.0/32", persist = "unit" }
	neap.route { to = "10.50.2.0/24", via = "10.50.2.0", persist = "unit" }
	neap.route { to = "10.50.2.0/32", link = "vx0", persist = "unit" }
	neap.vxlan {
		name = "vx0", id = 42, local_address = "10.77.0.1", link = "eth0", mac = "0a:58:0a:32:01:00", mtu = 1450, learning = false, ttl = 9,
		peers = { "10.77.0.2", "10.77.0.3" }, fdb = { ["0a:58:0a:32:02:00"] = "10.77.0.2" },
		neighbours = { ["10.50.2.0"] = "0a:58:0a:32:02:00", ["fd50::2"] = "0a:58:0a:32:02:00" }, persist = "unit",
	}
	neap.bridge { name = "br1", members = { "vx1" }, stp = false, forward_delay = "0s", persist = "unit" }
	neap.vxlan { name = "vx1", id = 43, local_address = "fd00::1", link = "br0", mac = "0a:58:0a:33:01:00", mtu = 1300, peers = { "fd00::2" }, persist = "unit" }
	neap.vxlan { name = "vx2", id = 42, port = 8472, up = false, mac = "0a:58:0a:34:01:00", persist = "unit" }
	neap.vxlan { name = "over2", id = 44, link = "vx2", mac = "0a:58:0a:35:01:00", persist = "unit" } -- by its name before vx2

	neap.iptables_rule { chain = "INPUT", rule = "-j SITE", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 1 -j ACCEPT", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 1 -j DROP", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp --dport 2 -j DROP", position = "first", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = [[-p udp --dport 2 -m comment --comment "it's a \"b\" c" -j ACCEPT]], position = "first", persist = "unit" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 3 -j ACCEPT", persist = "unit" }
	neap.iptables_chain { name = "SITE", rules = { "-p tcp --dport ssh -j ACCEPT", "-s 10.0.0.1,10.0.0.2 -j OTHER", "-p tcp --dport 4 -j DROP" }, persist = "unit" }
	neap.iptables_chain { name = "OTHER", rules = { "-j RETURN" }, persist = "unit" }
	neap.iptables_chain { name = "FORWARD", policy = "DROP", rules = { "-i br0 -j ACCEPT" }, persist = "unit" }
	neap.iptables_rule { chain = "FORWARD", rule = "-o br0 -j ACCEPT", persist = "unit" }
	neap.iptables_rule { table = "nat", chain = "POSTROUTING", rule = "! -d 10.10.0.0/16 -s 10.10.1.0/24 -j MASQUERADE", persist = "unit" }
	neap.iptables_chain { family = "ipv6", table = "nat", name = "OUT6", rules = { "-d fd09::/48 -j DNAT --to-destination fd00::9" }, persist = "unit" }
	neap.iptables_rule { family = "ipv6", table = "nat", chain = "OUTPUT", rule = "-j OUT6", persist = "unit" }
	neap.iptables_rule { family = "ipv6", chain = "INPUT", rule = "-p ipv6-icmp -j ACCEPT", persist = "unit" }
	LUA
}

@test "by units: all is back after a reboot and after a power cut, rules in their order, and no run was needed" {
	site
	converges
	state before
	[ "$(grep -c '^00:00:00:00:00:00 dev vx[01] dst' before)" = 3 ]
	[ "$(grep -c 'dev vx0 lladdr 0a:58:0a:32:02:00 PERMANENT\|^0a:58:0a:32:02:00 dev vx0 dst 10.77.0.2' before)" = 3 ]
	run -0 --separate-stderr on systemd-analyze verify neap-network.service neap-iptables.service
	[ -z "$stderr" ]
	brings_back host_reboot web
	brings_back power_cut
	# What others wait for is there by then.
	[[ $(on systemctl show -P Before neap-network.service) == *network-online.target* ]]
	[[ $(on systemctl show -P Before neap-iptables.service) == *network-pre.target* ]]
}

@test "by units: nothing is made twice when the targets are changed later, or a unit is started by hand" {
	site
	apply -q
	state before
	on systemctl isolate rescue.target || true
	on systemctl isolate multi-user.target
	booted
	on systemctl restart neap-iptables.service neap-network.service
	state after
	diff -u before after
	plan
}

@test "by units: a unit of the recipe may see to it that it is enabled, and its plan is true before and after a reload" {
	on ip link del br1
	for link in vx0 vx1 vx2 br0 v0; do on ip link del $link; done
	on rm -rf /etc/neap
	on sh -c 'rm /etc/systemd/system/neap-*.service /etc/systemd/system/multi-user.target.wants/neap-*'
	site
	cat >>"$BATS_FILE_TMPDIR/site/init.lua" <<-'LUA'
	neap.unit { name = "neap-network.service", enabled = true }
	neap.unit { name = "neap-iptables.service", drop_ins = { site = "[Unit]\nDescription=Ours\n" } }
	LUA
	converges
	on systemctl daemon-reload
	plan
	brings_back host_reboot web
}

@test "by units: a device that comes late is waited for, and what cannot be made keeps nothing else from being made" {
	recipe <<-'LUA'
	neap.address { link = "late", address = "10.40.0.1/24", persist = "unit" }
	neap.route { to = "10.41.0.0/16", via = "10.40.0.9", persist = "unit" }
	neap.veth { name = "w0", peer = "w1", persist = "unit" }
	neap.unit {
		name = "late.service", enabled = true,
		content = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep 2; ip link add late type veth peer late2; sleep 2; ip link set late up'\n"
			.. "[Install]\nWantedBy=multi-user.target\n",
	}
	LUA
	on ip link add late type veth peer late2
	on ip link set late up
	converges
	state before
	# A line that nobody can do.
	local line
	for line in "link set dev nowhere up" "link add name bad type vxlan id 99 dstport 4789 dev nowhere" "fdb append 00:00:00:00:00:00 dev nowhere dst 10.77.0.2 self permanent"; do
		on sh -c "echo '$line' >>/etc/neap/network.d/10-veth-v0.conf"
		host_reboot web
		booted
		plan
		[ "$(on systemctl is-failed neap-network.service)" = failed ]
		[ "$(on ip -o link show v0 | wc -l)" = 1 ]
		[ "$(on bridge fdb show dev vx0 | grep -c 'dst 10.77.0')" = 3 ]
		on sed -i '$d' /etc/neap/network.d/10-veth-v0.conf
	done
}

# Somebody's own device with a file of networkd, beside what neap makes.
networkd_site() {
	recipe <<-'LUA'
	neap.unit { name = "systemd-networkd.service", enabled = true }
	local net = "/etc/systemd/network/"
	neap.file { path = net .. "40-w.netdev", content = "[NetDev]\nName=w0\nKind=veth\n\n[Peer]\nName=w1\n" }
	neap.file { path = net .. "60-w0.network", content = "[Match]\nName=w0\n\n[Network]\nIPv6AcceptRA=no\nAddress=10.79.0.1/24\n" }
	neap.file { path = net .. "60-w1.network", content = "[Match]\nName=w1\n\n[Network]\nIPv6AcceptRA=no\n" }
	neap.veth { name = "w0", peer = "w1" }
	neap.address { link = "w0", address = "10.79.0.1/24" }

	neap.veth { name = "v0", peer = "v1", mtu = 1400, persist = "networkd" }
	neap.bridge { name = "br0", members = { "v1" }, stp = false, forward_delay = "0s", mtu = 1500, persist = "networkd" }
	neap.bridge { name = "lone", stp = true, forward_delay = "2s", ageing_time = "100s", mtu = 1450, persist = "networkd" }
	neap.bridge { name = "quiet", up = false, persist = "networkd" }
	neap.address { link = "br0", address = "10.10.1.1/24", persist = "networkd" }
	neap.address { link = "br0", address = "fd00::1/64", persist = "networkd" }
	neap.address { link = "v0", address = "10.10.9.9/24", persist = "networkd" }
	neap.address { link = "w0", address = "10.78.1.9/32", persist = "networkd" }
	neap.route { to = "10.10.2.0/24", via = "10.79.0.254", link = "w0", persist = "networkd" }
	neap.route { to = "fd02::/64", link = "br0", source = "fd00::1", persist = "networkd" }
	neap.route { to = "10.20.0.0/16", link = "br0", source = "10.10.1.1", persist = "networkd" }
	neap.route { to = "10.30.0.0/16", via = "10.10.1.77", link = "br0", persist = "networkd" }
	neap.route { to = "10.10.3.0/24", link = "lone", table = 100, metric = 7, persist = "networkd" }

	-- Over somebody's link; over a bridge, and in another; with nothing that is said; over one of the others.
	neap.address { link = "vx0", address = "10.50.1.0/32", persist = "networkd" }
	neap.route { to = "10.50.2.0/24", via = "10.50.2.0", link = "vx0", persist = "networkd" }
	neap.route { to = "10.50.2.0/32", link = "vx0", persist = "networkd" }
	neap.vxlan {
		name = "vx0", id = 42, local_address = "10.79.0.1", link = "w0", mac = "0a:58:0a:32:01:00", mtu = 1440, learning = false, ttl = 9,
		peers = { "10.79.0.2", "10.79.0.3" }, fdb = { ["0a:58:0a:32:02:00"] = "10.79.0.2" },
		neighbours = { ["10.50.2.0"] = "0a:58:0a:32:02:00", ["fd50::2"] = "0a:58:0a:32:02:00" }, persist = "networkd",
	}
	neap.bridge { name = "br1", members = { "vx1" }, stp = false, forward_delay = "0s", persist = "networkd" }
	neap.vxlan {
		name = "vx1", id = 43, local_address = "fd00::1", link = "br0", mac = "0a:58:0a:33:01:00", learning = true, ttl = 0,
		peers = { "fd00::2", "fd00::3" }, fdb = { ["0a:58:0a:33:02:00"] = "fd00::2" }, persist = "networkd",
	}
	neap.vxlan { name = "vx2", id = 0, port = 8472, up = false, mac = "0a:58:0a:34:01:00", peers = { "10.79.0.2" }, persist = "networkd" }
	neap.vxlan { name = "vx3", id = 44, link = "vx0", mac = "0a:58:0a:35:01:00", persist = "networkd" }
	LUA
}

# networkd goes on after it has started: addresses of IPv6 settle, and what stands on them comes then.
settled() {
	on /lib/systemd/systemd-networkd-wait-online --timeout=60
	for _ in $(seq 100); do
		[ "$(plan -q | wc -l)" -gt 0 ] || return 0
		sleep 0.2
	done
	plan
	return 1
}

anew() { # another host, for what a test before has left
	hosts_do down web 2>/dev/null || true
	site_host
}

@test "by networkd: all is back after a reboot and after a power cut, beside a link of somebody else" {
	anew
	networkd_site
	converges
	state before
	[ "$(grep -c '^00:00:00:00:00:00 dev vx[012] dst' before)" = 5 ]
	[ "$(grep -c 'dev vx0 lladdr 0a:58:0a:32:02:00 PERMANENT\|^0a:58:0a:3[23]:02:00 dev vx[01] dst' before)" = 4 ]
	for boot in "host_reboot web" power_cut; do
		$boot
		booted
		settled
		state after
		diff -u before after
		[ -z "$(on systemctl --failed --plain --no-legend)" ]
	done
	on systemctl restart systemd-networkd
	settled
	state after
	diff -u before after
}

@test "from networkd to a unit and back: one way takes the place of the other" {
	networkd_site
	sed -i 's/persist = "networkd"/persist = "unit"/' "$BATS_FILE_TMPDIR/site/init.lua"
	converges
	[ -z "$(on sh -c 'find /etc/systemd/network -name "*neap*" -type f')" ]
	host_reboot web
	booted
	settled
	networkd_site
	converges
	[ -z "$(on sh -c 'ls /etc/neap/network.d')" ]
	host_reboot web
	booted
	settled
}

@test "by networkd: neighbours of a vxlan without mac are back, and stay when networkd starts again" {
	anew
	recipe <<-'LUA'
	neap.unit { name = "systemd-networkd.service", enabled = true }
	neap.vxlan {
		name = "vx0", id = 42, peers = { "10.77.0.2" }, fdb = { ["0a:58:0a:32:02:00"] = "10.77.0.2" },
		neighbours = { ["10.50.2.0"] = "0a:58:0a:32:02:00", ["fd50::2"] = "0a:58:0a:32:02:00" }, persist = "networkd",
	}
	LUA
	converges
	host_reboot web
	booted
	settled
	# It was told its address, which udev then leaves as it is.
	[ "$(on cat /sys/class/net/vx0/addr_assign_type)" = 3 ]
	state before
	on systemctl restart systemd-networkd
	settled
	state after
	diff -u before after
}
