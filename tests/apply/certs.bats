# neap.cert, key, csr and token on real files, judged by openssl; time is moved by faketime.

bats_require_minimum_version 1.5.0

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-certs-XXXXXX")
	mkdir -p "$work/root/etc"
	# libfaketime comes before the runtime of the sanitizers, which minds unless told not to.
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local p = neap.params
		local ca = neap.cert { path = "/etc/pki/ca.crt", key = "/etc/pki/ca.key", common_name = "test-ca", ca = true,
			key_algorithm = "ecdsa-p256", path_length = 1, valid_for = "10y" }
		local middle = neap.cert { path = "/etc/pki/middle.crt", key = "/etc/pki/middle.key", common_name = "middle", ca = true,
			key_algorithm = "ed25519", issuer = ca, path_length = 0, valid_for = "5y" }
		local server = neap.cert { path = "/etc/app/server.crt", key = "/etc/app/server.key", issuer = middle,
			common_name = "server", organization = "Example", sans = { p.SAN or "DNS:www.example.org", "IP:127.0.0.1" },
			usages = { "server" }, valid_for = "1y", renew_before = "30d", key_algorithm = p.ALGORITHM or "rsa-2048" }
		local client = neap.cert { path = "/etc/app/client.crt", key = "/etc/app/client.key", issuer = ca,
			key_algorithm = "ecdsa-p384", common_name = "client", organization = { "system:nodes", "b" }, usages = "client" }
		local key = neap.key { path = "/etc/app/own.key", algorithm = "ed25519" }
		local csr = neap.csr { path = "/etc/app/own.csr", key = key, common_name = "own", sans = "DNS:own.example.org" }
		neap.cert { path = "/etc/app/self.crt", key = key, sans = "DNS:self.example.org" }
		local token = neap.token { path = "/etc/app/token" }
		neap.file { path = "/etc/app/bundle.pem", content = server.pem .. middle.pem .. csr.pem .. key.public_pem }
		neap.file { path = "/etc/app/tokens.csv", content = token.value .. ",admin,1\n" }
	LUA
}

teardown() {
	rm -rf "$work"
}

apply() {
	"$NEAP" apply "$work/site.lua" --root "$work/root" "$@"
}
plan() {
	"$NEAP" plan "$work/site.lua" --root "$work/root" "$@"
}
state() { # of every file below /etc
	(cd "$work/root/etc" && find . -type f -printf '%p %m %s ' -exec sha256sum {} \; | sort)
}

@test "a tree of certificates is what openssl expects, and a second run changes nothing" {
	run plan
	[ "$status" -eq 2 ]
	[ -z "$(ls "$work/root/etc")" ]
	apply
	cd "$work/root/etc"
	openssl verify -x509_strict -CAfile pki/ca.crt -untrusted pki/middle.crt -purpose sslserver app/server.crt
	openssl verify -x509_strict -CAfile pki/ca.crt -purpose sslclient app/client.crt
	openssl verify -CAfile app/self.crt app/self.crt
	run openssl verify -CAfile pki/ca.crt -untrusted pki/middle.crt -purpose sslclient app/server.crt
	[ "$status" -ne 0 ]
	openssl x509 -in app/server.crt -noout -checkhost www.example.org | grep 'does match'
	openssl x509 -in app/server.crt -noout -checkip 127.0.0.1 | grep 'does match'
	[ "$(openssl x509 -in app/client.crt -noout -subject -nameopt RFC2253)" = "subject=CN=client,O=system:nodes,O=b" ]
	for name in pki/ca pki/middle app/server app/client; do
		diff <(openssl x509 -in $name.crt -noout -pubkey) <(openssl pkey -in $name.key -pubout)
		[ "$(stat -c %a $name.key) $(stat -c %a $name.crt)" = "600 644" ]
	done
	openssl req -in app/own.csr -noout -verify
	openssl req -in app/own.csr -noout -text | grep DNS:own.example.org
	[ "$(wc -c <app/token)" -eq 64 ]
	[ "$(stat -c %a app/token)" = 600 ]
	[ "$(cat app/tokens.csv)" = "$(cat app/token),admin,1" ]
	diff <(cat app/server.crt pki/middle.crt app/own.csr; openssl pkey -in app/own.key -pubout) app/bundle.pem
	state >"$work/before"
	run plan
	[ "$status" -eq 0 ]
	run apply --detailed-exitcode
	[ "$status" -eq 0 ]
	state | diff "$work/before" -
}

