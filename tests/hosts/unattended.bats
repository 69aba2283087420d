#!/usr/bin/env bats
# neap that nobody looks at, on a real host: the shipped units in a hurry, drift planted between runs at known moments,
# and then whether the journal, the events, the metrics and the status all tell what has happened. Each test goes on
# where the one before it has ended.

bats_require_minimum_version 1.5.0
load hosts

RUNS=50
# After which runs what is planted.
DRIFTS=(4 8 12 16 20 24 31 36 41 45)

setup_file() {
	hosts_require || return 0
	host_boot one
	local disk
	disk=$(host_disk one)
	mkdir -p "$disk/etc/neap/site" "$disk/etc/systemd/system/neap.service.d" "$disk/etc/systemd/system/neap.timer.d" \
		"$disk/var/lib/prometheus" "$disk/var/log/neap"
	cp "$NEAP_SOURCE"/packaging/systemd/neap* "$disk/etc/systemd/system/"
	cat >"$disk/etc/systemd/system/neap.service.d/hurry.conf" <<-'UNIT'
	[Unit]
	# More starts than systemd allows in ten seconds.
	StartLimitIntervalSec=0
	[Service]
	ExecStart=
	ExecStart=neap apply -q --log journal --lock-wait 10m --timeout 25m --metrics /var/lib/prometheus/neap.prom --events /var/log/neap/events.json /etc/neap/site
	UNIT
	cat >"$disk/etc/systemd/system/neap.timer.d/hurry.conf" <<-'UNIT'
	[Timer]
	OnCalendar=
	OnCalendar=*:*:0/2
	RandomizedDelaySec=0
	AccuracySec=50ms
	UNIT
	cat >"$disk/etc/neap/site/init.lua" <<-'LUA'
	local neap = require "neap"
	local files = {}
	for i = 1, 20 do
		files[i] = neap.file { path = ("/etc/app/%02d.conf"):format(i), content = ("number = %d\n"):format(i), mode = "0640" }
	end
	neap.directory { path = "/etc/app", purge = true }
	neap.line { path = "/etc/app.env", line = "MODE=calm", match = "^MODE=" }
	neap.link { path = "/etc/app.current", target = "app" }
	neap.exec { name = "reload", shell = "echo reloaded >>/var/log/neap/reloads", refresh_only = true, subscribe = files }
	neap.cert { path = "/etc/ssl/app.pem", key = "/etc/ssl/app.key", common_name = "app", valid_for = "90d" }
	LUA
}

setup() {
	hosts_require
	cd "$BATS_FILE_TMPDIR" || return 1
	disk=$(host_disk one)
	events=$disk/var/log/neap/events.json
}

teardown_file() { host_down_all; }

ends() { cat "$events" 2>/dev/null | grep -c '"event":"run_end"' || true; }

# Until so many runs have ended.
until_ends() {
	for _ in $(seq 600); do
		[ "$(ends)" -lt "$1" ] || return 0
		sleep 0.05
	done
	echo "only $(ends) of $1 runs have ended"
	host_run one systemctl status neap.service neap.timer || true
	return 1
}

begins() { cat "$events" 2>/dev/null | grep -c '"event":"run_begin"' || true; }
# The run with the Nth end; what a run has changed, without what follows from it.
id_of() { grep '"event":"run_end"' "$events" | sed -n "${1}p" | jq -r .run; }
changed_by() { grep "\"run\":\"$1\"" "$events" | jq -r 'select(.outcome == "changed").address' | grep -vx 'exec\[reload\]' || true; }

