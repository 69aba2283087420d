#!/usr/bin/env bats
# Rules and chains of the packet filter, with the real iptables: both variants, both families. Each test runs in a
# network namespace of its own; the machine's own rules are neither looked at nor touched.

bats_require_minimum_version 1.5.0
load ../support/netns.bash

setup() {
	netns_setup
	netns_variants
}

inside() { # inside VARIANT SCRIPT: where rules TABLE is at hand
	local variant=$1
	rm -rf state
	netns_run "$2" netns_variant rules_tools
}

rules_tools() {
	cat <<-'SH'
	rules() { iptables-save -t "$1" | grep -v '^#'; ip6tables-save -t "$1" | grep -v '^#'; }
	all() { for table in filter nat mangle raw; do rules "$table"; done; }
	SH
}

@test "a rule is written as one likes: order of matches, lengths, names, negation, modules left out" {
	recipe <<-'LUA'
	neap.iptables_rule { table = "nat", chain = "POSTROUTING",
		rule = "-m addrtype ! --dst-type LOCAL ! -d 10.10.0.0/16 -j MASQUERADE" }
	neap.iptables_rule { chain = "INPUT", rule = "-j ACCEPT --protocol tcp --dport ssh --source 10.0.0.1" }
	neap.iptables_rule { chain = "INPUT", rule = "-s 10.1.2.3/16 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = [[-m comment --comment "a \"quoted\" \\ word's" -j ACCEPT]] }
	neap.iptables_rule { chain = "INPUT", rule = "-m comment --comment plain" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -m multiport --dports 443,80 -m physdev --physdev-in eth0 -j DROP" }
	neap.iptables_rule { family = "ipv6", chain = "INPUT", rule = "-s fd00:0:0:0::1 -p icmpv6 -j ACCEPT" }
	neap.iptables_rule { family = "ipv6", table = "nat", chain = "POSTROUTING", rule = "-s fd00::/8 -j MASQUERADE" }
	LUA
	both '
		apply >applied.txt
		grep -q "by iptables-$variant, last in POSTROUTING" applied.txt
		plan
		[ "$(rules nat | grep -c -- "-A POSTROUTING ! -d 10.10.0.0/16 -m addrtype ! --dst-type LOCAL -j MASQUERADE")" = 1 ]
		iptables -C INPUT -s 10.0.0.1/32 -p tcp -m tcp --dport 22 -j ACCEPT
		iptables -C INPUT -m comment --comment "a \"quoted\" \\ word'\''s" -j ACCEPT
		ip6tables -C INPUT -s fd00::1/128 -p ipv6-icmp -j ACCEPT
		[ "$(rules filter | grep -c -- "^-A")" = 6 ]
		# By hand the same rule: nothing to do.
		iptables -F; iptables -A INPUT -p tcp --dport 22 -s 10.0.0.1/32 -j ACCEPT
		plan --format json >plan.json || true
		[ "$(jq -r ".resources[1].action" plan.json)" = none ]
		apply -q; plan'
}

