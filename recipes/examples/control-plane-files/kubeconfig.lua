-- A kubeconfig: which API server, as whom. `server` is always given; the guide's template leaves it out, and a
-- kubelet of 1.8 or later would then look for the API server on itself.

local neap = require "neap"
local settings = require "settings"

-- kubeconfig { name =, cluster =, user =, token = } returns YAML; the token stays secret in it.
return function(context)
	return neap.yaml.encode {
		apiVersion = "v1",
		kind = "Config",
		clusters = {
			{
				name = context.cluster,
				cluster = {
					server = settings.API_SERVER,
					["certificate-authority"] = "/srv/kubernetes/ca.crt",
				},
			},
		},
		users = {
			{ name = context.user, user = { token = context.token } },
		},
		contexts = {
			{ name = context.name, context = { cluster = context.cluster, user = context.user } },
		},
		["current-context"] = context.name,
	}
end
