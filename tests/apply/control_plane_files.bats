#!/usr/bin/env bats
# The shipped recipe @examples/control-plane-files, judged by the programs that read what it writes.

bats_require_minimum_version 1.5.0

recipe=@examples/control-plane-files

setup() {
	machine=$BATS_TEST_TMPDIR/machine
	mkdir "$machine"
	cd "$BATS_TEST_TMPDIR" || return 1
}

apply() {
	"$NEAP" apply --root "$machine" "$recipe" "$@"
}

manifest() { # manifest NAME JQ-FILTER
	jq -r "$2" "$machine/etc/kubernetes/manifests/$1.manifest"
}

@test "a plan names every resource, exits 2 and leaves nothing behind" {
	run --separate-stderr "$NEAP" plan --format json --root "$machine" "$recipe"
	[ "$status" = 2 ]
	[ "$(jq '.resources | length' <<<"$output")" = 22 ]
	[ "$(jq -r '[.resources[].action] | unique | join(" ")' <<<"$output")" = create ]
	[ "$(jq '.summary.create' <<<"$output")" = 22 ]
	[ -z "$(ls -A "$machine")" ]
}

@test "what a plan of an empty machine creates, apply creates, and a second plan is empty" {
	plan=$("$NEAP" plan --format json --root "$machine" "$recipe" 2>/dev/null) || [ $? = 2 ]
	done=$("$NEAP" apply --format json --root "$machine" "$recipe" 2>/dev/null)
	[ "$(jq -S '.summary | {create, update, delete, unchanged}' <<<"$plan")" = \
		"$(jq -S '.summary | {create, update, delete, unchanged}' <<<"$done")" ]
	run "$NEAP" plan --root "$machine" "$recipe"
	[ "$status" = 0 ]
	run --separate-stderr "$NEAP" plan --format json --root "$machine" "$recipe"
	[ "$(jq -r '.summary.unchanged' <<<"$output")" = 22 ]
}

@test "the API server's manifest is the guide's template with every flag an item of its own" {
	apply
	manifest kube-apiserver . >got
	cat >want <<-'JSON'
	{
	  "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "kube-apiserver" },
	  "spec": {
	    "hostNetwork": true,
	    "containers": [ {
	      "name": "kube-apiserver", "image": "k8s.gcr.io/hyperkube:v1.15.12",
	      "command": [ "/hyperkube", "apiserver",
	        "--advertise-address=192.0.2.10", "--secure-port=443",
	        "--insecure-bind-address=127.0.0.1", "--insecure-port=8080",
	        "--service-cluster-ip-range=10.0.0.0/16", "--etcd-servers=http://127.0.0.1:2379",
	        "--enable-admission-plugins=NamespaceLifecycle,LimitRanger,ServiceAccount,DefaultStorageClass,DefaultTolerationSeconds,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ResourceQuota",
	        "--client-ca-file=/srv/kubernetes/ca.crt", "--tls-cert-file=/srv/kubernetes/server.crt",
	        "--tls-private-key-file=/srv/kubernetes/server.key",
	        "--token-auth-file=/srv/kubernetes/known_tokens.csv" ],
	      "ports": [ { "name": "https", "hostPort": 443, "containerPort": 443 },
	        { "name": "local", "hostPort": 8080, "containerPort": 8080 } ],
	      "volumeMounts": [ { "name": "srvkube", "mountPath": "/srv/kubernetes", "readOnly": true },
	        { "name": "etcssl", "mountPath": "/etc/ssl", "readOnly": true } ],
	      "livenessProbe": {
	        "httpGet": { "scheme": "HTTP", "host": "127.0.0.1", "port": 8080, "path": "/healthz" },
	        "initialDelaySeconds": 15, "timeoutSeconds": 15 }
	    } ],
	    "volumes": [ { "name": "srvkube", "hostPath": { "path": "/srv/kubernetes" } },
	      { "name": "etcssl", "hostPath": { "path": "/etc/ssl" } } ]
	  }
	}
	JSON
	diff <(jq -S . want) <(jq -S . got)
}

@test "the scheduler's manifest has no member that the guide's template has not" {
	apply
	cat >want <<-'JSON'
	{
	  "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "kube-scheduler" },
	  "spec": {
	    "hostNetwork": true,
	    "containers": [ {
	      "name": "kube-scheduler", "image": "k8s.gcr.io/hyperkube:v1.15.12",
	      "command": [ "/hyperkube", "scheduler", "--master=127.0.0.1:8080" ],
	      "livenessProbe": {
	        "httpGet": { "scheme": "HTTP", "host": "127.0.0.1", "port": 10251, "path": "/healthz" },
	        "initialDelaySeconds": 15, "timeoutSeconds": 15 }
	    } ]
	  }
	}
	JSON
	diff <(jq -S . want) <(manifest kube-scheduler . | jq -S .)
}

