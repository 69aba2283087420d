-- IPv4 ranges such as "10.10.0.0/16": the guide's own example puts services and pods into the same one.

local ranges = {}

-- First and last address of a range as numbers; an error that names the setting.
local function bounds(name, range)
	local a, b, c, d, length = range:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$"
	if not a then
		error(name .. "=" .. range .. ": not an IPv4 range such as 10.10.0.0/16")
	end
	local address = 0
	for _, byte in ipairs { a, b, c, d } do
		if tonumber(byte) > 255 then
			error(name .. "=" .. range .. ": " .. byte .. " is more than 255")
		end
		address = address << 8 | tonumber(byte)
	end
	if tonumber(length) > 32 then
		error(name .. "=" .. range .. ": a prefix has at most 32 bits")
	end
	local size = 1 << (32 - tonumber(length))
	if address % size ~= 0 then
		error(name .. "=" .. range .. ": has bits set behind the prefix")
	end
	return address, address + size - 1
end

-- `named`: setting name to range. No two may have an address in common.
function ranges.require_disjoint(named)
	local all = {}
	for name, range in pairs(named) do
		local first, last = bounds(name, range)
		all[#all + 1] = { name = name, range = range, first = first, last = last }
	end
	table.sort(all, function(x, y)
		return x.first < y.first or x.first == y.first and x.name < y.name
	end)
	for i = 2, #all do
		local low, high = all[i - 1], all[i]
		if high.first <= low.last then
			error(("%s=%s and %s=%s overlap"):format(low.name, low.range, high.name, high.range))
		end
	end
end

return ranges
