-- The smallest recipe worth having: what people read before and after they log in.

local neap = require "neap"

local banner = neap.file {
	path = "/etc/issue.net",
	content = "Kept by neap: what is changed here by hand is put back.\n",
}

neap.link { path = "/etc/motd", target = banner.path }

neap.line {
	path = "/etc/ssh/sshd_config",
	line = "Banner " .. banner.path,
	match = [[^#?\s*Banner\s]],
}
