#!/usr/bin/env bats
# Changes that are taken back unless they are confirmed, in network namespaces with the real iptables, both variants, and
# the real kernel's links, addresses and routes. No service manager is in them: the clock is a process. With one:
# tests/hosts/confirm.bats.

bats_require_minimum_version 1.5.0
load ../support/netns.bash

setup() {
	netns_setup
	netns_variants
}

inside() { # inside VARIANT SCRIPT
	local variant=$1
	rm -rf state
	netns_run "$2" netns_variant confirm_tools
}

confirm_tools() {
	cat <<-'SH'
	confirm() { "$neap" confirm --state-dir "$state"; }
	status() { "$neap" status --state-dir "$state" "$@"; }
	rules() { iptables-save -t "${1-filter}" | sed "/^#/d; s/\[[0-9:]*\]//"; }
	# code N COMMAND…: its exit code is N.
	code() { local want=$1 got=0; shift; "$@" || got=$?; [ "$got" = "$want" ] || { echo "exit $got, not $want: $*"; exit 1; }; }
	# until_armed: a change waits. until_over: none does any more.
	until_armed() { for _ in $(seq 100); do compgen -G "$state/confirm/*.armed" >/dev/null && break; sleep 0.05; done; sleep 0.3; }
	until_over() { for _ in $(seq 200); do compgen -G "$state/confirm/*.armed" >/dev/null || compgen -G "$state/confirm/*.reverting" >/dev/null || break; sleep 0.05; done; }
	# killed OPTIONS…: an apply that is killed with its whole process group while its change waits.
	killed() {
		setsid "$neap" apply --state-dir "$state" "$@" site.lua >killed.txt 2>&1 &
		until_armed
		for _ in $(seq 100); do grep -q "^neap: " killed.txt && break; sleep 0.05; done # it has landed
		kill -9 -- -$!
		wait || true
	}
	clocks() { pgrep -f "neap revert .*$state" || true; }
	SH
}

# ---- rules ----

@test "a rule that locks out is taken back in its time, to the byte, and what stands on it is skipped" {
	recipe <<-LUA
	neap.file { path = "$PWD/before", content = "x" }
	local shut = neap.iptables_rule { chain = "INPUT", rule = "-j DROP", position = "first", confirm_within = "2s" }
	neap.file { path = "$PWD/after", content = "x", require = shut }
	neap.file { path = "$PWD/beside", content = "x" }
	LUA
	both '
		rm -f before after beside
		iptables -A INPUT -s 10.0.0.1 -m comment --comment "a \"b\" c" -j ACCEPT
		rules >was.txt
		apply >out.txt 2>err.txt &
		until_armed
		iptables -C INPUT -j DROP
		[ -e before ] && [ ! -e after ]
		code 4 wait $!
		rules | diff was.txt -
		grep "not confirmed within 2s: what it changed has been taken back" out.txt
		grep "waits for its confirmation until .*: neap confirm --state-dir" err.txt
		[ ! -e after ] && [ -e beside ]
		grep "skipped.*after" out.txt
		[ -z "$(ls state/confirm)" ]
		for _ in $(seq 20); do [ -n "$(clocks)" ] || break; sleep 0.1; done
		[ -z "$(clocks)" ]
		# The next run tries again.
		code 2 plan >/dev/null'
}

@test "neap confirm from another session keeps it, the second plan is empty, and then nothing waits" {
	recipe <<-'LUA'
	neap.iptables_chain { name = "SITE", rules = { "-p tcp -j ACCEPT", "-j DROP" }, confirm_within = "20s" }
	LUA
	both '
		code 4 confirm 2>none.txt
		grep "nothing waits for a confirmation" none.txt
		apply >out.txt 2>&1 &
		until_armed
		setsid "$neap" confirm --state-dir "$state" >said.txt </dev/null
		grep "confirmed: iptables_chain\[SITE\], changed .*; 1[0-9] seconds were left" said.txt
		code 0 wait $!
		plan
		rules | grep -- "-A SITE -j DROP"
		code 4 confirm 2>none.txt
		[ -z "$(ls state/confirm)" ]'
}

@test "killed with its whole process group while it waits, it is taken back all the same" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-j DROP", confirm_within = "3s" }
	LUA
	both '
		rules >was.txt
		killed
		iptables -C INPUT -j DROP
		# What is in force may be gone in a moment: nobody takes it for good.
		code 3 plan 2>refused.txt
		grep "a change of iptables_rule\[INPUT: -j DROP\] waits for its confirmation until [0-9:]*$" refused.txt
		code 3 apply 2>refused.txt
		code 3 plan --format json >refused.json
		jq -e ".errors[0].message | test(\"waits for its confirmation\")" refused.json
		code 4 status >status.txt
		grep "the last run was killed" status.txt
		grep "unconfirmed .*iptables_rule\[INPUT: -j DROP\], changed .*; taken back in . seconds\? unless neap confirm is said" status.txt
		status --format json >status.json || true
		[ "$(jq -r ".unconfirmed[0].address, .unconfirmed[0].phase" status.json)" = "iptables_rule[INPUT: -j DROP]
waits" ]
		until_over
		rules | diff was.txt -
		status --format json >status.json || true
		[ "$(jq -r ".unconfirmed[0].phase" status.json)" = reverted ]
		code 2 plan >/dev/null
		# The next run says once what became of it.
		code 4 apply >out.txt 2>said.txt
		grep "iptables_rule\[INPUT: -j DROP\] by an earlier run was not confirmed: what it changed has been taken back" said.txt'
}

