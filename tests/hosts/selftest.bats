#!/usr/bin/env bats
# The harness itself: what a test may rely on when it boots hosts.

bats_require_minimum_version 1.5.0
load hosts

setup_file() {
	hosts_require || return 0
	host_boot one two
}

setup() {
	hosts_require
}

teardown_file() {
	host_down_all
}

@test "a host boots to running, and the program under test is there" {
	[ "$(host_run one systemctl is-system-running)" = running ]
	[ "$(host_run one ps -o comm= 1)" = systemd ]
	[ "$(host_run one hostname)" = one ]
	host_neap one version
}