@test "what iptables makes of a rule is the same each time: matches and targets of many kinds, found anew" {
	recipe <<-'LUA'
	local function r(chain, rule, t, f) neap.iptables_rule { table = t or "filter", chain = chain, rule = rule, family = f or "ipv4" } end
	r("INPUT", "-p icmp --icmp-type echo-request -m limit --limit 5/m --limit-burst 8 -j ACCEPT")
	r("INPUT", "-m state --state NEW,INVALID -j DROP")
	r("INPUT", "-p tcp --syn -j REJECT")
	r("INPUT", "-p tcp -j REJECT --reject-with tcp-reset")
	r("INPUT", '-j LOG --log-prefix "drop: " --log-level 4')
	r("INPUT", "-p all -s 0/0 -d 0.0.0.0/0 -j RETURN")
	r("INPUT", "-i eth+ ! -f -j ACCEPT")
	r("INPUT", "-m mac --mac-source aa:bb:cc:dd:ee:ff -j ACCEPT")
	r("INPUT", "-m mark --mark 0x4000/0x4000 -j ACCEPT")
	r("OUTPUT", "-m owner --uid-owner root --gid-owner 0 -j ACCEPT")
	r("INPUT", "-m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT")
	r("INPUT", "-m pkttype --pkt-type broadcast -j DROP")
	r("INPUT", "-p udp -m udp --sport 67:68 --dport 67:68 -j ACCEPT")
	r("INPUT", "-p tcp ! --dport 22 -m tcp --tcp-flags SYN,ACK SYN -j ACCEPT")
	r("INPUT", "-m statistic --mode random --probability 0.33 -j ACCEPT")
	r("INPUT", "-m hashlimit --hashlimit-name h --hashlimit-above 10/sec --hashlimit-mode srcip -j DROP")
	r("INPUT", "-m recent --name ssh --set")
	r("INPUT", "-m connlimit --connlimit-above 20 -j DROP")
	r("INPUT", "-m time --timestart 08:00 --timestop 18:00 -j ACCEPT")
	r("INPUT", "-m string --algo bm --string \"evil\" -j DROP")
	r("INPUT", "-m length --length 100:200 -j ACCEPT")
	r("INPUT", "-m ttl --ttl-lt 5 -j DROP")
	r("INPUT", "-m conntrack --ctstate DNAT --ctproto tcp -j ACCEPT")
	r("INPUT", "-c 10 20 -p sctp -j ACCEPT")
	r("FORWARD", "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu", "mangle")
	r("PREROUTING", "-j MARK --set-mark 1", "mangle")
	r("PREROUTING", "-j CONNMARK --restore-mark", "mangle")
	r("PREROUTING", "-j DSCP --set-dscp-class CS1", "mangle")
	r("PREROUTING", "-p tcp --dport 80 -j DNAT --to 10.0.0.1:8080", "nat")
	r("PREROUTING", "-p tcp --dport 81 -j REDIRECT --to-port 8081", "nat")
	r("POSTROUTING", "-s 10.0.0.0/255.0.0.0 -o eth0 -j SNAT --to-source 1.2.3.4-1.2.3.9", "nat")
	r("POSTROUTING", "-p tcp -j MASQUERADE --to-ports 1024-2048 --random", "nat")
	r("PREROUTING", "-p udp --dport 53 -j CT --notrack", "raw")
	r("OUTPUT", "-p udp --dport 53 -j NOTRACK", "raw")
	r("INPUT", "-j NFLOG --nflog-group 3 --nflog-prefix \"a b\"")
	r("INPUT", "-p 47 -j ACCEPT")
	r("INPUT", "-p esp -m esp --espspi 1:2 -j ACCEPT")
	r("INPUT", "-m comment --comment \"tab	and 'quote' % $x `y`\" -j ACCEPT")
	r("INPUT", "-m comment --comment \"\" -j ACCEPT")
	r("INPUT", "-p ipv6-icmp --icmpv6-type router-advertisement -m hl --hl-eq 255 -j ACCEPT", nil, "ipv6")
	r("INPUT", "-s fe80::/10 -p udp --dport dhcpv6-client -j ACCEPT", nil, "ipv6")
	r("INPUT", "-m rt --rt-type 0 -j DROP", nil, "ipv6")
	r("INPUT", "-j REJECT --reject-with icmp6-adm-prohibited", nil, "ipv6")
	r("PREROUTING", "-p tcp -d ::1 --dport 80 -j DNAT --to-destination [fd00::1]:80", "nat", "ipv6")
	LUA
	both '
		apply -q >/dev/null 2>&1 || true # where the kernel lacks a module
		rm -rf state
		plan --format json >plan.json || true
		[ "$(jq "[.resources[] | select(.action == \"none\")] | length" plan.json)" -ge 30 ]
		[ "$(jq "[.resources[] | select(.action != \"none\" and .action != \"error\")] | length" plan.json)" = 0 ]'
}

@test "a list of addresses is a rule for each; one that is missing is put back alone" {
	recipe <<<'neap.iptables_rule { chain = "INPUT", rule = "-s 10.0.0.1,10.0.0.2,10.0.0.3 -j DROP", position = "first" }'
	both '
		iptables -A INPUT -p udp
		apply >/dev/null; plan
		iptables -S INPUT | sed -n 2p | grep -q 10.0.0.1/32
		iptables -S INPUT | sed -n 5p | grep -q udp
		iptables -D INPUT -s 10.0.0.2 -j DROP
		fails plan >plan.txt
		grep -q "1 to update" plan.txt
		grep -q "10.0.0.2/32" plan.txt && ! grep -q "10.0.0.1/32" plan.txt
		apply -q; plan'
}

@test "position: first and last; a rule that is there stays where it is; absent removes all like it" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT", position = "first" }
	neap.iptables_rule { chain = "INPUT", rule = "-p icmp -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-j DROP -p udp", ensure = "absent" }
	LUA
	both '
		iptables -A INPUT -p udp -j DROP; iptables -A INPUT -p sctp -j DROP; iptables -A INPUT -p udp -j DROP
		iptables -A INPUT -p udp --dport 5 -j DROP
		converges
		diff <(iptables -S INPUT) - <<-EOF
		-P INPUT ACCEPT
		-A INPUT -p tcp -j ACCEPT
		-A INPUT -p sctp -j DROP
		-A INPUT -p udp -m udp --dport 5 -j DROP
		-A INPUT -p icmp -j ACCEPT
		EOF
		iptables -D INPUT -p tcp -j ACCEPT; iptables -A INPUT -p tcp -j ACCEPT
		plan'
}

@test "a plan changes nothing: rules, tables of the kernel, files; it only looks where nobody sees it" {
	recipe <<-'LUA'
	neap.iptables_chain { table = "mangle", name = "MINE", rules = { "-p tcp -j ACCEPT", "-j DROP" } }
	neap.iptables_rule { table = "mangle", chain = "INPUT", rule = "-j MINE" }
	neap.iptables_chain { name = "FORWARD", policy = "DROP" }
	neap.iptables_rule { family = "ipv6", table = "raw", chain = "OUTPUT", rule = "-p udp -j NOTRACK" }
	LUA
	both '
		before=$(cat /proc/net/ip_tables_names /proc/net/ip6_tables_names; nft list ruleset 2>/dev/null || true)
		fails strace -f -o trace -e trace=execve,openat,creat,unlink,rename,mkdir "$NEAP" plan --state-dir "$PWD/state" site.lua >plan.txt
		grep -q "4 to\|3 to" plan.txt
		[ "$before" = "$(cat /proc/net/ip_tables_names /proc/net/ip6_tables_names; nft list ruleset 2>/dev/null || true)" ]
		[ ! -e state ]
		! grep -E "O_CREAT" trace | grep -vE "memfd|ENOENT|EROFS|/run/xtables.lock"
		all >one; plan >/dev/null || true; all >two; cmp one two'
}

@test "what iptables refuses is an error with its words, in the plan, and nothing else of the table fails for it" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --frobnicate -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }
	neap.iptables_rule { table = "nat", chain = "PREROUTING", rule = "-j MASQUERADE" }
	neap.iptables_rule { chain = "NOWHERE", rule = "-j ACCEPT" }
	neap.iptables_rule { chain = "output", rule = "-j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-j NOWHERE" }
	neap.iptables_rule { chain = "INPUT", rule = "-m set --match-set nobody src -j ACCEPT" }
	neap.iptables_chain { name = "SITE", rules = { "-p udp -j ACCEPT", "-m nowhere -j ACCEPT" } }
	neap.iptables_rule { chain = "INPUT", rule = "-6 -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-s host.invalid -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-j DROP" }
	LUA
	both '
		fails plan >plan.txt 2>&1
		grep -q "refuses the rule.*unknown option \"--frobnicate\"" plan.txt
		grep -q "there is no chain NOWHERE of table filter (ipv4)" plan.txt
		grep -q "it jumps to chain NOWHERE of table filter" plan.txt
		grep -A1 "there is no chain output of table filter (ipv4)" plan.txt | grep -q "did you mean \"OUTPUT\""
		! grep -q "line [0-9]*: RULE_APPEND" plan.txt
		grep -A1 "refuses the rule.*Set nobody doesn.t exist" plan.txt | grep -q "ipset makes the set"
		grep -A1 "iptables_chain\[SITE\] (site.lua:[0-9]*): -m nowhere -j ACCEPT: iptables-restore refuses the rule.*Couldn.t load match .nowhere" plan.txt |
			grep -q "no match or target of that name"
		grep -q "makes no rule of it" plan.txt
		grep -q "host.invalid" plan.txt
		fails apply >apply.txt 2>&1
		iptables -C INPUT -p tcp -j ACCEPT; iptables -C INPUT -j DROP
		[ "$(all | grep -c -- "^-A")" = 2 ]'
}

@test "errors of the recipe: chains, quotes, commands, policies, what has no meaning" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "A B", rule = "-j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-A INPUT -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-m comment --comment 'a b' -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = [[-m comment --comment "a b]] }
	neap.iptables_rule { chain = "INPUT", rule = "-j DROP", ensure = "absent", position = "first" }
	neap.iptables_chain { name = "INPUT", ensure = "absent" }
	neap.iptables_chain { name = "MINE", policy = "DROP" }
	neap.iptables_chain { name = "OTHER", foreign = "keep" }
	neap.iptables_chain { name = "A234567890123456789012345678X" }
	neap.iptables_chain { name = "LOG" }
	neap.iptables_chain { name = "TTL" }
	neap.iptables_chain { name = "TTL", family = "ipv6" }
	neap.iptables_rule { chain = "REJECT", rule = "-j DROP" }
	neap.iptables_chain { name = "input" }
	neap.iptables_chain { name = "postrouting" }
	neap.iptables_chain { name = "PREROUTING" }
	neap.iptables_chain { name = "Output", ensure = "absent" }
	neap.iptables_chain { table = "nat", name = "INPUT", policy = "DROP" }
	neap.iptables_chain { table = "nat", name = "OUTPUT", policy = "ACCEPT" }
	neap.iptables_chain { name = "TWICE", rules = { "-p tcp -j ACCEPT", "-j DROP", "-p tcp -j ACCEPT" } }
	LUA
	run -1 "$NEAP" check site.lua
	for word in '"A B" is no name of a chain' 'begins with -A' 'an apostrophe quotes nothing' 'a double quote is not closed' \
		'position has no meaning' 'built in: it cannot be absent' 'policy is for built-in chains' \
		'foreign has no meaning without rules' 'is longer than 28 bytes' 'rules: "-p tcp -j ACCEPT" is there twice' \
		'name "LOG" is a target of iptables, and no name of a chain' 'chain "REJECT" is a target' \
		'iptables_chain[TTL]: name "TTL" is a target' 'name "input" is no built-in chain of the table filter' \
		'did you mean "INPUT"?' 'iptables refuses DROP in the table nat' 'built-in chain of others: table = "nat"'; do
		[[ $output == *"$word"* ]] || { echo "$output"; echo "missing: $word"; return 1; }
	done
	echo "$output"
	[[ $output == *"16 errors"* && $output != *"[ipv6"* && $output != *postrouting* && $output != *Output* && $output != *"OUTPUT]"* ]]
}

