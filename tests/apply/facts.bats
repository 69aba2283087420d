# neap.facts and neap facts on this machine and on a tree of files; secrets that a command prints.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p machine/etc machine/usr/lib
	echo image.example.org >machine/etc/hostname
	printf 'ID=alpine\nVERSION_ID="3.19"\n' >machine/usr/lib/os-release
	ln -s ../usr/lib/os-release machine/etc/os-release
	echo 0123456789abcdef0123456789abcdef >machine/etc/machine-id
}

teardown() {
	[ ! -d hostile ] || chmod -R u+rwx hostile
}

recipe() { # recipe <<LUA: the file site.lua
	{ echo 'local neap = require "neap"' && cat; } >site.lua
}

@test "facts are what other tools say of this machine" {
	"$NEAP" facts --format json >facts.json
	[ "$(jq -r .arch facts.json)" = "$(uname -m)" ]
	[ "$(jq -r .kernel facts.json)" = "$(uname -r)" ]
	[ "$(jq -r .cpus facts.json)" = "$(getconf _NPROCESSORS_ONLN)" ]
	[ "$(jq -r .memory_mb facts.json)" = "$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)" ]
	[ "$(jq -r .os.id facts.json)" = "$(. /etc/os-release && echo "$ID")" ]
	[ "$(jq -r '.os.version // ""' facts.json)" = "$(. /etc/os-release && echo "${VERSION_ID-}")" ]
	[ ! -s /etc/machine-id ] || [ "$(jq -r .machine_id facts.json)" = "$(cat /etc/machine-id)" ]
}

@test "addresses and interfaces: in order, without the loopback, links of one cable and what is temporary" {
	[ "$(id -u)" = 0 ] || skip "needs root for a network of its own"
	cat >net <<-'SH'
		set -eu
		ip link set lo up
		ip link add zz0 address 02:00:00:00:00:01 type veth peer name zz1
		ip link add aa0 type bridge
		echo 2 >/proc/sys/net/ipv6/conf/zz0/use_tempaddr
		ip link set zz1 up
		ip link set zz0 up
		ip link set aa0 up
		ip addr add 10.0.0.9/8 dev aa0
		ip addr add 10.0.0.1/24 dev zz0
		ip addr add 10.0.0.2/32 dev zz0
		ip addr add 169.254.7.7/16 dev zz0
		ip -6 addr add 2001:db8::1/64 dev zz0 nodad mngtmpaddr
		ip addr add 192.0.2.53/32 dev lo
		until ip -6 addr show dev zz0 temporary | grep -q inet6; do
			sleep 0.05 # the kernel makes it on its own time
		done
		exec "$NEAP" facts --format json
	SH
	timeout 20 unshare --net sh net >facts.json
	[ "$(jq -c .addresses facts.json)" = '["192.0.2.53","10.0.0.1","10.0.0.2","10.0.0.9","2001:db8::1"]' ]
	[ "$(jq -c .interfaces.zz0 facts.json)" = '{"addresses":["10.0.0.1/24","10.0.0.2/32","2001:db8::1/64"],"mac":"02:00:00:00:00:01"}' ]
	[ "$(jq -c .interfaces.aa0.addresses facts.json)" = '["10.0.0.9/8"]' ]
	[ "$(jq -c .interfaces.lo facts.json)" = null ]
}

@test "below --root the names, the system and the machine id are those of the tree" {
	"$NEAP" facts --root machine --format json >facts.json
	[ "$(jq -c '[.hostname, .fqdn, .domain, .machine_id, .os]' facts.json)" = \
		'["image","image.example.org","example.org","0123456789abcdef0123456789abcdef",{"id":"alpine","id_like":[],"name":"Linux","version":"3.19"}]' ]
	[ "$(jq -r .kernel facts.json)" = "$(uname -r)" ]
	rm machine/etc/hostname
	: >machine/etc/machine-id
	"$NEAP" facts --root machine >facts.txt
	grep -q '^hostname  *there is no /etc/hostname$' facts.txt # not the name of this machine
	recipe <<<'print(neap.facts.machine_id)'
	run -1 --separate-stderr "$NEAP" check --root machine site.lua
	[[ $stderr == 'site.lua:2: this machine has no fact "machine_id": /etc/machine-id is empty'* ]]
}

@test "a plan and a report hold the facts that were read, and they do for the same recipe elsewhere" {
	recipe <<-'LUA'
		neap.file { path = "/etc/motd", content = neap.facts.os.id .. " on " .. neap.facts.fqdn .. "\n" }
	LUA
	run -2 --separate-stderr "$NEAP" plan --root machine --format json site.lua
	jq .facts <<<"$output" >used.json
	[ "$(jq -c . used.json)" = '{"fqdn":"image.example.org","os":{"id":"alpine"}}' ]
	run -2 --separate-stderr "$NEAP" plan --root machine --format json --facts used.json site.lua
	[ "$(jq -r '.facts.fqdn' <<<"$output")" = image.example.org ]
	run -0 --separate-stderr "$NEAP" apply --root machine --format json site.lua
	[ "$(jq -c .facts <<<"$output")" = "$(jq -c . used.json)" ]
	[ "$(cat machine/etc/motd)" = "alpine on image.example.org" ]
	run -0 "$NEAP" plan --root machine --facts used.json site.lua
}

