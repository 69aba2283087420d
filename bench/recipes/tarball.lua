-- A release of 50 MB. -D ARCHIVE=…
local neap = require "neap"

neap.tarball { path = "/opt/release", source = neap.params.ARCHIVE, strip_components = 1 }
