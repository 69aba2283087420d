# neap.download against servers kind and hostile (tests/web/server.c): what is there afterwards, what they were asked.

setup() {
	work=$(mktemp -d "${BATS_TMPDIR:-/tmp}/neap-download-XXXXXX")
	mkdir "$work/root"
	. "$NEAP_SOURCE/tests/web/server.bash"
	unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY NO_PROXY
	web_start a
	head -c 3000000 /dev/urandom >"$work/a/www/big"
	sum=sha256:$(sha256sum "$work/a/www/big" | cut -d ' ' -f 1)
	downloads=$work/root/var/lib/neap/downloads
	part=$downloads/${sum/:/-}
	cat >"$work/one.lua" <<-'LUA'
		local neap = require "neap"
		neap.download { path = "/opt/big", url = neap.params.URL, checksum = neap.params.SUM, timeout = neap.params.TIMEOUT,
			ca_cert = neap.params.CA, client_cert = neap.params.CERT, client_key = neap.params.KEY }
	LUA
}

teardown() {
	web_stop_all
	rm -rf "$work"
}

# get PATH [OPTION…]: neap apply of one.lua with that path of server a.
get() {
	local path=$1
	shift
	run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=http://$web_a/$path" -D "SUM=$sum" "$@"
	echo "$output"
}

is_there() {
	cmp "$work/a/www/big" "$work/root/opt/big"
	[ ! -e "$downloads" ]
}

nothing_there() {
	[ ! -e "$work/root/opt" ]
}

has_size() {
	[ "$(stat -c %s "$1" 2>/dev/null)" = "$2" ]
}

@test "a file is fetched once; then no call of the network is made, and the library is not even loaded" {
	get big
	[ "$status" -eq 0 ]
	is_there
	[ "$(stat -c %a "$work/root/opt/big")" = 644 ]
	[ "$(web_log a)" = "GET /big" ]
	for verb in plan apply; do
		strace -f -o "$work/trace" -e trace=%network,openat "$NEAP" $verb "$work/one.lua" --root "$work/root" \
			-D "URL=http://$web_a/big" -D "SUM=$sum"
		never grep -E 'socket|connect|libcurl' "$work/trace"
	done
	[ "$(web_log a)" = "GET /big" ]
}

@test "sha512, of a file larger than memory holds, is as good" {
	sum=sha512:$(sha512sum "$work/a/www/big" | cut -d ' ' -f 1)
	get big
	[ "$status" -eq 0 ]
	is_there
	get big
	[[ "$output" == *"nothing to change"* ]]
	[ "$(web_log a)" = "GET /big" ]
}

@test "a plan makes no network call and no file, and says the checksum and from where" {
	strace -f -o "$work/trace" -e trace=%network "$NEAP" plan "$work/one.lua" --root "$work/root" \
		-D "URL=http://$web_a/big" -D "SUM=$sum" >"$work/out" || [ $? -eq 2 ]
	cat "$work/out"
	never grep -E 'socket|connect' "$work/trace"
	[ -z "$(web_log a)" ]
	[ -z "$(ls -A "$work/root")" ]
	grep -q "checksum  ${sum:0:40}" "$work/out"
	grep -q "from http://$web_a/big" "$work/out"
}

@test "bytes changed by hand are replaced, with their mode kept; a mode alone asks nothing of the network" {
	get big
	chmod 750 "$work/root/opt/big"
	printf x | dd of="$work/root/opt/big" bs=1 seek=1000 conv=notrunc status=none
	get big
	[ "$status" -eq 0 ]
	[[ "$output" == *"1 updated"* ]]
	is_there
	[ "$(stat -c %a "$work/root/opt/big")" = 750 ]
	sed 's/timeout/mode = "0700", timeout/' "$work/one.lua" >"$work/mode.lua"
	run "$NEAP" apply "$work/mode.lua" --root "$work/root" -D "URL=http://$web_a/big" -D "SUM=$sum"
	[ "$status" -eq 0 ]
	[ "$(stat -c %a "$work/root/opt/big")" = 700 ]
	[ "$(web_log a | wc -l)" -eq 2 ]
}

