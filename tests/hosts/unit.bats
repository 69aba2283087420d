#!/usr/bin/env bats
# neap.unit on a real systemd: what systemctl, the journal and strace say of what neap did.

bats_require_minimum_version 1.5.0
load hosts
load site

# service(NAME, MORE): the text of one that notes each start and reload.
prelude=$(
	cat <<-'LUA'
	local function service(name, more)
		return "[Service]\nExecStartPre=/bin/sh -c 'echo start >>/run/" .. name .. ".log'\n"
			.. "ExecStart=/bin/sleep 10000\nExecReload=/bin/sh -c 'echo reload >>/run/" .. name .. ".log'\n"
			.. (more or "") .. "\n[Install]\nWantedBy=multi-user.target\n"
	end
	LUA
)

state() { on systemctl show -P "$2" "$1"; } # state UNIT PROPERTY

# What of the log is new since the last call, in one line.
noted() { # noted NAME
	local count=0
	[ ! -e "$1.seen" ] || count=$(<"$1.seen")
	on sh -c "touch /run/$1.log; tail -n +$((count + 1)) /run/$1.log" | tee new | paste -sd' '
	echo $((count + $(wc -l <new))) >"$1.seen"
}

# traced ARGUMENTS…: neap on the site, and what it said to the manager in `calls`, a method a line.
traced() {
	local status=0
	on strace -f -qq -s 100000 -e trace=sendmsg,recvmsg,execve -o /tmp/trace neap "$@" /srv/site || status=$?
	on cat /tmp/trace >trace
	grep -o 'sendmsg(.*' trace | grep -oE '\\0(ListUnitsByNames|ListUnits|GetUnit|LoadUnit|Get|GetAll|Subscribe|Reload|[A-Z][A-Za-z]*Unit|ResetFailed[A-Za-z]*)\\0' |
		tr -d '\\' | sed 's/^0//; s/0$//' >calls || true
	return "$status"
}

calls() { grep -cx "$1" calls || true; } # calls METHOD: how often

@test "a service is made, enabled and started; all of it is there after a reboot" {
	recipe <<-'LUA'
	neap.unit { name = "app.service", content = service "app", enabled = true, state = "running" }
	LUA
	converges
	[ "$(noted app)" = start ]
	[ "$(on systemctl is-active app.service)" = active ]
	[ "$(on systemctl is-enabled app.service)" = enabled ]
	[ "$(on readlink /etc/systemd/system/multi-user.target.wants/app.service)" = /etc/systemd/system/app.service ]
	on systemd-analyze verify app.service
	host_reboot web
	[ "$(on systemctl is-active app.service)" = active ]
	run -0 plan
}

@test "its own file restarts it, exactly once, and so does a drop-in that goes; with restart = false it is only read" {
	recipe <<-'LUA'
	neap.unit { name = "own.service", content = service "own", state = "running" }
	LUA
	apply -q
	[ "$(noted own)" = start ]
	recipe <<-'LUA'
	local conf = neap.file { path = "/etc/own.conf", content = "1" }
	neap.unit {
		name = "own.service", content = service("own", "Environment=A=2"), state = "running",
		drop_ins = { one = "[Service]\nEnvironment=B=1\n", two = "[Service]\nEnvironment=C=1\n" }, subscribe = conf,
	}
	LUA
	converges
	[ "$(noted own)" = start ]
	[ "$(state own.service Environment)" = "A=2 B=1 C=1" ]
	recipe <<-'LUA'
	neap.unit { name = "own.service", content = service("own", "Environment=A=3"), restart = false }
	LUA
	converges
	[ "$(noted own)" = "" ]
	[ "$(state own.service Environment)" = "A=3 B=1 C=1" ]
	[ "$(state own.service NeedDaemonReload)" = no ]
	recipe <<-'LUA'
	neap.unit { name = "own.service", drop_ins = { one = false } }
	LUA
	converges
	[ "$(noted own)" = start ]
	[ "$(state own.service Environment)" = "A=3 C=1" ]
}

