# A Debian machine for tests that may be changed and thrown away: this one below a copy-on-write layer in memory,
# in a mount namespace of its own, with apt knowing a repository that the test makes and nothing else. Needs root.
# Source it; then debian_start, inside COMMAND…, debian_stop. The directory $work is the same inside and outside.

debian_start() {
	[ "$(id -u)" -eq 0 ] || skip "mounting needs root"
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-debian-XXXXXX")
	chmod 755 "$work"
	mkdir -p "$work/repository" "$work/layer"
	unshare --mount --propagation private bash -c '
		set -e
		work=$1 layer=$1/layer root=$1/layer/root
		shift
		mount -t tmpfs neap-test "$layer"
		mkdir "$root" "$layer/upper" "$layer/work"
		mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$root"
		for directory in /dev /proc /sys; do mount --rbind "$directory" "$root$directory"; done
		for directory in "$work" "$@"; do
			mkdir -p "$root$directory"
			mount --bind "$directory" "$root$directory"
		done
		mkdir "$root/outside"
		cd "$root"
		pivot_root . outside
		umount -l /outside
		cd /
		rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/preferences.d/* /var/lib/apt/lists/*
		rm -rf /var/lib/neap /etc/apt/apt.conf.d/*
		mkdir -p /etc/apt/sources.list.d /etc/apt/keyrings
		printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
		chmod 755 /usr/sbin/policy-rc.d
		# What a killed apt has left on the machine of the tests is not ours to meet here.
		touch "$work/ready"
		exec sleep infinity
	' debian "$work" "$NEAP_SOURCE" "$(dirname "$NEAP")" 3>&- 2>"$work/start.log" &
	debian=$!
	local waits=0
	until [ -e "$work/ready" ]; do
		kill -0 "$debian" 2>/dev/null && [ $((waits += 1)) -lt 500 ] || { cat "$work/start.log"; return 1; }
		sleep 0.02
	done
}

debian_stop() {
	[ -n "${debian-}" ] || return 0
	[ ! -d "$work/gnupg" ] || gpgconf --homedir "$work/gnupg" --kill all 2>/dev/null || true
	kill -KILL "$debian" 2>/dev/null || true
	wait "$debian" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}

inside() {
	nsenter --mount="/proc/$debian/ns/mnt" -- env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&-
}

# deb NAME VERSION [FIELD…]: a package with a file and a configuration file. A field "postinst: …" is a script.
deb() {
	local name=$1 version=$2 tree field
	shift 2
	tree=$(mktemp -d "$work/deb-XXXXXX")
	chmod 755 "$tree"
	mkdir -p "$tree/DEBIAN" "$tree/usr/share/neap-test" "$tree/etc/neap-test"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: all\n' "$name" "$version"
		printf 'Maintainer: Test <test@example.org>\nDescription: made by a test\n'
		for field; do
			case $field in
			preinst:* | postinst:* | prerm:*)
				printf '#!/bin/sh\n%s\n' "${field#*: }" >"$tree/DEBIAN/${field%%:*}"
				chmod 755 "$tree/DEBIAN/${field%%:*}"
				;;
			*) printf '%s\n' "$field" ;;
			esac
		done
	} >"$tree/DEBIAN/control"
	echo "$name $version" >"$tree/usr/share/neap-test/$name"
	echo "setting of $version" >"$tree/etc/neap-test/$name.conf"
	echo "/etc/neap-test/$name.conf" >"$tree/DEBIAN/conffiles"
	dpkg-deb --root-owner-group --build "$tree" "$work/repository/${name}_$version.deb" >/dev/null
	rm -rf "$tree"
}

# The index of what deb has made so far.
index_repository() {
	(
		cd "$work/repository"
		rm -f Packages Release InRelease
		apt-ftparchive packages . >Packages
		apt-ftparchive release . >Release.new
		mv Release.new Release
	)
}

# apt knows the repository, by hand.
use_repository() {
	index_repository
	echo "deb [trusted=yes] file:$work/repository ./" >"$work/test.list"
	inside cp "$work/test.list" /etc/apt/sources.list.d/test.list
	inside apt-get -qq update
}

# "ii 1.0": what dpkg says of a package, and nothing else.
state_of() {
	# shellcheck disable=SC2016 # dpkg's variables
	inside dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' "$1" 2>/dev/null || echo none
}

# A key that signs, and Release signed with it: debian_key NAME makes one, sign_repository NAME uses it.
debian_key() {
	mkdir -p -m 700 "$work/gnupg"
	gpg --homedir "$work/gnupg" --batch --quiet --pinentry-mode loopback --passphrase '' \
		--quick-generate-key "$1 <$1@example.org>" ed25519 sign never 2>/dev/null
	gpg --homedir "$work/gnupg" --armor --export "$1" >"$work/$1.asc"
	gpg --homedir "$work/gnupg" --export "$1" >"$work/$1.gpg"
}

sign_repository() {
	index_repository
	gpg --homedir "$work/gnupg" --batch --quiet --local-user "$1" --clearsign \
		--output "$work/repository/InRelease" "$work/repository/Release"
}

# recipe <<TEXT: site.lua; neap VERB [ARG…]: it, on that machine.
recipe() {
	{
		echo 'local neap = require "neap"'
		cat
	} >"$work/site.lua"
}

neap() {
	local verb=$1
	shift
	inside "$NEAP" "$verb" "$work/site.lua" "$@"
}

# Nothing is left to do, and the exit codes of both say so.
converged() {
	run neap plan
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}