@test "--lock-wait waits for what is not confirmed, too" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "3s" }
	LUA
	inside nft '
		killed
		recipe=site.lua
		sed -i "s/, confirm_within = \"3s\"//" site.lua
		code 3 apply --lock-wait 1s 2>/dev/null
		code 0 apply --lock-wait 20s 2>/dev/null
		plan'
}

@test "confirmed though neap was killed it stays, and the next run goes on" {
	recipe <<-LUA
	local rule = neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "20s" }
	neap.file { path = "$PWD/after", content = "x", require = rule }
	LUA
	inside nft '
		rm -f after
		killed
		confirm
		code 2 plan >planned.txt
		! grep iptables_rule planned.txt
		apply
		iptables -C INPUT -p tcp -j DROP
		[ -e after ]
		[ -z "$(ls state/confirm)" ]'
}

@test "when the clock is killed, too, the next apply takes it back; a plan refuses until then" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "3s" }
	LUA
	inside nft '
		rules >was.txt
		killed
		kill -9 $(clocks)
		sleep 3.2
		iptables -C INPUT -p tcp -j DROP
		code 3 plan 2>refused.txt
		grep "not confirmed and has still to be taken back" refused.txt
		echo "local neap = require \"neap\"" >site.lua
		apply 2>said.txt
		grep "has been taken back" said.txt
		rules | diff was.txt -'
}