@test "what the plan said is what the apply did" {
	run --separate-stderr plan --format json
	[ "$status" -eq 2 ]
	echo "$output" >"$work/plan.json"
	run --separate-stderr apply --format json
	[ "$status" -eq 0 ]
	echo "$output" >"$work/apply.json"
	certs='[.resources[] | select(.type != "file") | {address, action, changes, reason}]'
	diff <(jq -S "$certs" "$work/plan.json") <(jq -S "$certs" "$work/apply.json")
	# what is made of them is not known before
	[ "$(jq '[.resources[] | select(.type == "file") | .changes[] | select(.param == "content") | .unknown] | all' \
		"$work/plan.json")" = true ]
}

@test "a certificate near its end is renewed with its key, and the plan says why" {
	apply
	run faketime '+330 days' "$NEAP" plan "$work/site.lua" --root "$work/root"
	echo "$output"
	[ "$status" -eq 0 ]
	cp "$work/root/etc/app/server.key" "$work/key"
	# two hours more, that it is not yet but certainly within twelve days
	run --separate-stderr faketime '+352 days +22 hours' "$NEAP" plan "$work/site.lua" --root "$work/root" --format json
	[ "$status" -eq 2 ]
	echo "$output" >"$work/plan.json"
	[ "$(jq -r '.resources[] | select(.address == "cert[/etc/app/server.crt]") | .reason' "$work/plan.json")" = \
		"expires in 12 days: renew_before is 30 days" ]
	[ "$(jq -c '[.resources[] | select(.action == "update") | .address]' "$work/plan.json")" = \
		'["cert[/etc/app/server.crt]","cert[/etc/app/client.crt]","cert[/etc/app/self.crt]"]' ]
	faketime '+352 days +22 hours' "$NEAP" apply "$work/site.lua" --root "$work/root"
	cmp "$work/key" "$work/root/etc/app/server.key"
	later=$(($(date +%s) + 353 * 86400))
	openssl verify -attime $later -CAfile "$work/root/etc/pki/ca.crt" -untrusted "$work/root/etc/pki/middle.crt" \
		"$work/root/etc/app/server.crt"
	[ "$(date -d "$(openssl x509 -in "$work/root/etc/app/server.crt" -noout -enddate | cut -d= -f2)" +%s)" -gt \
		$((later + 360 * 86400)) ]
	run faketime '+353 days' "$NEAP" plan "$work/site.lua" --root "$work/root"
	[ "$status" -eq 0 ]
}

@test "a certificate that has expired is renewed; one that is not valid yet is the clock's fault" {
	apply
	run faketime '+400 days' "$NEAP" plan "$work/site.lua" --root "$work/root"
	[ "$status" -eq 2 ]
	[[ "$output" == *"(expired 3"*" days ago)"* ]]
	run faketime '-2 days' "$NEAP" apply "$work/site.lua" --root "$work/root"
	[ "$status" -eq 4 ]
	[[ "$output" == *"is the clock of this machine right?"* ]]
	run plan
	[ "$status" -eq 0 ]
}

@test "names and keys that change re-issue what they are in, and nothing else" {
	apply
	state >"$work/before"
	apply -D SAN=DNS:new.example.org >"$work/out"
	grep -F '(names differ: + DNS:new.example.org - DNS:www.example.org)' "$work/out"
	changed=$(state | diff "$work/before" - | sed -n 's/^> \.\([^ ]*\) .*/\1/p' | tr '\n' ' ')
	[ "$changed" = "/app/bundle.pem /app/server.crt " ]
	state >"$work/before"
	apply -D SAN=DNS:new.example.org -D ALGORITHM=ecdsa-p256
	changed=$(state | diff "$work/before" - | sed -n 's/^> \.\([^ ]*\) .*/\1/p' | tr '\n' ' ')
	[ "$changed" = "/app/bundle.pem /app/server.crt /app/server.key " ]
	# the order of names does not count, nor that the file says more around it
	openssl x509 -in "$work/root/etc/app/server.crt" -text >"$work/text"
	cp "$work/text" "$work/root/etc/app/server.crt"
	run "$NEAP" plan "$work/site.lua" --root "$work/root" -D SAN=DNS:NEW.example.org -D ALGORITHM=ecdsa-p256
	[[ "$output" != *"server.crt"* ]]
}

