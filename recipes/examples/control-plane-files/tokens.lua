-- Who may talk to the API server: one token each for the administrator, all kubelets and all kube-proxies.
--
-- Each comes from a file that holds nothing else: -D ADMIN_TOKEN_FILE=/path, KUBELET_TOKEN_FILE, KUBE_PROXY_TOKEN_FILE.
-- Without one a token for demonstration serves, which everybody has who has neap: for a look, never for a machine.

local neap = require "neap"
local given = require "neap.given"
local settings = require "settings"

local not_given = {}

local function token(name, demonstration)
	local file = given.file(name)
	if file then
		return neap.secret { file = file }
	end
	not_given[#not_given + 1] = "-D " .. name .. "=FILE"
	return neap.secret { value = demonstration }
end

local tokens = {
	admin = token("ADMIN_TOKEN_FILE", "DEMONSTRATION0TOKEN0NOT0SECRET01"),
	kubelet = token("KUBELET_TOKEN_FILE", "DEMONSTRATION0TOKEN0NOT0SECRET02"),
	kube_proxy = token("KUBE_PROXY_TOKEN_FILE", "DEMONSTRATION0TOKEN0NOT0SECRET03"),
}

if #not_given > 0 then
	print("Tokens for demonstration, known to everybody. Give your own: " .. table.concat(not_given, " "))
end

-- A line each for --token-auth-file: token,user,uid,"groups".
function tokens.csv()
	return tokens.admin .. "," .. settings.USER .. ',1,"system:masters"\n'
		.. tokens.kubelet .. ',kubelet,2,"system:nodes"\n'
		.. tokens.kube_proxy .. ",kube-proxy,3\n"
end

return tokens
