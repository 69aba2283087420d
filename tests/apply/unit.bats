#!/usr/bin/env bats
# neap.unit below a root, where no manager runs: files and links, judged by systemctl and systemd-analyze. On running
# systems: tests/hosts/unit.bats.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p ground/etc/systemd/system ground/usr/lib/systemd/system ground/dev
	: >ground/dev/null
	unset NO_COLOR COLUMNS
	umask 022
}

# recipe: standard input, with `neap` at hand.
recipe() {
	{
		echo 'local neap = require "neap"'
		cat
	} >site.lua
}

plan() { "$NEAP" plan --root ground "$@" site.lua; }
apply() { "$NEAP" apply --root ground "$@" site.lua; }

# Does what was planned, and the next plan is empty.
converges() {
	run -2 plan
	run -0 apply -q
	run -0 plan
}

# Everything below a root, but neap's own.
tree() { # tree ROOT
	(cd "$1" && find . -path ./var -prune -o -printf '%p %y %l\n' | sort)
}

# same NAME TEXT: neap enables and disables a unit of this text as systemctl does.
same() {
	local name=$1 text=$2
	rm -rf ground theirs
	mkdir -p ground/etc/systemd/system
	cp -a ground theirs
	printf '%s' "$text" >theirs/etc/systemd/system/"$name"
	printf '%s' "$text" >unit.text
	recipe <<<"neap.unit { name = '$name', source = 'unit.text', enabled = true }"
	systemctl --root="$PWD/theirs" enable "$name" 2>/dev/null
	apply -q
	diff -u <(tree theirs) <(tree ground)
	recipe <<<"neap.unit { name = '$name', enabled = false }"
	systemctl --root="$PWD/theirs" disable "$name" 2>/dev/null
	apply -q
	diff -u <(tree theirs) <(tree ground)
}

@test "enabling makes the links of systemctl, and disabling leaves what it leaves" {
	same a.service $'[Install]\nWantedBy=multi-user.target\n'
	same a.service $'[Install]\nWantedBy=multi-user.target graphical.target\nRequiredBy=x.target\nAlias=b.service\n'
	same a.service $'[Install]\nWantedBy=gone.target\nWantedBy=\nWantedBy="here.target" \\\n# not this\n  there.target\n'
	same a.service $'[Install]\r\nWantedBy=multi-user.target\r\n'
	same a.timer $'[Install]\nWantedBy=%p-%N.target\n'
	same a@.service $'[Install]\nDefaultInstance=one\nWantedBy=multi-user.target\n'
	same a@.service $'[Install]\nWantedBy=x@.target\nAlias=b@.service\n'
	same a@two.socket $'[Install]\nWantedBy=sockets-%i.target\n'
}

@test "a unit is made whole: its file, what is dropped in, its links, and systemd takes it" {
	recipe <<-'LUA'
	neap.unit {
		name = "app.service", enabled = true, state = "running",
		content = "[Unit]\nDescription=App\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
		drop_ins = { ["10-limits"] = "[Service]\nMemoryMax=1G\n" },
	}
	LUA
	run -2 plan
	[[ $output == *"state is left: no service manager runs here"* ]]
	converges
	[ "$(stat -c %a ground/etc/systemd/system/app.service)" = 644 ]
	[ "$(cat ground/etc/systemd/system/app.service.d/10-limits.conf)" = $'[Service]\nMemoryMax=1G' ]
	run -0 systemd-analyze verify --man=no ground/etc/systemd/system/app.service
	[ -z "$output" ]
	[ "$(systemctl --root="$PWD/ground" is-enabled app.service)" = enabled ]
	find ground -printf '%p %i %T@\n' | sort >before
	run -0 apply
	find ground -printf '%p %i %T@\n' | sort | grep -v var/lib/neap | diff <(grep -v var/lib/neap before) -
}

