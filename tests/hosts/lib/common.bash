# What all parts of the harness agree on: where things lie, what they are called, how it gives up. Sourced.
#
#   $cache/DEBIAN…/          the system that all hosts start from; see rootfs
#   $cache/runs/RUN/         what belongs to one run of a suite:
#     owner                  the process for which it was made; without it the run is someone's by hand
#     lock                   held while hosts are added
#     hosts/NAME/            a host:
#       disk/                its file system, mounted, on or off
#       upper/ work/         what it has changed
#       number               its address is 10.77.0.NUMBER
#       console              what it says when it boots
#       boot_id              of this boot
#       init supervisor      processes, when it is on
#
# Namespaces of networks and control groups have the names neap-RUN and neap-RUN-NAME.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${NEAP_HOSTS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/neap-hosts}
run=${NEAP_HOSTS_RUN:-hand}
machines_own=-sys_module,-sys_time,-sys_rawio # what no process of a host may: modules, clock and ports are the machine's
patience=${NEAP_HOSTS_TIMEOUT:-120} # seconds, for whatever a host is waited for

give_up() {
	echo "host: $*" >&2
	exit 1
}

run_directory() {
	echo "$cache/runs/$run"
}

host_directory() { # host_directory NAME
	echo "$cache/runs/$run/hosts/$1"
}

# Names end up in those of namespaces, control groups and DNS.
check_run() {
	[[ $run =~ ^[A-Za-z0-9]{1,20}$ ]] || give_up "NEAP_HOSTS_RUN is '$run'; it must be up to 20 letters and digits"
}

check_name() {
	[[ $1 =~ ^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$ ]] || give_up "'$1' is no name for a host"
}

check_host() {
	check_name "$1"
	[ -d "$(host_directory "$1")" ] || give_up "no host $1 in the run $run"
}

# The names of the run's hosts, in the order of their numbers.
host_names() {
	local file
	for file in "$(run_directory)"/hosts/*/number; do
		[ ! -s "$file" ] || echo "$(<"$file") $(basename "$(dirname "$file")")"
	done | sort -n | cut -d' ' -f2
}

# locked COMMAND…: while no other of this run is. Nothing that stays may be started so: it would hold the lock.
locked() {
	(
		flock 9
		"$@"
	) 9>"$(run_directory)/lock"
}

# "PID START", which no later process can be mistaken for. Nothing when it is not there.
process_stamp() { # process_stamp PID
	local pid=$1 stat
	# Not $(<file), which ends a shell with "set -e" when there is none, condition or not.
	{ read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 1
	# Behind the name, which may have blanks, come the state and 18 numbers before the start.
	read -r -a stat <<<"${stat##*) }"
	[ "${stat[0]}" != Z ] && echo "$pid ${stat[19]}"
}

# The process that a stamp in a file tells of, if it still lives.
stamped_process() { # stamped_process FILE
	local stamp
	{ read -r stamp <"$1"; } 2>/dev/null || return 1
	[ "$(process_stamp "${stamp% *}")" = "$stamp" ] && echo "${stamp% *}"
}

# A host outlives the command that boots it: it must not hold what that inherited, a pipe that bats waits for.
close_descriptors() {
	local fd
	for fd in "/proc/$BASHPID/fd"/*; do
		fd=${fd##*/}
		# 255 is where bash reads the script itself.
		if [ "$fd" -gt 2 ] && [ "$fd" != 255 ]; then eval "exec $fd>&-"; fi
	done
}
