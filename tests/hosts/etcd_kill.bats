#!/usr/bin/env bats
# Nothing is lost: the etcd recipe on a real host, killed or with its power cut at random moments while it repairs
# random damage. The next plan is true, the run after it converges, and etcd runs with all of its files as they are now.
# NEAP_KILLS says how often (40), NEAP_CUTS how many power cuts (5), NEAP_SEED which random moments.

bats_require_minimum_version 1.5.0
load hosts
load etcd

setup_file() {
	hosts_require || return 0
	etcd_release
	mkdir "$BATS_FILE_TMPDIR/site"
	cat >"$BATS_FILE_TMPDIR/site/init.lua" <<-'LUA'
	local params = require "neap".params
	require "etcd.member" {
		release = { source = "/srv/release/etcd.tar.gz", checksum = params.CHECKSUM },
		config = { ["snapshot-count"] = math.tointeger(params.COUNT) },
	}
	LUA
	host_boot one
	host_bind one "$RELEASE" /srv/release
	host_bind one "$BATS_FILE_TMPDIR/site" /srv/site
}

setup() {
	hosts_require
	cd "$BATS_FILE_TMPDIR" || return 1
}

teardown_file() { host_down_all; }

site() { # site COUNT [WRAPPER…] -- VERB ARGUMENTS…
	local count=$1 wrapper=()
	shift
	while [ "$1" != -- ]; do wrapper+=("$1") && shift; done
	host_run one "${wrapper[@]}" neap "${@:2}" /srv/site -D "CHECKSUM=$CHECKSUM" -D "COUNT=$count"
}

# One thing that somebody or something has done to the host.
damage() {
	case $((RANDOM % 9)) in
	0) host_run one rm -f /etc/etcd/pki/server.crt ;;
	1) host_run one sh -c 'echo "# by hand" >>/etc/systemd/system/etcd.service; systemctl daemon-reload' ;;
	2) host_run one sh -c 'echo "# by hand" >>/etc/systemd/system/etcd.service' ;;
	3) host_run one systemctl stop etcd.service ;;
	4) host_run one rm -f /etc/systemd/system/multi-user.target.wants/etcd.service ;;
	5) host_run one sh -c 'rm -f /opt/etcd/etcdctl; chmod 0600 /opt/etcd/README.md' ;;
	6) host_run one chmod 0644 /etc/etcd/pki/peer.key ;;
	7) host_run one systemctl kill -s KILL etcd.service ;;
	8) : ;;
	esac
}

# No file that etcd reads once may be younger than the process. Microseconds.
assert_started_last() {
	local started youngest
	started=$(host_run one busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/etcd_2eservice \
		org.freedesktop.systemd1.Service ExecMainStartTimestamp | cut -d' ' -f2)
	youngest=$(host_run one stat -c %.6Z /etc/etcd/etcd.yaml /etc/etcd/pki/{ca,server,peer}.crt /opt/etcd/etcd \
		/etc/systemd/system/etcd.service | tr -d . | sort -n | tail -n 1)
	[ "$started" -ge "$youngest" ] || {
		echo "etcd has run since $started, its youngest file is of $youngest"
		return 1
	}
}

# What an unkilled run would have left: names, kinds, modes, owners; the bytes are what the plan has looked at.
tree() {
	host_run one find /etc/etcd /opt/etcd /etc/systemd/system /usr/local/bin -printf '%p %y %m %u %g %l\n' | sort
}

# After whatever happened: the plan is true, one run converges, nothing was forgotten.
assert_heals() { # assert_heals COUNT
	host_run one flock -w 20 /var/lib/neap/lock true # it may be a while dying
	site "$1" -- plan --format json >plan.json || [ $? = 2 ]
	site "$1" -- apply --format json --lock-wait 20s >apply.json || { jq . apply.json; return 1; }
	diff <(changed plan.json) <(changed apply.json)
	site "$1" -- plan
	assert_started_last
	host_run one sh -c '. /etc/etcd/etcdctl.env; etcdctl endpoint health' >/dev/null
	[ "$(host_run one systemctl is-enabled etcd.service)" = enabled ]
	[ "$(host_run one systemctl show etcd.service -p NeedDaemonReload --value)" = no ]
	diff tree.json <(tree)
}

@test "an unkilled run, for comparison" {
	run -0 site 1000 -- apply
	tree >tree.json
	assert_started_last
	host_run one mkdir -p /root/x # nothing but the state directory is neap's own
	[ -z "$(host_run one find / -xdev -name '.neap-*')" ]
}

@test "killed between a file and the restart that it brings, the next run restarts" {
	# The restart waits for its old process, which does not end while the file `hold` is there.
	# shellcheck disable=SC2016 # the host's own shell
	host_run one sh -c '
		set -e
		touch /run/hold
		mkdir -p /run/systemd/system/etcd.service.d
		printf "[Service]\nExecStop=/bin/sh -c \"while [ -e /run/hold ]; do sleep 0.1; done\"\n" \
			>/run/systemd/system/etcd.service.d/hold.conf
		systemctl daemon-reload
		neap apply /srv/site -D "CHECKSUM=$1" -D COUNT=1001 >/dev/null 2>&1 &
		until grep -q "snapshot-count: 1001" /etc/etcd/etcd.yaml; do kill -0 $!; sleep 0.01; done
		kill -KILL $!
		rm -r /run/hold /run/systemd/system/etcd.service.d
		systemctl daemon-reload' sh "$CHECKSUM"
	assert_heals 1001
	jq -e '.resources[] | select(.address == "unit[etcd.service]") | .refresh and (.reason | test("left undone"))' apply.json
}

@test "killed at random moments it loses nothing" {
	RANDOM=${NEAP_SEED:-$$}
	echo "# NEAP_SEED=${NEAP_SEED:-$$}"
	local i count delay
	for i in $(seq "${NEAP_KILLS:-40}"); do
		damage
		[ $((RANDOM % 3)) != 0 ] || damage
		count=$((1000 + RANDOM % 3))
		delay=$((RANDOM % 1000))
		site "$count" timeout -s KILL "$(printf '0.%03d' $delay)" -- apply >/dev/null 2>&1 || true
		assert_heals "$count" || { echo "kill $i after $delay ms"; return 1; }
	done
}

@test "its power cut at random moments it loses nothing" {
	RANDOM=${NEAP_SEED:-$$}
	local i count delay
	for i in $(seq "${NEAP_CUTS:-5}"); do
		damage
		count=$((1000 + RANDOM % 3))
		delay=$((RANDOM % 1000))
		site "$count" -- apply >/dev/null 2>&1 3>&- &
		sleep "$(printf '0.%03d' $delay)"
		host_cut one
		wait $! || true
		host_boot one
		assert_heals "$count" || { echo "cut $i after $delay ms"; return 1; }
	done
}
