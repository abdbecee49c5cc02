# The library's targets, their optional dependencies (xquant_dependencies.cmake), and their installation.
#
#   xquant_find(OPTION package TARGET target FOR text)
#       Cache option XQUANT_WITH_<OPTION> = AUTO (use it when found), ON (required), OFF (do not look). Sets
#       XQUANT_HAS_<OPTION>; what is not found is remembered for the list at the end of the configuration. For
#       dependencies of our own programs.
#   xquant_find_dependencies()
#       The same for all that the components need.
#   xquant_component(name HEADERS regex...)
#       Makes xquant::<name> of the headers under include/xquant whose relative path matches. It is left out, headers and
#       all, where an option of its dependencies is OFF. Where one is not found, it is installed all the same, since the
#       user's machine may have what this one lacks, but there is no target xquant::<name> here.
#   xquant_core_component()           makes xquant::xquant of the headers no component claims
#   xquant_install_components()       install rules, the package's config file and xquant.pc
#   xquant_leave_out(what why)        remembers something for the list
#   xquant_report_left_out()          prints the list
include_guard(GLOBAL)
include(xquant_dependencies)

set(XQUANT_INCLUDE_DIR "${PROJECT_SOURCE_DIR}/include")
file(GLOB_RECURSE XQUANT_ALL_HEADERS CONFIGURE_DEPENDS RELATIVE "${XQUANT_INCLUDE_DIR}/xquant"
     "${XQUANT_INCLUDE_DIR}/xquant/*.hpp" "${XQUANT_INCLUDE_DIR}/xquant/*.cuh")
set(XQUANT_CORE_HEADERS "${XQUANT_ALL_HEADERS}")
add_library(xquant INTERFACE)
add_library(xquant::xquant ALIAS xquant)
if(XQUANT_CXX_IS_ENABLED)
  target_compile_features(xquant INTERFACE cxx_std_20)
endif()
set(XQUANT_COMPONENTS "") # the targets that exist here
set(XQUANT_INSTALLED_COMPONENTS "")

function(xquant_leave_out what why)
  set_property(GLOBAL APPEND PROPERTY xquant_left_out "${what}: ${why}")
endfunction()

macro(xquant_with option package for)
  set(XQUANT_WITH_${option} AUTO CACHE STRING "${package}, for ${for}: AUTO, ON or OFF")
  set_property(CACHE XQUANT_WITH_${option} PROPERTY STRINGS AUTO ON OFF)
  set(XQUANT_HAS_${option} FALSE)
  if(NOT XQUANT_WITH_${option} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "XQUANT_WITH_${option} is '${XQUANT_WITH_${option}}'; expected AUTO, ON or OFF")
  endif()
endmacro()

# Ends the search of one dependency: `why` is empty, or says why it is missing.
macro(xquant_found option for why)
  if("${why}" STREQUAL "")
    set(XQUANT_HAS_${option} TRUE)
  elseif(XQUANT_WITH_${option} STREQUAL "ON")
    message(FATAL_ERROR "XQUANT_WITH_${option} is ON, but ${why}")
  else()
    xquant_leave_out("${for}" "${why}")
  endif()
endmacro()

macro(xquant_find option package)
  cmake_parse_arguments(xquant_arg "" "TARGET;FOR" "" ${ARGN})
  xquant_with(${option} ${package} "${xquant_arg_FOR}")
  set(xquant_why "")
  if(XQUANT_WITH_${option} STREQUAL "OFF")
    set(xquant_why "XQUANT_WITH_${option} is OFF")
  else()
    find_package(${package} QUIET)
    if(NOT TARGET ${xquant_arg_TARGET})
      set(xquant_why "${package} was not found")
    endif()
  endif()
  xquant_found(${option} "${xquant_arg_FOR}" "${xquant_why}")
endmacro()

macro(xquant_find_dependencies)
  foreach(xquant_name IN LISTS XQUANT_ALL_COMPONENTS)
    foreach(xquant_option IN LISTS XQUANT_${xquant_name}_NEEDS)
      xquant_with(${xquant_option} "${XQUANT_${xquant_option}_PACKAGE}" "xquant::${xquant_name}")
      if(XQUANT_WITH_${xquant_option} STREQUAL "OFF")
        set(xquant_why "XQUANT_WITH_${xquant_option} is OFF")
      else()
        xquant_find_dependency(${xquant_option} xquant_why)
      endif()
      xquant_found(${xquant_option} "xquant::${xquant_name}" "${xquant_why}")
    endforeach()
  endforeach()
endmacro()

function(xquant_target_headers target)
  list(TRANSFORM ARGN PREPEND "${XQUANT_INCLUDE_DIR}/xquant/" OUTPUT_VARIABLE files)
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS "${XQUANT_INCLUDE_DIR}" FILES ${files})
  set_property(TARGET ${target} PROPERTY xquant_headers "${ARGN}")