@test "false takes away what was dropped in, alone, and leaves what others did; who wrote it does not matter" {
	mkdir -p ground/etc/systemd/system/a.service.d
	printf '[Unit]\n' | tee ground/etc/systemd/system/a.service.d/{old,theirs}.conf >/dev/null
	recipe <<<'neap.unit { name = "a.service", drop_ins = { old = false } }'
	run -2 plan
	[[ $output == *"drop_ins.old"*"removes /etc/systemd/system/a.service.d/old.conf"* ]]
	[ -e ground/etc/systemd/system/a.service.d/old.conf ]
	converges
	[ "$(ls ground/etc/systemd/system/a.service.d)" = theirs.conf ]
	recipe <<<'neap.unit { name = "a.service", drop_ins = { theirs = false } }'
	converges
	[ -z "$(ls ground/etc/systemd/system/a.service.d)" ]
	recipe <<-'LUA'
	local unit = neap.unit { name = "a.service", drop_ins = { x = false, y = "[Unit]\n" } }
	assert(unit.drop_ins.x == false)
	neap.file { path = "/etc/systemd/system/a.service.d/x.conf", content = "[Unit]\n" }
	LUA
	run -1 plan
	[[ $output == *"unit[a.service]"*"x.conf"* ]]
}

@test "another [Install] moves the links; a package's unit and a foreign link stay what they are" {
	printf '[Install]\nWantedBy=multi-user.target\n' >ground/usr/lib/systemd/system/pkg.service
	recipe <<-'LUA'
	neap.unit { name = "pkg.service", enabled = true }
	neap.unit { name = "app.service", content = "[Install]\nWantedBy=a.target\n", enabled = true }
	LUA
	converges
	[ "$(readlink ground/etc/systemd/system/multi-user.target.wants/pkg.service)" = /usr/lib/systemd/system/pkg.service ]
	ln -s /somewhere/else.service ground/etc/systemd/system/a.target.wants/else.service
	sed -i 's/a.target/b.target/' site.lua
	converges
	[ "$(cd ground/etc/systemd/system && find . -type l | sort | tr '\n' ' ')" = \
		"./a.target.wants/else.service ./b.target.wants/app.service ./multi-user.target.wants/pkg.service " ]
	[ "$(cat ground/usr/lib/systemd/system/pkg.service)" = $'[Install]\nWantedBy=multi-user.target' ]
}

@test "masks are those of systemctl" {
	cp -a ground theirs
	printf '[Service]\n' | tee theirs/usr/lib/systemd/system/a.service >ground/usr/lib/systemd/system/a.service
	systemctl --root="$PWD/theirs" mask a.service 2>/dev/null
	recipe <<<'neap.unit { name = "a.service", masked = true }'
	converges
	diff <(tree theirs) <(tree ground)
	[ "$(systemctl --root="$PWD/ground" is-enabled a.service || true)" = masked ]
	recipe <<<'neap.unit { name = "a.service", masked = false }'
	converges
	[ ! -e ground/etc/systemd/system/a.service ]
	echo own >ground/etc/systemd/system/a.service
	recipe <<<'neap.unit { name = "a.service", masked = true }'
	run -4 plan
	[[ $output == *"a.service cannot be masked: /etc/systemd/system/a.service is a file"* ]]
}

@test "a secret closes the file, and is nowhere to be seen" {
	recipe <<-'LUA'
	local secret = neap.secret { value = "s3cr3t" }
	neap.unit {
		name = "a.service", content = neap.format("[Service]\nEnvironment=TOKEN=%s\n", secret),
		drop_ins = { own = neap.format("[Service]\nEnvironment=OTHER=%s\n", secret), open = "[Unit]\n" },
	}
	LUA
	run -2 plan --diff
	[[ $output != *s3cr3t* && $output == *"TOKEN=(secret)"* ]]
	run -2 --separate-stderr plan --format json
	[[ $output != *s3cr3t* ]]
	converges
	[ "$(cd ground/etc/systemd/system && stat -c '%a %n' a.service a.service.d/*)" = \
		$'600 a.service\n644 a.service.d/open.conf\n600 a.service.d/own.conf' ]
	sed -i 's/TOKEN/TOK/' site.lua
	run -2 plan --diff
	[[ $output != *s3cr3t* && $output == *hidden* ]]
}