@test "controller manager and etcd mount what their flags name" {
	apply
	[ "$(manifest kube-controller-manager '[.spec.volumes[].hostPath.path] | join(" ")')" = "/srv/kubernetes /etc/ssl" ]
	manifest kube-controller-manager '.spec.containers[0].command[]' | grep -qx -e --cluster-cidr=10.10.0.0/16
	manifest kube-controller-manager '.spec.containers[0].command[]' |
		grep -qx -e --service-account-private-key-file=/srv/kubernetes/server.key
	[ "$(manifest etcd '.spec.containers[0].volumeMounts[0].mountPath')" = /var/lib/etcd ]
	[ "$(manifest etcd '.spec.containers[0].volumeMounts[0] | has("readOnly")')" = false ]
	manifest etcd '.spec.containers[0].command[]' | grep -qx -e --data-dir=/var/lib/etcd
}

@test "kubectl reads each kubeconfig, and each has a server" {
	apply -D CLUSTER_NAME=blue -D CONTEXT_NAME=work -D USER=ann
	view() { kubectl config view --raw --output=json --kubeconfig "$machine$1"; }
	for file in /var/lib/kubelet/kubeconfig /var/lib/kube-proxy/kubeconfig /etc/kubernetes/admin.conf; do
		[ "$(view "$file" | jq -r '.clusters[0].cluster.server')" = https://192.0.2.10:443 ]
		[ "$(view "$file" | jq -r '.clusters[0].cluster."certificate-authority"')" = /srv/kubernetes/ca.crt ]
		# The current context is there, and its user has a token.
		view "$file" | jq -e '. as $c | $c.contexts[] | select(.name == $c."current-context") | .context
			| select(.cluster == $c.clusters[0].name and .user == $c.users[0].name)'
	done
	[ "$(view /var/lib/kubelet/kubeconfig | jq -r '.users[0] | "\(.name) \(.user.token)"')" = \
		"kubelet DEMONSTRATION0TOKEN0NOT0SECRET02" ]
	[ "$(view /etc/kubernetes/admin.conf | jq -r '"\(.clusters[0].name) \(."current-context") \(.users[0].name)"')" = \
		"blue work ann" ]
}

@test "the tokens' file has a line for each user, in the form the API server reads" {
	apply
	diff - "$machine/srv/kubernetes/known_tokens.csv" <<-'CSV'
	DEMONSTRATION0TOKEN0NOT0SECRET01,admin,1,"system:masters"
	DEMONSTRATION0TOKEN0NOT0SECRET02,kubelet,2,"system:nodes"
	DEMONSTRATION0TOKEN0NOT0SECRET03,kube-proxy,3
	CSV
}

@test "modes, directories and links are the ones the guide needs" {
	apply
	cd "$machine"
	[ "$(stat -c %a etc/kubernetes etc/kubernetes/manifests srv/kubernetes var/lib/kubelet var/lib/kube-proxy \
		var/lib/etcd root/.kube | paste -sd' ')" = "755 700 700 700 700 700 700" ]
	[ "$(stat -c %a etc/kubernetes/manifests/* etc/kubernetes/admin.conf srv/kubernetes/known_tokens.csv \
		var/lib/kube*/kubeconfig | sort -u)" = 600 ]
	[ "$(stat -c %a etc/sysctl.d/99-kubernetes.conf etc/modules-load.d/kubernetes.conf etc/hosts | sort -u)" = 644 ]
	[ "$(readlink root/.kube/config)" = /etc/kubernetes/admin.conf ]
	[ "$(readlink etc/kubernetes/kubelet.conf)" = /var/lib/kubelet/kubeconfig ]
	[ "$(readlink etc/kubernetes/kube-proxy.conf)" = /var/lib/kube-proxy/kubeconfig ]
	# The kubelet starts whatever lies among the manifests: there is nothing else.
	[ "$(ls -A etc/kubernetes/manifests | paste -sd' ')" = \
		"etcd.manifest kube-apiserver.manifest kube-controller-manager.manifest kube-scheduler.manifest" ]
}

@test "own tokens are taken, and neither plan, diff, JSON nor report shows one" {
	for name in ADMIN KUBELET KUBE_PROXY; do
		printf 'own%sown%sown\n' "$name" "$RANDOM$RANDOM" >"$name"
		set -- "$@" -D "${name}_TOKEN_FILE=$PWD/$name"
	done
	"$NEAP" plan --diff -v --root "$machine" "$recipe" "$@" >screens 2>&1 || [ $? = 2 ]
	"$NEAP" plan --format json --root "$machine" "$recipe" "$@" >>screens 2>&1 || [ $? = 2 ]
	"$NEAP" apply --diff -v --root "$machine" "$recipe" "$@" >>screens 2>&1
	printf 'stale\n' >"$machine/srv/kubernetes/known_tokens.csv"
	"$NEAP" plan --diff --root "$machine" "$recipe" "$@" >>screens 2>&1 || [ $? = 2 ]
	"$NEAP" apply --format json --root "$machine" "$recipe" "$@" >>screens 2>&1
	for name in ADMIN KUBELET KUBE_PROXY; do
		grep -qF "$(cat "$name")," "$machine/srv/kubernetes/known_tokens.csv"
		run ! grep -F "$(cat "$name")" screens
	done
	grep -qF "token: \"$(cat KUBELET)\"" "$machine/var/lib/kubelet/kubeconfig"
	run ! grep -F "demonstration token" screens
	run ! grep -rF "$(cat ADMIN)" "$machine/var/lib/neap"
}

@test "without own tokens it says that they are known to everybody" {
	run --separate-stderr "$NEAP" check "$recipe"
	[ "$status" = 0 ]
	[[ $stderr == *"ADMIN_TOKEN_FILE"* ]]
}

# identity EXCEPT: every file below etc and srv but EXCEPT and the directory it lies in.
identity() {
	find "$machine/etc" "$machine/srv" ! -path "$1" ! -path "$(dirname "$1")" -printf '%p %i %T@\n' | sort
}

@test "one drifted byte is found, shown and repaired, and nothing else is touched" {
	apply >/dev/null
	file=$machine/etc/sysctl.d/99-kubernetes.conf
	cp "$file" good
	before=$(identity "$file")
	sed -i 's/ip_forward = 1/ip_forward = 0/' "$file"
	run "$NEAP" plan --diff --root "$machine" "$recipe"
	[ "$status" = 2 ]
	[[ $output == *"file[/etc/sysctl.d/99-kubernetes.conf]"* ]]
	[[ $output == *"-net.ipv4.ip_forward = 0"*"+net.ipv4.ip_forward = 1"* ]]
	[[ $output != *"manifest"* ]]
	run --separate-stderr "$NEAP" apply --format json --root "$machine" "$recipe"
	[ "$status" = 0 ]
	[ "$(jq -r '.resources[] | select(.outcome == "changed") | .address' <<<"$output")" = \
		"file[/etc/sysctl.d/99-kubernetes.conf]" ]
	cmp good "$file"
	[ "$before" = "$(identity "$file")" ]
}

@test "one drifted byte of a file that only root may read is found and not shown" {
	apply >/dev/null
	file=$machine/etc/kubernetes/manifests/etcd.manifest
	cp "$file" good
	sed -i 's/--data-dir/--Data-dir/' "$file"
	run "$NEAP" plan --diff --root "$machine" "$recipe"
	[ "$status" = 2 ]
	[[ $output == *"file[/etc/kubernetes/manifests/etcd.manifest]"* ]]
	[[ $output != *"Data-dir"* ]]
	"$NEAP" apply --root "$machine" "$recipe"
	cmp good "$file"
	[ "$(stat -c %a "$file")" = 600 ]
}

@test "another address changes every file that names it, and no other" {
	apply
	run --separate-stderr "$NEAP" plan --format json --root "$machine" "$recipe" -D MASTER_IP=198.51.100.7
	[ "$status" = 2 ]
	diff - <(jq -r '.resources[] | select(.action != "none") | "\(.action) \(.name)"' <<<"$output" | sort) <<-'NAMES'
	update /etc/hosts: 198.51.100.7\tmaster
	update /etc/kubernetes/admin.conf
	update /etc/kubernetes/manifests/kube-apiserver.manifest
	update /var/lib/kube-proxy/kubeconfig
	update /var/lib/kubelet/kubeconfig
	NAMES
}

@test "a new address takes its line in /etc/hosts, foreign lines stay" {
	mkdir "$machine/etc"
	printf '127.0.0.1 localhost\n203.0.113.9 master\n203.0.113.8 masterly\n' >"$machine/etc/hosts"
	apply -D MASTER_IP=198.51.100.7
	diff - "$machine/etc/hosts" <<-'HOSTS'
	127.0.0.1	localhost
	198.51.100.7	master
	203.0.113.8 masterly
	HOSTS
}

@test "ranges that overlap are refused by name, before anything is done" {
	run "$NEAP" apply --root "$machine" "$recipe" -D CLUSTER_SUBNET=10.0.0.0/16
	[ "$status" = 1 ]
	[[ $output == *"CLUSTER_SUBNET=10.0.0.0/16"*"SERVICE_CLUSTER_IP_RANGE=10.0.0.0/16 overlap"* ]]
	[ -z "$(ls -A "$machine")" ]
	for wrong in MASTER_IP=10.10.3.4 CLUSTER_SUBNET=10.10.0.1/16 CLUSTER_SUBNET=10.10.0.0/33 MASTER_IP=300.1.1.1 MASTER_IP=fe80::1; do
		run "$NEAP" check "$recipe" -D "$wrong"
		[ "$status" = 1 ]
		[[ $output == *"${wrong%%=*}=${wrong#*=}"* ]]
	done
}

@test "releases without a hyperkube image are refused, and 1.17 gets its own names for the programs" {
	run "$NEAP" check "$recipe" -D TAG=v1.19.0
	[ "$status" = 1 ]
	[[ $output == *"no hyperkube image"* ]]
	apply -D TAG=v1.17.4
	[ "$(manifest kube-scheduler '.spec.containers[0] | "\(.image) \(.command[1])"')" = \
		"k8s.gcr.io/hyperkube:v1.17.4 kube-scheduler" ]
}
