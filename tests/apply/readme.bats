#!/usr/bin/env bats
# README shows what neap prints: its recipe is run and its screens are compared. A console block is commands after
# "$ " and the whole of what they print. The recipe is the block opened by ```lua site.lua.

bats_require_minimum_version 1.5.0

# The lines of the Nth block (from 1) that is opened by exactly "```$1".
block() {
	awk -v open="\`\`\`$1" -v want="$2" '
		inside && $0 == "```" { inside = 0 }
		inside && n == want { print }
		!inside && $0 == open { inside = 1; n++ }' "$NEAP_SOURCE/README.md"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir bin machine machine/etc
	ln -s "$NEAP" bin/neap
	PATH=$PWD/bin:$PATH
	block "lua site.lua" 1 >site.lua
	[ -s site.lua ]
	# The machine that README supposes.
	printf '127.0.0.1\tlocalhost\n' >machine/etc/hosts
}

@test "README's recipe is in order" {
	neap check site.lua
}

@test "README's screens are what neap prints" {
	block console 1 >console
	[ -s console ]
	: >got
	while IFS= read -r line; do
		[[ $line == '$ '* ]] || continue
		printf '%s\n' "$line" >>got
		bash -c "${line#\$ }" >>got 2>&1 </dev/null || true
	done <console
	diff console got
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
