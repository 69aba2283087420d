-- What a service is started with, by a resource type that this recipe brings along: shell_variable.lua. The second
-- half is a composite, a plain function that declares several resources.

local neap = require "neap"
local shell_variable = require "shell_variable"

-- One variable for each of a table, and the file they stand in.
local function defaults(name, variables)
	local file = neap.file { path = "/etc/default/" .. name }
	for variable, value in neap.sorted_pairs(variables) do
		shell_variable { file = file.path, name = variable, value = value }
	end
	return file
end

defaults("ssh", { SSHD_OPTS = "-o LogLevel=VERBOSE" })
defaults("app", {
	APP_PORT = "8080",
	APP_GREETING = neap.params.GREETING or "hello",
})

shell_variable { file = "/etc/default/grub", name = "GRUB_TIMEOUT_STYLE", ensure = "absent" }
