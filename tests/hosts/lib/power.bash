# On and off: what a hand does at a machine's front. Sourced, after the other parts.

power_is_on() { # power_is_on NAME
	stamped_process "$(host_directory "$1")/supervisor" >/dev/null
}

# The host's process 1, as this machine numbers it.
power_init() { # power_init NAME
	stamped_process "$(host_directory "$1")/init"
}

# Returns when the host has an init; not yet when that has started anything.
power_on() { # power_on NAME
	local directory
	directory=$(host_directory "$1")
	if ! power_is_on "$1"; then
		# A supervisor that was killed could not clean up.
		power_cut "$1"
		disk_mount "$1"
		setsid "$here/lib/supervise" "$1" </dev/null >>"$directory/console" 2>&1 &
		process_stamp $! >"$directory/supervisor" || true
	fi
	until power_init "$1" >/dev/null; do
		power_is_on "$1" || power_trouble "$1" "did not boot"
		[ "$SECONDS" -lt "$patience" ] || power_trouble "$1" "has no init after $SECONDS s"
		sleep 0.02
	done
}

# Until systemd has started all, whether well or not.
power_wait() { # power_wait NAME
	local state=
	while [ "$SECONDS" -lt "$patience" ]; do
		state=$("$here/host" exec "$1" timeout 10 systemctl is-system-running --wait 2>/dev/null) || true
		case $state in
		running | degraded)
			echo "$1: $state"
			return 0
			;;
		esac
		power_is_on "$1" || power_trouble "$1" "is off"
		sleep 0.05
	done
	power_trouble "$1" "is not up after $SECONDS s: ${state:-no answer from systemd}"
}

power_trouble() { # power_trouble NAME MESSAGE…
	local name=$1
	shift
	{
		tail -n 25 "$(host_directory "$name")/console"
		timeout 10 "$here/host" exec "$name" sh -c 'systemctl list-jobs; systemctl --failed; journalctl -b -n 25' 2>&1 || true
	} >&2
	give_up "$name $*"
}

# systemd takes a real-time signal as a key press: 4 powers off, 5 reboots.
power_signal() { # power_signal NAME NUMBER
	local init
	init=$(power_init "$1") || give_up "$1 is off"
	kill -s "RTMIN+$2" "$init"
}

power_halt() { # power_halt NAME
	power_is_on "$1" || return 0
	power_signal "$1" 4
	while power_is_on "$1"; do
		[ "$SECONDS" -lt "$patience" ] || power_trouble "$1" "does not shut down"
		sleep 0.02
	done
}

power_reboot() { # power_reboot NAME
	local file before
	file=$(host_directory "$1")/boot_id
	before=$(<"$file")
	power_signal "$1" 5
	while [ "$(<"$file")" = "$before" ]; do
		power_is_on "$1" || power_trouble "$1" "did not come back"
		[ "$SECONDS" -lt "$patience" ] || power_trouble "$1" "does not shut down"
		sleep 0.02
	done
	power_on "$1"
}

# The kernel ends the host's init, and with it all of the host, when the supervisor's child that made it ends.
power_cut() { # power_cut NAME
	local directory supervisor
	directory=$(host_directory "$1")
	if supervisor=$(stamped_process "$directory/supervisor"); then
		kill -KILL -- "-$supervisor" 2>/dev/null || true
	fi
	cgroup_remove "$1"
	[ ! -s "$directory/number" ] || network_unplug "$1" "$(<"$directory/number")"
	rm -f "$directory/init" "$directory/supervisor"
}