@test "names of chains and policies: what check refuses iptables refuses, and takes the others" {
	both '
		verdict() { # verdict COMMAND...: of iptables, of check
			"${@:2}" >/dev/null 2>&1 && said=0 || said=1
			"$neap" check site.lua >/dev/null 2>&1 && ours=0 || ours=1
			[ $said = $ours ] || { echo "$1: iptables $said, neap $ours"; exit 1; }
		}
		for family in 4 6; do
			for target in ACCEPT DROP RETURN QUEUE $(ls /usr/lib/*/xtables | sed -nE "s/^lib(xt|ip6?t)_([A-Z].*)[.]so/\\2/p" | sort -u); do
				echo "require(\"neap\").iptables_chain { family = \"ipv$family\", name = \"$target\" }" >site.lua
				verdict "chain $target of IPv$family" $([ $family = 4 ] && echo iptables || echo ip6tables) -N "$target"
			done
		done
		for table in filter nat mangle raw security; do
			for chain in $(iptables -t $table -S | sed -n "s/^-P \([A-Z]*\).*/\1/p"); do
				echo "require(\"neap\").iptables_chain { table = \"$table\", name = \"$chain\", policy = \"DROP\" }" >site.lua
				verdict "policy of $chain in $table" iptables -t $table -P $chain DROP
			done
		done'
}

@test "two that own one thing: a rule twice, a rule in a chain whose rules are all the recipe's, what lies in an absent chain" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp  -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", table = "filter", rule = "-p tcp -j ACCEPT" }
	LUA
	run -1 "$NEAP" check site.lua
	[[ $output == *"both own"* && $output != */proc/* ]]
	recipe <<-'LUA'
	neap.iptables_chain { name = "MINE", rules = { "-j DROP" } }
	neap.iptables_rule { chain = "MINE", rule = "-p tcp -j ACCEPT" }
	LUA
	run -1 "$NEAP" check site.lua
	[[ $output == *"both own the content of the chain MINE of the table filter (ipv4)"* ]]
	recipe <<-'LUA'
	neap.iptables_chain { name = "MINE", ensure = "absent" }
	neap.iptables_rule { chain = "INPUT", rule = "-j MINE" }
	neap.iptables_rule { family = "ipv6", chain = "MINE", rule = "-j DROP" }
	neap.iptables_rule { chain = "MINE", rule = "-j DROP" }
	neap.iptables_chain { name = "OTHER", rules = { "-p tcp -g MINE" } }
	LUA
	run -1 "$NEAP" check site.lua
	diff - <(printf '%s\n' "$output" | sed 's/^.*]: //') <<-'TXT'
	iptables_rule[INPUT: -j MINE] (site.lua:3) jumps to the chain MINE of the table filter (ipv4), which iptables_chain[MINE] (site.lua:2) makes absent
	iptables_rule[MINE: -j DROP] (site.lua:5) works on the chain MINE of the table filter (ipv4), which iptables_chain[MINE] (site.lua:2) makes absent
	iptables_chain[OTHER] (site.lua:6) jumps to the chain MINE of the table filter (ipv4), which iptables_chain[MINE] (site.lua:2) makes absent
	3 errors; nothing was applied
	TXT
	# Two texts of one rule: seen when it is looked at.
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-j ACCEPT -p tcp", ensure = "absent" }
	LUA
	both '
		fails apply >out.txt 2>&1
		grep -q "another resource wants it there" out.txt
		iptables -C INPUT -p tcp -j ACCEPT
		fails plan >out.txt 2>&1
		grep -q "another resource wants it there" out.txt'
}

@test "a chain: made, filled in order, jumped to, mended, emptied of what others put in, removed" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-i eth0 -j SITE" }
	neap.iptables_chain { name = "SITE", rules = { "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-g DEEP", "-j DROP" } }
	neap.iptables_chain { name = "DEEP", rules = { "-p tcp --dport 22 -j ACCEPT" } }
	LUA
	cat >gone.lua <<-'LUA'
	local neap = require "neap"
	local site = neap.iptables_chain { name = "SITE", ensure = "absent" }
	neap.iptables_chain { name = "DEEP", ensure = "absent", require = site }
	neap.iptables_rule { chain = "INPUT", rule = "-i eth0 -j SITE", ensure = "absent" }
	LUA
	both '
		strace -f -o trace -e trace=execve "$NEAP" apply -q --state-dir "$PWD/state" site.lua
		[ "$(grep -c "restore.*--noflush.*= 0" trace)" = 1 ]
		plan
		iptables -S >wanted
		iptables -I SITE -p udp -j ACCEPT
		fails plan >plan.txt
		grep -q "removes 1 rule of others" plan.txt
		converges; diff wanted <(iptables -S)
		iptables -D SITE 1; converges; diff wanted <(iptables -S)
		iptables -D SITE -j DROP; iptables -I SITE -j DROP
		fails plan >plan.txt
		grep -q "rules  *(another order)" plan.txt
		grep -q "3 of its rules go to the end anew" plan.txt
		converges; diff wanted <(iptables -S)
		iptables -A SITE -j DROP; converges; diff wanted <(iptables -S)
		# Somebody else jumps to it: it cannot go, and the plan says so.
		iptables -A FORWARD -j SITE
		site=gone.lua
		fails plan >plan.txt 2>&1
		grep -q "rules jump to it" plan.txt
		iptables -D FORWARD -j SITE
		converges
		[ "$(iptables -S | wc -l)" = 3 ]'
}

@test "a built-in chain: its policy, its rules in order, others' rules kept or, when asked, removed" {
	recipe <<-'LUA'
	neap.iptables_chain { name = "INPUT", policy = "DROP", rules = { "-i lo -j ACCEPT", "-p tcp --dport 22 -j ACCEPT" } }
	neap.iptables_chain { family = "ipv6", name = "FORWARD", policy = "DROP", rules = { "-p tcp -j ACCEPT" }, foreign = "remove" }
	LUA
	both '
		iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -p udp -j ACCEPT
		ip6tables -A FORWARD -p udp -j ACCEPT
		converges
		diff <(iptables -S INPUT) - <<-EOF
		-P INPUT DROP
		-A INPUT -p udp -j ACCEPT
		-A INPUT -i lo -j ACCEPT
		-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
		EOF
		diff <(ip6tables -S FORWARD) - <<-EOF
		-P FORWARD DROP
		-A FORWARD -p tcp -j ACCEPT
		EOF
		iptables -P INPUT ACCEPT
		fails plan >plan.txt
		grep -q "policy  *ACCEPT -> DROP" plan.txt
		! grep -q "rules " plan.txt
		converges'
}

@test "policy DROP comes after the rules that let one in, and not without them; ACCEPT comes before they go" {
	# What is restored is written down; where a rule is only tried that cannot be.
	traced='
		mkdir -p fake-$variant
		cat >fake-$variant/iptables-restore <<-SH
		#!/bin/sh
		tee -a $PWD/landed 2>/dev/null | $(command -v iptables-restore) "\$@"
		SH
		chmod +x fake-$variant/iptables-restore
		: >landed
		PATH=$PWD/fake-$variant:$PATH'
	# The first rule cannot land before the command has run: else all would be one iptables-restore.
	recipe <<-'LUA'
	local late = neap.exec { name = "late", command = { "true" }, always = true }
	neap.iptables_chain { name = "INPUT", policy = "DROP", rules = { "-p icmp -j ACCEPT" } }
	neap.iptables_chain { name = "FORWARD", policy = "DROP" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 22 -j ACCEPT", require = late }
	neap.iptables_rule { chain = "SITE", rule = "-p udp -j ACCEPT", require = late }
	neap.iptables_chain { name = "SITE", rules = { "-p sctp -j ACCEPT" }, foreign = "keep" }
	LUA
	both "$traced"'
		apply -q
		grep -n . landed
		rule() { grep -n -- "-A $1" landed | cut -d: -f1; }
		for chain in INPUT FORWARD; do
			policy=$(grep -n -- "-P $chain DROP" landed | cut -d: -f1)
			for rule in "INPUT -p tcp" "SITE -p udp" "SITE -p sctp"; do [ "$(rule "$rule")" -lt "$policy" ]; done
		done
		[ "$(rule "INPUT -p icmp")" -lt "$(grep -n -- "-P INPUT DROP" landed | cut -d: -f1)" ]'
	# A rule that iptables refuses: nobody is locked out.
	recipe <<-'LUA'
	neap.iptables_chain { name = "INPUT", policy = "DROP" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport nosuch -j ACCEPT" }
	LUA
	both '
		fails apply >out.txt 2>&1
		iptables -S INPUT | grep -qx -- "-P INPUT ACCEPT"'
	# Who says himself what is first has his way.
	recipe <<-'LUA'
	local input = neap.iptables_chain { name = "INPUT", policy = "DROP" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT", require = input }
	LUA
	both converges
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 22 -j ACCEPT", ensure = "absent" }
	neap.exec { name = "late", command = { "true" }, always = true }
	neap.iptables_chain { name = "INPUT", policy = "ACCEPT" }
	LUA
	both "$traced"'
		iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -P INPUT DROP
		apply -q
		[ "$(grep -n -- "-P INPUT ACCEPT" landed | cut -d: -f1)" -lt "$(grep -n -- "-D INPUT" landed | cut -d: -f1)" ]'
}

@test "rules and chains of others are left as they are, and their coming and going is nobody's change" {
	recipe <<-'LUA'
	neap.iptables_rule { table = "nat", chain = "POSTROUTING", rule = "-s 10.1.0.0/16 -j MASQUERADE" }
	neap.iptables_chain { name = "FORWARD", rules = { "-s 10.1.0.0/16 -j ACCEPT", "-d 10.1.0.0/16 -j ACCEPT" } }
	LUA
	both '
		iptables -N DOCKER; iptables -A DOCKER -d 172.17.0.2 -j ACCEPT; iptables -A FORWARD -o docker0 -j DOCKER
		iptables -t nat -N KUBE-SERVICES
		for i in $(seq 30); do iptables -t nat -A KUBE-SERVICES -d 10.96.0.$i -j RETURN; done
		iptables -t nat -A PREROUTING -j KUBE-SERVICES
		all | grep -vE "10\.1\.0\.0" >before
		converges
		all | grep -vE "10\.1\.0\.0" | diff before -
		iptables -I FORWARD -j DOCKER; iptables -t nat -F KUBE-SERVICES; iptables -t nat -I POSTROUTING -p udp -j ACCEPT
		plan'
}

@test "others at work between the look and the landing: what they made or removed is as was wanted" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j DROP", ensure = "absent" }
	neap.iptables_rule { chain = "INPUT", rule = "-p icmp -j ACCEPT" }
	LUA
	both '
		iptables -A INPUT -p udp -j DROP
		# The second iptables-save is the one right before the landing: others are faster.
		mkdir -p slow; rm -f count
		printf "#!/bin/sh\necho x >>$PWD/count\n[ \$(wc -l <$PWD/count) = 2 ] && { iptables -A INPUT -p tcp -j ACCEPT; iptables -D INPUT -p udp -j DROP; iptables -I INPUT -p sctp; }\nexec $PWD/bin-$variant/iptables-save \"\$@\"\n" >slow/iptables-save
		chmod +x slow/iptables-save
		PATH=$PWD/slow:$PATH apply -q
		plan
		diff <(iptables -S INPUT) - <<-EOF
		-P INPUT ACCEPT
		-A INPUT -p sctp
		-A INPUT -p tcp -j ACCEPT
		-A INPUT -p icmp -j ACCEPT
		EOF'
}

@test "a batch that is refused fails all its resources and leaves the table as it was; another table is made" {
	recipe <<-'LUA'
	neap.iptables_chain { name = "MINE", rules = { "-p tcp -j ACCEPT" } }
	neap.iptables_rule { chain = "INPUT", rule = "-j MINE" }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j DROP" }
	neap.iptables_rule { table = "nat", chain = "POSTROUTING", rule = "-j MASQUERADE" }
	local last = neap.iptables_rule { chain = "FORWARD", rule = "-j ACCEPT" }
	neap.file { path = "@never-made", content = "x", require = last }
	LUA
	sed -i "s|@|$PWD/|" site.lua
	both '
		mkdir -p broken
		printf "#!/bin/sh\n[ \"\$1\" = --noflush ] || exec $PWD/bin-$variant/iptables-restore \"\$@\"\ncat >input\ngrep -q \"^.nat\" input || echo \"-A INPUT -j ACCEPT --never\" | sed -i \"/COMMIT/e cat\" input\nexec $PWD/bin-$variant/iptables-restore \"\$@\" <input\n" >broken/iptables-restore
		chmod +x broken/iptables-restore
		iptables -S >before
		(PATH=$PWD/broken:$PATH; fails apply) >out.txt 2>&1
		iptables -S | diff before -
		grep -c "failed" out.txt
		[ "$(grep -c "iptables-restore of table filter: exit 2.*unknown option" out.txt)" -ge 4 ]
		grep -q "made together or not at all" out.txt
		[ ! -e never-made ]
		iptables -t nat -C POSTROUTING -j MASQUERADE
		# The next run does the rest.
		sed -i "/neap.file/d" site.lua
		converges; iptables -C INPUT -j MINE'
}

@test "none lands before what it stands on, and those that can land together do" {
	recipe <<-'LUA'
	local d = neap.params.d
	local a = neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 1 -j ACCEPT" }
	local f = neap.file { path = d .. "/between", content = "x", require = a }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 2 -j ACCEPT" }
	neap.file { path = d .. "/beside", content = "x" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 3 -j ACCEPT" }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 4 -j ACCEPT", require = f }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp --dport 5 -j ACCEPT" }
	LUA
	both '
		rm -rf d; mkdir d
		strace -f -o trace -e trace=execve,renameat,renameat2 "$NEAP" apply -q --state-dir "$PWD/state" -D d="$PWD/d" site.lua
		[ "$(grep -c "execve.*--noflush.*= 0" trace)" = 2 ]
		grep -nE "execve.*--noflush|\"between\"" trace | sed -E "s/.*(noflush|between).*/\\1/" | tr "\n" " " >order
		[ "$(cat order)" = "noflush between noflush " ]
		plan -D d="$PWD/d"
		# What a rule stands on fails: it does not land, the others do.
		iptables -F; rm -rf d; mkdir -p d/between/x
		fails apply -D d="$PWD/d" >/dev/null 2>&1
		iptables -C INPUT -p tcp --dport 5 -j ACCEPT
		fails iptables -C INPUT -p tcp --dport 4 -j ACCEPT'
}

@test "what cannot be read is never an absence: a lock, a table made by nft, output that is cut" {
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT", ensure = "absent" }
	neap.iptables_rule { chain = "INPUT", rule = "-p udp -j ACCEPT" }
	LUA
	inside nft '
		iptables -A INPUT -p udp -j ACCEPT
		apply -q
		mkdir -p odd
		for body in "echo Another app is currently holding the xtables lock >&2; exit 4" "exit 1" \
			"printf \"*filter\\n:INPUT ACCEPT [0:0]\\n\"" "echo \"# Table .filter. is incompatible, use nft tool.\"" \
			"kill -9 \$\$"; do
			printf "#!/bin/sh\n%s\n" "$body" >odd/iptables-save; chmod +x odd/iptables-save
			PATH=$PWD/odd:$PATH plan >out.txt 2>&1 && { cat out.txt; exit 1; }
			grep -q "2 failed\|failed: 2\|2 could not" out.txt || [ "$(grep -c iptables-save out.txt)" -ge 2 ]
		done'
	command -v nft >/dev/null || return 0
	inside nft '
		nft add table ip filter; nft "add chain ip filter INPUT { type filter hook input priority -7; }"
		nft add rule ip filter INPUT meta mark set 1 counter
		plan >out.txt 2>&1 || true
		grep -q "nothing to change" out.txt && exit 1; true'
}

@test "the lock of iptables is waited for" {
	recipe <<<'neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }'
	inside legacy '
		flock /run/xtables.lock sleep 2 &
		sleep 0.3
		start=$(date +%s%N)
		apply -q
		[ $(( ($(date +%s%N) - start) / 1000000 )) -gt 1000 ]
		iptables -C INPUT -p tcp -j ACCEPT
		wait'
}

@test "a run that is killed, at whatever moment: the next one ends where an unharmed one does" {
	recipe <<-'LUA'
	neap.iptables_chain { name = "MINE", rules = { "-p tcp -j ACCEPT", "-j DROP" } }
	neap.iptables_rule { chain = "INPUT", rule = "-j MINE" }
	neap.iptables_rule { family = "ipv6", chain = "INPUT", rule = "-j DROP" }
	neap.iptables_rule { table = "nat", chain = "POSTROUTING", rule = "-j MASQUERADE" }
	LUA
	both '
		apply -q; all >wanted
		for call in 1 3 5 8 12 20 30; do
			iptables -F; iptables -X; iptables -t nat -F; ip6tables -F
			rm -rf state
			strace -f -o /dev/null -e trace=wait4,execve,memfd_create -e inject=memfd_create,wait4:signal=KILL:when=$call \
				"$NEAP" apply -q --state-dir "$PWD/state" site.lua >/dev/null 2>&1 || true
			# A batch is there whole, or not at all.
			case "$(iptables -S | grep -c "^-[AN]")" in 0|4) ;; *) iptables -S; exit 1 ;; esac
			converges; all | diff wanted -
		done'
}

