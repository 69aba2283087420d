#!/usr/bin/env bats
# What is more than files: settings of the kernel, the host's name, modules, mounts. Each test runs in namespaces of its
# own (mounts, host name, network), with an /etc and a /sys/module of its own and a modprobe that only pretends.

bats_require_minimum_version 1.5.0

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root, for namespaces"
	unshare --mount --uts --net true 2>/dev/null || skip "needs namespaces"
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
	mkdir etc module bin ground
	cp /etc/passwd /etc/group etc/
	cat >bin/modprobe <<-'SH'
	#!/bin/sh
	echo "$*" >>"$MODPROBE_LOG"
	remove=
	[ "$1" = -r ] && { remove=1; shift; }
	[ "$1" = -- ] && shift
	name=$(echo "$1" | tr - _)
	[ "$name" = broken ] && { echo "modprobe: FATAL: Module broken not found" >&2; exit 1; }
	if [ "$remove" ]; then rm -r "/sys/module/$name"; else mkdir "/sys/module/$name"; echo 0 >"/sys/module/$name/refcnt"; fi
	SH
	sed -i "2i MODPROBE_LOG=$PWD/modprobe.log" bin/modprobe
	chmod +x bin/modprobe
}

# recipe: standard input, with `neap` and the directory `d` at hand.
recipe() {
	{
		echo "local neap = require 'neap'; local d = '$PWD/ground'"
		cat
	} >site.lua
}

# inside SCRIPT: in one set of namespaces. plan and apply are at hand there.
inside() {
	cat >inside.sh <<-SH
	set -u
	mount --bind etc /etc && mount --bind module /sys/module || exit 99
	PATH=$PWD/bin:\$PATH
	plan() { "$NEAP" plan --state-dir "$PWD/state" "\$@" site.lua; }
	apply() { "$NEAP" apply --state-dir "$PWD/state" "\$@" site.lua; }
	set -e
	converges() { apply -q >/dev/null; plan; }
	$1
	SH
	unshare --mount --uts --net --propagation private bash inside.sh
}

@test "hostname: the file and the kernel are two checks, and each is repaired alone" {
	recipe <<<'neap.hostname { name = "cp1.example.org" }'
	inside '
		plan >plan.txt && exit 1
		[ "$(uname -n)" != cp1.example.org ] && [ ! -e /etc/hostname ]
		converges
		[ "$(uname -n)" = cp1.example.org ] && [ "$(cat /etc/hostname)" = cp1.example.org ]
		hostname other
		plan >live.txt && exit 1
		converges
		[ "$(uname -n)" = cp1.example.org ]
		echo other >/etc/hostname
		plan >file.txt && exit 1
		converges'
	grep -q "live  *other -> cp1.example.org" live.txt
	! grep -q persistent live.txt
	grep -q 'persistent  *"other\\n" -> "cp1.example.org\\n"' file.txt
	! grep -q "live " file.txt
}

@test "hostname: a name that is none, and two of them, are errors of the recipe" {
	recipe <<<'neap.hostname { name = "a_b" } neap.hostname { name = "-x" } neap.hostname { name = "x." }'
	run -1 "$NEAP" check site.lua
	[[ $output == *'"a_b" is no host name'*'"-x" is no host name'*'"x." is no host name'* ]]
	recipe <<<'neap.hostname { name = "a" } neap.hostname { name = "b" }'
	run -1 "$NEAP" check site.lua
	[[ $output == *"/etc/hostname"* ]]
}

