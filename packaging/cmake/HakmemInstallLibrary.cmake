# What is installed of the library: itself (component lib), and what programs are built with (component dev).
include(CMakePackageConfigHelpers)

set_target_properties(hakmem_static PROPERTIES EXPORT_NAME static)
install(TARGETS hakmem hakmem_static EXPORT hakmem
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT lib NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(FILES ${PROJECT_SOURCE_DIR}/lib/include/hakmem.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)

# find_package(hakmem): targets hakmem::hakmem and hakmem::static.
set(hakmem_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hakmem)
install(EXPORT hakmem NAMESPACE hakmem:: FILE hakmemTargets.cmake DESTINATION ${hakmem_cmake_dir} COMPONENT dev)
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/cmake/hakmemConfig.cmake.in
  ${PROJECT_BINARY_DIR}/hakmemConfig.cmake INSTALL_DESTINATION ${hakmem_cmake_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hakmemConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hakmemConfig.cmake ${PROJECT_BINARY_DIR}/hakmemConfigVersion.cmake
  DESTINATION ${hakmem_cmake_dir} COMPONENT dev)

# pkg-config hakmem. Written at install time: the prefix may be chosen then (cmake --install --prefix).
install(CODE "
  set(HAKMEM_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
  set(HAKMEM_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
  foreach(dir LIBDIR INCLUDEDIR)
    cmake_path(ABSOLUTE_PATH HAKMEM_\${dir} BASE_DIRECTORY \${CMAKE_INSTALL_PREFIX} NORMALIZE)
  endforeach()
  set(PROJECT_VERSION ${PROJECT_VERSION})
  set(PROJECT_DESCRIPTION \"${PROJECT_DESCRIPTION}\")
  configure_file(${PROJECT_SOURCE_DIR}/packaging/hakmem.pc.in ${PROJECT_BINARY_DIR}/hakmem.pc @ONLY)
  file(INSTALL ${PROJECT_BINARY_DIR}/hakmem.pc DESTINATION \${HAKMEM_LIBDIR}/pkgconfig
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)" COMPONENT dev)

# The commands for gdb, which loads by itself what lies in its auto-load folder at the path of a library. Written at
# install time too. A gdb of another prefix than the library's does not look there: it is told to (docs/debugging.md).
install(DIRECTORY ${PROJECT_SOURCE_DIR}/packaging/gdb/hakmem_gdb DESTINATION ${CMAKE_INSTALL_DATADIR}/hakmem/gdb
  COMPONENT lib FILES_MATCHING PATTERN "*.py" PATTERN __pycache__ EXCLUDE)
install(CODE "
  set(libdir \"${CMAKE_INSTALL_LIBDIR}\")
  set(HAKMEM_GDB_DIR \"${CMAKE_INSTALL_DATADIR}/hakmem/gdb\")
  set(datadir \"${CMAKE_INSTALL_DATADIR}\")
  foreach(dir libdir HAKMEM_GDB_DIR datadir)
    cmake_path(ABSOLUTE_PATH \${dir} BASE_DIRECTORY \${CMAKE_INSTALL_PREFIX} NORMALIZE)
  endforeach()
  set(script libhakmem.so.${PROJECT_VERSION}-gdb.py)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/gdb/libhakmem-gdb.py ${PROJECT_BINARY_DIR}/\${script} @ONLY)
  file(INSTALL ${PROJECT_BINARY_DIR}/\${script} DESTINATION \${datadir}/gdb/auto-load\${libdir}
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)" COMPONENT lib)
