#!/usr/bin/env bats
# The units part of the machine against systemd itself: what it answers, how jobs end, and that nothing that a manager
# does in its life is in the way. What the `unit` type makes of it is another file's.

bats_require_minimum_version 1.5.0
load hosts

files=/etc/systemd/system

setup_file() {
	hosts_require || return 0
	host_boot one
	host_bind one "$NEAP_UNITS" /usr/local/bin/units
}

setup() { hosts_require; }

teardown_file() { host_down_all; }

units() { host_run one units "$@"; }

sh_in() { host_run one sh -c "$1"; }

# unit NAME LINE…: a unit file; a line is what it says, "[Service]" comes first.
unit() {
	local name=$1
	shift
	printf '%s\n' '[Service]' "$@" | host_run one sh -c "cat >$files/$name"
}

lives='ExecStart=/bin/sleep infinity'

@test "a unit is what systemd says it is" {
	unit plain.service "$lives"
	run -0 units state plain.service start plain.service state plain.service stop plain.service state plain.service
	[ "$output" = $'loaded inactive dead\nloaded active running\nloaded inactive dead' ]
	run -0 units state none.service state dbus.service state basic.target
	[ "$output" = $'missing inactive dead\nloaded active running\nloaded active active' ]
	host_run one ln -s /dev/null $files/masked.service
	unit broken.service Type=simple
	run -0 units daemon-reload state masked.service state broken.service
	[ "$output" = $'masked inactive dead\nbroken inactive dead' ]
}

@test "two hundred units are one round trip" {
	local names=() words=() i
	for i in $(seq 200); do
		names+=("many$i.service")
		words+=(state "many$i.service")
	done
	host_run one sh -c "for n; do printf '[Service]\n$lives\n' >$files/\$n; done" - "${names[@]}"
	host_run one systemctl start many1.service many200.service
	run -0 host_run one strace -o /run/trace -e trace=connect,sendmsg,recvmsg,poll,ppoll \
		units expect "${names[@]}" -- "${words[@]}"
	[ "$(grep -c '^loaded inactive dead$' <<<"$output")" = 198 ]
	[ "$(grep -c '^loaded active running$' <<<"$output")" = 2 ]
	# Changes of direction between what is sent and what is received: one for the greeting, one for all questions.
	run -0 sh_in "sed -n 's/^\(sendmsg\|recvmsg\)(.*/\1/p' /run/trace | uniq | grep -c recvmsg"
	[ "$output" = 2 ]
}

@test "nothing of libsystemd is loaded where no unit is asked for" {
	host_run one mkdir -p /srv/none
	host_run one sh -c 'cat >/srv/none/init.lua' <<-'END'
		local neap = require "neap"
		neap.file { path = "/etc/one", content = "x" }
	END
	run -2 host_run one strace -f -o /run/trace -e trace=openat neap plan /srv/none/init.lua
	run -1 host_run one grep -E 'libsystemd' /run/trace
}

@test "a job that is done leaves the unit as it should be" {
	unit reloads.service "$lives" 'ExecReload=/bin/sh -c "echo reloaded"'
	unit once.service Type=oneshot RemainAfterExit=yes 'ExecStart=/bin/sleep 0.2'
	run -0 units start reloads.service start plain.service start once.service state once.service
	[ "$output" = 'loaded active exited' ]
	local before after
	before=$(host_run one systemctl show -P MainPID reloads.service plain.service | tr -d '\n')
	run -0 units reload reloads.service reload plain.service
	after=$(host_run one systemctl show -P MainPID reloads.service plain.service | tr -d '\n')
	[ "${before%%[!0-9]*}" != "" ] && [ "$before" != "$after" ] # the one that cannot reload was restarted
	[ "$(host_run one journalctl -qu reloads.service -o cat --grep '^reloaded$')" = reloaded ]
	run -0 units stop reloads.service reload reloads.service state reloads.service
	[ "$output" = 'loaded inactive dead' ]
	run -0 units start 'made@a.service' || [ "$output" = "start made@a.service: the service manager knows no such unit" ]
	unit made@.service 'ExecStart=/bin/sleep %i'
	run -0 units start made@1000.service state made@1000.service
	[ "$output" = 'loaded active running' ]
}

