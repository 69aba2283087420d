-- A resource type of its own: one NAME=value of a file that a shell or systemd reads (/etc/default/x). What else
-- is in the file belongs to others and stays as it is.

local neap = require "neap"

-- 'it'"'"'s' and "it's" say the same: what is compared is what the shell would make of it.
local function unquote(text)
	local single = text:match("^'([^']*)'$")
	if single then
		return single
	end
	local double = text:match('^"(.*)"$')
	return double and double:gsub('\\(["$`\\])', "%1") or text
end

-- Single quotes keep everything but a single quote, and a secret cannot be looked at: so these it is.
local function quoted(value)
	return neap.format("'%s'", value)
end

local function assigns(line, name)
	return line:match("^([%a_][%w_]*)=") == name
end

-- The lines of the file, and the number of the one that sets the variable: the last wins, as in a shell.
local function parse(content, name)
	local lines, found = {}, nil
	content = content or ""
	if content ~= "" and content:sub(-1) ~= "\n" then
		content = content .. "\n"
	end
	for line in content:gmatch("([^\n]*)\n") do
		lines[#lines + 1] = line
		if assigns(line, name) then
			found = #lines
		end
	end
	return lines, found
end

return neap.type {
	name = "shell_variable",
	summary = "one NAME=value in a file of shell assignments",
	params = {
		file = { kind = "path", key = 1, doc = "The file, as an absolute path." },
		name = { kind = "string", key = 2, doc = "The variable." },
		value = { kind = "text", secret = true, doc = "What it is set to." },
		ensure = { kind = "choice", choices = { "present", "absent" }, doc = "Whether it is set at all." },
	},

	check = function(want)
		if not want.name:match("^[%a_][%w_]*$") then
			return "name is not one of a shell: letters, digits and _"
		elseif want.ensure ~= "absent" and not want.value then
			return 'value is required, unless ensure = "absent"'
		elseif type(want.value) == "string" and want.value:find("['\n]") then
			return "value holds a single quote or a newline"
		end
	end,

	claim = function(want)
		return { path = want.file, part = want.name }
	end,

	read = function(view, want)
		local content, stat = view:file(want.file)
		if stat and stat.kind ~= "file" then
			error(want.file .. " is no regular file but a " .. stat.kind)
		end
		local lines, found = parse(content, want.name)
		if found then
			return { value = unquote(lines[found]:match("=(.*)$")) }
		end
	end,

	apply = function(host, want)
		local lines, found = parse(host:file(want.file), want.name)
		if want.ensure == "absent" then
			for i = #lines, 1, -1 do
				if assigns(lines[i], want.name) then
					table.remove(lines, i)
				end
			end
		elseif want.value then
			lines[found or #lines + 1] = want.name .. "=" .. quoted(want.value)
		end
		lines[#lines + 1] = ""
		host:write(want.file, { content = table.concat(lines, "\n") })
	end,
}