@test "who takes it back is killed half way: the next who comes finishes" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "3s" }
	LUA
	inside nft '
		rules >was.txt
		killed
		kill -9 $(clocks)
		for record in state/confirm/*.armed; do mv "$record" "${record%.armed}.reverting"; done
		code 3 plan 2>refused.txt
		grep "is being taken back" refused.txt
		id=$(basename state/confirm/*.reverting .reverting)
		"$neap" revert "$id" --state-dir "$state"
		rules | diff was.txt -
		ls state/confirm | grep "$id.reverted"
		# Twice does no harm.
		"$neap" revert "$id" --state-dir "$state"
		rules | diff was.txt -'
}

@test "what others do meanwhile survives: their rules stay, ours go and come back to their places" {
	recipe <<-'LUA'
	neap.iptables_chain { name = "SITE", confirm_within = "3s",
		rules = { "-p icmp -j ACCEPT", "-p tcp -j ACCEPT", "-j DROP" } }
	LUA
	both '
		iptables -N SITE
		for rule in "-p tcp -j ACCEPT" "-s 10.0.0.1 -j ACCEPT" "-p icmp -j ACCEPT" "-s 10.0.0.2 -j ACCEPT"; do
			iptables -A SITE $rule
		done
		iptables -A INPUT -j SITE
		rules >was.txt
		apply >out.txt 2>&1 &
		until_armed
		iptables -I SITE -s 1.1.1.1 -j ACCEPT
		iptables -A SITE -s 2.2.2.2 -j ACCEPT
		iptables -A INPUT -s 3.3.3.3 -j ACCEPT
		iptables -N OTHER
		iptables -t nat -A POSTROUTING -j MASQUERADE
		code 4 wait $!
		rules >is.txt
		grep -v -e "[123]\.[123]\.[123]\.[123]/" -e OTHER is.txt | diff was.txt -
		[ "$(grep -c -e "[123]\.[123]\.[123]\.[123]/" -e OTHER is.txt)" = 4 ]
		[ "$(rules nat | grep -c MASQUERADE)" = 1 ]'
}

@test "a policy, a chain that is made and one that is removed are taken back" {
	recipe <<-'LUA'
	neap.iptables_chain { table = "mangle", name = "INPUT", policy = "DROP", rules = { "-p tcp -j ACCEPT" }, confirm_within = "1s" }
	neap.iptables_chain { name = "NEW", rules = { "-j DROP" }, confirm_within = "1s" }
	neap.iptables_chain { name = "OLD", ensure = "absent", confirm_within = "1s" }
	-- What drops comes after all others of its table, and not at all when one of them was taken back.
	neap.iptables_chain { name = "INPUT", policy = "DROP", confirm_within = "1s" }
	neap.iptables_chain { family = "ipv6", name = "FORWARD", policy = "DROP", confirm_within = "1s" }
	LUA
	both '
		iptables -N OLD; iptables -A OLD -p tcp -j ACCEPT; iptables -A OLD -j RETURN
		rules >was.txt
		code 4 apply >out.txt 2>/dev/null
		[ "$(grep -c "has been taken back$" out.txt)" = 4 ]
		grep -q "skipped *iptables_chain\[INPUT\]" out.txt
		rules | sort | diff <(sort was.txt) -
		rules mangle | grep INPUT | diff <(echo ":INPUT ACCEPT ") -
		rules | grep -- "^-A OLD" | diff <(grep -- "^-A OLD" was.txt) -
		ip6tables-save -t filter | grep ":FORWARD ACCEPT"'
}

@test "what cannot be taken back is said, and the rest is" {
	recipe <<-'LUA'
	neap.iptables_chain { name = "NEW", rules = { "-j DROP" }, confirm_within = "2s" }
	LUA
	inside nft '
		apply >out.txt 2>&1 &
		until_armed
		iptables -A INPUT -j NEW
		code 4 wait $!
		grep "taken back, but not all: chain NEW of table filter: rules of others jump to it" out.txt
		[ "$(rules | grep -c -- "^-A NEW")" = 0 ]
		iptables -C INPUT -j NEW'
}

# ---- probes ----

@test "a probe that answers confirms at once; one that does not has it taken back, and says how it ended" {
	recipe <<-LUA
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "30s", confirm_probe = { "test", "-e", "$PWD/well" } }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j DROP", confirm_within = "2s", confirm_probe = { "sh", "-c", "{ seq 500; echo no way in; } >&2; exit 7" } }
	LUA
	inside nft '
		rm -f well
		SECONDS=0
		(sleep 1.5; touch well) &
		code 4 apply >out.txt 2>err.txt
		[ "$SECONDS" -lt 15 ]
		iptables -C INPUT -p tcp -j DROP
		code 1 iptables -C INPUT -p udp -j DROP 2>/dev/null
		grep -A1 "not confirmed within 2s (sh: exit 7): what it changed has been taken back" out.txt >failed.txt
		grep "^    the probe said: .*499|500|no way in$" failed.txt
		[ "$(wc -c <failed.txt)" -lt 800 ]
		# Meanwhile it says what it waits for; -q does not.
		grep "INPUT: -p tcp -j DROP\] is taken back at [0-9:]* unless test answers before; or: neap confirm --state-dir" err.txt
		[ "$(wc -l <err.txt)" = 2 ]
		# And then that it stays, not that it waits.
		grep "(by iptables-nft, last in INPUT; confirmed)" out.txt
		iptables -F
		code 4 apply -q --format json >out.json 2>err.txt
		! grep "taken back at" err.txt
		jq -e ".resources | map({action, error, reason}) == [
			{ action: \"create\", error: null, reason: \"by iptables-nft, last in INPUT; confirmed\" },
			{ action: \"error\", error: .[1].error, reason: .[1].reason }]" out.json
		jq -e ".resources[1].hint | test(\"the probe said\")" out.json'
}

@test "a probe that nobody could run is an error of the plan, and one that the recipe makes is waited for" {
	recipe <<-LUA
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "30s", confirm_probe = { "$PWD/probe" } }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j DROP", confirm_within = "30s", confirm_probe = { "no-such-probe" } }
	LUA
	inside nft '
		rules >was.txt
		for verb in plan apply; do
			code 4 $verb >out.txt 2>&1
			grep "INPUT: -p tcp -j DROP\] (site.lua:2): confirm_probe: there is no program $PWD/probe$" out.txt
			grep "INPUT: -p udp -j DROP\] (site.lua:3): confirm_probe: there is no program no-such-probe$" out.txt
			code 4 $verb --format json >$verb.json
			jq -e ".resources | map(.action) == [\"error\", \"error\"]" $verb.json
		done
		rules | diff was.txt -
		[ ! -e state/confirm ]
		echo "#!/bin/sh" >probe
		code 4 plan >out.txt # it cannot be executed
		ln -s "$(type -P true)" no-such-probe
		PATH=$PATH:$PWD
		sed -i "4,\$ d; 3 s/udp/icmp/" site.lua
		echo "neap.file { path = \"$PWD/probe\", content = \"#!/bin/sh\", mode = \"0755\" }" >>site.lua
		code 2 plan >out.txt
		apply >out.txt
		[ "$(grep -n "file\[" out.txt | cut -d: -f1)" -lt "$(grep -n "p tcp -j" out.txt | cut -d: -f1)" ]
		rm probe no-such-probe # as wanted it waits for nobody
		sed -i "/neap.file/ d" site.lua
		plan'
}

@test "a probe that hangs does not outlast the time, and who has a probe can be confirmed by hand, too" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "2s", confirm_probe = { "sleep", "100" } }
	LUA
	inside nft '
		SECONDS=0
		code 4 apply >out.txt 2>&1
		[ "$SECONDS" -lt 6 ]
		grep "not confirmed within 2s" out.txt
		sed -i "s/\"2s\"/\"20s\"/; s/\"sleep\", \"100\"/\"false\"/" site.lua
		apply >out.txt 2>&1 &
		until_armed
		confirm
		code 0 wait $!'
}

# ---- plans, and runs that end ----

@test "a plan says that it will wait and arms nothing; what is as wanted waits for nothing" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "60s" }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j DROP", confirm_within = "90s", confirm_probe = { "/usr/bin/true" } }
	LUA
	inside nft '
		code 2 plan >out.txt
		grep "waits for \`neap confirm\`, and is taken back without it after 1m" out.txt
		grep "taken back unless /usr/bin/true answers within 90s" out.txt
		[ ! -e state ]
		plan --format json | jq -e ".resources[0].reason | test(\"neap confirm\")"
		iptables -A INPUT -p tcp -j DROP; iptables -A INPUT -p udp -j DROP
		plan
		SECONDS=0
		apply
		[ "$SECONDS" -lt 5 ] && [ ! -e state/confirm ]'
}

@test "a run that is ended while it waits takes it back at once; retries do not try it again" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "60s", retries = 5 }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j DROP" }
	LUA
	inside nft '
		rules >was.txt
		SECONDS=0
		"$neap" apply --state-dir "$state" site.lua >out.txt 2>&1 &
		until_armed
		kill -TERM $!
		code 143 wait $!
		[ "$SECONDS" -lt 20 ]
		rules | diff was.txt -
		grep "not confirmed when the run was ended: what it changed has been taken back" out.txt
		code 4 apply --timeout 2s >out.txt 2>&1
		rules | diff was.txt -
		sed -i "s/\"60s\"/\"1s\"/" site.lua
		SECONDS=0
		code 4 apply >out.txt 2>&1
		[ "$SECONDS" -lt 5 ]
		code 1 iptables -C INPUT -p tcp -j DROP 2>/dev/null'
}

@test "where no clock can be set the change is not made" {
	cp "$NEAP" neap
	recipe <<-LUA
	local gone = neap.exec { name = "gone", command = { "rm", "$PWD/neap" }, always = true }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "20s", require = gone }
	LUA
	inside nft '
		neap=$PWD/neap
		SECONDS=0
		code 4 apply >out.txt 2>&1
		[ "$SECONDS" -lt 10 ]
		grep "set a clock that takes the change back: run $PWD/neap: No such file" out.txt
		code 1 iptables -C INPUT -p tcp -j DROP 2>/dev/null
		[ -z "$(ls state/confirm)" ]'
}

@test "what a machine had in force before it was started again is forgotten; a damaged record is told" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "20s" }
	LUA
	inside nft '
		killed
		kill -9 $(clocks)
		record=$(echo state/confirm/*.armed)
		cp "$record" whole
		sed -i "s/^boot .*/boot 00000000-0000-0000-0000-000000000000/" "$record"
		code 1 plan 2>damaged.txt
		grep "is not as neap writes it" damaged.txt
		{ echo "neap-confirm 1 $(tail -n +2 "$record" | sha256sum | cut -c1-64)"; tail -n +2 "$record"; } >other
		cp other "$record"
		plan
		apply
		iptables -C INPUT -p tcp -j DROP
		[ -z "$(ls state/confirm)" ]
		# Of another network namespace: neither seen here nor taken back here.
		cp whole "$record"
		unshare --net "$neap" plan --state-dir "$state" site.lua >/dev/null || [ $? = 2 ]
		code 3 plan 2>/dev/null'
}

