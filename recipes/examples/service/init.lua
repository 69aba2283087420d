-- A program as a service: a user of its own, its settings, its unit, and a restart when one of them changes.
--
--	neap plan @examples/service -D NAME=app -D COMMAND="/usr/local/bin/app --port 8080" -D SETTINGS=$PWD/app.yaml
--
-- The program finds what is in SETTINGS, a file with a map by its absolute name, in its environment. A file that is
-- changed by hand is put right, and the service restarted, once; one that has stopped is started; what is right is
-- left alone. With -D PORT=8080 the run waits until somebody listens there, and fails when nobody does. With
-- -D ENSURE=absent the service goes.

local neap = require "neap"
local given = require "neap.given"

local params = neap.params
local name = given.needed "NAME"
local unit = name .. ".service"

if params.ENSURE == "absent" then
	local gone = neap.unit { name = unit, ensure = "absent" }
	neap.file { path = "/etc/default/" .. name, ensure = "absent", require = gone }
	neap.user { name = name, ensure = "absent", require = gone }
	return
end

local function settings_of(file)
	local settings = file and neap.yaml.decode(neap.read(file)) or {}
	if type(settings) ~= "table" then
		error("SETTINGS: " .. file .. " is no map of variables", 0)
	end
	for variable, value in neap.sorted_pairs(settings) do
		if not tostring(variable):match "^[%a_][%w_]*$" then
			error(("SETTINGS: \"%s\" is no name of a variable"):format(variable), 0)
		end
		local kind = type(value)
		if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
			error(("SETTINGS: %s is no text, number or boolean, and nothing else fits into a variable"):format(variable), 0)
		end
	end
	return settings
end

-- A value between quotes, as systemd reads it in an EnvironmentFile.
local function quoted(value)
	return '"' .. tostring(value):gsub('[\\"`$]', "\\%0") .. '"'
end

local lines = {}
for variable, value in neap.sorted_pairs(settings_of(given.file "SETTINGS")) do
	lines[#lines + 1] = variable .. "=" .. quoted(value) .. "\n"
end

neap.user { name = name, system = true, home = "/nonexistent" }

local file = neap.file {
	path = "/etc/default/" .. name,
	content = table.concat(lines),
	owner = "root",
	group = name,
	mode = "0640",
}

local service = neap.unit {
	name = unit,
	content = neap.template("unit", { name = name, command = given.needed "COMMAND", settings = file.path }),
	enabled = true,
	state = "running",
	subscribe = file,
}

local port = given.integer("PORT", 1, 65535)
if port then
	neap.wait_for { host = "127.0.0.1", port = port, timeout = "30s", require = service }
end