@test "sysctl: live and persistent; tabs and blanks are one; other lines stay" {
	recipe <<-'LUA'
	neap.sysctl { name = "net.ipv4.ip_forward", value = 1 }
	neap.sysctl { name = "net/ipv4/ping_group_range", value = "1 10", file = "/etc/sysctl.d/x.conf" }
	LUA
	mkdir etc/sysctl.d
	printf '# mine\nnet.ipv4.ping_group_range=5 6\nnet.core.somaxconn = 7\n-net.ipv4.ping_group_range = 1 2\n' >etc/sysctl.d/x.conf
	inside '
		plan && exit 1
		[ "$(sysctl -n net.ipv4.ip_forward)" = 0 ]
		converges
		[ "$(sysctl -n net.ipv4.ip_forward)" = 1 ]
		[ "$(sysctl -n net.ipv4.ping_group_range)" = "$(printf "1\t10")" ]
		sysctl -qw net.ipv4.ip_forward=0
		plan >live.txt && exit 1
		converges
		sed -i s/1/0/ /etc/sysctl.d/90-neap.conf
		plan >file.txt && exit 1
		converges'
	diff etc/sysctl.d/x.conf - <<-'CONF'
	# mine
	net/ipv4/ping_group_range = 1 10
	net.core.somaxconn = 7
	CONF
	[ "$(cat etc/sysctl.d/90-neap.conf)" = "net.ipv4.ip_forward = 1" ]
	! grep -q persistent live.txt
	! grep -q "live " file.txt
}

@test "sysctl: what the kernel does not have is an error, behind a module not loaded yet it is unknown" {
	recipe <<-'LUA'
	neap.sysctl { name = "net.none.such", value = "1" }
	local m = neap.kernel_module { name = "brings" }
	neap.sysctl { name = "net.ipv4.brought", value = "1", require = m }
	LUA
	inside 'plan >plan.txt; [ $? = 4 ] || exit 1' || true
	grep -q "this kernel has no setting net.none.such" plan.txt
	grep -A1 "unknown   sysctl\[net.ipv4.brought\]" plan.txt | grep -q "not known until kernel_module\[brings\]"
}

@test "sysctl: absent takes the line away and leaves the kernel alone" {
	recipe <<<'neap.sysctl { name = "net.ipv4.ip_forward", ensure = "absent" }'
	mkdir etc/sysctl.d
	printf 'net.ipv4.ip_forward = 1\n' >etc/sysctl.d/90-neap.conf
	inside '
		sysctl -qw net.ipv4.ip_forward=1
		converges
		[ "$(sysctl -n net.ipv4.ip_forward)" = 1 ]'
	[ ! -s etc/sysctl.d/90-neap.conf ]
}

@test "sysctl: a value that the kernel takes and does not keep has not converged" {
	recipe <<<'neap.sysctl { name = "net.ipv4.tcp_congestion_control", value = "reno", persistent = false } neap.sysctl { name = "net.ipv4.ip_default_ttl", value = "0100", persistent = false }'
	inside '
		apply >apply.txt; [ $? = 4 ] || exit 1' || true
	grep -q "ip_default_ttl.*did not converge" apply.txt
}

@test "kernel_module: loaded once, kept for the boot, with its parameters" {
	recipe <<<'neap.kernel_module { name = "br-netfilter", params = { a = "b c" } }'
	inside '
		plan >plan.txt && exit 1
		[ ! -e modprobe.log ]
		converges
		apply
		rm -r /sys/module/br_netfilter
		plan >live.txt && exit 1
		converges'
	[ "$(sort -u modprobe.log)" = '-- br-netfilter a="b c"' ]
	[ "$(wc -l <modprobe.log)" = 2 ]
	[ "$(cat etc/modules-load.d/br_netfilter.conf)" = br_netfilter ]
	[ "$(cat etc/modprobe.d/br_netfilter.conf)" = 'options br_netfilter a="b c"' ]
}

@test "kernel_module: built in counts as loaded, and cannot go" {
	mkdir module/ext4
	recipe <<<'neap.kernel_module { name = "ext4" }'
	inside 'converges'
	[ ! -e modprobe.log ]
	recipe <<<'neap.kernel_module { name = "ext4", ensure = "absent" }'
	inside 'plan >plan.txt; [ $? = 4 ] || exit 1' || true
	grep -q "ext4 is built into the kernel" plan.txt
}