@test "kill -9 in the middle: the next run goes on where it was, and the plan after it is empty" {
	"$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=http://$web_a/stall/1000000/big" -D "SUM=$sum" &
	pid=$!
	until_true has_size "$part" 1000000
	kill -9 $pid
	wait $pid || true
	[ "$(stat -c %a "$downloads")" = 700 ]
	[ "$(stat -c %a "$part")" = 600 ]
	nothing_there
	get big
	[ "$status" -eq 0 ]
	is_there
	[ "$(web_log a | tail -n 1)" = "GET /big range=bytes=1000000-" ]
	run "$NEAP" plan "$work/one.lua" --root "$work/root" -D "URL=http://$web_a/big" -D "SUM=$sum"
	[ "$status" -eq 0 ]
}

@test "kill -9 when all had come: the next run asks nobody" {
	mkdir -p "$downloads"
	chmod 700 "$work/root/var/lib/neap" "$downloads"
	cp "$work/a/www/big" "$part"
	get status/500
	[ "$status" -eq 0 ]
	is_there
	[ -z "$(web_log a)" ]
}

@test "SIGTERM ends it at once: not done, nothing there, and the next run goes on" {
	"$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=http://$web_a/stall/1000000/big" -D "SUM=$sum" \
		>"$work/out" 2>&1 &
	pid=$!
	until_true has_size "$part" 1000000
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	cat "$work/out"
	[ $status -eq 143 ]
	grep -q '1 not done' "$work/out"
	nothing_there
	get big
	is_there
	[ "$(web_log a | tail -n 1)" = "GET /big range=bytes=1000000-" ]
}

# part_of BYTES: what a run that died has left.
part_of() {
	mkdir -p "$downloads"
	chmod 700 "$work/root/var/lib/neap"
	head -c "$1" "$work/a/www/big" >"$part"
}

@test "a server that does not go on, goes on from elsewhere or refuses: the file comes whole" {
	for path in norange/big wrongrange/big 416/big; do
		rm -rf "$work/root/opt"
		part_of 1000000
		get $path
		[ "$status" -eq 0 ]
		is_there
	done
	[ "$(web_log a | grep -c 'GET /norange/big')" -eq 1 ]
	[ "$(web_log a | grep -c 'GET /wrongrange/big')" -eq 2 ]
	[ "$(web_log a | grep -c 'GET /416/big')" -eq 2 ]
}

@test "a part that is of something else, or longer than the whole, is thrown away, once" {
	part_of 0
	head -c 1000000 /dev/zero >"$part"
	get big
	[ "$status" -eq 0 ]
	is_there
	[ "$(web_log a)" = "$(printf 'GET /big range=bytes=1000000-\nGET /big')" ]
	rm -rf "$work/root/opt"
	part_of 0
	head -c 4000000 /dev/zero >"$part"
	get big
	is_there
	# Wrong on the server too: it is asked twice, and then no more.
	rm -rf "$work/root/opt" "$work/a/log"
	part_of 1000000
	echo wrong >>"$work/a/www/big"
	get big
	[ "$status" -eq 4 ]
	[[ "$output" == *"what it sends is not what is wanted: 3000006 bytes of sha256:"* ]]
	[ "$(web_log a | wc -l)" -eq 2 ]
	nothing_there
	[ ! -e "$downloads" ]
}

@test "mirrors are tried in order, and the error names what was wrong with each" {
	web_start b
	cp "$work/a/www/big" "$work/b/www/big"
	echo other >"$work/a/www/other"
	cat >"$work/mirrors.lua" <<-LUA
		local neap = require "neap"
		neap.download { path = "/opt/big", url = "http://$web_a/none", checksum = "$sum",
			mirrors = { "http://127.0.0.1:1/big", "http://$web_a/other", "http://$web_a/short/1000000/big", neap.params.LAST } }
	LUA
	run "$NEAP" apply "$work/mirrors.lua" --root "$work/root" -D "LAST=http://$web_b/hidden"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"http://$web_a/none: the server answers 404; "*"http://127.0.0.1:1/big: connect 127.0.0.1:1: Connection refused; "* ]]
	[[ "$output" == *"http://$web_a/other: what it sends is not what is wanted: 6 bytes of sha256:"* ]]
	[[ "$output" == *"http://$web_a/short/1000000/big: the connection broke off after 1000000 bytes; http://$web_b/hidden: the server answers 404"* ]]
	nothing_there
	run "$NEAP" apply "$work/mirrors.lua" --root "$work/root" -D "LAST=http://$web_b/big"
	echo "$output"
	[ "$status" -eq 0 ]
	is_there
}

