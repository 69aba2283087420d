# The disk of a host: a copy-on-write layer on the system that all share, mounted outside too, so that it has a plain
# path whether the host is on or off. What is mounted below that path outside appears in the host. Sourced.

disk_of() { # disk_of NAME
	echo "$(host_directory "$1")/disk"
}

disk_create() { # disk_create NAME; in the run's lock
	local directory disk number=1 other
	directory=$(host_directory "$1")
	[ ! -s "$directory/number" ] || return 0
	while grep -qsx "$number" "$(run_directory)"/hosts/*/number; do number=$((number + 1)); done
	[ "$number" -lt 254 ] || give_up "there is no address left for $1"
	disk=$directory/disk
	mkdir -p "$directory"/{disk,upper,work,volumes}
	disk_mount "$1"

	echo "$1" >"$disk/etc/hostname"
	tr -d - </proc/sys/kernel/random/uuid >"$disk/etc/machine-id"
	ssh-keygen -q -t ed25519 -N '' -C "root@$1" -f "$disk/etc/ssh/ssh_host_ed25519_key"
	# It and the others get to know each other.
	printf '%s\n' '127.0.0.1 localhost' '::1 localhost ip6-localhost ip6-loopback' "$network_gateway gateway" >"$disk/etc/hosts"
	for other in $(host_names); do
		disk_tell "$1" "$(<"$(host_directory "$other")/number")" "$other"
		disk_tell "$other" "$number" "$1"
	done
	disk_tell "$1" "$number" "$1"
	# Last, as it makes the host one.
	echo "$number" >"$directory/number"
}

# A name, unless the host has it: it may have known another of that name that is gone.
disk_tell() { # disk_tell NAME NUMBER OTHER
	local file
	file=$(disk_of "$1")/etc/hosts
	grep -qsxF "$network_prefix.$2 $3" "$file" || echo "$network_prefix.$2 $3" >>"$file"
}

disk_mount() { # disk_mount NAME
	local directory base
	directory=$(host_directory "$1")
	! mountpoint -q "$directory/disk" || return 0
	base=$("$here/rootfs")
	mount -t overlay "neap-$run-$1" -o "lowerdir=$base,upperdir=$directory/upper,workdir=$directory/work" "$directory/disk"
	mount --make-shared "$directory/disk"
}

# A path inside a host, as seen from outside. Links in it are followed where they lead in the host.
disk_path() { # disk_path NAME PATH
	local path
	path=$(chroot "$(disk_of "$1")" realpath -m -- "$2")
	case $path/ in
	/dev/* | /proc/* | /run/* | /sys/*) give_up "$1 has nothing of its disk at $2" ;;
	esac
	echo "$(disk_of "$1")$path"
}

# Something of the outside, to read, in the host. The same again brings a file that was replaced outside.
disk_bind() { # disk_bind NAME SOURCE TARGET
	local target source stage
	source=$(realpath -e "$2")
	target=$(disk_path "$1" "$3")
	if mountpoint -q "$target"; then umount --lazy "$target"; fi
	if [ -d "$source" ]; then
		mkdir -p "$target"
		stage=$(mktemp -d "$(host_directory "$1")/stage-XXXXXX")
	else
		mkdir -p "${target%/*}"
		[ -e "$target" ] || : >"$target"
		stage=$(mktemp "$(host_directory "$1")/stage-XXXXXX")
	fi
	# Into a running host comes the mount, not what is done to it afterwards: so it is made read-only elsewhere.
	mount --bind -o ro "$source" "$stage"
	mount --bind "$stage" "$target"
	umount "$stage"
	if [ -d "$stage" ]; then rmdir "$stage"; else rm "$stage"; fi
}

# A directory of the host that is no overlay: containers make overlays of their own, and not on one.
disk_volume() { # disk_volume NAME TARGET
	local target volume
	target=$(disk_path "$1" "$2")
	volume=$(host_directory "$1")/volumes/${2//\//:}
	! mountpoint -q "$target" || return 0
	mkdir -p "$volume" "$target"
	mount --bind "$volume" "$target"
}

disk_remove() { # disk_remove NAME
	local directory
	directory=$(host_directory "$1")
	if mountpoint -q "$directory/disk"; then
		umount --recursive "$directory/disk" 2>/dev/null || umount --recursive --lazy "$directory/disk"
	fi
	# Behind a mount there would be something of the outside.
	! awk '{ print $2 }' /proc/self/mounts | grep -q "^$directory/" || give_up "$directory is still mounted"
	rm -rf --one-file-system "$directory"
}