@test "a unit that fails says how, and what its journal says" {
	unit fails.service Type=notify User=nobody \
		'ExecStart=/bin/sh -c "for i in 1 2 3 4 5 6 7 8 9; do echo line $$i; done; head -c 1000 /dev/zero | tr \\\\0 x; echo; printf \"ding \\\\007\\n\" >&2; exit 3"'
	run -1 units start fails.service
	[ "${lines[0]}" = 'start fails.service: failed (exit-code, status 3)' ]
	[ "${lines[1]}" = 'its journal:' ]
	[ "${lines[2]}" = 'line 2' ]
	[ "${#lines[10]}" -lt 310 ] && [[ ${lines[10]} == xxx*… ]]
	[ "${lines[11]}" = 'ding ?' ]
	[ "${#lines[@]}" = 12 ]
	run -1 units secret start fails.service
	[ "$output" = 'start fails.service: failed (exit-code, status 3)' ]

	unit crashes.service Type=notify 'ExecStart=/bin/sh -c "kill -SEGV $$$$"'
	run -1 units start crashes.service
	[ "${lines[0]}" = 'start crashes.service: failed (signal, SIGSEGV)' ]
	unit before.service 'ExecStartPre=/bin/sh -c "echo not yet; exit 6"' "$lives"
	run -1 units start before.service
	[ "${lines[0]}" = 'start before.service: failed (exit-code)' ]
	[ "${#lines[@]}" = 4 ] # the journal has its own order of what two say in one moment
	[[ $output == *$'\nnot yet'* && $output == *'Control process exited, code=exited, status=6'* ]]
	# of this start alone, and not of what was stopped for it
	unit fails.service Type=notify 'ExecStart=/bin/false'
	run -1 units daemon-reload start fails.service
	[ "$output" = 'start fails.service: failed (exit-code, status 1)' ]
	unit talks.service Type=notify 'ExecStart=/bin/sh -c "trap \"echo bye; exit\" TERM; systemd-notify --ready; sleep infinity & wait"'
	run -0 units start talks.service
	unit talks.service Type=notify 'ExecStart=/bin/sh -c "echo hello; exit 1"'
	run -1 units daemon-reload restart talks.service
	[ "$output" = $'restart talks.service: failed (exit-code, status 1)\nits journal:\nhello' ]
	[ "$(host_run one journalctl -qu talks.service -o cat --grep '^bye$')" = bye ]
}

@test "a program that cannot be started is an error though systemd is content" {
	unit lost.service ExecStart=/usr/bin/no-such-program PrivateTmp=yes ProtectSystem=strict
	for _ in 1 2 3; do
		run -1 units start lost.service
		[ "${lines[0]}" = 'start lost.service: failed (exit-code, status 203: its program cannot be started)' ]
		[[ $output == *'/usr/bin/no-such-program: No such file or directory'* ]]
	done
	unit again.service ExecStart=/usr/bin/no-such-program Restart=always RestartSec=100
	run -1 units start again.service
	[ "${lines[0]}" = 'start again.service: failed at once, and is started again and again (exit-code, status 203: its program cannot be started)' ]
	# and is not waited for when it has been mended
	unit again.service "$lives" Restart=always RestartSec=100
	run -0 units daemon-reload state again.service start again.service state again.service
	[ "$output" = $'loaded activating auto-restart\nloaded active running' ]
}

@test "one that failed too often is started all the same" {
	unit often.service Type=notify ExecStart=/bin/false
	for _ in 1 2 3 4 5 6 7; do run -1 units start often.service; done
	[ "${lines[0]}" = 'start often.service: failed (exit-code, status 1)' ]
	unit often.service "$lives"
	run -0 units daemon-reload start often.service restart often.service restart often.service restart often.service \
		restart often.service restart often.service restart often.service state often.service
	[ "$output" = 'loaded active running' ]
}

