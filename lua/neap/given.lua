-- What -D NAME=value gives to a recipe is text. Here it becomes what the recipe needs, or an error that names it:
--
--	local given = require "neap.given"
--	local port = given.integer("PORT", 1, 65535) or 8080

local params = require "neap".params

local given = {}

function given.needed(name, example)
	return params[name] or error(("say which: -D %s=%s"):format(name, example or "…"), 0)
end

-- "a,b c" as { "a", "b", "c" }; nil when it is not given.
function given.list(name)
	local found = params[name] and {}
	for word in (params[name] or ""):gmatch "[^,%s]+" do
		found[#found + 1] = word
	end
	return found
end

-- nil when it is not given.
function given.integer(name, min, max)
	local text = params[name]
	local number = text and text:match "^%d+$" and math.tointeger(tonumber(text))
	if text and not (number and number >= min and number <= max) then
		error(("%s: \"%s\" is no whole number from %d to %d"):format(name, text, min, max), 0)
	end
	return number
end

-- A relative name would start beside the recipe that reads it, which may be a part of neap and have nothing beside it.
function given.absolute(what, name)
	if type(name) == "string" and name:sub(1, 1) ~= "/" then
		error(("%s: \"%s\" is relative: say it as an absolute name, such as \"$PWD/%s\""):format(what, name, name), 0)
	end
	return name
end

-- A file of the machine that evaluates; nil when it is not given.
function given.file(name)
	return given.absolute(name, params[name])
end

return given
