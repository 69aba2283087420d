-- What can be chosen, by the guide's names: -D NAME=value. The defaults are for a look below --root: MASTER_IP is
-- an address set aside for documentation.

local neap = require "neap"
local ranges = require "ranges"

local function setting(name, default)
	return neap.params[name] or default
end

local settings = {
	CLUSTER_NAME = setting("CLUSTER_NAME", "scratch"),
	MASTER_IP = setting("MASTER_IP", "192.0.2.10"),
	MASTER_NAME = setting("MASTER_NAME", "master"),
	SERVICE_CLUSTER_IP_RANGE = setting("SERVICE_CLUSTER_IP_RANGE", "10.0.0.0/16"),
	-- The guide uses it and never says what it is: the range of all pods.
	CLUSTER_SUBNET = setting("CLUSTER_SUBNET", "10.10.0.0/16"),

	-- The release of Kubernetes, and the etcd that was shipped with it.
	TAG = setting("TAG", "v1.15.12"),
	ETCD_VERSION = setting("ETCD_VERSION", "3.3.10"),

	USER = setting("USER", "admin"),
}
settings.CONTEXT_NAME = setting("CONTEXT_NAME", settings.CLUSTER_NAME)
settings.HYPERKUBE_IMAGE = setting("HYPERKUBE_IMAGE", "k8s.gcr.io/hyperkube:" .. settings.TAG)
settings.ETCD_IMAGE = setting("ETCD_IMAGE", "k8s.gcr.io/etcd:" .. settings.ETCD_VERSION)
settings.RECOMMENDED_LIST = setting("RECOMMENDED_LIST", table.concat({
	"NamespaceLifecycle", "LimitRanger", "ServiceAccount", "DefaultStorageClass", "DefaultTolerationSeconds",
	"MutatingAdmissionWebhook", "ValidatingAdmissionWebhook", "ResourceQuota",
}, ","))

-- The guide leaves the ports to the programs and then uses others. They are said here, once, and in every URL.
settings.SECURE_PORT = 443
settings.API_SERVER = "https://" .. settings.MASTER_IP .. ":" .. settings.SECURE_PORT

-- The guide is of the time when all programs were one image: its last release is 1.18. --enable-admission-plugins
-- came with 1.10.
settings.MINOR = tonumber(settings.TAG:match "^v1%.(%d+)%.%d+$")
if not settings.MINOR or settings.MINOR < 10 or settings.MINOR > 18 then
	error("TAG=" .. settings.TAG .. ": this recipe is for v1.10.0 to v1.18.x (from 1.19 on there is no hyperkube image)")
end

ranges.require_disjoint {
	MASTER_IP = settings.MASTER_IP .. "/32",
	SERVICE_CLUSTER_IP_RANGE = settings.SERVICE_CLUSTER_IP_RANGE,
	CLUSTER_SUBNET = settings.CLUSTER_SUBNET,
}

return settings
