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
