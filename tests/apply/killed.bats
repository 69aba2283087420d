# Killed at each call by which it changes the machine: nothing is half there, and the next run brings it to where an
# undisturbed one is. One recipe of the types that live in files, made, changed and removed.

bats_require_minimum_version 1.5.0

CALLS="renameat2 renameat unlinkat mkdirat symlinkat linkat fchownat fchown chmod fchmodat fchmod write ftruncate"

setup() {
	[ "$(id -u)" -eq 0 ] || skip "accounts are root's to give away"
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-killed-XXXXXX")
	mkdir -p "$work/none/etc/skel/.config" "$work/none/home" "$work/none/mnt" "$work/none/usr/share/zoneinfo/A"
	cd "$work/none"
	echo TZif-one >usr/share/zoneinfo/A/one
	echo TZif-two >usr/share/zoneinfo/A/two
	echo set >etc/skel/.config/rc
	echo profile >etc/skel/.profile
	echo root:x:0:0:root:/root:/bin/bash >etc/passwd
	echo root:x:0: >etc/group
	(umask 027 && echo 'root:*:19000:0:99999:7:::' >etc/shadow)
	echo HOME_MODE 0750 >etc/login.defs
	printf 'ours\n' | tee etc/lines etc/block >etc/other.ini
	cd "$work"
	for version in one two; do
		mkdir -p "$version-files/d"
		echo $version | tee "$version-files/d/same" >"$version-files/$version"
		tar -C "$version-files" -czf "$version.tar.gz" .
		sum+=" $version = \"sha256:$(sha256sum "$version.tar.gz" | cut -d' ' -f1)\","
	done
	ssh-keygen -q -t ed25519 -N '' -C '' -f key
	sed "s|KEY|$(cut -d' ' -f1,2 key.pub)|; s|SUMS|{$sum }|; s|WORK|$work|" >site.lua <<-'LUA'
		local neap = require "neap"
		local v = neap.params.VERSION
		local one, sums = v == "one", SUMS
		if v == "gone" then
			neap.user { name = "app", ensure = "absent", remove_home = true }
			neap.group { name = "team", ensure = "absent" }
			for _, path in ipairs { "/srv/closed", "/srv/pool", "/opt/app" } do
				neap.directory { path = path, ensure = "absent", recurse = true }
			end
			for _, name in ipairs { "set", "same", "token", "set.neap-backup" } do
				neap.file { path = "/etc/" .. name, ensure = "absent" }
			end
			neap.cert { path = "/etc/ca.crt", key = "/etc/ca.key", ensure = "absent" }
			neap.link { path = "/etc/current", ensure = "absent" }
			neap.line { path = "/etc/lines", match = "^version=", ensure = "absent" }
			neap.block { path = "/etc/block", name = "a", ensure = "absent" }
			neap.ini { path = "/etc/other.ini", section = "A", key = "k", ensure = "absent" }
			neap.hosts_entry { name = "db", ensure = "absent" }
			neap.cron { name = "job", ensure = "absent" }
			neap.mount { path = "/mnt/a", ensure = "absent" }
			return
		end
		neap.group { name = "team", gid = 700 }
		neap.user { name = "app", group = "team", uid = 700, create_home = true, shell = one and "/bin/sh" or "/bin/bash" }
		neap.authorized_key { user = "app", key = "KEY " .. v }
		neap.directory { path = "/srv/closed", owner = "app", group = "team", mode = one and "1770" or "2750" }
		neap.directory { path = "/srv/pool", purge = true, recurse = true }
		neap.file { path = "/srv/pool/" .. v .. "/x/y", content = v .. "\n", owner = "app" }
		neap.file { path = "/etc/set", content = v .. "\n", mode = one and "4755" or "0644", owner = one and "root" or "app",
			backup = true }
		neap.file { path = "/etc/same", content = "same\n", mode = one and "0600" or "0644", owner = one and "app" or "root" }
		neap.token { path = "/etc/token", mode = one and "0600" or "0640" }
		neap.cert { path = "/etc/ca.crt", key = "/etc/ca.key", common_name = v, ca = true,
			key_algorithm = one and "ed25519" or "ecdsa-p256" }
		neap.link { path = "/etc/current", target = v }
		neap.line { path = "/etc/lines", line = "version=" .. v, match = "^version=" }
		neap.block { path = "/etc/block", name = "a", content = v .. "\n" }
		neap.ini { path = "/etc/other.ini", section = "A", key = "k", value = v }
		neap.hosts_entry { ip = one and "192.0.2.1" or "192.0.2.2", name = "db" }
		neap.cron { name = "job", special = "@daily", command = v }
		neap.mount { path = "/mnt/a", device = "/dev/" .. v, fstype = "ext4" }
		neap.timezone { name = "A/" .. v }
		neap.tarball { source = "WORK/" .. v .. ".tar.gz", path = "/opt/app", checksum = sums[v] }
	LUA
}

teardown() {
	[ -z "${work:-}" ] || rm -rf "$work"
}

neap() { # neap VERB ROOT VERSION [ARG…]
	"$NEAP" "$1" -q --root "$work/$2" -D VERSION="$3" "${@:4}" "$work/site.lua"
}

# What lies below DIR, a line each: kind, path, target, and a digest of what it holds; but neap's own, and the content of
# what is random or dated.
content() { # content DIR
	(cd "$work/$1" && find . -path ./var/lib/neap -prune -o -name '.neap-stage*' -prune -o -printf '%y %p %l ' \
		\( -type f ! -name 'ca.*' ! -name token ! -name 'shadow*' -exec sha256sum {} \; -o -printf '\n' \) | sed 's/  .*//' | sort)
}

owners() { # owners DIR: who owns it, and its mode
	(cd "$work/$1" && find . -path ./var/lib/neap -prune -o -printf '%p %m %U:%G\n' | sort)
}

made() { # made VERSION: $work/VERSION, by runs that nobody disturbs, from what was before
	cp -a "$work/$2" "$work/$1"
	neap apply "$1" "$1"
}

killed() { # killed FROM TO: at each call on the way
	content "$1" >"$work/from.content"
	content "$2" >"$work/to.content"
	owners "$2" >"$work/to.owners"
	# A directory that is emptied or filled is seen in between with what it has; all else is old or new.
	sort -u "$work/from.content" "$work/to.content" >"$work/allowed"
	kills=0
	for call in $CALLS; do
		for when in $(seq 100); do
			rm -rf "$work/now"
			cp -a "$work/$1" "$work/now"
			# In a shell of its own, which says whom it lost.
			! (strace -f -qq -o /dev/null -e trace="$call" -e "inject=$call:signal=KILL:when=$when" \
				"$NEAP" apply -q --root "$work/now" -D VERSION="$2" "$work/site.lua"; exit $?) &>/dev/null || break
			kills=$((kills + 1))
			echo "killed at $call $when"
			content now >"$work/now.content"
			run -0 comm -23 "$work/now.content" "$work/allowed"
			[ -z "$output" ] || { echo "half there: $output"; false; }
			neap apply now "$2" --lock-wait 30s >/dev/null
			content now | diff "$work/to.content" -
			owners now | diff "$work/to.owners" -
			neap plan now "$2"
		done
		[ "$when" -lt 100 ]
	done
	echo "# killed $kills times from $1 to $2" >&3
	[ "$kills" -ge 30 ]
}

@test "killed at each change while all is made" {
	made one none
	killed none one
}

@test "killed at each change while all is changed" {
	made one none
	made two one
	killed one two
}

@test "killed at each change while all is removed" {
	made one none
	made two one
	made gone two
	killed two gone
}