@test "kernel_module: absent unloads it; a module that cannot be loaded says what modprobe said" {
	mkdir -p module/old etc/modules-load.d
	echo 0 >module/old/refcnt
	echo old >etc/modules-load.d/old.conf
	recipe <<<'neap.kernel_module { name = "old", ensure = "absent" } neap.kernel_module { name = "broken" }'
	inside 'apply >apply.txt; [ $? = 4 ] || exit 1' || true
	[ ! -e etc/modules-load.d/old.conf ]
	[ ! -e module/old ]
	grep -q "modprobe broken: exit 1: modprobe: FATAL: Module broken not found" apply.txt
}

@test "mount: mounted and in fstab, other lines stay, options and devices are repaired" {
	printf '# the root\nUUID=x / ext4 defaults 0 1\n' >etc/fstab
	mkdir source
	recipe <<-LUA
	neap.mount { path = d .. "/a b", device = "tmpfs", fstype = "tmpfs", options = "nosuid,size=1m" }
	neap.mount { path = d .. "/bind", device = "$PWD/source", fstype = "none", options = "bind,ro" }
	neap.mount { path = d .. "/later", device = "tmpfs", fstype = "tmpfs", options = "noauto" }
	LUA
	inside '
		plan >plan.txt && exit 1
		[ ! -e ground/bind ]
		converges
		grep -q " $PWD/ground/a.040b .*nosuid.* - tmpfs" /proc/self/mountinfo
		grep -q " $PWD/ground/bind ro" /proc/self/mountinfo
		[ ! -e ground/later ]
		findmnt --verify --tab-file /etc/fstab >verify.txt 2>&1 || true
		! grep -q "parse error" verify.txt
		mount -o remount,suid "ground/a b"
		umount ground/bind
		mount -t tmpfs other ground/bind
		plan >drift.txt && exit 1
		converges
		grep -q " $PWD/ground/a.040b .*nosuid" /proc/self/mountinfo
		grep -q " $PWD/ground/bind ro" /proc/self/mountinfo'
	grep -q "options  *(none) -> nosuid" drift.txt
	grep -q "live  *\"other type tmpfs\" -> \"$PWD/source type none\"" drift.txt
	diff etc/fstab - <<-CONF
	# the root
	UUID=x / ext4 defaults 0 1
	tmpfs $PWD/ground/a\\040b tmpfs nosuid,size=1m 0 0
	$PWD/source $PWD/ground/bind none bind,ro 0 0
	tmpfs $PWD/ground/later tmpfs noauto 0 0
	CONF
}

@test "mount: options not given are those of the line in fstab, in force too; a slash at its end is none" {
	mkdir ground/t
	printf 'tmpfs %s/ tmpfs nosuid,nodev,noexec 0 0\n' "$PWD/ground/t" >etc/fstab
	cp etc/fstab before
	recipe <<<'neap.mount { path = d .. "/t", device = "tmpfs", fstype = "tmpfs" }'
	inside '
		converges
		grep -q " $PWD/ground/t .*nosuid,nodev,noexec" /proc/self/mountinfo'
	cmp etc/fstab before
}

@test "mount: a path through a link is refused before anything is mounted; a bind of one is what it leads to" {
	mkdir -p ground/real/there ground/real/source ground/bind
	ln -s real ground/link
	ln -s ./../ground/real/source ground/source
	recipe <<-'LUA'
	neap.mount { path = d .. "/link/there", device = "tmpfs", fstype = "tmpfs", persistent = false }
	neap.mount { path = d .. "/bind", device = d .. "/source", fstype = "none", options = "bind" }
	LUA
	inside '
		plan >plan.txt && exit 1
		apply >apply.txt && exit 1
		grep -q " $PWD/ground/real/there " /proc/self/mountinfo && exit 1
		cp /proc/self/mountinfo before
		apply >apply.txt && exit 1
		cmp before /proc/self/mountinfo'
	grep -q "leads through a link to $PWD/ground/real/there" plan.txt
	grep -q "/ground/real/source $PWD/ground/bind " before
}