@test "one iptables-save a table, however many rules; no other program when nothing is to be done" {
	recipe <<-'LUA'
	for i = 1, tonumber(neap.params.n) do
		neap.iptables_rule { chain = "INPUT", rule = ("-p tcp --dport %d -s 10.%d.%d.1 -j ACCEPT"):format(1000 + i, i // 250, i % 250) }
	end
	LUA
	both '
		iptables -A INPUT -j DROP; iptables -F INPUT # the legacy table is there
		for n in 50 5000; do
			strace -f -o trace -e trace=execve "$NEAP" apply -q -D n=$n --state-dir "$PWD/state" site.lua
			grep -c "execve.*= 0" trace >>made
			[ "$(iptables -S INPUT | wc -l)" = $((n + 1)) ]
			strace -f -o trace -e trace=execve,openat "$NEAP" apply -q -D n=$n --state-dir "$PWD/state" site.lua
			grep -c "execve.*= 0" trace >>unchanged
			grep -q "execve.*iptables-save" trace
			fails grep "openat.*libcrypto" trace # no digest is asked for
		done
		[ "$(sort -u made | wc -l)" = 1 ]
		[ "$(sort -u unchanged)" = 2 ] # neap, and iptables-save
		rm made unchanged'
}

@test "a rule that two resources want is one error, whatever it leads to" {
	for target in ACCEPT DROP RETURN; do
		recipe <<-LUA
		neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j $target" }
		neap.iptables_rule { chain = "INPUT", rule = "-p  tcp  -j \"$target\"" }
		LUA
		run -1 "$NEAP" check site.lua
		[[ $output == *"both own the existence of the rule -p tcp -j $target in the chain INPUT"*"1 error;"* ]]
	done
}

@test "behind a package that brings iptables, or a command that makes a chain, the plan does not know" {
	recipe <<-'LUA'
	local x = neap.exec { name = "x", command = { "iptables", "-N", "LATER" }, not_if = { "iptables", "-S", "LATER" } }
	neap.iptables_rule { chain = "LATER", rule = "-j DROP", require = x }
	neap.iptables_rule { chain = "INPUT", rule = "-j LATER", require = x }
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }
	LUA
	both '
		plan --format json >plan.json || true
		[ "$(jq -r ".resources | map(.action) | join(\" \")" plan.json)" = "run unknown unknown create" ]
		apply -q; plan
		iptables -C LATER -j DROP; iptables -C INPUT -j LATER'
	# Without iptables at all.
	recipe <<-'LUA'
	neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }
	LUA
	# shellcheck disable=SC2016 # for the inner shell
	run -4 env PATH=/usr/bin:/bin unshare --net --mount sh -c \
		'mount -t tmpfs none /usr/sbin && exec "$0" plan --state-dir state site.lua' "$NEAP"
	[[ $output == *"run iptables-save: No such file"*"neap.package"* ]]
}

@test "where both variants have rules, the plan says so" {
	recipe <<<'neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }'
	inside nft '
		fails plan >plan.txt
		grep -q "by iptables-nft, last" plan.txt
		xtables-legacy-multi iptables -A INPUT -p udp
		fails plan >plan.txt
		grep -q "by iptables-nft (there are tables of the legacy variant too), last" plan.txt
		converges
		[ "$(xtables-legacy-multi iptables -S INPUT | wc -l)" = 2 ]'
}

@test "below a root there is no packet filter, and that is said" {
	recipe <<<'neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT" }'
	mkdir ground
	run -4 "$NEAP" plan --root "$PWD/ground" site.lua
	[[ $output == *"has no packet filter of its own"* ]]
}

@test "the kept forms are not believed when they are torn, of somebody else, or of another iptables" {
	recipe <<<'neap.iptables_rule { chain = "INPUT", rule = "-p tcp -j ACCEPT --dport 22" }'
	both '
		apply -q
		cached=state/cache/iptables-ipv4-filter
		[ -s $cached ]
		runs() { strace -f -o trace -e trace=execve "$NEAP" plan --state-dir "$PWD/state" site.lua >/dev/null; grep -c "execve.*= 0" trace; }
		[ "$(runs)" = 2 ]
		cp -p $cached kept
		sed -i "s/^R.*/R-j DROP/" $cached
		[ "$(runs)" = 4 ]
		truncate -s -3 $cached; [ "$(runs)" = 4 ]
		cp -p kept $cached; chmod 666 $cached; [ "$(runs)" = 4 ]
		cp -p kept $cached; chown 1 $cached; [ "$(runs)" = 4 ]
		rm -f $cached; cp -p kept $cached; [ "$(runs)" = 2 ]'
}