endfunction()

macro(xquant_component name)
  cmake_parse_arguments(xquant_arg "" "" "HEADERS" ${ARGN})
  set(xquant_headers "")
  foreach(xquant_regex IN LISTS xquant_arg_HEADERS)
    set(xquant_matching ${XQUANT_CORE_HEADERS})
    list(FILTER xquant_matching INCLUDE REGEX "${xquant_regex}")
    list(APPEND xquant_headers ${xquant_matching})
    list(FILTER XQUANT_CORE_HEADERS EXCLUDE REGEX "${xquant_regex}")
  endforeach()
  set(xquant_wanted TRUE)
  set(xquant_complete TRUE)
  foreach(xquant_option IN LISTS XQUANT_${name}_NEEDS)
    if(XQUANT_WITH_${xquant_option} STREQUAL "OFF")
      set(xquant_wanted FALSE)
    endif()
    if(NOT XQUANT_HAS_${xquant_option})
      set(xquant_complete FALSE)
    endif()
  endforeach()
  if(xquant_wanted)
    add_library(xquant_${name} INTERFACE)
    set_target_properties(xquant_${name} PROPERTIES EXPORT_NAME ${name})
    target_link_libraries(xquant_${name} INTERFACE xquant ${XQUANT_${name}_LINKS})
    xquant_target_headers(xquant_${name} ${xquant_headers})
    list(APPEND XQUANT_INSTALLED_COMPONENTS ${name})
    if(xquant_complete)
      add_library(xquant::${name} ALIAS xquant_${name})
      list(APPEND XQUANT_COMPONENTS ${name})
      # In the installed package the user's find_package decides about these.
      foreach(xquant_used IN LISTS XQUANT_${name}_USES)
        if(TARGET xquant::${xquant_used})
          target_link_libraries(xquant_${name} INTERFACE $<BUILD_INTERFACE:xquant_${xquant_used}>)
        endif()
      endforeach()
    endif()
  endif()
endmacro()

macro(xquant_core_component)
  xquant_target_headers(xquant ${XQUANT_CORE_HEADERS})
endmacro()

# One export set for each component, so that a user's find_package needs only what its components need.
macro(xquant_install_components)
  install(TARGETS xquant EXPORT xquant-core FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT xquant-core NAMESPACE xquant:: DESTINATION "${XQUANT_INSTALL_CMAKEDIR}")
  foreach(xquant_name IN LISTS XQUANT_INSTALLED_COMPONENTS)
    install(TARGETS xquant_${xquant_name} EXPORT xquant-${xquant_name}
            FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(EXPORT xquant-${xquant_name} NAMESPACE xquant:: DESTINATION "${XQUANT_INSTALL_CMAKEDIR}")
  endforeach()
  configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/xquantConfig.cmake.in" "${PROJECT_BINARY_DIR}/xquantConfig.cmake"
    INSTALL_DESTINATION "${XQUANT_INSTALL_CMAKEDIR}" NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/xquantConfigVersion.cmake" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
  install(FILES "${PROJECT_BINARY_DIR}/xquantConfig.cmake" "${PROJECT_BINARY_DIR}/xquantConfigVersion.cmake"
                "${PROJECT_SOURCE_DIR}/cmake/xquant_dependencies.cmake" DESTINATION "${XQUANT_INSTALL_CMAKEDIR}")
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindProtozero.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindCBLAS.cmake"
          DESTINATION "${XQUANT_INSTALL_CMAKEDIR}/modules")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
  # The way from xquant.pc to the prefix, so that the package may be moved.
  file(RELATIVE_PATH xquant_pc_to_prefix "/prefix/${XQUANT_INSTALL_PKGCONFIGDIR}" "/prefix")
  string(REGEX REPLACE "/$" "" xquant_pc_to_prefix "${xquant_pc_to_prefix}")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/xquant.pc.in" "${PROJECT_BINARY_DIR}/xquant.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/xquant.pc" DESTINATION "${XQUANT_INSTALL_PKGCONFIGDIR}")
endmacro()

function(xquant_report_left_out)
  get_property(left_out GLOBAL PROPERTY xquant_left_out)
  list(TRANSFORM XQUANT_COMPONENTS PREPEND " xquant::")
  list(JOIN XQUANT_COMPONENTS "" components)
  message(STATUS "xquant ${PROJECT_VERSION}: xquant::xquant${components}")
  if(left_out)
    list(REMOVE_DUPLICATES left_out)
    list(JOIN left_out "\n     " text)
    message(STATUS "xquant leaves out:\n     ${text}")
  else()
    message(STATUS "xquant leaves out: nothing")
  endif()
endfunction()
