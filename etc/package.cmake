# The Debian package: cpack -G DEB in a configured release build, or etc/package.
# Its man pages are made from what the program says of itself.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(etc ${CMAKE_SOURCE_DIR}/etc)
set(pages ${CMAKE_BINARY_DIR}/man)
file(GLOB page_sources CONFIGURE_DEPENDS ${etc}/man/*)
add_custom_command(OUTPUT ${pages}/ssdfs.1.gz ${pages}/ssdfs.conf.5.gz
  COMMAND ${Python3_EXECUTABLE} -B ${etc}/man/render $<TARGET_FILE:ssdfs> man ${pages}
  COMMAND gzip -9nf ${pages}/ssdfs.1 ${pages}/ssdfs.conf.5
  DEPENDS ssdfs ${page_sources}
  VERBATIM)
add_custom_target(package_files DEPENDS ${pages}/ssdfs.1.gz ${pages}/ssdfs.conf.5.gz)

install(FILES ${pages}/ssdfs.1.gz DESTINATION share/man/man1 COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${pages}/ssdfs.conf.5.gz DESTINATION share/man/man5 COMPONENT package
  EXCLUDE_FROM_ALL)
install(FILES ${etc}/completion/ssdfs.bash DESTINATION share/bash-completion/completions
  RENAME ssdfs COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${etc}/systemd/ssdfs@.service DESTINATION /lib/systemd/system COMPONENT package
  EXCLUDE_FROM_ALL)
install(FILES ${etc}/ssdfs.conf DESTINATION /etc/ssdfs COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/ssdfs RENAME copyright
  COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${etc}/nginx/ssdfs.conf DESTINATION share/doc/ssdfs/examples RENAME nginx.conf
  COMPONENT package EXCLUDE_FROM_ALL)
install(DIRECTORY ${etc}/prometheus DESTINATION share/doc/ssdfs/examples COMPONENT package
  EXCLUDE_FROM_ALL)
install(TARGETS ssdfs RUNTIME DESTINATION bin COMPONENT package EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ssdfs)
set(CPACK_PACKAGE_CONTACT "SSDFS <ssdfs@example.com>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "distributed store for many small files")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A real directory tree over 100 million pictures and more, several copies of
every file on different machines, one disk access a read. The package holds
every server role and the command line client.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR OFF)
set(CPACK_COMPONENTS_ALL package)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_NAME ssdfs)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${etc}/debian/postinst ${etc}/debian/prerm ${etc}/debian/postrm ${etc}/debian/conffiles)
include(CPack)