@test "the command line: revert is on no list, ids are ids, and a probe needs a time" {
	run -0 "$NEAP" help
	[[ $output == *"neap confirm "* && $output != *revert* ]]
	run -64 "$NEAP" revers
	[[ $output != *"neap revert"* ]]
	run -64 "$NEAP" revert
	run -4 "$NEAP" revert ../../etc/passwd --state-dir "$PWD/state"
	[[ $output == *"is no record of a change"* ]]
	run -0 "$NEAP" revert 0123456789abcdef --state-dir "$PWD/state"
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_probe = { "true" } }
	neap.iptables_chain { name = "X", confirm_within = "0s" }
	neap.route { to = "default", link = "eth0", confirm_probe = { "true" } }
	neap.address { link = "eth0", address = "10.0.0.1/8", confirm_within = 5 }
	LUA
	run -1 "$NEAP" check site.lua
	[[ $output == *"site.lua:2"*"confirm_probe has no meaning without confirm_within"* ]]
	[[ $output == *"site.lua:3"*"confirm_within"* && $output == *"site.lua:4"* && $output == *"site.lua:5"* ]]
}

# ---- the network ----

# network SCRIPT: in a namespace with links, addresses and routes, where tries RESOURCE has it changed, left unconfirmed,
# and compares all that ip says.
network() {
	inside nft '
		ip link set lo up
		ip link add e0 type veth peer name e1; ip link set e0 up; ip link set e1 up
		ip link add br0 type bridge; ip link add p0 type veth peer name p1
		ip link set p0 master br0; ip link set p0 up; ip link set p1 up; ip link set br0 up
		ip addr add 10.0.0.1/24 dev e0; ip addr add 10.0.0.2/24 dev e0; ip addr add fd00::1/64 dev e0 nodad
		ip addr add 10.5.0.1/24 dev br0
		ip route add default via 10.0.0.254
		ip route add 10.9.0.0/16 via 10.0.0.9 src 10.0.0.2 metric 7 mtu 1300
		ip route add 10.6.0.0/16 via 10.5.0.2 table 100
		ip -6 route add fd01::/64 via fd00::9
		sleep 2
		snap() {
			ip -j addr | jq -S .
			ip -j -d link | jq -S "map(del(.linkinfo.info_slave_data, .linkinfo.info_data.hello_timer,
				.linkinfo.info_data.gc_timer, .linkinfo.info_data.tcn_timer,
				.linkinfo.info_data.topology_change_timer))"
			ip -j route show table all | jq -S "sort_by(.dst, .table, .type, .dev, .prefsrc)"
			ip -j -6 route show table all | jq -S "sort_by(.dst, .table, .type, .dev)"
			ip -j neigh show nud permanent | jq -S "sort_by(.dev, .dst)"
			bridge -j fdb show | jq -S "map(select((.flags | index(\"self\")) and .state != \"\" and (.ifname | startswith(\"vx\")))) |
				sort_by(.ifname, .mac, .dst)"
		}
		tries() {
			printf "local neap = require \"neap\"\nneap.%s\n" "$1" >site.lua
			snap >was.json
			code 4 apply >out.txt 2>&1
			grep "has been taken back$" out.txt || { cat out.txt; exit 1; }
			for _ in $(seq 30); do snap >is.json; cmp -s was.json is.json && break; sleep 0.1; done
			diff was.json is.json
		}
		'"$1"
}

