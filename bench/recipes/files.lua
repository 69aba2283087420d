-- N files of 200 bytes. -D N=10000 -D CHAIN=yes makes each require the one before it.
local neap = require "neap"

local count = tonumber(neap.params.N or "100")
local chain = neap.params.CHAIN == "yes"
local padding = ("x"):rep(166)

local before
for i = 1, count do
	before = neap.file {
		path = ("/etc/app/%05d.conf"):format(i),
		content = ("number = %05d\npadding = %s\nend %05d\n"):format(i, padding, i),
		mode = "0644",
		require = chain and before or nil,
	}
end
