#!/usr/bin/env bats
# The harness itself: what a test may rely on when it boots hosts, and that nothing of them is left.

bats_require_minimum_version 1.5.0
load hosts

setup_file() {
	hosts_require || return 0
	host_boot one two
}

setup() {
	hosts_require
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
	[ -z "${another-}" ] || of_another down
}

teardown_file() {
	host_down_all
}

# A second run beside this file's: another_run, then of_another VERB….
another_run() {
	another=$(hosts_do new "$1")
}

of_another() {
	NEAP_HOSTS_RUN=$another hosts_do "$@"
}

# What there is of a run on this machine, one a line.
traces() {
	ip netns list | grep -E "^neap-$1(-| |\$)" || true
	find /sys/fs/cgroup -name "neap-$1"
	grep -F "/$1/" /proc/self/mounts || true
	grep -lsF "neap-$1/" /proc/[0-9]*/cgroup || true
	grep -lszx "NEAP_HOSTS_RUN=$1" /proc/[0-9]*/environ || true
	find "$(realpath "$(host_disk one)/../../../..")" -maxdepth 1 -name "$1"
}

# A dead process is there until this machine's init has taken note of it.
no_traces() {
	for _ in $(seq 100); do
		traces "$1" >traces
		[ -s traces ] || return 0
		sleep 0.1
	done
	cat traces
	return 1
}

@test "a host boots to running, and the program under test is there" {
	[ "$(host_run one systemctl is-system-running)" = running ]
	[ "$(host_run one ps -o comm= 1)" = systemd ]
	[ "$(host_run one uname -n)" = one ]
	[ "$(host_run one cat /etc/machine-id)" != "$(host_run two cat /etc/machine-id)" ]
	run -0 host_neap one version
	[[ $output == neap\ * ]]
}

@test "a command has its arguments, its standard input, its exit code, and an environment of its own" {
	run -7 host_run one sh -c 'exit 7'
	run -127 host_run one no-such-command
	run -143 host_run one sh -c 'kill -TERM $$'
	[ "$(printf 'a\nb\n' | host_run one cat)" = $'a\nb' ]
	[ "$(host_run one printf '%s|' 'a b' '' '*')" = 'a b||*|' ]
	OUTSIDE=1 run -0 host_run one env
	[[ $output != *OUTSIDE* && $output != *BATS* ]]
	[[ $output == *HOME=/root* ]]
	run -125 host_run two sh -c 'exit 125'
}

@test "units are real: enabled, they start at the next boot, each in a group of its own" {
	local before
	before=$(host_run one cat /proc/sys/kernel/random/boot_id)
	host_run one tee /etc/systemd/system/mark.service <<-'UNIT' >/dev/null
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/bin/sh -c 'cat /proc/self/cgroup >>/var/mark'
	[Install]
	WantedBy=multi-user.target
	UNIT
	host_run one systemctl enable mark.service
	host_run one test ! -e /var/mark
	host_reboot one
	host_run one systemctl is-active mark.service
	host_run one grep -q ':/system.slice/mark.service$' /var/mark
	[ "$(host_run one cat /proc/sys/kernel/random/boot_id)" != "$before" ]
	[ "$(host_run one journalctl --list-boots | wc -l)" -ge 2 ]
}

@test "a reboot that the host asks for itself is one" {
	local before
	before=$(host_run one cat /proc/sys/kernel/random/boot_id)
	host_run one systemctl reboot || true
	until [ "$(host_run one cat /proc/sys/kernel/random/boot_id)" != "$before" ]; do sleep 0.1; done
	run -0 hosts_do wait one
	[ "$output" = "one: running" ]
}

@test "a power cut keeps the disk; /run, processes and the network's settings are lost" {
	host_run two sh -c 'echo kept >/var/kept; touch /run/lost; ip route add 198.51.100.0/24 via 10.77.0.1; sysctl -qw net.ipv4.ip_forward=1'
	host_run two systemd-run --quiet sleep 4002
	[ "$(host_run two ip route show 198.51.100.0/24 | wc -l)" = 1 ]
	host_cut two
	run -125 host_run two true
	[[ $output == *"two is off"* ]]
	[ "$(cat "$(host_disk two)/var/kept")" = kept ]
	echo planted >"$(host_disk two)/var/planted"
	host_boot two
	[ "$(host_run two cat /var/kept /var/planted)" = $'kept\nplanted' ]
	host_run two test ! -e /run/lost
	run -1 host_run two pgrep -fx 'sleep 4002'
	[ -z "$(host_run two ip route show 198.51.100.0/24)" ]
}

@test "a host shuts down while commands run in it" {
	host_run two sleep 4003 &
	until host_run two pgrep -fx 'sleep 4003'; do sleep 0.1; done
	host_halt two
	wait
	hosts_do list | grep -x 'two 10.77.0.2 off'
	host_boot two
}

@test "a degraded host is one to work with" {
	host_run two sh -c 'printf "[Service]\nType=oneshot\nExecStart=false\n[Install]\nWantedBy=multi-user.target\n" >/etc/systemd/system/broken.service'
	host_run two systemctl enable broken.service
	run -0 host_reboot two
	[ "$output" = "two: degraded" ]
	host_neap two version
	host_run two systemctl disable broken.service
	host_run two systemctl reset-failed
}

