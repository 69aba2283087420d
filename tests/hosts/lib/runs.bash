# Runs: all hosts of one suite, apart from those of another at the same time. Sourced, after the other parts.

# Says why there cannot be hosts here; makes the system they start from if it is not there.
run_check() {
	local command probe
	[ "$(id -u)" = 0 ] || { echo "needs root, for hosts in namespaces"; return 1; }
	for command in unshare nsenter setpriv flock mountpoint ip ssh-keygen; do
		command -v "$command" >/dev/null || { echo "needs $command, for hosts in namespaces"; return 1; }
	done
	unshare --mount --uts --ipc --net --pid --fork --cgroup true 2>/dev/null || { echo "no namespaces here"; return 1; }
	cgroup_check || return 1
	mkdir -p "$cache"
	probe=$(mktemp -d "$cache/check-XXXXXX")
	mkdir "$probe"/{lower,upper,work,root}
	unshare --mount --propagation private mount -t overlay overlay \
		-o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/root" 2>/dev/null || {
		rm -rf "$probe"
		echo "no overlay file system on $cache; NEAP_HOSTS_CACHE names another place"
		return 1
	}
	rm -rf "$probe"
	"$here/rootfs" 2>&1 >/dev/null
}

run_new() { # run_new [PID]
	local directory
	mkdir -p "$cache/runs"
	directory=$(mktemp -d "$cache/runs/XXXXXX")
	[ $# = 0 ] || process_stamp "$1" >"$directory/owner" || give_up "no process $1"
	basename "$directory"
}

host_remove() { # host_remove NAME
	power_cut "$1"
	disk_remove "$1"
}

# By what is there and not by what was recorded: a run that was killed is removed in the same way.
run_remove() {
	local directory
	[ -d "$(run_directory)" ] || return 0
	for directory in "$(run_directory)"/hosts/*/; do
		[ ! -d "$directory" ] || host_remove "$(basename "$directory")"
	done
	network_switch_off
	cgroup_remove_run
	rm -rf --one-file-system "$(run_directory)"
}

run_sweep() {
	local owner status=0
	mkdir -p "$cache/runs"
	(
		flock 9
		for owner in "$cache"/runs/*/owner; do
			[ -e "$owner" ] && ! stamped_process "$owner" >/dev/null || continue
			NEAP_HOSTS_RUN=$(basename "$(dirname "$owner")") "$here/host" down || status=1
		done
		exit "$status"
	) 9>"$cache/runs.lock"
}