@test "what comes of one server is gone on with at another" {
	web_start b
	cp "$work/a/www/big" "$work/b/www/big"
	cat >"$work/mirrors.lua" <<-LUA
		local neap = require "neap"
		neap.download { path = "/opt/big", url = "http://$web_a/short/1000000/big", checksum = "$sum",
			mirrors = { "http://$web_b/big" } }
	LUA
	"$NEAP" apply "$work/mirrors.lua" --root "$work/root"
	is_there
	[ "$(web_log b)" = "GET /big range=bytes=1000000-" ]
}

@test "what a hostile server does comes to an end, is told, and leaves the old file as it was" {
	mkdir "$work/root/opt"
	echo old >"$work/root/opt/big"
	while read -r path timeout text; do
		get "$path" -D TIMEOUT=$timeout
		[ "$status" -eq 4 ]
		[[ "$output" == *"$text"* ]] || { echo "not said: $text"; false; }
		[ "$(cat "$work/root/opt/big")" = old ]
		rm -rf "$downloads"
	done <<-'TEXT'
		status/500 60s the server answers 500
		status/204 60s the server answers 204
		short/5/big 60s the connection broke off after 5 bytes
		bare/5/big 60s what it sends is not what is wanted: 5 bytes of
		heads 60s the head of the answer is larger than 256 KB
		huge 60s more is announced than is taken
		endless 3s not done in time, after
		hang 3s no answer in time
		stall/5/big 3s not done in time, after 5 bytes
		loop 60s redirected more than 10 times
		to/302/ 60s redirected (302), and not said whereto
		to/302/file:///etc/passwd 60s redirected (302) to what neap does not follow
		to/302/http://u:p@127.0.0.1/ 60s redirected (302) to what neap does not follow
	TEXT
	[ "$(web_log a | grep -c 'GET /loop')" -eq 11 ]
}

@test "an endless body is cut off where the disk is full, and does not keep it full" {
	map=--map-root-user
	[ "$(id -u)" != 0 ] || map=
	unshare $map --mount true 2>/dev/null || skip "no mount namespaces here"
	mkdir "$work/small"
	# shellcheck disable=SC2016 # for the inner shell
	run unshare $map --mount sh -c 'mount -t tmpfs -o size=4m tmpfs "$1/small" || exit 99
		"$NEAP" apply "$1/one.lua" --root "$1/root" --state-dir "$1/small/state" -D "URL=$2" -D "SUM=$3"
		status=$?
		find "$1/small/state" -type f -size +1M
		exit $status' sh "$work" "http://$web_a/endless" "$sum"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"No space left on device"* ]]
	[[ "$output" != *"$work/small/state/downloads"* ]]
}

@test "bytes that are said to be compressed stay as they are sent" {
	get gzip/big
	[ "$status" -eq 0 ]
	is_there
}

@test "redirects are followed, relative ones too" {
	for code in 301 302 303 307 308; do
		rm -rf "$work/root/opt"
		get "to/$code//big"
		[ "$status" -eq 0 ]
		is_there
	done
	get "to/302/to/302/to/302/../../../big"
	[ "$status" -eq 0 ]
}

@test "a secret header reaches the servers that are named, no other, and no output" {
	web_start b
	web_start c
	cp "$work/a/www/big" "$work/b/www/big"
	cat >"$work/secret.lua" <<-LUA
		local neap = require "neap"
		local token = neap.secret { value = "SWORDFISH" }
		neap.download { path = "/opt/big", url = "http://$web_a/to/302/http://$web_c/big", checksum = "$sum",
			mirrors = { "http://$web_b/to/307//big" },
			headers = { ["X-Token"] = token, Authorization = neap.format("Bearer %s", token) } }
	LUA
	for verb in "plan" "plan --format json" "apply --format json" "apply -v"; do
		# shellcheck disable=SC2086 # words
		"$NEAP" $verb "$work/secret.lua" --root "$work/root" >>"$work/out" 2>&1 || true
		rm -rf "$work/root/opt"
	done
	cat "$work/out"
	never grep -r SWORDFISH "$work/out" "$work/root"
	[ "$(web_log a | head -n 1)" = "GET /to/302/http://$web_c/big auth=Bearer SWORDFISH token=SWORDFISH" ]
	[ "$(web_log c | head -n 1)" = "GET /big" ]
	[ "$(web_log b | head -n 2 | tail -n 1)" = "GET /big auth=Bearer SWORDFISH token=SWORDFISH" ]
}

