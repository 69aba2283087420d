# The plan changes nothing, and what an apply says it did is read from the machine. Looked at from outside,
# through the kernel's eyes.

bats_require_minimum_version 1.5.0

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-truth-XXXXXX")
	mkdir -p "$work/root/etc/old" "$work/root/srv/junk"
	echo "welcome" >"$work/root/etc/motd"
	printf 'a=1\nb=2\n' >"$work/root/etc/app.conf"
	ln -s nowhere "$work/root/etc/current"
	echo "not ours" >"$work/root/srv/junk/file"
	echo "stale" >"$work/root/etc/old/conf"
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local count = tonumber(neap.params.COUNT or "3")
		neap.directory { path = "/srv", purge = true, recurse = true }
		neap.directory { path = "/opt/app/data", mode = "0750" }
		neap.file { path = "/etc/motd", content = "hello\n", mode = "0600" }
		neap.file { path = "/etc/old/conf", ensure = "absent" }
		neap.file { path = "/opt/app/deep/er/file", content = "x" }
		neap.link { path = "/etc/current", target = "/opt/app" }
		neap.line { path = "/etc/app.conf", line = "b=3", match = "^b=" }
		for i = 1, count do
			neap.file { path = ("/opt/many/%04d"):format(i), content = ("number %d\n"):format(i), mode = "0644" }
		end
	LUA
}

teardown() {
	rm -rf "$work"
}

# Every system call that could change the machine, by name.
changing='^[0-9]+ +(mkdir|mkdirat|rmdir|unlink|unlinkat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|mknod|mknodat|chmod|fchmod|fchmodat|fchmodat2|chown|lchown|fchown|fchownat|truncate|ftruncate|fallocate|utime|utimes|utimensat|futimesat|setxattr|lsetxattr|fsetxattr|removexattr|lremovexattr|fremovexattr|mount|umount2|pivot_root|chroot|sethostname|setdomainname|swapon|swapoff|reboot|init_module|finit_module|delete_module|bpf|ioctl|flock|socket|connect|bind|sendto|sendmsg|kill|tgkill|copy_file_range|sendfile|splice|sync|syncfs|fsync|fdatasync|settimeofday|clock_settime|adjtimex|execve|fork|vfork)\('

@test "a plan makes no changing system call" {
	run strace -f -o "$work/trace" "$NEAP" plan "$work/site.lua" --root "$work/root"
	[ "$status" -eq 2 ]
	# the one execve is the program itself; ioctl and fork are not expected either
	run grep -cE "$changing" "$work/trace"
	grep -E "$changing" "$work/trace" | head -5
	[ "$output" -eq 1 ]
	run grep -E 'open(at|at2)?\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)' "$work/trace"
	[ "$status" -eq 1 ]
	# bytes go to standard output and standard error, nowhere else
	run grep -cE ' p?writev?(64)?\(([03-9]|[12][0-9])' "$work/trace"
	[ "$output" -eq 0 ]
}

@test "a plan works on a read-only machine and leaves every byte and time as it was" {
	before=$(cd "$work/root" && find . -printf '%p %y %m %U %G %s %T@ %C@ %l\n' | sort)
	[ "$(id -u)" -eq 0 ] || skip "mounting needs root"
	run unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" &&
		! touch "$1/x" 2>/dev/null && exec "$2" plan "$3" --root "$1"' sh "$work/root" "$NEAP" "$work/site.lua"
	[ "$status" -eq 2 ]
	after=$(cd "$work/root" && find . -printf '%p %y %m %U %G %s %T@ %C@ %l\n' | sort)
	[ "$before" = "$after" ]
}

@test "an apply reads back each changed file by its final path" {
	# neap is not dumpable: strace as the same user sees its calls, but not the strings they are given.
	[ "$(id -u)" -eq 0 ] || skip "only root may read the names in neap's system calls"
	run strace -f -o "$work/trace" "$NEAP" apply "$work/site.lua" --root "$work/root"
	[ "$status" -eq 0 ]
	last_rename=$(grep -nE 'rename(at|at2)?\(.*"motd"' "$work/trace" | tail -1 | cut -d: -f1)
	last_read=$(grep -nE 'openat2?\([0-9]+, "motd", .*O_RDONLY' "$work/trace" | tail -1 | cut -d: -f1)
	[ -n "$last_rename" ]
	[ -n "$last_read" ]
	[ "$last_read" -gt "$last_rename" ]
}

