-- N users, each with a group of its own.
local neap = require "neap"

for i = 1, tonumber(neap.params.N or "1000") do
	neap.user { name = ("user%04d"):format(i), shell = "/bin/sh" }
end
