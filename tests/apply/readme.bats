#!/usr/bin/env bats
# README and docs/network.md show what neap prints: their recipes are run and their screens are compared. A console block
# is commands after "$ " and the whole of what they print. The recipe is the block opened by ```lua site.lua.

bats_require_minimum_version 1.5.0

# The lines of the first block of a page that is opened by exactly "```$1".
block() {
	awk -v open="\`\`\`$1" '
		inside && $0 == "```" { inside = 0 }
		inside && n == 1 { print }
		!inside && $0 == open { inside = 1; n++ }' "$NEAP_SOURCE/${page:-README.md}"
}

# screens [COMMAND…]: those of the page, each line run by a shell (that COMMAND starts).
screens() {
	block console >console
	[ -s console ]
	while IFS= read -r line; do
		[[ $line == '$ '* ]] || continue
		printf '%s\n' "$line" >>got
		"$@" bash -c "${line#\$ }" >>got 2>&1 </dev/null || true
	done <console
	diff console got
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir bin machine machine/etc
	ln -s "$NEAP" bin/neap
	PATH=$PWD/bin:$PATH
	block "lua site.lua" >site.lua
	[ -s site.lua ]
	# The machine that README supposes.
	printf '127.0.0.1\tlocalhost\n' >machine/etc/hosts
}

@test "README's recipe is in order" {
	neap check site.lua
}

@test "README's screens are what neap prints" {
	screens
}

@test "the network page's screens are what neap prints on such a machine" {
	[ "$(id -u)" -eq 0 ] || skip "network namespaces are root's"
	page=docs/network.md
	block "lua site.lua" >site.lua
	unshare --net --mount sleep 300 3>&- &
	machine=$!
	for _ in $(seq 100); do [ "$(cat /proc/$machine/comm)" = sleep ] && break || sleep 0.05; done
	on_machine() { nsenter --net --mount --wd="$PWD" --target "$machine" "$@"; }
	on_machine sh -c 'mkdir -p /var/lib/neap && mount -t tmpfs -o mode=0700 state /var/lib/neap && ip link set lo up &&
		ip link add eth0 type veth peer name peer && ip link set eth0 up && ip link set peer up &&
		ip address add 192.0.2.1/24 dev eth0'
	screens on_machine
	kill "$machine"
}

@test "README is short" {
	[ "$(wc -l <"$NEAP_SOURCE/README.md")" -le 150 ]
}

@test "every file that README, CONTRIBUTING and docs link to is there" {
	cd "$NEAP_SOURCE"
	for page in README.md CONTRIBUTING.md docs/*.md; do
		for link in $(grep -oE '\]\([^)#]+' "$page" | cut -c3- | grep -v '^https\?:'); do
			[ -e "$(dirname "$page")/$link" ] || { echo "$page: $link"; return 1; }
		done
	done
}
