-- The files that make one machine the master of a Kubernetes cluster, by the guide "Creating a custom cluster from
-- scratch": static pods for etcd and the three masters' programs, kubeconfigs, tokens, kernel settings, names.
--
--	neap plan @examples/control-plane-files
--	neap apply @examples/control-plane-files -D MASTER_IP=10.1.2.3 -D ADMIN_TOKEN_FILE=/root/admin.token …
--
-- Every setting has a default (settings.lua), so that it can be tried below --root as it is. What neap cannot do
-- yet is left to you: the certificates ca.crt, server.crt and server.key in /srv/kubernetes, the container
-- runtime, the kubelet and kube-proxy with their units, the bridge and the firewall. Where the guide contradicts
-- itself, the choice made here stands in a comment where it is made.

local neap = require "neap"

local kubeconfig = require "kubeconfig"
local pods = require "pods"
local settings = require "settings"
local tokens = require "tokens"

-- Directories. Those that hold credentials, and the one the kubelet starts whatever lies in it, are for root only.

local function private_directory(path)
	return neap.directory { path = path, mode = "0700" }
end

neap.directory { path = "/etc/kubernetes", mode = "0755" }
private_directory "/etc/kubernetes/manifests"
private_directory "/srv/kubernetes"
private_directory "/var/lib/kubelet"
private_directory "/var/lib/kube-proxy"
private_directory "/root/.kube"
local etcd_data = private_directory "/var/lib/etcd"

-- Credentials: the API server reads who is who from one file; each client has a kubeconfig.

local known_tokens = neap.file {
	path = "/srv/kubernetes/known_tokens.csv",
	content = tokens.csv(),
	mode = "0600",
}

local function credentials(path, context)
	return neap.file { path = path, content = kubeconfig(context), mode = "0600" }
end

credentials("/var/lib/kubelet/kubeconfig", {
	name = "service-account-context", cluster = "local", user = "kubelet", token = tokens.kubelet,
})
credentials("/var/lib/kube-proxy/kubeconfig", {
	name = "service-account-context", cluster = "local", user = "kube-proxy", token = tokens.kube_proxy,
})
credentials("/etc/kubernetes/admin.conf", {
	name = settings.CONTEXT_NAME, cluster = settings.CLUSTER_NAME, user = settings.USER, token = tokens.admin,
})

-- The same files under the names where people and tools look for them.

neap.link { path = "/root/.kube/config", target = "/etc/kubernetes/admin.conf" }
neap.link { path = "/etc/kubernetes/kubelet.conf", target = "/var/lib/kubelet/kubeconfig" }
neap.link { path = "/etc/kubernetes/kube-proxy.conf", target = "/var/lib/kube-proxy/kubeconfig" }

-- The kernel, now and after a reboot. (Loading and setting them at once is a matter of types still to come.)

neap.file {
	path = "/etc/modules-load.d/kubernetes.conf",
	content = neap.template("templates/modules.conf", { modules = { "br_netfilter", "nf_conntrack", "overlay" } }),
}
neap.file { path = "/etc/sysctl.d/99-kubernetes.conf", source = "files/99-kubernetes.conf" }

-- Names.

local function host(address, name)
	neap.line {
		path = "/etc/hosts",
		line = address .. "\t" .. name,
		match = [[^[0-9.]+\s+\Q]] .. name .. [[\E\s*$]],
	}
end

host("127.0.0.1", "localhost")
host(settings.MASTER_IP, settings.MASTER_NAME)

-- The static pods, each written only when what it needs at its first start is there. Their order among each other
-- does not matter: they retry until the API server answers.

local function static_pod(name, pod, needs)
	neap.file {
		path = "/etc/kubernetes/manifests/" .. name .. ".manifest",
		content = neap.json.encode(pod, { pretty = true }),
		mode = "0600",
		require = needs,
	}
end

static_pod("etcd", pods.etcd(), etcd_data)
static_pod("kube-apiserver", pods.apiserver(), known_tokens)
static_pod("kube-scheduler", pods.scheduler())
static_pod("kube-controller-manager", pods.controller_manager())