@test "what goes: the file, what was dropped in, the links; not what is no unit's" {
	recipe <<<'neap.unit { name = "a.service", content = "[Install]\nWantedBy=m.target\nAlias=z.service\n", drop_ins = { x = "[Unit]\n" }, enabled = true }'
	apply -q
	echo mine >ground/etc/systemd/system/a.service.d/README
	echo more >ground/etc/systemd/system/a.service.d/y.conf
	recipe <<<'neap.unit { name = "a.service", ensure = "absent" }'
	run -2 plan
	[[ $output == *"- delete"*"unit[a.service]"* ]]
	converges
	[ "$(cd ground/etc/systemd/system && find . -mindepth 1 | sort | tr '\n' ' ')" = "./a.service.d ./a.service.d/README " ]
}

@test "a purge spares what is enabled, whoever brought the unit" {
	printf '[Install]\nWantedBy=m.target\n' >ground/usr/lib/systemd/system/pkg.service
	recipe <<-'LUA'
	neap.directory { path = "/etc/systemd/system/m.target.wants", purge = true }
	neap.unit { name = "pkg.service", enabled = true }
	neap.unit { name = "own.service", content = "[Install]\nWantedBy=m.target\n", enabled = true }
	LUA
	mkdir -p ground/etc/systemd/system/m.target.wants
	ln -s x ground/etc/systemd/system/m.target.wants/old.service
	converges
	[ "$(ls ground/etc/systemd/system/m.target.wants)" = $'own.service\npkg.service' ]
}

@test "errors of a recipe are told together, and say what to do" {
	recipe <<-'LUA'
	neap.unit { name = "etcd" }
	neap.unit { name = "a.service", content = "[Unit\n" }
	neap.unit { name = "b.service", content = "[Service]\n", enabled = true }
	neap.unit { name = "c@.service", state = "running" }
	neap.unit { name = "d.service", masked = true, enabled = true }
	neap.unit { name = "e.service", content = "[Install]\nAlias=x.service\n", enabled = true }
	neap.unit { name = "f.service", content = "[Install]\nAlias=x.service\n", enabled = true }
	LUA
	run -1 "$NEAP" check site.lua
	[[ $output == *'site.lua:2: unit[etcd]: "etcd" is no name of a unit'*'did you mean "etcd.service"?'* ]]
	[[ $output == *'content: line 1: no section begins with "[Unit"'* ]]
	[[ $output == *"nothing in [Install] of b.service says what would start it"* ]]
	[[ $output == *"state has no meaning with a template"* ]]
	[[ $output == *"masked = true and enabled = true contradict each other"* ]]
	[[ $output == *"/etc/systemd/system/x.service"* ]]
}

@test "a unit waits in a plan for what is not known yet" {
	recipe <<-'LUA'
	local token = neap.token { path = "/etc/token" }
	neap.unit {
		name = "a.service", enabled = true,
		content = neap.format("[Service]\nEnvironment=T=%s\n[Install]\nWantedBy=m.target\n", token.value),
	}
	LUA
	run -2 plan
	[[ $output == *"? unknown   unit[a.service]"*"content  (not known yet)"* ]]
	run -0 apply -q
	grep -q "T=$(cat ground/etc/token)" ground/etc/systemd/system/a.service
	[ -L ground/etc/systemd/system/m.target.wants/a.service ]
	run -0 plan
}

@test "two hundred units that are enabled, each in a directory of its own, cost some calls each" {
	cat >many.lua <<-'LUA'
	local neap = require "neap"
	for i = 1, 200 do
		neap.unit {
			name = ("u%d.service"):format(i), enabled = true,
			content = ("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=t%d.target\n"):format(i),
		}
	end
	LUA
	mkdir -p many/etc
	run -0 "$NEAP" apply -q --root many --state-dir state many.lua
	run -0 strace -f -o trace "$NEAP" plan --root many --state-dir state many.lua
	echo "$(wc -l <trace) calls"
	[ "$(wc -l <trace)" -lt 10000 ]
}