# plant N: the drift that comes after the Nth run; what has to be repaired then.
plant() {
	case $1 in
	4) echo drift >"$disk/etc/app/01.conf" && echo 'file[/etc/app/01.conf]' ;;
	8) rm "$disk/etc/app/02.conf" && echo 'file[/etc/app/02.conf]' ;;
	12) chmod 666 "$disk/etc/app/03.conf" && echo 'file[/etc/app/03.conf]' ;;
	16) touch "$disk/etc/app/foreign" && echo 'directory[/etc/app]' ;;
	20) sed -i 's/calm/wild/' "$disk/etc/app.env" && echo 'line[/etc/app.env: MODE=calm]' ;;
	24) ln -sfn elsewhere "$disk/etc/app.current" && echo 'link[/etc/app.current]' ;;
	31) rm "$disk/etc/ssl/app.pem" && echo 'cert[/etc/ssl/app.pem]' ;;
	36) rm -r "$disk/etc/app" && for i in $(seq 20); do printf 'file[/etc/app/%02d.conf]\n' "$i"; done && echo 'directory[/etc/app]' ;;
	41) chown 4711 "$disk/etc/app/04.conf" && ln -sf 05.conf "$disk/etc/app/06.conf" && echo 'file[/etc/app/06.conf]' ;;
	45) : >"$disk/etc/app.env" && echo 'line[/etc/app.env: MODE=calm]' ;;
	esac
}

# The journal's entries of neap, an object a line, in order; arguments are fields.
journal() { host_run one journalctl -q -o json SYSLOG_IDENTIFIER=neap "$@"; }

@test "a timer's runs: each drift is repaired by the next one" {
	local run due=0 from=0 at=0 n
	host_run one systemctl daemon-reload
	host_run one systemctl start neap.timer
	: >wanted
	for run in $(seq "$RUNS"); do
		until_ends "$run"
		# What was planted is gone after the next run, and that run changed nothing else.
		if [ "$run" = "$due" ]; then
			for n in $(seq "$from" "$due"); do changed_by "$(id_of "$n")" | sed "s/^/$(id_of "$n") /"; done >repaired
			cat repaired >>wanted
			diff <(sort planted) <(cut -d' ' -f2- repaired | sort)
		fi
		if [ "$run" = "${DRIFTS[at]-}" ]; then
			plant "$run" >planted
			from=$((run + 1))
			# On a machine with much else to do the next run may have begun meanwhile: then it is the one after.
			due=$((from + ($(begins) > run)))
			at=$((at + 1))
		fi
		# In the middle somebody works by hand, and takes his time: the timer's run waits for him.
		if [ "$run" = 28 ]; then
			cat >"$disk/root/slow.lua" <<-'LUA'
			require "neap".exec { name = "by hand", command = { "sleep", "5" }, always = true }
			LUA
			run -0 host_neap one apply /root/slow.lua
		fi
	done
	host_run one systemctl stop neap.timer
	for _ in $(seq 100); do [ "$(host_run one systemctl is-active neap.service || true)" = inactive ] && break || sleep 0.1; done
	[ "$at" = "${#DRIFTS[@]}" ]
	host_neap one plan -q /etc/neap/site
	host_run one cat /etc/app.env | grep -qx MODE=calm
}

@test "the events tell of as many runs as there were, one after the other, all well" {
	jq -r 'select(.event != "resource") | .event' "$events" | paste -d' ' - - | sort | uniq -c >pairs
	cat pairs
	[ "$(wc -l <pairs)" = 1 ]
	read -r count words <pairs
	[ "$words" = "run_begin run_end" ]
	[ "$count" -ge "$RUNS" ] # the timer may have fired once more before it was stopped
	[ "$count" -le $((RUNS + 2)) ]
	[ "$(jq -r 'select(.event == "run_end").exit_code' "$events" | sort -u)" = 0 ]
	[ "$(jq -r .run "$events" | sort -u | wc -l)" = "$count" ]
	[ "$(jq -r 'select(.event == "resource").run' "$events" | sort | uniq -c | awk '{ print $1 }' | sort -u)" = 25 ]
	# The first run made everything; after it only what was planted was changed, and what follows from that.
	first=$(head -n 1 "$events" | jq -r .run)
	jq -r --arg first "$first" 'select(.outcome == "changed" and .run != $first and .address != "exec[reload]") | "\(.run) \(.address)"' "$events" | sort >changed
	sort wanted | diff - changed
}

