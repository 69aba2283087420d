# Resource types written in Lua, by the real program on real files: the shipped example, what docs/lua-types.md shows,
# secrets, kill -9, and values of one resource in another through every encoder.

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-types-XXXXXX")
	mkdir -p "$work/root/etc/default"
}

teardown() {
	rm -rf "$work"
}

@test "the shipped example: planned, applied, sourced by a shell, repaired" {
	printf '# of others\nGRUB_TIMEOUT_STYLE=hidden\nGRUB_DEFAULT=0\nGRUB_TIMEOUT_STYLE=menu' >"$work/root/etc/default/grub"
	run "$NEAP" plan @examples/service-defaults --root "$work/root" -D GREETING="it is"
	echo "$output"
	[ "$status" -eq 2 ]
	[[ "$output" == *"plan: 5 to create, 1 to delete"* ]]
	[ ! -e "$work/root/etc/default/app" ]
	"$NEAP" plan --format json @examples/service-defaults --root "$work/root" -D GREETING="it is" >"$work/plan.json" || true
	"$NEAP" apply --format json @examples/service-defaults --root "$work/root" -D GREETING="it is" >"$work/apply.json"
	entries='[.resources[] | {address, action, reason, changes}]'
	diff <(jq -S "$entries" "$work/plan.json") <(jq -S "$entries" "$work/apply.json")
	run "$NEAP" plan @examples/service-defaults --root "$work/root" -D GREETING="it is"
	[ "$status" -eq 0 ]
	[ "$(sh -c '. "$1"; echo "$APP_PORT:$APP_GREETING"' - "$work/root/etc/default/app")" = "8080:it is" ]
	[ "$(cat "$work/root/etc/default/grub")" = "$(printf '# of others\nGRUB_DEFAULT=0')" ]
	sed -i 's/8080/9090/' "$work/root/etc/default/app"
	run "$NEAP" plan @examples/service-defaults --root "$work/root" -D GREETING="it is"
	[ "$status" -eq 2 ]
	[[ "$output" == *'value  "9090" -> "8080"'* ]]
	# Said otherwise, it is the same to a shell.
	sed -i -e "s/'9090'/\"8080\"/" -e "s/'it is'/\"it is\"/" "$work/root/etc/default/app"
	run "$NEAP" plan @examples/service-defaults --root "$work/root" -D GREETING="it is"
	[ "$status" -eq 0 ]
	run "$NEAP" check @examples/service-defaults -D GREETING="it's"
	[ "$status" -eq 1 ]
	[[ "$output" == *"value holds a single quote or a newline"* ]]
}

@test "what docs/lua-types.md shows works as it says" {
	# Each fenced block with a name is a file.
	awk -v dir="$work" '/^```lua [a-z_.]+\.lua$/ { file = dir "/" $2; next } /^```/ { file = "" } file { print > file }' \
		"$NEAP_SOURCE/docs/lua-types.md"
	[ -s "$work/app_version.lua" ]
	mkdir -p "$work/root/opt/app/releases/1.4.0" "$work/root/opt/app/releases/1.5.0"
	run "$NEAP" plan "$work/site.lua" --root "$work/root"
	echo "$output"
	[ "$status" -eq 2 ]
	[[ "$output" == *"app_version[/opt/app]"* ]]
	"$NEAP" apply "$work/site.lua" --root "$work/root"
	[ "$(readlink "$work/root/opt/app/current")" = releases/1.4.0 ]
	run "$NEAP" plan "$work/site.lua" --root "$work/root"
	[ "$status" -eq 0 ]
	sed -i 's/1\.4\.0/1.5.0/' "$work/site.lua"
	run "$NEAP" plan "$work/site.lua" --root "$work/root"
	[[ "$output" == *"1.4.0 -> 1.5.0"* ]]
	"$NEAP" apply "$work/site.lua" --root "$work/root"
	sed -i 's/1\.5\.0/1.6.0/' "$work/site.lua"
	run "$NEAP" plan "$work/site.lua" --root "$work/root"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"app_version.lua:"*"/opt/app/releases/1.6.0 is not there"* ]]
	"$NEAP" apply "$work/composite.lua" --root "$work/root"
	[ "$(cat "$work/root/srv/db/env")" = NAME=db ]
	[ "$(stat -c %a "$work/root/srv/web")" = 750 ]
}