@test "certificates of an openssl CA are checked against it" {
	cd "$work/root/etc"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ext.key -out ext.crt -subj /O=corp/CN=corp-ca -days 3000 2>/dev/null
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		neap.cert { path = "/etc/leaf.crt", key = "/etc/leaf.key", key_algorithm = "ed25519", sans = "DNS:leaf",
			issuer = "/etc/ext.crt", issuer_key = "/etc/ext.key" }
	LUA
	apply
	openssl verify -CAfile ext.crt leaf.crt
	run plan
	[ "$status" -eq 0 ]
	# the CA is renewed with its key: what it signed stays
	openssl req -x509 -key ext.key -out ext.crt -subj /O=corp/CN=corp-ca -days 3001
	run plan
	[ "$status" -eq 0 ]
	# another key: all of it is made again
	openssl req -x509 -newkey rsa:2048 -nodes -keyout ext.key -out ext.crt -subj /O=corp/CN=corp-ca -days 3000 2>/dev/null
	run plan
	[ "$status" -eq 2 ]
	[[ "$output" == *"(signed by another key of the CA)"* ]]
	apply
	openssl verify -CAfile ext.crt leaf.crt
	# a certificate of openssl's with what is wanted is left alone
	openssl req -new -key leaf.key -subj / -out leaf.csr
	openssl x509 -req -in leaf.csr -CA ext.crt -CAkey ext.key -days 365 -out leaf.crt -extfile <(
		printf 'subjectAltName=critical,DNS:leaf\nextendedKeyUsage=clientAuth,serverAuth\nkeyUsage=digitalSignature\n') 2>/dev/null
	run plan
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "keys and certificates that cannot be understood fail, and every byte stays" {
	apply
	cd "$work/root/etc/app"
	openssl pkey -in server.key -aes128 -passout pass:secret -out encrypted
	for cell in server.key:/dev/null server.key:encrypted server.crt:token client.crt:/bin/true own.key:server.crt \
		own.csr:server.crt token:/dev/null; do
		file=${cell%%:*}
		cp "$file" "$work/kept"
		cat "${cell#*:}" >"$file"
		state >"$work/before"
		run apply
		echo "$cell: $status: $output"
		[ "$status" -eq 4 ]
		[[ "$output" == *"/etc/app/$file"* ]]
		state | diff "$work/before" -
		cat "$work/kept" >"$file"
	done
	run plan
	[ "$status" -eq 0 ]
}

@test "no bytes of a key or a token are in a plan, a report, the state or an argument" {
	{ apply --diff --format json && apply -D ALGORITHM=ed25519 --diff -v; } >"$work/out" 2>&1
	rm "$work/root/etc/app/own.key" "$work/root/etc/app/token"
	plan --diff >>"$work/out" || true
	apply --diff --format json >>"$work/out"
	"$NEAP" graph "$work/site.lua" --format json >>"$work/out"
	cd "$work/root/etc"
	for needle in "$(cat app/token)" "$(sed -n 2p app/server.key)" "$(sed -n 2p app/own.key)" "$(sed -n 2p pki/ca.key)"; do
		[ ${#needle} -ge 32 ]
		run grep -rF -e "$needle" "$work/out" "$work/root/var"
		[ "$status" -eq 1 ]
	done
	[ "$(id -u)" -ne 0 ] || ! find "$work/root" -name '.neap-*' | grep .
}

@test "a recipe that cannot be right is told so before anything is done" {
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local token = neap.token { path = "/etc/token" }
		local leaf = neap.cert { path = "/etc/a.crt", key = "/etc/a.key", common_name = token.value }
		neap.cert { path = "/etc/b.crt", key = "/etc/b.key", common_name = "b", issuer = leaf }
		neap.cert { path = "/etc/c.crt", key = "/etc/b.key", common_name = "c", sans = { "c.example.org" } }
		neap.cert { path = "/etc/d.crt", key = "/etc/b.key", common_name = "d", valid_for = 365 }
		neap.cert { path = "/etc/e.crt", key = "/etc/b.key", common_name = "e", csr = "/etc/x.csr" }
		neap.token { path = "/etc/short", length = 8 }
	LUA
	run plan
	echo "$output"
	[ "$status" -eq 1 ]
	for told in "common_name must be known when the recipe is evaluated" "does not say what kind of name it is" \
		"valid_for must be a string with a unit" 'unknown parameter "csr"' "length"; do
		[[ "$output" == *"$told"* ]]
	done
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local leaf = neap.cert { path = "/etc/a.crt", key = "/etc/a.key", common_name = "a" }
		neap.cert { path = "/etc/b.crt", key = "/etc/b.key", common_name = "b", issuer = leaf }
		neap.cert { path = "/etc/c.crt", key = "/etc/b.key", common_name = "c" }
	LUA
	run plan
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"the issuer /etc/a.crt is no CA"* ]]
	[ -z "$(ls "$work/root/etc")" ]
}

@test "kill -9 at each rename converges: a key without its certificate is used" {
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local ca = neap.cert { path = "/etc/ca.crt", key = "/etc/ca.key", common_name = "ca", ca = true,
			key_algorithm = "ed25519" }
		neap.cert { path = "/etc/leaf.crt", key = "/etc/leaf.key", common_name = neap.params.NAME, issuer = ca,
			key_algorithm = neap.params.ALGORITHM }
	LUA
	cut=0
	for when in 1 2 3 4; do
		rm -rf "$work/root/etc"
		mkdir "$work/root/etc"
		for name in one two; do
			algorithm=$([ $name = one ] && echo ed25519 || echo ecdsa-p256)
			strace -f -o /dev/null -e "inject=rename,renameat,renameat2:signal=KILL:when=$when" \
				"$NEAP" apply "$work/site.lua" --root "$work/root" -D NAME=$name -D ALGORITHM=$algorithm \
				>/dev/null 2>&1 || true
			# whatever has landed is whole
			for file in "$work"/root/etc/*; do
				[ ! -e "$file" ] || case $file in
				*.key) openssl pkey -in "$file" -noout ;;
				*.crt) openssl x509 -in "$file" -noout ;;
				esac
			done
			[ ! -e "$work/root/etc/leaf.key" ] || cp "$work/root/etc/leaf.key" "$work/leaf.key"
			run plan -D NAME=$name -D ALGORITHM=$algorithm
			[ "$status" -eq 0 ] || cut=$((cut + 1))
			apply -D NAME=$name -D ALGORITHM=$algorithm
			[ ! -e "$work/leaf.key" ] || [ $name = two ] || cmp "$work/leaf.key" "$work/root/etc/leaf.key"
			rm -f "$work/leaf.key"
			openssl verify -CAfile "$work/root/etc/ca.crt" "$work/root/etc/leaf.crt"
			diff <(openssl x509 -in "$work/root/etc/leaf.crt" -noout -pubkey) \
				<(openssl pkey -in "$work/root/etc/leaf.key" -pubout)
			run plan -D NAME=$name -D ALGORITHM=$algorithm
			[ "$status" -eq 0 ]
			[ -z "$(find "$work/root" -name '.neap-*')" ]
		done
	done
	echo "$cut runs were cut off"
	[ $cut -ge 4 ]
}

@test "a converged certificate costs twelve system calls: its key, itself and its issuer are read" {
	cat >"$work/site.lua" <<-'LUA'
		local neap = require "neap"
		local ca = neap.cert { path = "/etc/ca.crt", key = "/etc/ca.key", common_name = "ca", ca = true,
			key_algorithm = "ed25519" }
		for i = 1, tonumber(neap.params.COUNT) do
			neap.cert { path = ("/etc/leaf%d.crt"):format(i), key = ("/etc/leaf%d.key"):format(i), common_name = "leaf",
				key_algorithm = "ed25519", issuer = ca }
		end
	LUA
	apply -q -D COUNT=110
	for verb in apply plan; do
		for count in 10 110; do
			strace -f -o "$work/trace" "$NEAP" $verb "$work/site.lua" --root "$work/root" -D COUNT=$count >/dev/null 2>&1
			grep -vcE '(brk|mmap|munmap|mremap|madvise)\(|\+\+\+' "$work/trace" >"$work/calls$count"
			run grep -E 'execve|getrandom\(' "$work/trace"
			[ "${#lines[@]}" -le 4 ] # none of OpenSSL's; an apply has an id
		done
		echo "$verb: $(cat "$work/calls10") for 10, $(cat "$work/calls110") for 110"
		[ $(($(cat "$work/calls110") - $(cat "$work/calls10"))) -le 1200 ]
	done
}
