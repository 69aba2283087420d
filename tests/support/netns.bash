# What the tests of the network and of the packet filter share: each script runs in namespaces of its own, where it is root
# and alone, with plan and apply at hand. The machine's own network is neither looked at nor touched.

netns_setup() { # in setup(): a directory to work in
	[ "$(id -u)" = 0 ] || skip "needs root, for namespaces"
	unshare --mount --net true 2>/dev/null || skip "needs namespaces"
	cd "$BATS_TEST_TMPDIR" || return 1
	unset NO_COLOR COLUMNS
}

netns_accounts() { # ./etc, for netns_links
	mkdir -p etc
	cp /etc/passwd /etc/group etc/
}

netns_variants() { # bin-nft and bin-legacy: iptables' commands of one variant each
	command -v xtables-nft-multi >/dev/null || skip "needs iptables"
	for variant in nft legacy; do
		mkdir -p "bin-$variant"
		for name in iptables ip6tables iptables-save ip6tables-save iptables-restore ip6tables-restore; do
			ln -s "$(command -v xtables-$variant-multi)" "bin-$variant/$name"
		done
	done
}

recipe() { # recipe [FILE]: of standard input, with `neap` at hand
	{ echo "local neap = require 'neap'"; cat; } >"${1:-site.lua}"
}

# netns_run SCRIPT [PART…]: bash, up to the first command that fails; what the parts print comes before the script.
netns_run() {
	local script=$1
	shift
	{
		netns_tools
		for part in "$@"; do "$part"; done
		printf '%s\n' "set -e" "$script"
	} >inside.sh
	ASAN_OPTIONS=detect_leaks=0 unshare --mount --net --propagation private bash inside.sh
}

netns_tools() {
	cat <<-'SH'
	set -u
	neap=$NEAP state=$PWD/state site=site.lua
	plan() { "$neap" plan --state-dir "$state" "$@" "$site"; }
	apply() { "$neap" apply --state-dir "$state" "$@" "$site"; }
	converges() { apply -q >/dev/null && plan; }
	fails() { if "$@"; then echo "did not fail: $*"; exit 1; fi; }
	traced() { strace -f -s 200 -o trace "$@"; }
	# struck CALL FATE N COMMAND…: the Nth of such calls, of children too, ends so (signal=KILL, error=EPERM).
	struck() { strace -f -qq -o /dev/null -e trace="$1" -e "inject=$1:$2:when=$3" "${@:4}"; }
	# each_struck CALL FATE [STEP]: an apply that is struck at one call after the other, until one ends well; the next run does the
	# rest each time. Before each comes before(), after it seen() with ./struck.json. Prints the number of the last.
	before() { :; }
	seen() { :; }
	each_struck() {
		local when=1
		while true; do
			before || true
			struck "$1" "$2" $when "$neap" apply --lock-wait 10s --state-dir "$state" --format json "$site" >struck.json && break
			seen
			apply -q --lock-wait 10s >&2
			plan >&2
			when=$((when + ${3-1}))
		done
		echo $when
	}
	SH
}

netns_links() { # lo, and a pair eth1, far that is up; /etc is ./etc
	cat <<-'SH'
	mount --bind etc /etc || exit 99
	echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode
	ip link set lo up
	ip link add eth1 type veth peer name far && ip link set eth1 up && ip link set far up
	SH
}

netns_variant() { # iptables of $variant
	echo "variant=$variant PATH=$PWD/bin-$variant:\$PATH"
}

# both SCRIPT: inside() with each variant of iptables.
both() {
	for variant in nft legacy; do
		echo "--- $variant"
		inside "$variant" "$1"
	done
}