# A CA in $work/NAME.ca, and by it a certificate for 127.0.0.1 and one for a client.
make_certs() {
	local name=$1 leaf
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name CA" \
		-keyout "$work/$name.ca.key" -out "$work/$name.ca" 2>/dev/null
	for leaf in server client; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name $leaf" \
			-keyout "$work/$name.$leaf.key" -out "$work/$name.csr" 2>/dev/null
		openssl x509 -req -in "$work/$name.csr" -CA "$work/$name.ca" -CAkey "$work/$name.ca.key" -days 1 \
			-extfile <(echo "subjectAltName=${2:-IP:127.0.0.1}") -out "$work/$name.$leaf" 2>/dev/null
	done
	mkdir -p "$work/root/etc"
	cp "$work/$name.ca" "$work/$name.client" "$work/$name.client.key" "$work/root/etc"
}

@test "TLS: unknown authorities and names that do not fit are refused, ca_cert is what is trusted" {
	make_certs good
	make_certs misnamed DNS:example.org
	web_start s "$work/good.server" "$work/good.server.key"
	web_start m "$work/misnamed.server" "$work/misnamed.server.key"
	cp "$work/a/www/big" "$work/s/www/big"
	cp "$work/a/www/big" "$work/m/www/big"
	url=https://$web_s/big
	run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=$url" -D "SUM=$sum"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"TLS: "*"certificate"* ]]
	[[ "$output" == *"ca_cert names the file"* ]]
	run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=$url" -D "SUM=$sum" -D CA=/etc/misnamed.ca
	[ "$status" -eq 4 ]
	run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=https://$web_m/big" -D "SUM=$sum" -D CA=/etc/misnamed.ca
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"127.0.0.1"* ]]
	nothing_there
	[ -z "$(web_log s)$(web_log m)" ]
	run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=$url" -D "SUM=$sum" -D CA=/etc/good.ca
	echo "$output"
	[ "$status" -eq 0 ]
	is_there
}

@test "TLS: from https to http is not gone, however the server likes it" {
	make_certs good
	web_start s "$work/good.server" "$work/good.server.key"
	run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=https://$web_s/to/302/http://$web_a/big" -D "SUM=$sum" \
		-D CA=/etc/good.ca
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"redirected from https to http://127.0.0.1, which is not followed"* ]]
	[ -z "$(web_log a)" ]
}

@test "TLS: a client certificate is shown to the server that is named, and not to where it redirects" {
	make_certs good
	web_start s "$work/good.server" "$work/good.server.key" "$work/good.ca"
	web_start o "$work/good.server" "$work/good.server.key" "$work/good.ca"
	cp "$work/a/www/big" "$work/s/www/big"
	cp "$work/a/www/big" "$work/o/www/big"
	by() {
		run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=https://$web_s/$1" -D "SUM=$sum" -D CA=/etc/good.ca "${@:2}"
		echo "$output"
	}
	by big
	[ "$status" -eq 4 ]
	by big -D CERT=/etc/good.client
	[ "$status" -eq 4 ]
	by big -D CERT=/etc/good.client -D KEY=/etc/none
	[ "$status" -eq 4 ]
	[[ "$output" == *"client_key: open /etc/none: No such file or directory"* ]]
	by "to/302/https://$web_o/big" -D CERT=/etc/good.client -D KEY=/etc/good.client.key
	[ "$status" -eq 4 ]
	[ -z "$(web_log o)" ]
	by big -D CERT=/etc/good.client -D KEY=/etc/good.client.key
	[ "$status" -eq 0 ]
	is_there
	rm -r "$work/root/opt"
	cat "$work/good.client.key" >>"$work/root/etc/good.client"
	by big -D CERT=/etc/good.client
	[ "$status" -eq 0 ]
	[ "$(web_log s | tail -n 1)" = "GET /big cert=good client" ]
}

