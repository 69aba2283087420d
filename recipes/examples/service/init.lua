-- A program as a service: a user of its own, its settings, its unit, and a restart when one of them changes.
--
--	neap plan @examples/service -D NAME=app -D COMMAND="/usr/local/bin/app --port 8080" -D SETTINGS=$PWD/app.yaml
--
-- The program finds what is in SETTINGS, a map, in its environment. A file that is changed by hand is put right, and
-- the service restarted, once; one that has stopped is started; what is right is left alone. With -D PORT=8080 the
-- run waits until somebody listens there, and fails when nobody does. -D ENSURE=absent takes the service away.

local neap = require "neap"

local params = neap.params

local function needed(name)
	return params[name] or error("say which: -D " .. name .. "=…", 0)
end

local name = needed "NAME"
local unit = name .. ".service"

if params.ENSURE == "absent" then
	local gone = neap.unit { name = unit, ensure = "absent" }
	neap.file { path = "/etc/default/" .. name, ensure = "absent", require = gone }
	neap.user { name = name, ensure = "absent", require = gone }
	return
end

-- A value between quotes, as systemd reads it in an EnvironmentFile.
local function quoted(value)
	return '"' .. tostring(value):gsub('[\\"`$]', "\\%0") .. '"'
end

local lines = {}
local settings = params.SETTINGS and neap.yaml.decode(neap.read(params.SETTINGS)) or {}
for variable, value in neap.sorted_pairs(settings) do
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
	content = neap.template("unit", { name = name, command = needed "COMMAND", settings = file.path }),
	enabled = true,
	state = "running",
	subscribe = file,
}

if params.PORT then
	neap.wait_for { host = "127.0.0.1", port = math.tointeger(params.PORT), timeout = "30s", require = service }
end