@test "mount: one that fails fails alone, and what lies below it is skipped" {
	recipe <<-'LUA'
	local bad = neap.mount { path = d .. "/bad", device = "/nowhere", fstype = "ext4" }
	neap.file { path = d .. "/bad/file", content = "x", require = bad }
	neap.mount { path = d .. "/good", device = "tmpfs", fstype = "tmpfs" }
	LUA
	inside 'apply >apply.txt; [ $? = 4 ] || exit 1
		grep -q " $PWD/ground/good " /proc/self/mountinfo' || true
	grep -q "failed    mount\[$PWD/ground/bad\].*mount $PWD/ground/bad: exit" apply.txt
	grep -q "skipped   file\[$PWD/ground/bad/file\]" apply.txt
	grep -q "created   mount\[$PWD/ground/good\]" apply.txt
}

@test "what cannot be had now is not kept for the boot either" {
	recipe <<-'LUA'
	neap.sysctl { name = "net.ipv4.ip_default_ttl", value = "banana" }
	neap.mount { path = d .. "/bad", device = "/nowhere", fstype = "ext4" }
	neap.kernel_module { name = "broken" }
	LUA
	inside 'apply >apply.txt; [ $? = 4 ] || exit 1' || true
	[ ! -e etc/fstab ] && [ ! -e etc/modules-load.d ]
	! grep -rqs banana etc
}

@test "mount: what lies below comes after it, wherever it is declared, and is skipped when it fails" {
	recipe <<-'LUA'
	neap.file { path = d .. "/m/in/file", content = "x" }
	neap.mount { path = d .. "/m/in", device = "tmpfs", fstype = "tmpfs" }
	neap.mount { path = d .. "/m", device = "tmpfs", fstype = "tmpfs" }
	neap.mount { path = d .. "/bad", device = "/nowhere", fstype = "ext4" }
	neap.directory { path = d .. "/bad/below" }
	neap.directory { path = d, purge = true, recurse = true }
	LUA
	inside 'apply >apply.txt; [ $? = 4 ] || exit 1
		grep -q " $PWD/ground/m/in " /proc/self/mountinfo && [ -e ground/m/in/file ] && touch ok
		umount ground/m/in && [ ! -e ground/m/in/file ] && touch ok2' || true
	[ -e ok ] && [ -e ok2 ]
	grep -q "skipped   directory\[$PWD/ground/bad/below\]" apply.txt
}

@test "mount: absent unmounts it and takes its line away" {
	printf 'tmpfs %s tmpfs defaults 0 0\n# end\n' "$PWD/ground/gone" >etc/fstab
	mkdir ground/gone
	recipe <<<'neap.mount { path = d .. "/gone", ensure = "absent" }'
	inside '
		mount ground/gone
		plan >plan.txt && exit 1
		converges
		! grep -q ground/gone /proc/self/mountinfo'
	[ "$(cat etc/fstab)" = "# end" ]
	grep -q "delete    mount" plan.txt
}

@test "below --root there are files only, and nothing of this machine changes" {
	mkdir -p root/etc
	recipe <<-'LUA'
	neap.hostname { name = "image" }
	neap.sysctl { name = "kernel.panic", value = "77" }
	neap.kernel_module { name = "loop" }
	neap.mount { path = "/data", device = "LABEL=data", fstype = "ext4" }
	LUA
	run -0 "$NEAP" apply --root root site.lua
	run -0 "$NEAP" plan --root root site.lua
	[ "$(cat root/etc/hostname)" = image ]
	[ "$(uname -n)" != image ]
	[ "$(cat /proc/sys/kernel/panic)" != 77 ]
	[ "$(cat root/etc/fstab)" = "LABEL=data /data ext4 defaults 0 0" ]
	[ ! -e root/data ]
}

@test "a converged machine runs no process for any of them" {
	recipe <<-'LUA'
	neap.hostname { name = "one" }
	neap.sysctl { name = "net.ipv4.ip_forward", value = "1" }
	neap.kernel_module { name = "loop2" }
	neap.mount { path = d .. "/m", device = "tmpfs", fstype = "tmpfs" }
	LUA
	inside '
		apply
		strace -f -qq -e trace=execve,fork,vfork,clone,clone3 -o trace "'"$NEAP"'" apply --state-dir "$PWD/state" site.lua'
	[ "$(grep -c execve trace)" = 1 ]
}