@test "a notification restarts it, or reloads it; one that is stopped stays so" {
	recipe <<-'LUA'
	local conf = neap.file { path = "/etc/told.conf", content = "1" }
	neap.unit { name = "told.service", content = service "told", state = "running", subscribe = conf }
	LUA
	converges
	[ "$(noted told)" = start ] # and not once more
	recipe <<-'LUA'
	local conf = neap.file { path = "/etc/told.conf", content = "2" }
	neap.unit { name = "told.service", subscribe = conf }
	LUA
	converges
	[ "$(noted told)" = start ]
	recipe <<-'LUA'
	local conf = neap.file { path = "/etc/told.conf", content = "3" }
	neap.unit { name = "told.service", reload = true, subscribe = conf }
	LUA
	converges
	[ "$(noted told)" = reload ]
	on systemctl stop told.service
	recipe <<-'LUA'
	local conf = neap.file { path = "/etc/told.conf", content = "4" }
	neap.unit { name = "told.service", subscribe = conf }
	LUA
	converges
	[ "$(noted told)" = "" ]
}

@test "what somebody else drops in is read before the restart, and without one" {
	recipe <<-'LUA'
	neap.unit { name = "other.service", content = service "other", state = "running" }
	LUA
	apply -q
	noted other
	recipe <<-'LUA'
	local unit = neap.unit { name = "other.service", state = "running" }
	neap.file { path = "/etc/systemd/system/other.service.d/x.conf", content = "[Service]\nEnvironment=A=1\n", notify = unit }
	LUA
	converges
	[ "$(noted other)" = start ]
	[ "$(on sh -c 'tr "\0" "\n" </proc/$(systemctl show -P MainPID other.service)/environ | grep ^A=')" = A=1 ]
	on sh -c 'printf "[Service]\nEnvironment=A=2\n" >/etc/systemd/system/other.service.d/x.conf'
	recipe <<-'LUA'
	neap.unit { name = "other.service", state = "running" }
	LUA
	run -2 plan
	[[ $output == *"loaded  stale -> current"* ]]
	converges
	[ "$(noted other)" = "" ]
	[ "$(state other.service Environment)" = A=2 ]
}

@test "the manager reads its files anew when it has to, and once" {
	recipe <<-'LUA'
	for i = 1, 5 do neap.unit { name = "new" .. i .. ".service", content = service("new" .. i), state = "running" } end
	LUA
	traced apply -q
	[ "$(calls Reload)" = 0 ] # it finds new files by itself
	[ "$(calls StartUnit)" = 5 ]
	recipe <<-'LUA'
	local conf = neap.file { path = "/etc/new.conf", content = "1" }
	neap.unit {
		name = "new1.service", content = service("new1", "Environment=A=2"), drop_ins = { one = "[Unit]\n" },
		enabled = true, state = "running", subscribe = conf,
	}
	for i = 2, 5 do neap.unit { name = "new" .. i .. ".service", content = service("new" .. i), state = "running" } end
	LUA
	traced apply -q
	[ "$(calls Reload)" = 1 ]
	[ "$(grep -c 'RestartUnit' calls)" = 1 ]
	traced apply -q
	[ "$(calls Reload)" = 0 ]
	run -0 grep -c . calls
	! grep -vxE 'ListUnitsByNames|Get|GetAll|GetUnit|LoadUnit' calls
}

@test "a plan asks, and changes nothing" {
	recipe <<-'LUA'
	neap.unit { name = "planned.service", content = service "planned", enabled = true, state = "running" }
	neap.unit { name = "app.service", content = service("app", "Environment=A=9"), enabled = false }
	neap.unit { name = "own.service", state = "stopped" }
	neap.unit { name = "told.service", ensure = "absent" }
	neap.unit { name = "cron.service", masked = true, state = "stopped" }
	LUA
	on find /etc/systemd -printf '%p %T@ %l\n' >before
	run -2 traced plan
	[[ $output == *"5 to"* || $output == *"1 to create, 3 to update, 1 to delete"* ]]
	! grep -vxE 'ListUnitsByNames|Get|GetAll|GetUnit|LoadUnit' calls
	[ "$(grep -c execve trace)" = 1 ]
	on find /etc/systemd -printf '%p %T@ %l\n' | diff before -
	[ "$(on systemctl is-active own.service)" = active ]
}

