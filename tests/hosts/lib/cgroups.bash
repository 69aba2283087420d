# Control groups of a host: in every hierarchy of the machine, neap-RUN/NAME, which is the host's root. Version 1 with
# version 2 beside it, or version 2 alone. Sourced.

cgroup_root=/sys/fs/cgroup

# The machine's hierarchies, one directory a line.
cgroup_hierarchies() {
	awk -v root="$cgroup_root" '($3 == "cgroup" || $3 == "cgroup2") && index($2 "/", root "/") == 1 { print $2 }' \
		/proc/self/mounts | sort -u
}

# Says what is missing here.
cgroup_check() {
	local hierarchy probe
	if [ -z "$(cgroup_hierarchies)" ]; then
		echo "no control groups below $cgroup_root"
		return 1
	fi
	if [ ! -f "$cgroup_root/cgroup.procs" ] && [ ! -f "$cgroup_root/systemd/cgroup.procs" ]; then
		echo "no control groups for systemd: neither version 2 at $cgroup_root nor $cgroup_root/systemd"
		return 1
	fi
	for hierarchy in $(cgroup_hierarchies); do
		probe=$(mktemp -d "$hierarchy/neap-check-XXXXXX" 2>/dev/null) || {
			echo "control groups cannot be made in $hierarchy"
			return 1
		}
		rmdir "$probe"
	done
}

cgroup_directories() { # cgroup_directories NAME
	local hierarchy
	for hierarchy in $(cgroup_hierarchies); do
		echo "$hierarchy/neap-$run/$1"
	done
}

# What a group of this hierarchy needs before a process can be in it or in one below.
cgroup_usable() { # cgroup_usable GROUP
	local parent=${1%/*} file controller
	if [ -f "$1/cpuset.cpus" ] && [ -f "$1/cgroup.clone_children" ]; then
		for file in cpuset.cpus cpuset.mems; do cat "$parent/$file" >"$1/$file"; done
		echo 1 >"$1/cgroup.clone_children"
	fi
	if [ -f "$parent/cgroup.subtree_control" ]; then
		for controller in $(<"$parent/cgroup.controllers"); do
			# Some need what this machine has not: then the hosts are without.
			{ echo "+$controller" >"$parent/cgroup.subtree_control"; } 2>/dev/null || true
		done
	fi
}

cgroup_create() { # cgroup_create NAME
	local group
	for group in $(cgroup_directories "$1"); do
		mkdir -p "$group"
		cgroup_usable "${group%/*}"
		cgroup_usable "$group"
	done
}

# The files by which a process becomes one of the host's. A running systemd keeps itself in init.scope and, in version
# 2, lets nobody into the root.
cgroup_doors() { # cgroup_doors NAME
	local group
	for group in $(cgroup_directories "$1"); do
		[ ! -d "$group/init.scope" ] || group=$group/init.scope
		echo "$group/cgroup.procs"
	done
}

# Ends whatever is in the host's groups and takes them away.
cgroup_remove() { # cgroup_remove NAME
	local groups=() group pid tries
	for group in $(cgroup_directories "$1"); do
		[ ! -d "$group" ] || groups+=("$group")
	done
	for tries in $(seq 200); do
		[ ${#groups[@]} -gt 0 ] || return 0
		for pid in $(find "${groups[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u); do
			[ "$pid" = 0 ] || kill -KILL "$pid" 2>/dev/null || true
		done
		find "${groups[@]}" -depth -type d -exec rmdir {} + 2>/dev/null || true
		for group in "${!groups[@]}"; do
			[ -d "${groups[group]}" ] || unset "groups[group]"
		done
		[ "$tries" -lt 5 ] || sleep 0.05
	done
	[ ${#groups[@]} -eq 0 ] || give_up "processes of $1 do not end: ${groups[*]}"
}

# Of the run, when its hosts are gone.
cgroup_remove_run() {
	local hierarchy
	for hierarchy in $(cgroup_hierarchies); do
		[ ! -d "$hierarchy/neap-$run" ] || rmdir "$hierarchy/neap-$run"
	done
}