@test "the journal has an entry with its fields for each change and each end, and nothing else" {
	host_run one journalctl --sync
	# Of a process that has ended by then journald cannot tell the unit.
	journal | jq -c '._SYSTEMD_UNIT //= "neap.service"' >journal
	# What neap said by itself: one line for each run that changed something.
	jq -r 'select(._TRANSPORT == "stdout" and ._SYSTEMD_UNIT == "neap.service").MESSAGE' journal >said
	jq -r 'select(.outcome == "changed").run' "$events" | uniq | sort -u >busy
	[ "$(wc -l <said)" = "$(wc -l <busy)" ] || { cat said; echo; cat busy; jq -c "select(._TRANSPORT == \"stdout\")" journal; return 1; }
	[ "$(grep -vcE '^applied: [0-9]+ ' said)" = 0 ]
	# Of each change that the events tell, and of no other.
	jq -r 'select(.NEAP_ADDRESS) | [.NEAP_RUN_ID, .NEAP_ADDRESS, .NEAP_ACTION, .NEAP_OUTCOME, .NEAP_TYPE, .CODE_FILE, .CODE_LINE] | join(" ")' journal | sort >entries
	jq -r 'select(.outcome == "changed") | [.run, .address, .action, .outcome, .type, .source.file, (.source.line | tostring)] | join(" ")' "$events" | sort | diff - entries
	[ "$(jq -r 'select(.NEAP_ADDRESS) | "\(.PRIORITY) \(.NEAP_RECIPE) \(._SYSTEMD_UNIT)"' journal | sort -u)" = "5 /etc/neap/site neap.service" ]
	# And of each end.
	jq -r 'select(.NEAP_EXIT_CODE) | "\(.NEAP_RUN_ID) \(.NEAP_EXIT_CODE)"' journal | sort >journal.ends
	jq -r 'select(.event == "run_end") | "\(.run) \(.exit_code)"' "$events" | sort | diff - journal.ends
	# info where nothing was changed, else notice.
	jq -r 'select(.NEAP_EXIT_CODE and .PRIORITY == "5").NEAP_RUN_ID' journal | sort | diff busy -
	[ "$(jq -r 'select(.NEAP_EXIT_CODE).PRIORITY' journal | sort -u | xargs)" = "5 6" ]
	# Nothing went wrong with the unit.
	[ "$(host_run one systemctl show neap.service -p Result --value)" = success ]
	run ! host_run one sh -c 'journalctl -q -u neap.service -p warning | grep .'
}

@test "metrics and status tell of the last run what the events tell" {
	last=$(tail -n 1 "$events")
	run -0 host_neap one status --format json
	[ "$(jq -r .last_run.id <<<"$output")" = "$(jq -r .run <<<"$last")" ]
	[ "$(jq -cS .last_run.summary <<<"$output")" = "$(jq -cS .summary <<<"$last")" ]
	[ "$(jq -c '[.well, .running, .killed, .pending, .last_run.recipe]' <<<"$output")" = '[true,null,null,[],"/etc/neap/site"]' ]
	ended=$(jq -r '.last_run.ended' <<<"$output")
	value() { awk -v name="$1" '$1 == name { print $2 }' "$disk/var/lib/prometheus/neap.prom"; }
	[ "$(value neap_last_run_timestamp_seconds)" = "$(date -d "$ended" +%s.%3N)" ]
	[ "$(value neap_last_success_timestamp_seconds)" = "$(value neap_last_run_timestamp_seconds)" ]
	[ "$(value neap_run_exit_code) $(value neap_drift_resources) $(value neap_pending_notifications)" = "0 0 0" ]
	[ "$(value 'neap_resources{state="unchanged"}')" = 25 ]
	[ "$(value 'neap_certificate_not_after_timestamp_seconds{path="/etc/ssl/app.pem"}')" = \
		"$(date -d "$(openssl x509 -in "$disk/etc/ssl/app.pem" -noout -enddate | cut -d= -f2)" +%s)" ]
	[ "$(stat -c %a "$disk/var/lib/prometheus/neap.prom")" = 644 ]
	[ "$(ls -A "$disk/var/lib/prometheus")" = neap.prom ]
}