@test "two hundred units as they should be: three questions, and no program" {
	recipe <<-'LUA'
	for i = 1, 200 do
		neap.unit {
			name = ("lots%d.service"):format(i), enabled = true, state = "running",
			content = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
		}
	end
	LUA
	apply -q
	traced apply
	[ "$(grep -c execve trace)" = 1 ]
	# How often an answer is waited for after something was sent.
	grep -oE '^[0-9]+ +(sendmsg|recvmsg)\(.*' trace | grep -v EAGAIN | awk '{ print $2 }' | cut -d'(' -f1 | uniq >turns
	[ "$(grep -c sendmsg turns)" -le 3 ]
	# By hand: what goes, goes with a reload each.
	on sh -c "systemctl stop 'lots*' && find /etc/systemd/system -name 'lots*' -delete && systemctl daemon-reload"
}

@test "a timer and a socket; what they start is not running for that" {
	recipe <<-'LUA'
	neap.unit { name = "tick.service", content = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo tick >>/run/tick.log'\n" }
	neap.unit {
		name = "tick.timer", enabled = true, state = "running",
		content = "[Timer]\nOnActiveSec=1\nAccuracySec=100ms\n[Install]\nWantedBy=timers.target\n",
	}
	neap.unit {
		name = "echo.socket", enabled = true, state = "running",
		content = "[Socket]\nListenStream=/run/echo.sock\nAccept=yes\n[Install]\nWantedBy=sockets.target\n",
	}
	neap.unit { name = "echo@.service", content = "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n" }
	-- What a unit sets off comes before it, though it is declared behind.
	neap.unit { name = "late.socket", state = "running", content = "[Socket]\nListenStream=/run/late.sock\n" }
	neap.unit { name = "late.service", content = "[Service]\nExecStart=/bin/sleep 10000\n" }
	LUA
	converges
	until [ "$(on cat /run/tick.log)" = tick ]; do sleep 0.2; done
	[ "$(on systemctl is-enabled tick.timer echo.socket | sort -u)" = enabled ]
	[ "$(echo hello | on nc -N -U /run/echo.sock)" = hello ]
	run -0 plan
}

@test "a template and its instances" {
	recipe <<-'LUA'
	local template = neap.unit { name = "many@.service", content = service("many-%i", "Environment=A=1") }
	for _, name in ipairs { "a", "b" } do
		neap.unit { name = "many@" .. name .. ".service", enabled = true, state = "running", subscribe = template }
	end
	LUA
	converges
	[ "$(on systemctl is-active many@a.service many@b.service | sort -u)" = active ]
	[ "$(on readlink /etc/systemd/system/multi-user.target.wants/many@b.service)" = /etc/systemd/system/many@.service ]
	noted many-a && noted many-b
	sed -i 's/A=1/A=2/' "$BATS_FILE_TMPDIR/site/init.lua"
	converges
	[ "$(noted many-a) $(noted many-b)" = "start start" ]
	[ "$(state many@b.service Environment)" = A=2 ]
	recipe <<-'LUA'
	neap.unit { name = "many@a.service", ensure = "absent" }
	neap.unit { name = "many@b.service", enabled = true, state = "running" }
	LUA
	converges
	[ "$(on systemctl is-active many@a.service || true)" = inactive ]
	on test -e /etc/systemd/system/many@.service
}

@test "a mask, and a unit of a package" {
	recipe <<-'LUA'
	neap.unit { name = "cron.service", masked = true, state = "stopped" }
	LUA
	converges
	[ "$(on systemctl is-enabled cron.service || true)" = masked ]
	[ "$(on systemctl is-active cron.service || true)" = inactive ]
	recipe <<-'LUA'
	neap.unit { name = "cron.service", state = "running" }
	LUA
	run -4 apply
	[[ $output == *"cron.service is masked"*"masked = false"* ]]
	recipe <<-'LUA'
	neap.unit { name = "cron.service", masked = false, enabled = false, state = "running", drop_ins = { nice = "[Service]\nNice=5\n" } }
	LUA
	converges
	[ "$(on systemctl is-active cron.service)" = active ]
	[ "$(on systemctl is-enabled cron.service || true)" = disabled ]
	[ "$(state cron.service Nice)" = 5 ]
	recipe <<-'LUA'
	neap.unit { name = "cron.service", enabled = true, drop_ins = { nice = "[Service]\nNice=6\n" } }
	LUA
	converges
	[ "$(on systemctl is-enabled cron.service)" = enabled ]
	# As systemctl makes it.
	on readlink /etc/systemd/system/multi-user.target.wants/cron.service >ours
	on sh -c 'systemctl disable cron.service && systemctl enable cron.service' 2>/dev/null
	on readlink /etc/systemd/system/multi-user.target.wants/cron.service | diff ours -
	recipe <<-'LUA'
	neap.unit { name = "cron.service", ensure = "absent" }
	LUA
	run -4 plan
	[[ $output == *"cron.service cannot be absent: its file is "*"cron.service"*"masked = true"* ]]
}

@test "one that fails says why, and is healed by the next good run, whatever limits its starts" {
	recipe <<-'LUA'
	local bad = neap.unit {
		name = "bad.service", state = "running",
		content = "[Unit]\nStartLimitBurst=1\nStartLimitIntervalSec=1h\n[Service]\nType=exec\n"
			.. "ExecStartPre=/bin/sh -c 'echo no port to be had; exit 3'\nExecStart=/bin/sleep 1000\n",
	}
	neap.file { path = "/etc/after-bad", content = "x", require = bad }
	LUA
	run -4 apply
	[[ $output == *"bad.service"*"exit"*"3"* ]]
	[[ $output == *"no port to be had"* ]]
	on test ! -e /etc/after-bad
	run -4 apply
	sed -i 's/exit 3/exit 0/' "$BATS_FILE_TMPDIR/site/init.lua"
	run -0 apply
	[ "$(on systemctl is-active bad.service)" = active ]
	on test -e /etc/after-bad
	run -0 plan
}

@test "what a unit with secrets says is not repeated" {
	recipe <<-'LUA'
	neap.unit {
		name = "hush.service", state = "running",
		content = neap.format("[Service]\nType=exec\nEnvironment=TOKEN=%s\nExecStartPre=/bin/sh -c 'echo token $TOKEN; exit 3'\n"
			.. "ExecStart=/bin/sleep 1000\n", neap.secret { value = "s3cr3t" }),
	}
	LUA
	run -4 apply
	[[ $output != *s3cr3t* ]]
	[ "$(on stat -c %a /etc/systemd/system/hush.service)" = 600 ]
	on journalctl -u hush.service | grep -q s3cr3t # it did say it
	recipe <<<'neap.unit { name = "hush.service", ensure = "absent" }'
	converges
}

@test "a service that ends at once cannot be running" {
	recipe <<-'LUA'
	neap.unit { name = "once.service", content = "[Service]\nType=oneshot\nExecStart=/bin/true\n", state = "running" }
	LUA
	run -1 plan
	[[ $output == *"once.service is Type=oneshot without RemainAfterExit=yes"* ]]
	on sh -c 'printf "[Service]\nType=oneshot\nExecStart=/bin/true\n" >/etc/systemd/system/once.service'
	recipe <<<'neap.unit { name = "once.service", state = "running" }'
	run -4 apply
	[[ $output == *"once.service is Type=oneshot without RemainAfterExit=yes"* ]]
	recipe <<<'neap.unit { name = "once.service", state = "running", drop_ins = { stays = "[Service]\nRemainAfterExit=yes\n" } }'
	converges
}

@test "a oneshot that shall not stay any more, or a service that becomes one, is not restarted: it goes on as it was started" {
	local stays="[Service]\\nType=oneshot\\nExecStart=/bin/sh -c 'echo start >>/run/stays.log'\\n"
	recipe <<<"neap.unit { name = \"stays.service\", content = \"${stays}RemainAfterExit=yes\", state = \"running\" }
		neap.unit { name = \"turns.service\", content = service \"turns\", state = \"running\" }"
	apply -q
	[ "$(noted stays) $(noted turns)" = "start start" ]
	recipe <<<"local conf = neap.file { path = \"/etc/stays.conf\", content = \"1\" }
		neap.unit { name = \"stays.service\", content = \"$stays\", subscribe = conf }
		neap.unit { name = \"turns.service\", content = service(\"turns\", \"Type=oneshot\"), subscribe = conf }"
	converges
	jq -e '[.[] | select(.address | startswith("unit"))] | length == 2 and all(.action == "update" and .refresh == false and
		(.reason | test("takes effect at its next start")))' planned
	[ "$(noted stays)$(noted turns)" = "" ]
	[ "$(on systemctl is-active stays.service turns.service)" = $'active\nactive' ]
	# They stay so when they are told of something else, and are what the file says once they were stopped.
	sed -i 's/"1"/"2"/' "$BATS_FILE_TMPDIR/site/init.lua"
	converges
	[ "$(noted stays)$(noted turns)" = "" ]
	# That it shall be running is wrong by then.
	recipe <<<"neap.unit { name = \"stays.service\", content = \"${stays}RemainAfterExit=yes\", state = \"running\" }"
	apply -q
	recipe <<<'neap.unit { name = "stays.service", drop_ins = { goes = "[Service]\nRemainAfterExit=no\n" }, state = "running" }'
	run -4 plan
	[[ $output == *"stays.service is Type=oneshot without RemainAfterExit=yes"* ]]
	run -4 apply
	on test ! -e /etc/systemd/system/stays.service.d
	recipe <<-'LUA'
	neap.unit { name = "stays.service", ensure = "absent" }
	neap.unit { name = "turns.service", ensure = "absent" }
	LUA
	converges
}

@test "one that takes too long is not waited for any longer, and goes on" {
	recipe <<-'LUA'
	neap.unit {
		name = "slow.service", state = "running", timeout = "1s",
		content = "[Service]\nType=exec\nExecStartPre=/bin/sleep 4\nExecStart=/bin/sleep 1000\n",
	}
	LUA
	run -4 apply
	[[ $output == *"slow.service"* ]]
	[ "$(on systemctl is-active slow.service || true)" = activating ]
	sed -i 's/1s/30s/' "$BATS_FILE_TMPDIR/site/init.lua"
	run -0 apply
	[ "$(on systemctl is-active slow.service)" = active ]
	run -0 plan
}

@test "a unit is stopped, started, removed" {
	recipe <<<'neap.unit { name = "gone.service", content = service "gone", enabled = true, state = "running", drop_ins = { a = "[Unit]\n" } }'
	apply -q
	recipe <<<'neap.unit { name = "gone.service", state = "stopped" }'
	converges
	[ "$(on systemctl is-active gone.service || true)" = inactive ]
	recipe <<<'neap.unit { name = "gone.service", state = "running" }'
	converges
	recipe <<<'neap.unit { name = "gone.service", ensure = "absent" }'
	converges
	[ "$(state gone.service LoadState)" = not-found ]
	on sh -c '! find /etc/systemd/system | grep gone'
	run -1 on pgrep -fx "sleep 10000.*gone"
}

@test "an older file shadowed by a new one is not what runs" {
	on sh -c 'mkdir -p /usr/local/lib/systemd/system; printf "[Service]\nExecStart=/bin/sleep 20001\n" >/usr/local/lib/systemd/system/shade.service'
	recipe <<<'neap.unit { name = "shade.service", state = "running" }'
	converges
	recipe <<<'neap.unit { name = "shade.service", content = "[Service]\nExecStart=/bin/sleep 20002\n", state = "running" }'
	converges
	on pgrep -fx '/bin/sleep 20002'
	run -1 on pgrep -fx '/bin/sleep 20001'
}

@test "killed at any call to the manager, the next run brings about what is left" {
	local at
	recipe <<<'neap.unit { name = "cut.service", content = service("cut", "Environment=A=0"), enabled = true, state = "running" }'
	apply -q
	for at in $(seq 60); do
		sed -i "s/A=[0-9]*/A=$at/" "$BATS_FILE_TMPDIR/site/init.lua"
		run on strace -f -qq -o /dev/null -e trace=sendmsg -e inject=sendmsg:signal=KILL:when="$at" neap apply -q /srv/site
		[ "$status" = 137 ] || break # it has no more of them
		run -0 apply
		[ "$(on sh -c 'tr "\0" "\n" </proc/$(systemctl show -P MainPID cut.service)/environ | grep ^A=')" = "A=$at" ]
		run -0 plan
	done
	[ "$status" = 0 ] && [ "$at" -gt 8 ] && [ "$at" -lt 60 ]
}

@test "below another root there are only the files" {
	on sh -c 'mkdir -p /tmp/root/etc /tmp/root/usr/lib/systemd/system && cp /etc/passwd /etc/group /tmp/root/etc/ && cp /usr/lib/systemd/system/cron.service /tmp/root/usr/lib/systemd/system/'
	recipe <<-'LUA'
	neap.unit { name = "cron.service", enabled = true, state = "running" }
	neap.unit { name = "app.service", content = service "app", enabled = true, state = "running" }
	LUA
	run -2 plan --root /tmp/root
	[[ $output == *"state is left: no service manager runs here"* ]]
	run -0 apply --root /tmp/root
	run -0 plan --root /tmp/root
	on test -L /tmp/root/etc/systemd/system/multi-user.target.wants/cron.service
}

@test "@examples/service: a program with a user, settings and a restart when they change" {
	host_run web sh -c 'mkdir -p /srv/app && cat >/srv/app/serve && chmod 755 /srv/app/serve' <<-'SH'
	#!/bin/sh
	while :; do printf '%s from %s\n' "$GREETING" "$(id -un)" | nc -l -N -p 8080; done
	SH
	printf 'GREETING: hello "you"\n' | on sh -c 'cat >/srv/app/settings.yaml'
	service() {
		host_neap web "$1" @examples/service -D NAME=greeter -D COMMAND=/srv/app/serve \
			-D SETTINGS=/srv/app/settings.yaml "${@:2}"
	}
	run -0 service apply -D PORT=8080
	[ "$(on systemctl is-enabled greeter.service)" = enabled ]
	run -0 service plan
	[ "$(on nc -N 127.0.0.1 8080 </dev/null)" = 'hello "you" from greeter' ]
	on sed -i 's/hello/bye/' /srv/app/settings.yaml
	run -0 service apply -D PORT=8080
	[ "$(on nc -N 127.0.0.1 8080 </dev/null)" = 'bye "you" from greeter' ]
	on systemctl kill -s KILL greeter.service
	run -0 service apply
	[ "$(on systemctl is-active greeter.service)" = active ]
	run -0 service apply -D ENSURE=absent
	run -0 service plan -D ENSURE=absent
	run -1 on id greeter
	[ "$(state greeter.service LoadState)" = not-found ]
}

# own TYPE N: a recipe that changes the unit that runs it, and does more after that.
own() {
	recipe <<-LUA
	local own = neap.unit {
		name = "itself.service",
		content = "[Service]\nType=$1\nExecStart=neap apply --lock-wait 1m /srv/site\n",
		drop_ins = { number = "[Unit]\nDescription=number $2\n" },
	}
	local conf = neap.file { path = "/etc/itself.conf", content = "$2\n", notify = own }
	neap.exec { name = "after", shell = "echo $2 >>/run/after.log", refresh_only = true, subscribe = { own, conf } }
	$3
	LUA
}

# Until the unit is over.
own_ends() {
	for _ in $(seq 100); do
		case $(state itself.service ActiveState) in active | activating | deactivating) sleep 0.1 ;; *) return 0 ;; esac
	done
	on systemctl status itself.service
	return 1
}

@test "a recipe that changes the unit it runs in is done in one run, and does not restart itself" {
	local type
	for type in oneshot exec simple; do
		on rm -f /run/after.log
		own "$type" 1
		run apply
		[ "$status" -eq 0 ] || { echo "$output"; false; }
		own "$type" 2
		run -2 plan
		[[ "$output" != *"restarts it"* ]]
		on systemctl start itself.service
		own_ends
		[ "$(state itself.service Result)" = success ]
		[ "$(on cat /run/after.log)" = $'1\n2' ]
		[ "$(on grep -c 'Description=number 2' /etc/systemd/system/itself.service.d/number.conf)" = 1 ]
		[ "$(state itself.service NeedDaemonReload)" = no ]
		[ "$(on journalctl -q -o cat -u itself.service --grep 'Starting|Started' | tail -n 3 | grep -c 'number 2')" = 0 ]
		host_neap web status
		run -0 plan
	done
}

@test "by hand, the job of a oneshot that has failed is not started: it would wait for the lock of who starts it" {
	own oneshot 3 'neap.exec { name = "no", command = { "false" }, always = true }'
	run -4 apply
	run on systemctl start itself.service
	[ "$(state itself.service ActiveState)" = failed ]
	own oneshot 4
	SECONDS=0
	run -0 apply
	[ "$SECONDS" -lt 30 ]
	[ "$(state itself.service ActiveState)" = failed ]
	on systemctl start itself.service
	run -0 plan
}

@test "a oneshot that runs neap and is started by hand's run ends at once and says why, as that run waits for it" {
	recipe <<-'LUA'
	neap.unit {
		name = "waits.service", state = "running",
		content = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=neap apply --lock-wait 5m /srv/site\n",
	}
	LUA
	SECONDS=0
	run -4 apply
	[ "$SECONDS" -lt 30 ]
	[[ $output == *"another run holds the lock"*"that run starts waits.service, in which this one is"* ]]
	on systemctl start waits.service
	run -0 plan
	# By another name, and one that is written otherwise as a control group.
	recipe <<-'LUA'
	local waits = neap.unit {
		name = "cpu.waits.service", enabled = true,
		content = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=neap apply --lock-wait 5m /srv/site\n[Install]\nAlias=nickname.service\n",
	}
	neap.unit { name = "nickname.service", state = "running", require = waits }
	LUA
	SECONDS=0
	run -4 apply
	[ "$SECONDS" -lt 30 ]
	[[ $output == *"another run holds the lock"*"that run starts cpu.waits.service, in which this one is"* ]]
}

@test "what a unit's journal quotes of a secret is masked" {
	recipe <<-'LUA'
	local secret = neap.secret { value = "TopSecretPw99" }
	local env = neap.file { path = "/etc/loud.env", content = "PW=" .. secret .. "\n" }
	neap.unit { name = "loud.service", content = "[Service]\nType=notify\nEnvironmentFile=/etc/loud.env\n"
		.. "ExecStart=/bin/sh -c 'echo it is $PW; exit 1'\n", state = "running", require = env }
	LUA
	run -4 apply
	[[ "$output" == *"it is (secret)"* ]]
	[[ "$output" != *TopSecret* ]]
	run -4 host_neap web status
	[[ "$output" != *TopSecret* ]]
}