@test "what the plan said is what the apply did, and a second plan is empty" {
	run --separate-stderr "$NEAP" plan "$work/site.lua" --root "$work/root" --format json
	[ "$status" -eq 2 ]
	echo "$output" >"$work/plan.json"
	run --separate-stderr "$NEAP" apply "$work/site.lua" --root "$work/root" --format json
	[ "$status" -eq 0 ]
	echo "$output" >"$work/apply.json"
	entries='[.resources[] | {address, action, refresh, changes, reason}]'
	diff <(jq -S "$entries" "$work/plan.json") <(jq -S "$entries" "$work/apply.json")
	[ "$(jq -S '.summary | {create,update,delete,run,refresh,unknown,unchanged}' "$work/plan.json")" = \
		"$(jq -S '.summary | {create,update,delete,run,refresh,unknown,unchanged}' "$work/apply.json")" ]
	run "$NEAP" plan "$work/site.lua" --root "$work/root"
	[ "$status" -eq 0 ]
	run "$NEAP" apply "$work/site.lua" --root "$work/root" --detailed-exitcode
	[ "$status" -eq 0 ]
}

calls() { # calls VERB COUNT: how many system calls
	strace -f -o "$work/trace" "$NEAP" "$1" "$work/site.lua" --root "$work/root" -D COUNT="$2" >/dev/null 2>&1
	grep -vcE '(brk|mmap|munmap|mremap|madvise)\(|\+\+\+' "$work/trace"
}

@test "a converged file costs four system calls, in an apply and in a plan" {
	"$NEAP" apply "$work/site.lua" --root "$work/root" -D COUNT=1100
	for verb in apply plan; do
		few=$(calls $verb 100)
		many=$(calls $verb 1100)
		echo "$verb: $few for 100, $many for 1100"
		[ $((many - few)) -le 4000 ]
	done
}

@test "what is as wanted is looked at without libcrypto, PCRE2 and libyaml, and few calls start a run" {
	sed -i /neap.line/d "$work/site.lua" # it has a regular expression
	"$NEAP" apply "$work/site.lua" --root "$work/root"
	for verb in apply plan; do
		strace -f -o "$work/trace" "$NEAP" $verb -q "$work/site.lua" --root "$work/root"
		grep -q 'openat(.*liblua' "$work/trace"
		run grep -cE 'openat\(.*lib(crypto|pcre2|yaml)' "$work/trace"
		[ "$output" -eq 0 ]
	done
	echo >"$work/empty.lua"
	strace -f -o "$work/trace" "$NEAP" apply -q "$work/empty.lua" --root "$work/root"
	echo "$(wc -l <"$work/trace") calls"
	[ "$(wc -l <"$work/trace")" -le 180 ]
}

@test "where libcrypto cannot be loaded, what needs it says so in one line" {
	mkdir "$work/lib"
	echo "no library" >"$work/lib/libcrypto.so.3"
	echo 'require("neap").key { path = "/etc/app.key", algorithm = "ed25519" }' >"$work/key.lua"
	LD_LIBRARY_PATH=$work/lib run -4 "$NEAP" apply "$work/key.lua" --root "$work/root"
	[[ $output == "neap: load libcrypto.so.3: "*": install the package libssl3" ]]
	[ ! -e "$work/root/etc/app.key" ]
	"$NEAP" apply "$work/key.lua" --root "$work/root"
}