@test "addresses and routes are taken back exactly, with what went along" {
	network '
		tries "address { link = \"e0\", address = \"10.1.0.1/24\", confirm_within = \"1s\" }"
		tries "address { link = \"e0\", address = \"fd02::1/64\", confirm_within = \"1s\" }"
		tries "address { link = \"e0\", address = \"10.0.0.1/24\", ensure = \"absent\", confirm_within = \"1s\" }"
		tries "address { link = \"e0\", address = \"fd00::1/64\", ensure = \"absent\", confirm_within = \"1s\" }"
		tries "address { link = \"br0\", address = \"10.5.0.1/24\", ensure = \"absent\", confirm_within = \"1s\" }"
		# As systemd has it: the second address takes the place of the first.
		sysctl -qw net.ipv4.conf.all.promote_secondaries=1
		tries "address { link = \"e0\", address = \"10.0.0.1/24\", ensure = \"absent\", confirm_within = \"1s\" }"
		tries "address { link = \"e0\", address = \"10.0.0.2/24\", ensure = \"absent\", confirm_within = \"1s\" }"
		tries "route { to = \"default\", via = \"10.0.0.77\", confirm_within = \"1s\" }"
		tries "route { to = \"10.9.0.0/16\", metric = 7, via = \"10.0.0.78\", confirm_within = \"1s\" }"
		tries "route { to = \"10.9.0.0/16\", metric = 7, ensure = \"absent\", confirm_within = \"1s\" }"
		tries "route { to = \"10.10.0.0/16\", via = \"10.0.0.3\", confirm_within = \"1s\" }"
		tries "route { to = \"fd01::/64\", ensure = \"absent\", confirm_within = \"1s\" }"
		tries "route { to = \"fd01::/64\", via = \"fd00::10\", confirm_within = \"1s\" }"'
}

@test "bridges and veths are taken back exactly: made, changed, and removed with all that lay on them" {
	network '
		tries "bridge { name = \"br1\", members = { \"e1\" }, confirm_within = \"1s\" }"
		tries "bridge { name = \"br0\", members = { \"e0\" }, stp = true, forward_delay = \"4s\", mtu = 1400, confirm_within = \"1s\" }"
		tries "bridge { name = \"br0\", up = false, confirm_within = \"1s\" }"
		tries "bridge { name = \"br0\", ensure = \"absent\", confirm_within = \"1s\" }"
		tries "veth { name = \"e0\", peer = \"e1\", mtu = 1300, confirm_within = \"1s\" }"
		tries "veth { name = \"e0\", peer = \"e1\", up = false, confirm_within = \"1s\" }"
		tries "veth { name = \"x0\", peer = \"x1\", confirm_within = \"1s\" }"
		tries "veth { name = \"p0\", ensure = \"absent\", confirm_within = \"1s\" }"'
}

