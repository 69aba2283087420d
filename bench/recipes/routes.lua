-- N routes through one gateway, over a bridge.
local neap = require "neap"

neap.bridge { name = "br0" }
neap.address { link = "br0", address = "10.0.0.1/24" }
for i = 0, tonumber(neap.params.N or "1000") - 1 do
	neap.route { to = ("10.%d.%d.0/24"):format(1 + i // 250, i % 250), via = "10.0.0.9" }
end