@test "a library that is missing is found so before the first change, whatever needs it" {
	mkdir "$work/lib"
	cat >"$work/some.lua" <<-LUA
		local neap = require "neap"
		neap.file { path = "$work/first", content = "x" }
		neap.exec { name = "made", command = { "touch", "$work/made" }, creates = "$work/made" }
		neap.file { path = "$work/last", content = "x" }
	LUA
	for library in libcrypto.so.3 libpcre2-8.so.0 libyaml-0.so.2; do
		rm -f "$work/lib"/*
		echo "no library" >"$work/lib/$library"
		LD_LIBRARY_PATH=$work/lib run -4 "$NEAP" apply --state-dir "$work/state" "$work/some.lua"
		[[ $output == *"3 failed"*"load $library: "*"install the package lib"* ]]
		[ ! -e "$work/first" ] && [ ! -e "$work/made" ] && [ ! -e "$work/last" ]
	done
	"$NEAP" apply --state-dir "$work/state" "$work/some.lua"
	# Where there is nothing to change nothing is loaded.
	LD_LIBRARY_PATH=$work/lib "$NEAP" apply --state-dir "$work/state" "$work/some.lua"
}

@test "a chain of ten thousand resources is planned and applied" {
	cat >"$work/chain.lua" <<-'LUA'
		local neap = require "neap"
		local before
		for i = 1, 10000 do
			before = neap.file { path = ("/chain/%05d"):format(i), content = "x", require = before }
		end
	LUA
	mkdir "$work/chain"
	"$NEAP" apply "$work/chain.lua" --root "$work/chain"
	[ "$(find "$work/chain/chain" -type f | wc -l)" -eq 10000 ]
	run "$NEAP" plan "$work/chain.lua" --root "$work/chain"
	[ "$status" -eq 0 ]
}

@test "thousands of parts of one file take no more memory than the file is long" {
	# Each of 3,000 steps sees the file as those before it leave it: 200 MB, were all of these kept.
	mkdir -p "$work/parts/etc"
	for part in 'hosts_entry { name = "host" .. i, ip = ("10.0.%d.%d"):format(i // 250, i % 250) }' \
		'line { path = "/etc/lines", line = ("%040d"):format(i) }' \
		'ini { path = "/etc/ini", section = "all", key = ("%020d"):format(i), value = "x" }' \
		'block { path = "/etc/blocks", name = "b" .. i, content = "x" }' \
		'mount { path = "/mnt/" .. i, device = "/dev/" .. i, fstype = "ext4" }'; do
		echo "for i = 1, 3000 do require \"neap\".$part end" >"$work/parts.lua"
		run -2 bash -c 'ulimit -v 65536 && "$0" plan -q --root "$1" "$2"' "$NEAP" "$work/parts" "$work/parts.lua"
		echo "$part: $output"
		[[ "$output" == "plan: 3000 to "* ]]
	done
}

@test "a plain user's plan says what only root may, and promises none of it" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to become somebody else"
	local work kind
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-plain-XXXXXX")
	chmod 755 "$work"
	mkdir -m 777 "$work/root"
	mkdir -m 700 "$work/state"
	chown 65534 "$work/state"
	install -m 755 "$NEAP" "$work/neap"
	cat >"$work/site.lua" <<-LUA
	local neap = require "neap"
	neap.bridge { name = "nbr0" }
	neap.veth { name = "nv0", peer = "nv1" }
	neap.address { link = "lo", address = "127.9.9.9/32" }
	neap.route { to = "10.99.0.0/24", link = "lo" }
	neap.sysctl { name = "vm.swappiness", value = "37", persistent = false }
	neap.mount { path = "/mnt", device = "none", fstype = "tmpfs", persistent = false }
	neap.exec { name = "as root", command = { "true" }, user = "root", always = true }
	neap.exec { name = "as oneself", command = { "true" }, user = "nobody", always = true }
	LUA
	echo 'require "neap".exec { name = "in a root", command = { "true" }, always = true }' >"$work/root.lua"
	plain() { setpriv --reuid=65534 --regid=65534 --clear-groups "$work/neap" "$@" --state-dir "$work/state"; }
	run plain plan "$work/site.lua"
	[ "$status" -eq 4 ]
	for kind in bridge veth address route sysctl mount 'exec\[as root\]'; do
		grep -q "^x failed *$kind.*: Operation not permitted" <<<"$output" || { echo "$kind: $output"; false; }
	done
	[ "$(grep -c 'only root may: run neap as root' <<<"$output")" = 7 ]
	[[ "$output" == *"! run       exec[as oneself]"* ]]
	# An apply says the same.
	run plain apply "$work/site.lua"
	[ "$(grep -c 'Operation not permitted' <<<"$output")" = 7 ]
	run plain plan --root "$work/root" "$work/root.lua"
	[[ "$output" == *"run true below --root: Operation not permitted"* ]]
	rm -r "$work"
}

@test "a certain cause beside an unknown one makes the refresh certain, and is the one that is named" {
	local work
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-certain-XXXXXX")
	echo old >"$work/unknown"
	echo old >"$work/certain"
	cat >"$work/site.lua" <<-LUA
	local neap = require "neap"
	local made = neap.token { path = "$work/made" }
	local unknown = neap.file { path = "$work/unknown", content = made.value }
	local certain = neap.file { path = "$work/certain", content = "new\n" }
	neap.exec { name = "listed", command = { "true" }, refresh_only = true, subscribe = { unknown, certain } }
	neap.exec { name = "named", command = { "true" }, refresh_only = true, subscribe = unknown, require = certain }
	neap.file { path = "$work/last", content = "x", noop = true }
	LUA
	run "$NEAP" plan --state-dir "$work/state" "$work/site.lua"
	[ "$status" -eq 2 ]
	[[ "$output" == *"@ refresh   exec[listed]"*"because file[$work/certain] changes"* ]] || { echo "$output"; false; }
	[[ "$output" == *"? unknown   exec[named]"* ]]
	"$NEAP" apply --state-dir "$work/state" "$work/site.lua" >/dev/null
	# What is noop or waits is not as wanted.
	echo 'require "neap".wait_for { name = "w", command = { "sh", "-c", "echo not yet >&2; exit 3" }, timeout = "1s" }' \
		>>"$work/site.lua"
	run "$NEAP" plan --state-dir "$work/state" "$work/site.lua"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "nothing to change: 5 resources as wanted, 1 noop, 1 to wait for" ] || { echo "$output"; false; }
	run "$NEAP" apply --state-dir "$work/state" "$work/site.lua"
	[[ "$output" == *"sh: exit 3, for 1 s"*"it said: not yet"* ]] || { echo "$output"; false; }
	rm -r "$work"
}
