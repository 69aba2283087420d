# A web server for a test in bats: sourced, after $work is made. Each one is a directory below $work.

# web_start NAME [CERT KEY [CA]]: $work/NAME/www is served. Sets $web_NAME to host and port.
web_start() {
	local name=$1 i
	shift
	mkdir -p "$work/$name/www"
	rm -f "$work/$name/port"
	"$NEAP_WEB" "$work/$name" "$@" 3>&- &
	echo $! >"$work/$name/pid"
	for i in $(seq 500); do
		[ ! -e "$work/$name/port" ] || break
		sleep 0.02
	done
	read -r i <"$work/$name/port"
	printf -v "web_$name" '127.0.0.1:%s' "$i"
}

web_stop() {
	kill "$(cat "$work/$1/pid")"
	rm -f "$work/$1/pid"
}

# The servers, and the processes that answer (each is a child of its own).
web_stop_all() {
	local file pid
	for file in "$work"/*/pid; do
		[ -e "$file" ] || continue
		pid=$(cat "$file")
		pkill -P "$pid" 2>/dev/null || true
		kill "$pid" 2>/dev/null || true
	done
}

# What was asked of a server, one line a request.
web_log() {
	cat "$work/$1/log" 2>/dev/null || true
}

# Waits until a command succeeds, at most 20 s.
until_true() {
	local i
	for i in $(seq 1000); do
		! "$@" || return 0
		sleep 0.02
	done
	echo "never true: $*"
	return 1
}

# As "!", which bats does not see.
never() {
	if "$@"; then return 1; fi
}
