# What systemd reads: units, the daemon's user, directories. Written at install time (InstallSystemd.cmake).
#
# systemd looks under /usr and /usr/local alike, so the folders are relative to the prefix; a distribution whose
# units are elsewhere says so.
set(HAKMEM_UNIT_DIR lib/systemd/system CACHE STRING "Where systemd finds units")
set(HAKMEM_USER_UNIT_DIR lib/systemd/user CACHE STRING "Where systemd finds units of users' managers")
set(HAKMEM_SYSUSERS_DIR lib/sysusers.d CACHE STRING "Where systemd-sysusers finds users to make")
set(HAKMEM_TMPFILES_DIR lib/tmpfiles.d CACHE STRING "Where systemd-tmpfiles finds directories to make")

# A directive that an older systemd would warn of. The units are for the systemd that is built against.
set(preserve "")
if(SYSTEMD_VERSION VERSION_GREATER_EQUAL 254)
  set(preserve "FileDescriptorStorePreserve=yes")
endif()

install(CODE "
  set(HAKMEM_FROM \"${PROJECT_SOURCE_DIR}/packaging/systemd\")
  set(HAKMEM_MADE \"${PROJECT_BINARY_DIR}/systemd\")
  set(HAKMEM_SBINDIR_IN \"${CMAKE_INSTALL_SBINDIR}\")
  set(HAKMEM_DATADIR_IN \"${CMAKE_INSTALL_DATADIR}\")
  set(HAKMEM_UNIT_DIR \"${HAKMEM_UNIT_DIR}\")
  set(HAKMEM_USER_UNIT_DIR \"${HAKMEM_USER_UNIT_DIR}\")
  set(HAKMEM_SYSUSERS_DIR \"${HAKMEM_SYSUSERS_DIR}\")
  set(HAKMEM_TMPFILES_DIR \"${HAKMEM_TMPFILES_DIR}\")
  set(HAKMEM_STORE_PRESERVE \"${preserve}\")
  include(\"${PROJECT_SOURCE_DIR}/packaging/cmake/InstallSystemd.cmake\")" COMPONENT daemon)
