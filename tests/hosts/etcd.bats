#!/usr/bin/env bats
# The recipe @etcd on a real systemd host, with Debian's etcd packed as a release: up, converged, repaired, renewed,
# rebooted, broken and healed. Each test goes on where the one before it has ended.

bats_require_minimum_version 1.5.0
load hosts
load etcd

setup_file() {
	hosts_require || return 0
	etcd_release
	host_boot one
	host_bind one "$RELEASE" /srv/release
}

setup() {
	hosts_require
	cd "$BATS_FILE_TMPDIR" || return 1
}

teardown_file() { host_down_all; }

etcd() { # etcd VERB ARGUMENTS…
	local verb=$1
	shift
	host_neap one "$verb" @etcd -D RELEASE=/srv/release/etcd.tar.gz -D "CHECKSUM=$CHECKSUM" "$@"
}

ctl() { host_run one sh -c ". /etc/etcd/etcdctl.env; etcdctl $*"; }
starts() { host_run one journalctl -q -u etcd.service -o cat | grep -c '^Started etcd'; }
process() { host_run one systemctl show etcd.service -p MainPID --value; }
disk() { host_disk one; }
# law 4, for plans in which nothing is unknown: what was said is what was done.
refines() { # refines PLAN REPORT
	diff <(changed "$1") <(changed "$2")
	local what='[.resources[] | select(.action != "none") | {address, action, refresh, changes, reason}]'
	diff <(jq -S "$what" "$1") <(jq -S "$what" "$2")
}

@test "a plan on the bare host says everything, and does nothing" {
	run -2 etcd plan --format json
	echo "$output" >bare.json
	[ "$(jq '.summary.failed' bare.json)" = 0 ]
	changed bare.json
	changed bare.json | grep -qx 'create unit\[etcd.service\] .*'
	[ ! -e "$(disk)/etc/etcd" ]
	run -4 host_run one systemctl status etcd.service
}

@test "apply brings it up, and it answers; what the plan knew is what was done" {
	run -0 etcd apply --format json
	echo "$output" >up.json
	run -0 ctl endpoint health
	[[ $output == *"is healthy"* ]]
	run -0 ctl put greeting hello
	run -0 ctl get greeting --print-value-only
	[ "$output" = hello ]
	[ "$(starts)" = 1 ]
	# Each resource that had a known action had it; nothing else happened.
	diff <(changed bare.json | grep -v '^unknown' | cut -d' ' -f1-2) \
		<(changed up.json | grep -Ff <(changed bare.json | grep -v '^unknown' | cut -d' ' -f2) | cut -d' ' -f1-2)
	[ -z "$(changed up.json | cut -d' ' -f2 | grep -vFf <(changed bare.json | cut -d' ' -f2))" ]
}

@test "the second run changes nothing" {
	run -0 etcd plan -q
	[ -z "$output" ]
	run -0 etcd apply -q
	[ -z "$output" ]
	[ "$(starts)" = 1 ]
}

@test "a byte of the configuration changed by hand: exactly that and one restart" {
	sed -i 's/logger: zap/logger: zap /' "$(disk)/etc/etcd/etcd.yaml" || true
	host_run one sed -i 's/^name: one$/name: onE/' /etc/etcd/etcd.yaml
	run -2 etcd plan --format json
	echo "$output" >drift.json
	[ "$(changed drift.json)" = $'update file[/etc/etcd/etcd.yaml] false\nrefresh unit[etcd.service] true' ]
	run -0 etcd apply --format json
	echo "$output" >repaired.json
	refines drift.json repaired.json
	[ "$(starts)" = 2 ]
	run -0 ctl get greeting --print-value-only
	[ "$output" = hello ]
	run -0 etcd plan -q
}

@test "its own unit file changed by hand: reloaded and restarted once" {
	host_run one sed -i 's/^RestartSec=2s$/RestartSec=3s/' /etc/systemd/system/etcd.service
	run -2 etcd plan --format json
	echo "$output" >drift.json
	[ "$(changed drift.json)" = 'update unit[etcd.service] true' ]
	run -0 etcd apply --format json
	echo "$output" >repaired.json
	refines drift.json repaired.json
	[ "$(starts)" = 3 ]
	[ "$(host_run one systemctl show etcd.service -p RestartUSec --value)" = 2s ]
	[ "$(host_run one systemctl show etcd.service -p NeedDaemonReload --value)" = no ]
}