@test "hosts reach each other and the gateway by name, over a reboot too" {
	local key
	key=$(cut -d' ' -f2 <"$(host_disk two)/etc/ssh/ssh_host_ed25519_key.pub")
	[[ "$(host_run one ssh-keyscan -t ed25519 two 2>/dev/null)" == *"$key" ]]
	host_run one ping -q -c 1 -W 5 gateway
	host_run two ping -q -c 1 -W 5 one
	host_reboot two
	host_run one ping -q -c 1 -W 5 two
	[[ "$(hosts_do switch ssh-keyscan -t ed25519 10.77.0.2 2>/dev/null)" == *"$key" ]]
}

@test "what is bound into a host is there at once, not to be written, and at the next boot" {
	mkdir site
	echo one >site/init.lua
	host_bind one site /srv/site
	[ "$(host_run one cat /srv/site/init.lua)" = one ]
	run -1 host_run one touch /srv/site/x
	echo two >site/init.lua
	[ "$(host_run one cat /srv/site/init.lua)" = two ]
	# A link of the host leads nowhere outside; a file that was replaced is brought by binding it again.
	host_run one ln -s /opt/there /opt/here
	echo first >file
	host_bind one file /opt/here/file
	echo second >file.new
	mv file.new file
	[ "$(host_run one cat /opt/there/file)" = first ]
	host_bind one file /opt/here/file
	[ "$(host_run one cat /opt/there/file)" = second ]
	run -1 host_bind one file /var/run/file
	[[ $output == *"nothing of its disk"* ]]
	host_cut one
	host_boot one
	[ "$(host_run one cat /srv/site/init.lua /opt/there/file)" = $'two\nsecond' ]
}

@test "a host cannot change the kernel, the clock or the modules of this machine" {
	local process capability capabilities
	# Asked, not tried.
	host_run one test ! -w /proc/sys/kernel/threads-max
	host_run one test ! -w /proc/sysrq-trigger
	host_run one test ! -w /sys/kernel
	host_run one test -w /proc/sys/net/ipv4/ip_forward
	for process in 1 self; do
		capabilities=$(host_run one sed -n 's/^CapEff:[[:space:]]*/0x/p' "/proc/$process/status")
		for capability in 16 17 25; do # modules, ports, clock
			[ "$((capabilities >> capability & 1))" = 0 ]
		done
		[ "$((capabilities & 1))" = 1 ]
	done
	# The settings that services insist on are the host's, until it boots again.
	local outside
	outside=$(cat /proc/sys/vm/swappiness)
	host_run one sysctl -w vm.swappiness=7
	[ "$(host_run one sysctl -n vm.swappiness)" = 7 ]
	[ "$(cat /proc/sys/vm/swappiness)" = "$outside" ]
}

@test "two runs at once have hosts of the same name, and see nothing of each other" {
	another_run $$
	of_another up one
	of_another exec one sh -c 'echo theirs >/etc/whose; systemctl stop ssh'
	host_run one test ! -e /etc/whose
	host_run one systemctl is-active ssh
	[ "$(of_another exec one cat /etc/machine-id)" != "$(host_run one cat /etc/machine-id)" ]
	[ "$(of_another list)" = "one 10.77.0.1 on" ]
	run -1 of_another exec one ping -q -c 1 -W 1 10.77.0.2
	of_another down
	host_run one systemctl is-active ssh
	host_run one ping -q -c 1 -W 5 two
}

@test "down leaves nothing behind, of one host or of all" {
	another_run $$
	mkdir outside
	echo precious >outside/file
	of_another up one two
	of_another bind one outside /srv/outside
	of_another volume one /var/lib/containerd
	of_another exec one touch /var/lib/containerd/file
	[ "$(traces "$another" | wc -l)" -gt 10 ]
	of_another down one
	[ "$(of_another list)" = "two 10.77.0.2 on" ]
	[ -z "$(traces "$another" | grep "${another}[-/]one")" ]
	of_another down
	no_traces "$another"
	[ "$(cat outside/file)" = precious ]
}

@test "what a killed run has left is swept away, and nothing else" {
	local owner living
	sleep 4005 3>&- &
	owner=$!
	another_run "$owner"
	living=$another
	another_run "$owner"
	of_another up one
	hosts_do sweep
	of_another exec one true
	# Killed with all that stood for it, in the middle of things.
	kill -KILL "$owner" "$(cut -d' ' -f1 <"$(of_another disk one)/../supervisor")"
	wait "$owner" || true
	[ -n "$(traces "$another")" ]
	hosts_do sweep
	no_traces "$another"
	no_traces "$living"
	host_run one true
}

@test "a command ends with who asked for it, and gets its signals" {
	local asked killed status=0
	"$hosts_folder/host" exec one sleep 4001 3>&- &
	killed=$!
	"$hosts_folder/host" exec one sh -c 'trap "exit 3" TERM; touch /run/ready; while :; do sleep 0.05; done' 3>&- &
	asked=$!
	until host_run one test -e /run/ready && host_run one pgrep -fx 'sleep 4001'; do sleep 0.1; done
	kill -TERM "$asked"
	wait "$asked" || status=$?
	[ "$status" = 3 ]
	kill -KILL "$killed"
	until ! host_run one pgrep -fx 'sleep 4001'; do sleep 0.1; done
}
