-- The static pods of a master as tables, in the shape of the guide's templates.

local settings = require "settings"

-- Directories of the machine that a pod may see.
local srvkube = { name = "srvkube", path = "/srv/kubernetes", read_only = true }
local etcssl = { name = "etcssl", path = "/etc/ssl", read_only = true }
local etcd_data = { name = "data", path = "/var/lib/etcd" }

local function probe(port, path)
	return {
		httpGet = { scheme = "HTTP", host = "127.0.0.1", port = port, path = path },
		initialDelaySeconds = 15,
		timeoutSeconds = 15,
	}
end

local function port(name, number)
	return { name = name, hostPort = number, containerPort = number }
end

-- One container on the machine's own network. `directories` are mounted where they lie. A member that is nil
-- is not in the manifest.
local function pod(name, container, directories)
	local mounts, volumes
	for i, directory in ipairs(directories or {}) do
		mounts, volumes = mounts or {}, volumes or {}
		mounts[i] = { name = directory.name, mountPath = directory.path, readOnly = directory.read_only }
		volumes[i] = { name = directory.name, hostPath = { path = directory.path } }
	end
	container.name = name
	container.volumeMounts = mounts
	return {
		kind = "Pod",
		apiVersion = "v1",
		metadata = { name = name },
		spec = { hostNetwork = true, containers = { container }, volumes = volumes },
	}
end

-- The programs' names within hyperkube: up to 1.16 the guide's short ones, later only their own.
local function hyperkube(program, flags)
	if settings.MINOR > 16 then
		program = "kube-" .. program
	end
	return table.move(flags, 1, #flags, 3, { "/hyperkube", program })
end

local pods = {}

-- One instance, reached from this machine only. 2379 and 2380 are the ports of etcd 3; the guide's 4001 is that
-- of version 2.
function pods.etcd()
	local client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	return pod("etcd", {
		image = settings.ETCD_IMAGE,
		command = {
			"/usr/local/bin/etcd",
			"--name=" .. settings.MASTER_NAME,
			"--data-dir=/var/lib/etcd",
			"--listen-client-urls=" .. client,
			"--advertise-client-urls=" .. client,
			"--listen-peer-urls=" .. peer,
			"--initial-advertise-peer-urls=" .. peer,
			"--initial-cluster=" .. settings.MASTER_NAME .. "=" .. peer,
		},
		livenessProbe = probe(2379, "/health"),
	}, { etcd_data })
end

-- HTTPS with tokens for everyone else, plain HTTP on the loopback address for the scheduler, the controller manager
-- and the probe. As in the guide no authorizer is chosen: who has a token may do everything.
function pods.apiserver()
	return pod("kube-apiserver", {
		image = settings.HYPERKUBE_IMAGE,
		command = hyperkube("apiserver", {
			"--advertise-address=" .. settings.MASTER_IP,
			"--secure-port=" .. settings.SECURE_PORT,
			"--insecure-bind-address=127.0.0.1",
			"--insecure-port=8080",
			"--service-cluster-ip-range=" .. settings.SERVICE_CLUSTER_IP_RANGE,
			"--etcd-servers=http://127.0.0.1:2379",
			"--enable-admission-plugins=" .. settings.RECOMMENDED_LIST,
			"--client-ca-file=/srv/kubernetes/ca.crt",
			-- server.crt: the flag in the guide says server.cert, a file that nothing there makes.
			"--tls-cert-file=/srv/kubernetes/server.crt",
			"--tls-private-key-file=/srv/kubernetes/server.key",
			-- In the directory that the pod sees; the guide's text also names /var/lib/kube-apiserver.
			"--token-auth-file=/srv/kubernetes/known_tokens.csv",
		}),
		ports = { port("https", settings.SECURE_PORT), port("local", 8080) },
		livenessProbe = probe(8080, "/healthz"),
	}, { srvkube, etcssl })
end

function pods.scheduler()
	return pod("kube-scheduler", {
		image = settings.HYPERKUBE_IMAGE,
		command = hyperkube("scheduler", { "--master=127.0.0.1:8080" }),
		livenessProbe = probe(10251, "/healthz"),
	})
end

function pods.controller_manager()
	return pod("kube-controller-manager", {
		image = settings.HYPERKUBE_IMAGE,
		command = hyperkube("controller-manager", {
			"--master=127.0.0.1:8080",
			"--cluster-name=" .. settings.CLUSTER_NAME,
			"--cluster-cidr=" .. settings.CLUSTER_SUBNET,
			-- Each node is given its range by hand, as the guide does without a cloud provider.
			"--allocate-node-cidrs=false",
			"--root-ca-file=/srv/kubernetes/ca.crt",
			-- The server's key signs service accounts too: the guide's choice, and enough up to 1.19.
			"--service-account-private-key-file=/srv/kubernetes/server.key",
		}),
		livenessProbe = probe(10252, "/healthz"),
	}, { srvkube, etcssl })
end

return pods
