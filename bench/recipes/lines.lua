-- 100 lines ensured in a file of 10,000.
local neap = require "neap"

for i = 1, 100 do
	neap.line { path = "/etc/big.conf", line = ("setting.%05d = this is the value of line %05d"):format(i * 97, i * 97) }
end