# vxlans SCRIPT: as network, and there are vx0 over e0, in br0, and vx1, which know others.
vxlans() {
	unshare --net ip link add v type vxlan id 1 dstport 4789 2>/dev/null || skip "the kernel has no vxlan"
	network '
		ip link add vx0 mtu 1400 type vxlan id 42 dev e0 local 10.0.0.1 dstport 4789 ttl 9 nolearning
		ip link set vx0 address 02:00:00:00:00:01; ip link set vx0 master br0; ip link set vx0 up
		ip link add vx1 type vxlan id 43 dstport 8472 remote 10.0.0.9 ageing 99; ip link set vx1 up
		ip addr add 10.7.0.1/24 dev vx1; ip addr add fd07::1/64 dev vx1 nodad
		ip route add 10.8.0.0/16 via 10.7.0.2
		for peer in 2 3; do bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.$peer; done
		bridge fdb add 02:00:00:00:00:02 dev vx0 dst 10.0.0.2
		bridge fdb add 02:00:00:00:00:03 dev vx0 dst 10.0.0.3 port 99
		bridge fdb append 01:00:5e:00:00:05 dev vx0 dst 10.0.0.3
		bridge fdb add 02:00:00:00:00:04 dev vx1 dst 10.0.0.4 static
		for at in 0 1; do
			ip neigh add 10.7.0.2 lladdr 02:00:00:00:00:02 dev vx$at nud permanent
			ip neigh add fd07::2 lladdr 02:00:00:00:00:02 dev vx$at nud permanent
		done
		ip neigh add 10.5.0.9 lladdr 02:00:00:00:00:09 dev br0 nud permanent
		sleep 2
		'"$1"
}

@test "vxlans are taken back exactly: made, changed, and removed with all that lay on them" {
	vxlans '
		tries "vxlan { name = \"vx2\", id = 44, link = \"e0\", peers = { \"10.0.0.2\" }, neighbours = { [\"10.7.0.2\"] = \"02:00:00:00:00:02\" }, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", id = 42, learning = true, ttl = 3, mtu = 1300, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", id = 42, mac = \"02:00:00:00:00:77\", confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", id = 42, up = false, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", ensure = \"absent\", confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx1\", id = 43, up = false, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx1\", ensure = \"absent\", confirm_within = \"1s\" }"
		# What can not be had any more is said, and the rest is taken back.
		ip link set e0 mtu 1440
		printf "local neap = require \"neap\"\nneap.vxlan { name = \"vx0\", ensure = \"absent\", confirm_within = \"1s\" }\n" >site.lua
		code 4 apply >out.txt 2>&1
		grep "taken back, but not all: set up the link vx0: .*Invalid argument$" out.txt
		[ "$(ip -j link show vx0 | jq -r ".[0] | .mtu, .operstate, .master" | tr "\n" " ")" = "1390 UNKNOWN br0 " ]
		bridge fdb show dev vx0 | grep "02:00:00:00:00:03 dst 10.0.0.3 port 99"
		ip link set e0 mtu 1500
		ip link set vx0 mtu 1400; sleep 2
		# It goes with what it goes over.
		tries "veth { name = \"e0\", ensure = \"absent\", confirm_within = \"1s\" }"
		# Down, it knows somebody, who is forgotten when it is set down again.
		ip link set vx1 down
		ip neigh add 10.7.0.3 lladdr 02:00:00:00:00:03 dev vx1 nud permanent
		ip addr add fd07::3/64 dev vx1 nodad
		tries "vxlan { name = \"vx1\", id = 43, confirm_within = \"1s\" }"'
}

