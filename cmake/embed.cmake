# Recipes and neap's own Lua become a C table, so that the program runs from anywhere:
#   recipes/examples/motd.lua -> "examples/motd.lua", lua/neap/x.lua -> "neap/x.lua"
#
# Two uses. Included, this makes the library neap_embedded, with
#   extern const struct neap_embedded_file neap_embedded[];
# Run as a script (cmake -D LIST=… -D OUT=… -P), it writes the table. LIST holds lines "name|file".

if(CMAKE_SCRIPT_MODE_FILE)
	file(STRINGS ${LIST} entries)
	set(data "")
	set(table "")
	set(number 0)
	foreach(entry IN LISTS entries)
		string(FIND "${entry}" "|" bar)
		string(SUBSTRING "${entry}" 0 ${bar} name)
		math(EXPR bar "${bar} + 1")
		string(SUBSTRING "${entry}" ${bar} -1 file)
		file(READ "${file}" hex HEX)
		string(LENGTH "${hex}" len)
		math(EXPR len "${len} / 2")
		string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
		string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
		# A NUL after each, so that a file may be empty and may be taken for a C string.
		string(APPEND data "static const unsigned char f${number}[] = {\n${hex}0\n};\n")
		string(APPEND table "\t{ \"${name}\", (const char *)f${number}, ${len} },\n")
		math(EXPR number "${number} + 1")
	endforeach()
	file(WRITE ${OUT} "/* Made by cmake/embed.cmake. */\n#include \"engine/source.h\"\n\n${data}
extern const struct neap_embedded_file neap_embedded[];
const struct neap_embedded_file neap_embedded[] = {\n${table}\t{ NULL, NULL, 0 },\n};\n")
	return()
endif()

set(entries "")
set(embedded_files "")
foreach(root recipes lua/neap)
	file(GLOB_RECURSE found LIST_DIRECTORIES false RELATIVE ${CMAKE_SOURCE_DIR}/${root} CONFIGURE_DEPENDS
		${CMAKE_SOURCE_DIR}/${root}/*)
	foreach(file IN LISTS found)
		# What editors leave behind, and names that a table cannot hold.
		if(file MATCHES "(^|/)\\.|~$|[][\"\\\\|;]")
			continue()
		endif()
		if(root STREQUAL "lua/neap")
			set(name "neap/${file}")
		else()
			set(name "${file}")
		endif()
		list(APPEND entries "${name}|${CMAKE_SOURCE_DIR}/${root}/${file}")
		list(APPEND embedded_files ${CMAKE_SOURCE_DIR}/${root}/${file})
	endforeach()
endforeach()
list(SORT entries)
list(JOIN entries "\n" entries)
# Written only when it differs: then the table is made again, also when a file went away.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/embedded.list CONTENT "${entries}\n" @ONLY)

add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/embedded.c
	COMMAND ${CMAKE_COMMAND} -D LIST=${CMAKE_BINARY_DIR}/embedded.list -D OUT=${CMAKE_BINARY_DIR}/embedded.c
		-P ${CMAKE_CURRENT_LIST_FILE}
	DEPENDS ${CMAKE_BINARY_DIR}/embedded.list ${embedded_files} ${CMAKE_CURRENT_LIST_FILE}
	COMMENT "Embedding recipes and Lua" VERBATIM)
add_library(neap_embedded STATIC ${CMAKE_BINARY_DIR}/embedded.c)
target_link_libraries(neap_embedded PUBLIC neap_engine)
