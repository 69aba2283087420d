# The program. All of it but main() is a library, so that unit tests reach the command line's tables.
set(gate ${CMAKE_BINARY_DIR}/rooms/cli)
file(MAKE_DIRECTORY ${gate})
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/core/cli ${gate}/cli SYMBOLIC)
file(GLOB sources CONFIGURE_DEPENDS core/cli/*.c)
list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/core/cli/main.c)

add_library(neap_cli STATIC ${sources})
target_include_directories(neap_cli PUBLIC ${gate})
target_link_libraries(neap_cli PUBLIC neap_lua neap_modules neap_engine neap_embedded)
string(CONCAT libraries
	"  Lua      ${LUA_VERSION}\\n"
	"  libyaml  ${YAML_VERSION}\\n"
	"  jansson  ${JANSSON_VERSION}\\n"
	"  PCRE2    ${PCRE2_VERSION}\\n"
	"  OpenSSL  ${OPENSSL_VERSION}\\n"
	"  libcurl  ${CURL_VERSION}\\n")
set_source_files_properties(core/cli/version.c PROPERTIES COMPILE_DEFINITIONS "NEAP_LIBRARIES=\"${libraries}\"")

add_executable(neap core/cli/main.c)
target_link_libraries(neap neap_cli)

include(GNUInstallDirs)
install(TARGETS neap RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Where systemd finds them, below /usr and /usr/local too; nothing is enabled. A cron.d file lies outside every prefix.
install(FILES packaging/systemd/neap.service packaging/systemd/neap.timer packaging/systemd/neap-boot.timer
	DESTINATION lib/systemd/system)
# Their Documentation= is where the documents are installed, which --prefix decides as late as now.
install(CODE "
	set(docs \"${CMAKE_INSTALL_DOCDIR}\")
	if(NOT IS_ABSOLUTE \"\${docs}\")
		set(docs \"\${CMAKE_INSTALL_PREFIX}/\${docs}\")
	endif()
	foreach(unit neap.service neap.timer neap-boot.timer)
		set(file \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/\${unit}\")
		file(READ \"\${file}\" text)
		string(REPLACE /usr/share/doc/neap \"\${docs}\" text \"\${text}\")
		file(WRITE \"\${file}\" \"\${text}\")
	endforeach()")
install(FILES packaging/cron/neap DESTINATION ${CMAKE_INSTALL_DOCDIR}/cron.d)
install(FILES packaging/prometheus/neap.yml DESTINATION ${CMAKE_INSTALL_DOCDIR}/prometheus)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})

# What is made from the parameter tables and kept in the tree; `lint-generated` says when it is out of date.
add_custom_target(generated
	COMMAND sh -c "\"$0\" doc --reference >docs/reference.md" $<TARGET_FILE:neap>
	COMMAND sh -c "\"$0\" doc --annotations >lua/meta/neap.lua" $<TARGET_FILE:neap>
	WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DEPENDS neap VERBATIM COMMENT "docs/reference.md, lua/meta/neap.lua")