@test "what was not started says why" {
	local before
	unit once.service Type=oneshot ExecStart=/bin/true
	run -1 units daemon-reload stop once.service start once.service
	[ "$output" = $'start once.service: it has run and is over\none of Type=oneshot stays active with RemainAfterExit=yes' ]
	for before in 'ConditionPathExists=/no/such' 'AssertPathExists=/no/such' 'Requires=often2.service' 'Requires=none.service' 'RefuseManualStart=yes'; do
		printf '[Unit]\n%s\nAfter=often2.service\n[Service]\n%s\n' "$before" "$lives" | host_run one sh -c "cat >$files/why.service"
		unit often2.service Type=notify ExecStart=/bin/false
		run -1 units daemon-reload start why.service
		case $before in
		Condition*) [ "${lines[0]}" = 'start why.service: a condition of its file is not met: ConditionPathExists=/no/such' ] ;;
		Assert*) [ "$output" = 'start why.service: an assertion of its file is not met' ] ;;
		*often2*) [ "$output" = 'start why.service: a unit that it requires has failed: often2.service' ] ;;
		*none*) [ "$output" = 'start why.service: Unit none.service not found' ] ;;
		Refuse*) [[ $output == 'start why.service: Operation refused, unit why.service may be requested by dependency only'* ]] ;;
		esac
	done
	run -1 units start masked.service
	[ "$output" = 'start masked.service: it is masked' ]
	run -1 units start none.service
	[ "$output" = 'start none.service: the service manager knows no such unit' ]
	run -0 units stop none.service
	unit broken.service Type=simple
	run -1 units daemon-reload start broken.service
	[[ ${lines[0]} == 'start broken.service: its file cannot be used: '* ]]
	[[ $output == *'has no ExecStart='* ]]
}

@test "waiting has an end, and a signal is one" {
	local began
	unit waits.service Type=notify TimeoutStartSec=3 'ExecStart=/bin/sh -c "echo waiting; sleep infinity"'
	run -1 units timeout 1 start waits.service
	[ "$output" = $'start waits.service: not done after 1 s, and the job goes on\nits journal:\nwaiting' ]
	run -1 units start waits.service
	[ "${lines[0]}" = 'start waits.service: failed (timeout)' ]
	began=$(date +%s%N)
	run -1 host_run one timeout --preserve-status 1 units start waits.service
	[[ $output == 'start waits.service: not waited for any longer, and the job goes on' ]]
	[ $((($(date +%s%N) - began) / 1000000)) -lt 2500 ]
	run -1 units start waits.service sh 'systemctl is-active waits.service'
	run -1 sh_in 'units start waits.service & sleep 1; systemctl cancel; wait $!'
	[[ $output == 'start waits.service: its job was canceled, by another one or by hand' ]]
}

@test "a manager that replaces or reloads itself loses no job and no question" {
	unit late.service Type=notify NotifyAccess=all 'ExecStart=/bin/sh -c "sleep 3; systemd-notify --ready; sleep infinity"'
	run -0 sh_in 'units start late.service state late.service & sleep 1; systemctl daemon-reexec; wait $!'
	[ "$output" = 'loaded active running' ]
	run -0 sh_in 'units restart late.service state late.service & sleep 1; systemctl daemon-reload; wait $!'
	[ "$output" = 'loaded active running' ]
	run -0 units state plain.service sh 'systemctl daemon-reexec' stop plain.service sh 'systemctl daemon-reexec' \
		start plain.service sh 'systemctl daemon-reexec' state plain.service
	[ "$output" = $'loaded active running\nloaded active running' ] || [ "$output" = $'loaded inactive dead\nloaded active running' ]
}

