require "neap"