# A type that keeps a token: a secret output.
token_type() {
	cat >"$work/token.lua" <<-'LUA'
		local neap = require "neap"
		return neap.type {
			name = "kept_token",
			summary = "a secret in a file",
			params = {
				path = { kind = "path", key = true, owns = true },
				value = { kind = "text", secret = true, required = true },
			},
			read = function(view, want)
				local content = view:file(want.path)
				return content and { value = content } or nil
			end,
			apply = function(host, want)
				host:write(want.path, { content = want.value })
			end,
			outputs = {
				token = { doc = "The secret.", secret = true, read = function(view, want) return (view:file(want.path)) end },
				size = { doc = "Its length.", read = function(view, want) return #view:file(want.path) end },
			},
		}
	LUA
	printf 'S3cr3tN33dle\n' >"$work/secret"
	chmod 600 "$work/secret"
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local kept = require "token" { path = "/etc/token", value = neap.secret { file = "secret" } }
		local values = { token = kept.token, size = kept.size }
		neap.file { path = "/etc/concat", content = "t=" .. kept.token .. ";" .. kept.size }
		neap.file { path = "/etc/format", content = neap.format("%s %s", kept.token, kept.size) }
		neap.file { path = "/etc/yaml", content = neap.yaml.encode(values) }
		neap.file { path = "/etc/json", content = neap.json.encode(values) }
		neap.file { path = "/etc/base64", content = neap.base64.encode(kept.token) }
		neap.file { path = "/etc/template", content = neap.template({ text = "<%= token %>\n<% if true then %>\n<%= size %>\n<% end %>\n" }, values) }
	LUA
}

@test "a secret output goes through concatenation, format, YAML, JSON, base64 and templates, and is never shown" {
	token_type
	needle=S3cr3tN33dle
	encoded=$(printf %s "$needle" | base64)
	for arguments in "plan --diff -v" "plan --format json" "graph --format json" "apply --diff" "plan --diff"; do
		# shellcheck disable=SC2086
		"$NEAP" $arguments "$work/site.lua" --root "$work/root" >"$work/out" 2>&1 || true
		if grep -qF -e "$needle" -e "$encoded" "$work/out"; then cat "$work/out"; false; fi
	done
	run "$NEAP" plan "$work/site.lua" --root "$work/root"
	echo "$output"
	[ "$status" -eq 0 ]
	cd "$work/root/etc"
	[ "$(cat concat)" = "t=$needle;12" ]
	[ "$(cat format)" = "$needle 12" ]
	[ "$(cat json)" = "{\"size\":\"12\",\"token\":\"$needle\"}" ]
	grep -q "token: .*$needle" yaml
	[ "$(base64 -d base64)" = "$needle" ]
	[ "$(cat template)" = "$(printf '%s\n12' "$needle")" ]
	[ "$(stat -c %a token concat yaml base64)" = "$(printf '600\n600\n600\n600')" ]
	! grep -rqF "$needle" "$work/root/var"
	sed -i 's/N33dle/Other/' "$work/secret" token
	printf 'X' >>token
	run "$NEAP" plan --diff "$work/site.lua" --root "$work/root"
	[ "$status" -eq 2 ]
	[[ "$output" != *S3cr3t* ]]
}

@test "errors of a type name its file and line, the resource and the recipe's line; 1 at evaluation, 4 in a run" {
	cat >"$work/bad.lua" <<-'LUA'
		local neap = require "neap"
		return neap.type {
			name = "bad", summary = "",
			params = { name = { kind = "string", key = true }, say = { kind = "string" } },
			check = function(want)
				if want.say == "check" then error("wrong from the start") end
			end,
			read = function(view, want)
				local t
				if want.say == "index" then return t.x end
				return {}
			end,
			apply = function() end,
		}
	LUA
	printf 'local bad = require "bad"\n\nbad { name = "a", say = "check" }\n' >"$work/site.lua"
	run "$NEAP" plan "$work/site.lua" --root "$work/root"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"site.lua:3: bad[a]: bad.lua:6: wrong from the start"* ]]
	printf 'local bad = require "bad"\n\nbad { name = "a", say = "index" }\n' >"$work/site.lua"
	for verb in plan apply; do
		run "$NEAP" $verb "$work/site.lua" --root "$work/root"
		echo "$output"
		[ "$status" -eq 4 ]
		[[ "$output" == *"bad[a] (site.lua:3): bad.lua:10: attempt to index a nil value (local 't')"* ]]
	done
}