@test "files that the manager has not read make a unit stale" {
	local package=/usr/lib/systemd/system
	unit s-t.service "$lives"
	run -0 units start s-t.service state s-t.service
	[ "$output" = 'loaded active running' ]
	stale() { # stale COMMAND: after it the unit is, until the manager reads its files
		host_run one sh -c "sleep 0.01; $1"
		run -0 units state s-t.service daemon-reload state s-t.service
		[ "$output" = "$(printf '%s active running, stale\n%s active running' loaded "${2-loaded}")" ] ||
			{ echo "after $1: $output"; return 1; }
	}
	stale "echo '# other' >>$files/s-t.service"
	stale "mkdir $files/s-t.service.d && echo '[Service]' >$files/s-t.service.d/a.conf" # systemd itself does not see that
	stale "echo >$files/s-t.service.d/b.conf"
	stale "rm -r $files/s-t.service.d"
	stale "mkdir $files/s-.service.d && echo >$files/s-.service.d/a.conf"
	stale "rm -r $files/s-.service.d && mkdir $files/service.d && echo >$files/service.d/a.conf"
	stale "rm -r $files/service.d; mv $files/s-t.service $package"
	stale "cp $package/s-t.service $files" # nor that
	stale "rm $files/s-t.service"
	stale "ln -s /dev/null $files/s-t.service" masked
	run -1 units restart s-t.service
	[ "$output" = 'restart s-t.service: it is masked' ]
	host_run one rm $files/s-t.service
	run -0 units daemon-reload state s-t.service stop s-t.service
	[ "$output" = 'loaded active running' ]
	# linked from elsewhere, by another name, made at run time: as it should be
	host_run one sh -c "cp $package/s-t.service /srv && ln -s /srv/s-t.service $files/linked.service &&
		ln -s $package/s-t.service $files/alias.service; systemd-run -q --unit transient sleep 100;
		cp $package/s-t.service $files/transient.service"
	run -0 units daemon-reload start linked.service state linked.service start alias.service state alias.service \
		state transient.service
	[ "$output" = $'loaded active running\nloaded active running\nloaded active running' ]
}

@test "without libsystemd it is said what is missing" {
	run -1 sh_in 'file=$(realpath "$(ldconfig -p | sed -n "s/.*libsystemd.so.0 .*=> //p")") && mv "$file" /srv/library
		units state plain.service; status=$?; mv /srv/library "$file"; exit "$status"'
	[[ $output == $'look at plain.service: load libsystemd.so.0: '*$'\ninstall the package libsystemd0' ]]
	run -0 units state dbus.service
}

@test "who is not root asks over D-Bus, and may not change" {
	run -0 host_run one setpriv --reuid nobody --regid nogroup --clear-groups units state dbus.service state none.service
	[ "$output" = $'loaded active running\nmissing inactive dead' ]
	run -1 host_run one setpriv --reuid nobody --regid nogroup --clear-groups units start often.service
	[[ $output == $'start often.service: Permission denied\nonly root may'* ]]
	run -1 host_run one setpriv --reuid nobody --regid nogroup --clear-groups units daemon-reload
	[[ $output == 'reload the service manager: Permission denied'* ]]
	# root needs no bus
	run -0 units sh 'systemctl -q stop dbus.socket dbus.service' state often.service restart often.service
	run -1 host_run one setpriv --reuid nobody --regid nogroup --clear-groups units state often.service
	[[ $output == 'look at often.service: connect to the service manager: '*$'\nwho is not root reaches it over D-Bus'* ]]
	host_run one systemctl start dbus.socket
	# nor its own socket, where that is away
	host_run one mv /run/systemd/private /run/systemd/away
	unit fails.service Type=notify ExecStart=/bin/false
	run -0 units daemon-reload state often.service restart plain.service
	run -1 units start fails.service
	[ "${lines[0]}" = 'start fails.service: failed (exit-code, status 1)' ]
	host_run one mv /run/systemd/away /run/systemd/private
}

@test "in a root that is only entered the manager is somebody else's" {
	host_run one sh -c 'mkdir -p /srv/root && cd /srv/root && mkdir usr proc run && cp -a /bin /lib /lib64 . &&
		for d in usr proc run; do mount --rbind /$d $d; done'
	run -1 host_run one chroot /srv/root units state dbus.service
	[ "$output" = 'look at dbus.service: no service manager runs here' ]
	host_run one sh -c 'for d in usr proc run; do umount -l /srv/root/$d; done'
}