@test "TLS: a key with a passphrase is an error and asks nobody" {
	make_certs good
	web_start s "$work/good.server" "$work/good.server.key" "$work/good.ca"
	openssl ec -in "$work/good.client.key" -aes256 -passout pass:x -out "$work/root/etc/locked" 2>/dev/null
	run timeout 20 setsid "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=https://$web_s/big" -D "SUM=$sum" \
		-D CA=/etc/good.ca -D CERT=/etc/good.client -D KEY=/etc/locked
	echo "$output"
	[ "$status" -eq 4 ]
}

@test "proxies are those of the environment, for http and, as a tunnel, for https" {
	web_start p
	make_certs good
	web_start s "$work/good.server" "$work/good.server.key"
	cp "$work/a/www/big" "$work/p/www/big"
	cp "$work/a/www/big" "$work/s/www/big"
	http_proxy=http://$web_p get big
	[ "$status" -eq 0 ]
	[ "$(web_log p)" = "GET http://$web_a/big" ]
	[ -z "$(web_log a)" ]
	rm -rf "$work/root/opt"
	https_proxy=http://$web_p run "$NEAP" apply "$work/one.lua" --root "$work/root" -D "URL=https://$web_s/big" -D "SUM=$sum" \
		-D CA=/etc/good.ca
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(web_log p | tail -n 1)" = "CONNECT $web_s" ]
	[ "$(web_log s)" = "GET /big" ]
	rm -rf "$work/root/opt"
	http_proxy=http://$web_p no_proxy=127.0.0.1 get big
	[ "$status" -eq 0 ]
	[ "$(web_log a)" = "GET /big" ]
}

@test "what nobody went on with for a week is swept, younger parts stay" {
	part_of 1000
	cp "$part" "$downloads/sha256-old"
	touch -d '8 days ago' "$downloads/sha256-old"
	echo 'require "neap".file { path = "/a", content = "a" }' >"$work/file.lua"
	"$NEAP" apply "$work/file.lua" --root "$work/root"
	[ "$(ls "$downloads")" = "${part##*/}" ]
	touch -d '8 days ago' "$part"
	"$NEAP" apply "$work/file.lua" --root "$work/root"
	[ ! -e "$downloads" ]
}

@test "what stands on a download is done after it, and skipped when it fails" {
	cat >"$work/two.lua" <<-LUA
		local neap = require "neap"
		local big = neap.download { path = "/opt/conf", url = "http://$web_a/conf", checksum = neap.params.SUM }
		neap.line { path = "/opt/conf.d", line = "x" }
		neap.file { path = "/opt/after", content = "1\n", require = big }
	LUA
	echo hello >"$work/a/www/conf"
	sum=sha256:$(sha256sum "$work/a/www/conf" | cut -d ' ' -f 1)
	run "$NEAP" plan "$work/two.lua" --root "$work/root" -D "SUM=$sum"
	echo "$output"
	[ "$status" -eq 2 ]
	[[ "$output" == *"3 to create"* ]]
	"$NEAP" apply "$work/two.lua" --root "$work/root" -D "SUM=$sum"
	[ "$(cat "$work/root/opt/conf" "$work/root/opt/after")" = "$(printf 'hello\n1')" ]
	# When it fails, what stands on it is skipped, and nothing else.
	rm -rf "$work/root/opt" "$work/a/www/conf"
	run "$NEAP" apply "$work/two.lua" --root "$work/root" -D "SUM=$sum"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" == *"1 failed"*"1 skipped"* ]]
	[ ! -e "$work/root/opt/after" ]
	[ -e "$work/root/opt/conf.d" ]
}

@test "retries ask again" {
	cat >"$work/again.lua" <<-LUA
		local neap = require "neap"
		neap.download { path = "/opt/big", url = "http://$web_a/short/1000000/big", checksum = "$sum", retries = 5, delay = "0s" }
	LUA
	"$NEAP" apply "$work/again.lua" --root "$work/root"
	is_there
	[ "$(web_log a)" = "$(printf 'GET /short/1000000/big%s\n' '' ' range=bytes=1000000-' ' range=bytes=2000000-')" ]
}