@test "what cannot be repaired fails each run, and everybody says so until it is gone" {
	before=$(ends)
	rm "$disk/etc/app/07.conf"
	mkdir -p "$disk/etc/app/07.conf/x"
	host_run one systemctl start neap.timer
	until_ends $((before + 3))
	host_run one systemctl stop neap.timer
	run -4 host_neap one status
	[[ $output == "the last run failed: 1 failed, "*"file[/etc/app/07.conf] (init.lua:4): /etc/app/07.conf is a directory"* ]]
	[ "$(host_run one systemctl show neap.service -p Result --value)" = exit-code ]
	[ "$(host_run one systemctl show neap.service -p ExecMainStatus --value)" = 4 ]
	host_run one systemctl --failed | grep -q neap.service
	grep -qx 'neap_run_exit_code 4' "$disk/var/lib/prometheus/neap.prom"
	[ "$(awk '/^neap_last_success/ { s = $2 } /^neap_last_run/ { r = $2 } END { print (r > s) }' "$disk/var/lib/prometheus/neap.prom")" = 1 ]
	id=$(tail -n 1 "$events" | jq -r .run)
	[ "$(journal "NEAP_RUN_ID=$id" | jq -r 'select(.NEAP_OUTCOME == "failed") | "\(.PRIORITY) \(.NEAP_ADDRESS) \(.CODE_LINE) \(.MESSAGE)"')" = \
		"3 file[/etc/app/07.conf] 4 file[/etc/app/07.conf] (init.lua:4): /etc/app/07.conf is a directory" ]
	rm -r "$disk/etc/app/07.conf"
	run -0 host_run one systemctl start neap.service
	run -0 host_neap one status
	grep -qx 'neap_run_exit_code 0' "$disk/var/lib/prometheus/neap.prom"
}

@test "a run that is killed, and one that is told to stop: the status knows, and the next one does the rest" {
	cat >"$disk/root/init.lua" <<-'LUA'
	local neap = require "neap"
	local one = neap.exec { name = "slow", command = { "sh", "-c", "touch /run/begun; sleep 3; touch /var/log/neap/slept" }, creates = "/var/log/neap/slept" }
	neap.file { path = "/etc/app-after", content = "x", require = one }
	LUA
	mkdir -p "$disk/etc/neap/slow"
	cp "$disk/root/init.lua" "$disk/etc/neap/slow/init.lua"
	sed -i 's|/etc/neap/site|/etc/neap/slow|' "$disk/etc/systemd/system/neap.service.d/hurry.conf"
	host_run one systemctl daemon-reload
	begin() {
		host_run one sh -c 'rm -f /run/begun /var/log/neap/slept /etc/app-after; systemctl start --no-block neap.service
			for i in $(seq 200); do [ ! -e /run/begun ] || exit 0; sleep 0.05; done; exit 1'
	}
	begin
	run -0 host_neap one status # the last one went well, and one is under way
	[[ $output == *$'\n'"running       pid "*$'\n'"recipe        /etc/neap/slow"* ]]
	host_run one systemctl kill -s KILL neap.service
	for _ in $(seq 100); do [ "$(host_run one systemctl is-active neap.service || true)" = failed ] && break || sleep 0.1; done
	run -4 host_neap one status
	[[ $output == "the last run was killed"*$'\n'"recipe        /etc/neap/slow"* ]]
	# What is under way is brought to its end, and the rest is said not to be done.
	begin
	host_run one systemctl stop neap.service
	[ -e "$disk/var/log/neap/slept" ]
	[ ! -e "$disk/etc/app-after" ]
	run -4 host_neap one status
	[[ $output == "the last run was stopped by SIGTERM: 1 not done, 1 ran"* ]]
	run -0 host_run one systemctl start neap.service
	[ -e "$disk/etc/app-after" ]
	run -0 host_neap one status
}