@test "what neap facts prints is a file for --facts, in both formats of the file" {
	"$NEAP" facts --root machine --format json >facts.json
	"$NEAP" facts --facts facts.json --format json | cmp - facts.json
	recipe <<<'neap.file { path = "/f.yaml", content = neap.yaml.encode(neap.facts) }'
	run -0 "$NEAP" apply --root machine --facts facts.json site.lua
	"$NEAP" facts --facts machine/f.yaml --format json | cmp - facts.json
}

@test "--facts FILE: all that is wrong with it in one run, before the recipe" {
	printf 'hostname: 7\nos:\n  version: 12\n' >facts.yaml
	recipe <<<'error("evaluated")'
	for verb in plan apply check graph; do
		run -1 --separate-stderr "$NEAP" "$verb" --facts facts.yaml site.lua
		[[ $stderr == $'facts.yaml:1: fact hostname is a string, not an integer\n    in quotes it is a string\nfacts.yaml:3: fact os.version'* ]]
	done
	run -1 --separate-stderr "$NEAP" facts --facts facts.yaml --format json
	[ "$(jq -c '[.errors[].line]' <<<"$output")" = '[1,3]' ]
	for file in nosuch machine /dev/zero; do
		run -1 --separate-stderr "$NEAP" facts --facts "$file"
		[[ $stderr == "neap: open $file: "* ]]
	done
	head -c 1048577 /dev/zero >large
	run -1 --separate-stderr "$NEAP" facts --facts large
	[ "$stderr" = "neap: open large: larger than 1 MB" ]
}

@test "a hostile tree is an error or a missing fact, never more" {
	mkdir -p hostile/etc/hostname
	ln -s os-release hostile/etc/os-release
	mkfifo hostile/etc/machine-id
	run -1 --separate-stderr timeout 20 "$NEAP" facts --root hostile
	[[ $stderr == *'fact os.codename: open /etc/os-release: Too many levels of symbolic links'* ]]
	[[ $output == *'hostname '*'/etc/hostname is a directory'* ]]
	[[ $output == *'machine_id '*'/etc/machine-id is a device, fifo or socket'* ]]
	run -1 --separate-stderr "$NEAP" facts --root hostile --format json
	[ "$(jq '.errors | length' <<<"$output")" -ge 1 ]
	rm -r hostile/etc/hostname hostile/etc/os-release hostile/etc/machine-id
	ln -s /etc/hostname-there hostile/etc/hostname
	printf '\033[31mweb\n' >hostile/etc/hostname-there
	printf 'ID=x\nPRETTY_NAME="\033[2J\xff"\n' >hostile/etc/os-release
	run -0 "$NEAP" facts --root hostile
	[[ $output != *$'\033'* ]]
	[[ $output == *'os.name '*'\x1b[2J\xff'* ]]
}

@test "a recipe that reads no fact makes no call for one" {
	[ "$(id -u)" = 0 ] || skip "needs root: neap's memory is not for others to read, so strace sees no names"
	command -v strace || skip "needs strace"
	recipe <<<'local f = neap.facts local os = f.os'
	strace -f -o trace "$NEAP" check --root machine site.lua
	! grep -qE 'os-release|machine-id|hostname|meminfo|NETLINK' trace
	recipe <<<'print(neap.facts.os.id)'
	strace -f -o trace "$NEAP" check --root machine site.lua
	grep -q 'openat.*os-release' trace
	! grep -qE 'NETLINK|meminfo|uname' trace
}

@test "a secret of a command shows nowhere, and the command changes nothing when root evaluates" {
	echo 'N33dle+' >store
	recipe <<-'LUA'
		local secret = neap.secret { command = { "cat", "store" } }
		neap.file { path = "/etc/key", content = "key=" .. secret .. "\n" }
		neap.line { path = "/etc/conf", line = "pass " .. secret }
		print(secret)
	LUA
	for arguments in "check" "plan --diff -v" "plan --format json" "apply --diff" "apply --format json"; do
		# shellcheck disable=SC2086
		"$NEAP" $arguments --root machine site.lua >out 2>&1 || true
		[ -s out ]
		! grep -q N33dle out
	done
	[ "$(cat machine/etc/key)" = "key=N33dle+" ]
	[ "$(stat -c %a machine/etc/key)" = 600 ]
	! grep -rq N33dle machine/var
	recipe <<<'neap.secret { command = { "sh", "-c", "echo N33dle; echo N33dle >&2; exit 9" } }'
	run -1 "$NEAP" plan site.lua
	[[ $output == *'site.lua:2: secret: the command sh ended with exit code 9'* ]]
	[[ $output != *N33dle* ]]
	[ "$(id -u)" = 0 ] || return 0
	recipe <<<'neap.secret { command = { "sh", "-c", "echo >touched && echo done" } }'
	run -1 "$NEAP" check site.lua
	[ ! -e touched ]
}