@test "a program of the release changed by hand: repaired, and restarted" {
	host_run one sh -c 'echo >>/opt/etcd/etcdctl'
	run -2 etcd plan --format json
	echo "$output" >drift.json
	[ "$(changed drift.json)" = $'update tarball[/opt/etcd] false\nrefresh unit[etcd.service] true' ]
	run -0 etcd apply -q
	[ "$(starts)" = 4 ]
}

@test "killed by hand it is started again" {
	host_run one systemctl stop etcd.service
	run -2 etcd plan --format json
	echo "$output" >drift.json
	[ "$(changed drift.json)" = 'update unit[etcd.service] false' ]
	run -0 etcd apply --format json
	echo "$output" >repaired.json
	refines drift.json repaired.json
	[ "$(starts)" = 5 ]
}

@test "certificates near their end: issued again, one restart, nothing else" {
	local library
	library=$(host_run one sh -c 'ls /usr/lib/*/faketime/libfaketime.so.1')
	# Issued eleven months ago, those of a year end in less than 30 days.
	host_run one sh -c 'rm /etc/etcd/pki/*.crt'
	run -0 host_run one env FAKETIME=-345d FAKETIME_DONT_FAKE_MONOTONIC=1 "LD_PRELOAD=$library" \
		"ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0" \
		neap apply @etcd -q -D RELEASE=/srv/release/etcd.tar.gz -D "CHECKSUM=$CHECKSUM"
	local before
	before=$(starts)
	run -2 etcd plan --format json
	echo "$output" >drift.json
	[ "$(changed drift.json | sort)" = "$(printf '%s\n' \
		'refresh unit[etcd.service] true' \
		'update cert[/etc/etcd/pki/client.crt] false' \
		'update cert[/etc/etcd/pki/peer.crt] false' \
		'update cert[/etc/etcd/pki/server.crt] false')" ]
	jq -r '.resources[] | select(.address == "cert[/etc/etcd/pki/server.crt]") | .reason' drift.json | grep -q '^expires in '
	local key
	key=$(host_run one sha256sum /etc/etcd/pki/server.key)
	run -0 etcd apply --format json
	echo "$output" >repaired.json
	diff <(changed drift.json) <(changed repaired.json)
	[ "$(starts)" = $((before + 1)) ]
	[ "$(host_run one sha256sum /etc/etcd/pki/server.key)" = "$key" ]
	run -0 ctl endpoint health
	# What it serves is the new one.
	host_run one sh -c 'openssl s_client -connect 127.0.0.1:2379 -CAfile /etc/etcd/pki/ca.crt </dev/null 2>/dev/null |
		openssl x509 -checkend $((300 * 86400))'
	run -0 etcd plan -q
}

@test "rebooted it is back, with its data, and nothing is to be done" {
	host_reboot one
	run -0 etcd plan -q
	run -0 ctl get greeting --print-value-only
	[ "$output" = hello ]
}

@test "with a bad configuration the unit fails, the error has its last words, and the next good run heals it" {
	# An address that this host does not have.
	run -4 --separate-stderr etcd apply -q -D ADDRESS=192.0.2.7
	[[ $stderr == *"unit[etcd.service]"*"etcd.service"*failed* ]]
	[[ $stderr == *"cannot assign requested address"* ]]
	run -4 etcd plan -q -D ADDRESS=192.0.2.7 || true
	run -0 --separate-stderr etcd apply -q
	[ -z "$stderr" ]
	run -0 ctl get greeting --print-value-only
	[ "$output" = hello ]
	run -0 etcd plan -q
}

@test "its timer is armed, and a snapshot is one" {
	[ "$(host_run one systemctl is-active etcd-snapshot.timer)" = active ]
	[ "$(host_run one systemctl is-enabled etcd-snapshot.timer)" = enabled ]
	host_run one systemctl start etcd-snapshot.service
	local file
	file=$(host_run one sh -c 'ls /var/backups/etcd/etcd-*.db')
	host_run one sh -c "ETCDCTL_API=3 etcdctl snapshot status $file -w json" | jq -e '.totalKey > 0'
	[ "$(host_run one stat -c %a "$file")" = 600 ]
	# Of many the newest stay.
	host_run one sh -c 'cd /var/backups/etcd; for d in 10 11 12 13 14 15; do cp etcd-*.db "/var/backups/etcd/x"; mv x etcd-200001${d}T000000Z.db; done 2>/dev/null; true'
	run -0 etcd apply -q -D KEEP=2
	sleep 1.1 # a name of its own
	host_run one systemctl start etcd-snapshot.service
	[ "$(host_run one sh -c 'ls /var/backups/etcd | wc -l')" = 2 ]
	run -0 etcd apply -q
}