@test "after a power cut in a run the next boot's timer does the rest, and the status knew" {
	host_run one sh -c 'rm -f /run/begun /var/log/neap/slept /etc/app-after; systemctl start --no-block neap.service
		for i in $(seq 200); do [ ! -e /run/begun ] || exit 0; sleep 0.05; done; exit 1'
	host_cut one
	host_boot one
	run -4 host_neap one status
	[[ $output == "the last run was killed"*"; the machine has started again since"* ]]
	before=$(ends)
	host_run one systemctl enable --now neap.timer
	until_ends $((before + 1))
	[ -e "$disk/etc/app-after" ]
	host_run one systemctl disable --now neap.timer
	for _ in $(seq 100); do [ "$(host_run one systemctl is-active neap.service || true)" = inactive ] && break || sleep 0.1; done
	run -0 host_neap one status
}

@test "the timer for the boot: a run begins when a machine is up, and no other for it" {
	host_run one systemctl enable neap-boot.timer
	rm "$disk/etc/app-after"
	before=$(ends)
	host_reboot one
	until_ends $((before + 1))
	[ -e "$disk/etc/app-after" ]
	host_run one systemctl disable --now neap-boot.timer
	[ "$(host_run one systemctl is-enabled neap.timer || true)" = disabled ]
	sleep 2
	[ "$(ends)" = $((before + 1)) ]
}

@test "cron mails when something was changed or failed, and else nothing" {
	cat >"$disk/usr/sbin/sendmail" <<-'SH'
	#!/bin/sh
	cat >"/var/log/neap/mail.$(date +%s%N)"
	SH
	chmod 755 "$disk/usr/sbin/sendmail"
	# The shipped file, at the start of cron instead of each half hour.
	sed -e /^@reboot/d -e 's|^\*/30 \* \* \* \*|@reboot|' -e 's/--splay 15m/--splay 1s/' "$NEAP_SOURCE/packaging/cron/neap" >"$disk/etc/cron.d/neap"
	chmod 644 "$disk/etc/cron.d/neap"
	fire() {
		before=$(host_neap one status --format json | jq -r .last_run.id)
		rm -f "$disk"/var/log/neap/mail.*
		host_run one sh -c 'rm -f /run/crond.reboot; systemctl restart cron'
		for _ in $(seq 100); do
			[ "$(host_neap one status --format json | jq -r '"\(.last_run.id) \(.running)"')" != "$before null" ] || { sleep 0.1; continue; }
			[ "$(host_neap one status --format json | jq -r .running)" != null ] || break
		done
		sleep 1 # for the mail
	}
	rm "$disk/etc/app/08.conf"
	fire
	[ "$(sed '1,/^$/d' "$disk"/var/log/neap/mail.*)" = "applied: 1 created, 1 refreshed, 23 unchanged" ]
	grep -q '^Subject: Cron <root@one>' "$disk"/var/log/neap/mail.*
	fire
	run ! ls "$disk"/var/log/neap/mail.*
	mkdir -p "$disk/etc/app/09.conf.d"
	rm "$disk/etc/app/09.conf"
	mkdir -p "$disk/etc/app/09.conf/x"
	fire
	sed '1,/^$/d' "$disk"/var/log/neap/mail.* >mail
	grep -qx 'apply failed: 1 failed, .*' mail
	grep -qx 'file\[/etc/app/09.conf\] (init.lua:4): /etc/app/09.conf is a directory' mail
}
