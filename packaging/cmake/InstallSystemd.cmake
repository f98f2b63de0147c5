# Run by `cmake --install`, so that the units name what is installed under the prefix chosen then.
#
# Set before: HAKMEM_FROM (packaging/systemd), HAKMEM_MADE (a folder to write to), HAKMEM_SBINDIR_IN and
# HAKMEM_DATADIR_IN (relative to the prefix, or absolute), HAKMEM_UNIT_DIR, HAKMEM_USER_UNIT_DIR,
# HAKMEM_SYSUSERS_DIR, HAKMEM_TMPFILES_DIR (the same), HAKMEM_STORE_PRESERVE (a line of the units).

function(hk_under_prefix OUT PATH)
  cmake_path(ABSOLUTE_PATH PATH BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} NORMALIZE OUTPUT_VARIABLE path)
  set(${OUT} ${path} PARENT_SCOPE)
endfunction()

hk_under_prefix(HAKMEM_SBINDIR "${HAKMEM_SBINDIR_IN}")
hk_under_prefix(HAKMEM_DATADIR "${HAKMEM_DATADIR_IN}")

# hk_install_made(TEMPLATE DIRECTORY [NAME])
function(hk_install_made TEMPLATE DIRECTORY)
  string(REGEX REPLACE "\\.in$" "" name ${TEMPLATE})
  configure_file(${HAKMEM_FROM}/${TEMPLATE} ${HAKMEM_MADE}/${name} @ONLY)
  if(ARGC GREATER 2)
    configure_file(${HAKMEM_MADE}/${name} ${HAKMEM_MADE}/${ARGV2} COPYONLY)
    set(name ${ARGV2})
  endif()
  hk_under_prefix(directory "${DIRECTORY}")
  file(INSTALL ${HAKMEM_MADE}/${name} DESTINATION ${directory}
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

hk_install_made(hakmemd.service.in ${HAKMEM_UNIT_DIR})
hk_install_made(hakmemd.socket.in ${HAKMEM_UNIT_DIR})
hk_install_made(user/hakmemd.service.in ${HAKMEM_USER_UNIT_DIR})
hk_install_made(user/hakmemd.socket.in ${HAKMEM_USER_UNIT_DIR})
hk_install_made(sysusers.conf ${HAKMEM_SYSUSERS_DIR} sysusers/hakmem.conf)
hk_install_made(tmpfiles.conf.in ${HAKMEM_TMPFILES_DIR} tmpfiles/hakmem.conf)
hk_install_made(hakmemd.json ${HAKMEM_DATADIR}/hakmem)