@test "whom a vxlan knows is taken back exactly: peers, fdb and neighbours that came, went or changed" {
	vxlans '
		tries "vxlan { name = \"vx0\", id = 42, peers = { \"10.0.0.2\", \"10.0.0.5\" }, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", id = 42, peers = {}, fdb = {}, neighbours = {}, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", id = 42, fdb = { [\"02:00:00:00:00:02\"] = \"10.0.0.7\", [\"02:00:00:00:00:03\"] = \"10.0.0.3\",
			[\"02:00:00:00:00:08\"] = \"10.0.0.8\" }, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", id = 42, neighbours = { [\"10.7.0.2\"] = \"02:00:00:00:00:07\", [\"10.7.0.8\"] = \"02:00:00:00:00:08\" }, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx0\", id = 42, mac = \"02:00:00:00:00:77\", neighbours = { [\"10.7.0.2\"] = \"02:00:00:00:00:07\" }, confirm_within = \"1s\" }"
		tries "vxlan { name = \"vx1\", id = 43, peers = { \"10.0.0.8\" }, confirm_within = \"1s\" }"
		# The one that it was made with, and one that is sent to in a way of its own.
		ip link add vx2 type vxlan id 44 dstport 8473 remote 10.0.0.9 dev e0
		tries "vxlan { name = \"vx2\", id = 44, up = false, peers = { \"10.0.0.9\" }, confirm_within = \"1s\" }"
		ip link add vx3 type vxlan id 45 dstport 8473
		bridge fdb append 00:00:00:00:00:00 dev vx3 dst 10.0.0.9 port 99 vni 7 via e0
		tries "vxlan { name = \"vx3\", id = 45, up = false, peers = { \"10.0.0.9\" }, confirm_within = \"1s\" }"'
}

@test "of a vxlan, too: killed it is taken back, what others have put since is theirs, and confirmed it stays" {
	vxlans '
		printf "local neap = require \"neap\"\nneap.vxlan { name = \"vx0\", id = 42, fdb = { [\"02:00:00:00:00:02\"] = \"10.0.0.7\" }, confirm_within = \"2s\" }\n" >site.lua
		snap >was.json
		killed
		bridge fdb show dev vx0 | grep "02:00:00:00:00:02 dst 10.0.0.7"
		until_over
		snap | diff was.json -
		apply >out.txt 2>&1 &
		until_armed
		bridge fdb replace 02:00:00:00:00:02 dev vx0 dst 10.0.0.99
		bridge fdb add 02:00:00:00:00:09 dev vx0 dst 10.0.0.99
		code 4 wait $!
		grep "the forwarding 02:00:00:00:00:02 10.0.0.7 on vx0: others have put another in its place" out.txt
		bridge fdb show dev vx0 | grep "02:00:00:00:00:02 dst 10.0.0.99"
		bridge fdb show dev vx0 | grep "02:00:00:00:00:09 dst 10.0.0.99"
		bridge fdb show dev vx0 | grep "02:00:00:00:00:03 dst 10.0.0.3 port 99"
		sed -i s/2s/20s/ site.lua
		apply >out.txt 2>&1 &
		until_armed
		confirm
		code 0 wait $!
		plan'
}

@test "what cannot be taken back of many things is said in a line each" {
	vxlans '
		printf "local neap = require \"neap\"\nneap.vxlan { name = \"vx0\", id = 42, peers = { \"10.0.0.5\", \"10.0.0.6\", \"10.0.0.7\" }, confirm_within = \"2s\" }\n" >site.lua
		apply >out.txt 2>&1 &
		until_armed
		ip link del vx0
		code 4 wait $!
		grep -A9 "^x failed    vxlan\[vx0\] (site.lua:2): not confirmed within 2s: what it changed has been taken back, but not all$" out.txt |
			tail -n +2 >left.txt
		diff left.txt - <<-TXT
		    look at what is in force: the rest is for you to put right
		    the peer 10.0.0.2: the link is not there any more
		    the peer 10.0.0.3: the link is not there any more
		TXT'
}

@test "of the network, too: confirmed it stays, killed it is taken back, and what others have set since is theirs" {
	network '
		printf "local neap = require \"neap\"\nneap.route { to = \"default\", via = \"10.0.0.77\", confirm_within = \"2s\" }\n" >site.lua
		killed
		[ "$(ip -j route show default | jq -r ".[0].gateway")" = 10.0.0.77 ]
		until_over
		[ "$(ip -j route show default | jq -r ".[0].gateway")" = 10.0.0.254 ]
		apply >out.txt 2>&1 &
		until_armed
		ip route replace default via 10.0.0.99
		code 4 wait $!
		grep "the route to 0.0.0.0/0.*: others have put another in its place" out.txt
		[ "$(ip -j route show default | jq -r ".[0].gateway")" = 10.0.0.99 ]
		printf "local neap = require \"neap\"\nneap.veth { name = \"e0\", peer = \"e1\", mtu = 1300, confirm_within = \"2s\" }\n" >site.lua
		apply >out.txt 2>&1 &
		until_armed
		ip link set e0 mtu 1390
		code 4 wait $!
		[ "$(cat /sys/class/net/e0/mtu 2>/dev/null || ip -j link show e0 | jq ".[0].mtu")" != 1300 ]
		[ "$(ip -j link show e0 | jq ".[0].mtu") $(ip -j link show e1 | jq ".[0].mtu")" = "1390 1500" ]
		sed -i s/2s/20s/ site.lua
		apply >out.txt 2>&1 &
		until_armed
		confirm
		code 0 wait $!
		plan'
}

@test "of others' routes and neighbours in the place of the former ones it is said that they stay" {
	vxlans '
		ip link add b1 type bridge; ip link add b2 type bridge; ip link set b1 up; ip link set b2 up
		ip route add 10.12.0.0/16 dev e0
		printf "local neap = require \"neap\"\nneap.route { to = \"10.12.0.0/16\", link = \"b1\", confirm_within = \"2s\" }\n" >site.lua
		apply >out.txt 2>&1 &
		until_armed
		ip route replace 10.12.0.0/16 dev b2
		code 4 wait $!
		grep "taken back, but not all: the route to 10.12.0.0/16.*: others have put another in its place" out.txt
		[ "$(ip -j route show 10.12.0.0/16 | jq -r ".[0].dev")" = b2 ]
		printf "local neap = require \"neap\"\nneap.vxlan { name = \"vx0\", id = 42, fdb = {}, confirm_within = \"2s\" }\n" >site.lua
		apply >out.txt 2>&1 &
		until_armed
		bridge fdb add 02:00:00:00:00:02 dev vx0 dst 10.0.0.99
		code 4 wait $!
		grep "taken back, but not all: the forwarding 02:00:00:00:00:02: others have put another in its place" out.txt
		bridge fdb show dev vx0 | grep "02:00:00:00:00:02 dst 10.0.0.99"
		bridge fdb show dev vx0 | grep "02:00:00:00:00:03 dst 10.0.0.3 port 99"'
}

@test "confirmed at the last moment or not: one of the two happens, and everybody says the same" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "1s" }
	LUA
	inside nft '
		kept=0 gone=0
		for try in $(seq 12); do
			iptables -F
			apply >out.txt 2>&1 &
			until_armed
			sleep "0.$((50 + 3 * try))"
			confirmed=0; confirm >/dev/null 2>&1 || confirmed=$?
			applied=0; wait $! || applied=$?
			there=0; iptables -C INPUT -p tcp -j DROP 2>/dev/null || there=$?
			[ "$confirmed $applied $there" = "0 0 0" ] || [ "$confirmed $applied $there" = "4 4 1" ] || {
				echo "confirm $confirmed, apply $applied, rule $there"; cat out.txt; exit 1; }
			[ -z "$(ls state/confirm)" ]
			if [ "$there" = 0 ]; then kept=$((kept + 1)); else gone=$((gone + 1)); fi
		done
		echo "kept $kept, taken back $gone"'
}

@test "killed at every call that changes something, neap and who takes it back leave the machine as it was" {
	command -v strace >/dev/null || skip "needs strace"
	recipe <<-'LUA'
	neap.iptables_chain { name = "SITE", rules = { "-p icmp -j ACCEPT", "-j DROP" }, confirm_within = "1s" }
	LUA
	inside nft '
		iptables -N SITE; iptables -A SITE -p tcp -j ACCEPT; iptables -A SITE -p icmp -j ACCEPT
		rules >was.txt
		for call in renameat fsync unlinkat clone,clone3,vfork,fork pipe2 ftruncate; do
			for when in $(seq 1 8); do
				dead=0
				setsid strace -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$when" \
					"$neap" apply --state-dir "$state" site.lua >out.txt 2>&1 || dead=$?
				for _ in $(seq 80); do rules | cmp -s was.txt - && break; sleep 0.1; done
				# What nobody takes back any more is taken back by the next run.
				if ! rules | cmp -s was.txt -; then
					echo "local neap = require \"neap\"" >none.lua
					"$neap" apply --lock-wait 5s --state-dir "$state" none.lua >/dev/null 2>&1
				fi
				rules | diff was.txt - || { echo "$call $when"; exit 1; }
				[ "$dead" -gt 100 ] || break
			done
		done
		until_over
		# And who takes it back.
		for call in renameat fsync unlinkat clone,clone3,vfork,fork; do
			for when in $(seq 1 6); do
				until_over
				killed
				pids=$(clocks)
				[ -n "$pids" ] && kill -9 $pids && [ -e state/confirm/*.armed ] || continue
				id=$(basename state/confirm/*.armed .armed) dead=0
				strace -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$when" \
					"$neap" revert "$id" --state-dir "$state" >/dev/null 2>&1 || dead=$?
				"$neap" revert "$id" --state-dir "$state"
				rules | diff was.txt - || { echo "revert $call $when"; exit 1; }
				[ "$dead" -gt 100 ] || break
			done
		done'
}

@test "what is refused while it lands, or lands too slowly, is not left waiting, and does not land after its time" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j DROP", confirm_within = "3s" }
	LUA
	inside nft '
		rules >was.txt
		real=$(readlink bin-nft/iptables-restore)
		rm bin-nft/iptables-restore
		printf "#!/bin/sh\n[ \"\$1\" != --noflush ] || { cat >/dev/null; echo no >&2; exit 1; }\nexec %s iptables-restore \"\$@\"\n" "$real" >bin-nft/iptables-restore
		chmod +x bin-nft/iptables-restore
		SECONDS=0
		code 4 apply >out.txt 2>&1
		[ "$SECONDS" -lt 3 ]
		grep "iptables-restore of table filter: exit 1: no" out.txt
		rules | diff was.txt -
		[ -z "$(ls state/confirm)" ]
		# One that hangs, with neap and without it.
		printf "#!/bin/sh\n[ \"\$1\" != --noflush ] || sleep 6\nexec %s iptables-restore \"\$@\"\n" "$real" >bin-nft/iptables-restore
		SECONDS=0
		code 4 apply >out.txt 2>&1
		[ "$SECONDS" -lt 6 ]
		[ -z "$(ls state/confirm)" ]
		setsid "$neap" apply --state-dir "$state" site.lua >killed.txt 2>&1 & # it lands, and says nothing yet
		until_armed
		kill -9 -- -$!
		wait || true
		sleep 7
		rules | diff was.txt -'
}
