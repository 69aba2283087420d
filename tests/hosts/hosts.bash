# Real hosts for tests in bats: `load hosts`, then
#
#   setup_file() {
#   	hosts_require || return 0 # bats cannot skip here: setup does
#   	host_boot web db
#   }
#   setup() { hosts_require; }
#   teardown_file() { host_down_all; }
#
#   @test "…" { run -2 host_neap web plan /srv/site/init.lua; }
#
# With setup and teardown alone every test has hosts of its own. $NEAP is the program under test.

hosts_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# hosts_do VERB…: any verb of the command line, see there.
hosts_do() {
	"$hosts_folder/host" "$@" 3>&-
}

# Skips where there cannot be hosts. The first call makes this run one that no other collides with, and takes away what
# killed ones have left.
hosts_require() {
	if [ -z "${NEAP_HOSTS_READY-}${NEAP_HOSTS_SKIP-}" ]; then
		if NEAP_HOSTS_SKIP=$(hosts_do check); then NEAP_HOSTS_SKIP='' NEAP_HOSTS_READY=yes; fi
		NEAP_HOSTS_SKIP=${NEAP_HOSTS_SKIP##*$'\n'}
		export NEAP_HOSTS_READY NEAP_HOSTS_SKIP
	fi
	if [ -n "$NEAP_HOSTS_SKIP" ]; then
		[ -n "${BATS_TEST_NAME-}" ] || return 1
		skip "$NEAP_HOSTS_SKIP"
	fi
	[ -z "${NEAP_HOSTS_RUN-}" ] || return 0
	hosts_do sweep || true # it said what it could not take away; that is in nobody's way
	NEAP_HOSTS_RUN=$(hosts_do new $$)
	export NEAP_HOSTS_RUN
}

# host_boot NAME…: new ones, or ones that were halted or cut. They have the program as neap.
host_boot() {
	local name
	hosts_do up "$@"
	[ -n "${NEAP-}" ] || return 0
	for name; do hosts_do bind "$name" "$NEAP" /usr/local/bin/neap; done
}

# host_run NAME COMMAND…: in the host, as root, with its exit code. Standard input goes there.
host_run() {
	local name=$1 variable environment=()
	shift
	for variable in ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS; do
		[ -z "${!variable-}" ] || environment+=("$variable=${!variable}")
	done
	hosts_do exec "$name" env "${environment[@]}" "$@"
}

# host_neap NAME ARGUMENTS…: its state is where it is on real machines, in /var/lib/neap.
host_neap() {
	local name=$1
	shift
	host_run "$name" neap "$@"
}

host_reboot() { hosts_do reboot "$@"; } # host_reboot NAME…: as the host would itself
host_halt() { hosts_do halt "$@"; }     # host_halt NAME…: its disk stays; host_boot boots it again
host_cut() { hosts_do cut "$@"; }       # host_cut NAME…: the same by power cut
host_disk() { hosts_do disk "$1"; }     # host_disk NAME: the path of its disk here, on or off
host_bind() { hosts_do bind "$@"; }     # host_bind NAME FILE PATH: a file or directory of here at PATH there, read-only

# A directory of here with etcd and etcdctl, which no host has by itself.
host_etcd() {
	realpath "$("$hosts_folder/rootfs")/../etcd"
}

# All of this run: in teardown.
host_down_all() {
	[ -z "${NEAP_HOSTS_RUN-}" ] || hosts_do down
}
