# The run's switch, a namespace with a bridge, and each host's cable to it. A host without power has no network: what it
# had set there is lost, as in a real one. Sourced.

network_prefix=10.77.0
network_gateway=$network_prefix.254

network_switch=neap-$run

network_of() { # network_of NAME: its namespace
	echo "neap-$run-$1"
}

network_exists() {
	[ -e "/run/netns/$1" ]
}

network_switch_on() {
	! network_exists "$network_switch" || return 0
	ip netns add "$network_switch"
	ip -n "$network_switch" link set lo up
	# Its own too, not that of whoever is plugged in.
	ip -n "$network_switch" link add switch address 02:00:0a:4d:00:fe type bridge
	ip -n "$network_switch" address add "$network_gateway/24" dev switch
	ip -n "$network_switch" link set switch up
}

network_plug() { # network_plug NAME NUMBER
	local net
	net=$(network_of "$1")
	network_unplug "$1" "$2"
	ip netns add "$net"
	ip -n "$net" link set lo up
	# The same hardware address at every boot: others remember it.
	ip -n "$network_switch" link add "port$2" type veth \
		peer name eth0 address "$(printf '02:00:0a:4d:00:%02x' "$2")" netns "$net"
	ip -n "$network_switch" link set "port$2" master switch up
	ip -n "$net" address add "$network_prefix.$2/24" dev eth0
	ip -n "$net" link set eth0 up
	ip -n "$net" route add default via "$network_gateway"
}

network_unplug() { # network_unplug NAME NUMBER
	! network_exists "$network_switch" || ip -n "$network_switch" link delete "port$2" 2>/dev/null || true
	! network_exists "$(network_of "$1")" || ip netns delete "$(network_of "$1")"
}

network_switch_off() {
	! network_exists "$network_switch" || ip netns delete "$network_switch"
}