@test "kill -9 between the changes of one apply leaves old or new, and the next run converges" {
	cat >"$work/pair.lua" <<-'LUA'
		local neap = require "neap"
		return neap.type {
			name = "pair", summary = "two files that say the same",
			params = { path = { kind = "path", key = true }, text = { kind = "text", required = true } },
			claim = function(want) return { want.path .. ".a", want.path .. ".b" } end,
			read = function(view, want)
				local a, b = view:file(want.path .. ".a"), (view:file(want.path .. ".b"))
				return { text = a == b and a or nil }
			end,
			apply = function(host, want)
				for _, suffix in ipairs { ".a", ".b" } do
					host:write(want.path .. suffix, { content = want.text })
				end
			end,
		}
	LUA
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local pair = require "pair"
		for i = 1, 20 do
			pair { path = "/etc/pair" .. i, text = neap.params.TEXT .. i }
		end
	LUA
	"$NEAP" apply -q "$work/site.lua" --root "$work/root" -D TEXT=one
	text=two
	killed=0
	for _ in $(seq 30); do
		timeout -s KILL "0.00$((RANDOM % 10))$((RANDOM % 10))" \
			"$NEAP" apply --lock-wait 10s "$work/site.lua" --root "$work/root" -D TEXT=$text >/dev/null 2>&1 || killed=$((killed + 1))
		! grep -rLE '^(one|two)[0-9]+$' "$work/root/etc" | grep -q .
		# The killed one may not be gone yet, and then still holds the lock.
		"$NEAP" apply -q --lock-wait 10s "$work/site.lua" --root "$work/root" -D TEXT=$text >/dev/null
		run "$NEAP" plan "$work/site.lua" --root "$work/root" -D TEXT=$text
		[ "$status" -eq 0 ]
		[ -z "$(find "$work/root" -name '.neap-*')" ]
		if [ $text = one ]; then text=two; else text=one; fi
	done
	[ $killed -gt 0 ]
}

@test "a type that looks by a program is not asked again in a plan: the program would see what was there before" {
	cat >"$work/seen.lua" <<-'LUA'
	local neap = require "neap"
	return neap.type {
		name = "seen", summary = "a file that a program looks for",
		params = { path = { kind = "path", key = true, owns = true, doc = "where" } },
		read = function(view, want)
			return view:query { command = { "test", "-e", want.path } }.status == 0 and {} or nil
		end,
		apply = function(host, want) host:write(want.path, "seen") end,
	}
	LUA
	printf 'local seen = require "seen"\nseen { path = "%s/it" }\n' "$work" >"$work/site.lua"
	run "$NEAP" plan --state-dir "$work/state" "$work/site.lua"
	[ "$status" = 2 ]
	"$NEAP" apply -q --state-dir "$work/state" "$work/site.lua"
	"$NEAP" plan --state-dir "$work/state" "$work/site.lua"
}

@test "an output made from another one is the same for who comes late" {
	cat >"$work/echo.lua" <<-'LUA'
	local neap = require "neap"
	return neap.type {
		name = "echo", summary = "a file, and what was to be in it",
		params = {
			path = { kind = "path", key = true, owns = true, doc = "where" },
			value = { kind = "text", doc = "what" },
		},
		read = function(view, want)
			local bytes = view:file(want.path)
			return bytes and { value = bytes }
		end,
		apply = function(host, want) host:write(want.path, want.value) end,
		outputs = { said = { doc = "what", read = function(_, want) return want.value end } },
	}
	LUA
	cat >"$work/site.lua" <<-LUA
	local neap = require "neap"
	local echo, d = require "echo", "$work/echo/"
	local first = echo { path = d .. "a", value = "first" }
	local second = echo { path = d .. "b", value = first.said }
	local last = second
	for i = 1, 5 do
		last = neap.file { path = d .. i, content = string.rep("z", 3000 + i), require = last }
	end
	echo { path = d .. "c", value = second.said, require = last }
	LUA
	"$NEAP" apply -q --state-dir "$work/state" "$work/site.lua"
	"$NEAP" plan --state-dir "$work/state" "$work/site.lua"
	[ "$(cat "$work/echo/c")" = first ]
}

@test "a plan with types in Lua changes nothing and asks no more than it must" {
	token_type
	"$NEAP" apply -q "$work/site.lua" --root "$work/root"
	before=$(find "$work/root" -printf '%p %m %s %T@\n' | sort)
	"$NEAP" plan "$work/site.lua" --root "$work/root"
	[ "$before" = "$(find "$work/root" -printf '%p %m %s %T@\n' | sort)" ]
	cat >"$work/many.lua" <<-'LUA'
		local neap = require "neap"
		local kept = require "token"
		for i = 1, tonumber(neap.params.COUNT) do
			kept { path = ("/t/%d"):format(i), value = "v" }
		end
	LUA
	"$NEAP" apply -q "$work/many.lua" --root "$work/root" -D COUNT=600
	calls() {
		strace -f -o "$work/trace" "$NEAP" plan "$work/many.lua" --root "$work/root" -D COUNT="$1" >/dev/null 2>&1
		grep -vcE '(brk|mmap|munmap|mremap|madvise)\(|\+\+\+' "$work/trace"
	}
	few=$(calls 100)
	many=$(calls 600)
	echo "$few for 100, $many for 600"
	[ $((many - few)) -le 2500 ]
}
