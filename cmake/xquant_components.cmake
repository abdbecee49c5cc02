# The library's targets, their optional dependencies, and their installation.
#
#   xquant_find(OPTION package TARGET target FOR text)
#       Cache option XQUANT_WITH_<OPTION> = AUTO (use it when found), ON (required), OFF (do not look). Sets
#       XQUANT_HAS_<OPTION>; what is not found is remembered for the list at the end of the configuration.
#   xquant_component(name HEADERS regex... [LINKS target...] [NEEDS option...])
#       Makes xquant::<name> of the headers under include/xquant whose relative path matches, when every target of LINKS
#       exists and XQUANT_HAS_<option> is true for NEEDS; otherwise the component is left out, headers and all. (A target
#       may exist although its option is OFF: another package brought it.)
#   xquant_core_component()           makes xquant::xquant of the headers no component claims
#   xquant_install_components()       install rules and the package's config file
#   xquant_leave_out(what why)        remembers something for the list
#   xquant_report_left_out()          prints the list
include_guard(GLOBAL)

set(XQUANT_INCLUDE_DIR "${PROJECT_SOURCE_DIR}/include")
file(GLOB_RECURSE XQUANT_ALL_HEADERS CONFIGURE_DEPENDS RELATIVE "${XQUANT_INCLUDE_DIR}/xquant"
     "${XQUANT_INCLUDE_DIR}/xquant/*.hpp" "${XQUANT_INCLUDE_DIR}/xquant/*.cuh")
set(XQUANT_CORE_HEADERS "${XQUANT_ALL_HEADERS}")
add_library(xquant INTERFACE)
add_library(xquant::xquant ALIAS xquant)
target_compile_features(xquant INTERFACE cxx_std_20)
set(XQUANT_COMPONENTS "")

function(xquant_leave_out what why)
  set_property(GLOBAL APPEND PROPERTY xquant_left_out "${what}: ${why}")
endfunction()

macro(xquant_find option package)
  cmake_parse_arguments(xquant_arg "" "TARGET;FOR" "" ${ARGN})
  set(XQUANT_WITH_${option} AUTO CACHE STRING "${package}, for ${xquant_arg_FOR}: AUTO, ON or OFF")
  set_property(CACHE XQUANT_WITH_${option} PROPERTY STRINGS AUTO ON OFF)
  set(XQUANT_HAS_${option} FALSE)
  if(NOT XQUANT_WITH_${option} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "XQUANT_WITH_${option} is '${XQUANT_WITH_${option}}'; expected AUTO, ON or OFF")
  elseif(XQUANT_WITH_${option} STREQUAL "OFF")
    xquant_leave_out("${xquant_arg_FOR}" "XQUANT_WITH_${option} is OFF")
  else()
    find_package(${package} QUIET)
    if(TARGET ${xquant_arg_TARGET})
      set(XQUANT_HAS_${option} TRUE)
    elseif(XQUANT_WITH_${option} STREQUAL "ON")
      message(FATAL_ERROR "XQUANT_WITH_${option} is ON, but ${package} was not found")
    else()
      xquant_leave_out("${xquant_arg_FOR}" "${package} was not found")
    endif()
  endif()
endmacro()

function(xquant_target_headers target)
  list(TRANSFORM ARGN PREPEND "${XQUANT_INCLUDE_DIR}/xquant/" OUTPUT_VARIABLE files)
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS "${XQUANT_INCLUDE_DIR}" FILES ${files})
  set_property(TARGET ${target} PROPERTY xquant_headers "${ARGN}")
endfunction()

macro(xquant_component name)
  cmake_parse_arguments(xquant_arg "" "" "HEADERS;LINKS;NEEDS" ${ARGN})
  set(xquant_headers "")
  foreach(xquant_regex IN LISTS xquant_arg_HEADERS)
    set(xquant_matching ${XQUANT_CORE_HEADERS})
    list(FILTER xquant_matching INCLUDE REGEX "${xquant_regex}")
    list(APPEND xquant_headers ${xquant_matching})
    list(FILTER XQUANT_CORE_HEADERS EXCLUDE REGEX "${xquant_regex}")
  endforeach()
  set(xquant_complete TRUE)
  foreach(xquant_link IN LISTS xquant_arg_LINKS)
    if(NOT TARGET ${xquant_link})
      set(xquant_complete FALSE)
    endif()
  endforeach()
  foreach(xquant_option IN LISTS xquant_arg_NEEDS)
    if(NOT XQUANT_HAS_${xquant_option})
      set(xquant_complete FALSE)
    endif()
  endforeach()
  if(xquant_complete)
    add_library(xquant_${name} INTERFACE)
    add_library(xquant::${name} ALIAS xquant_${name})
    set_target_properties(xquant_${name} PROPERTIES EXPORT_NAME ${name})
    target_link_libraries(xquant_${name} INTERFACE xquant ${xquant_arg_LINKS})
    xquant_target_headers(xquant_${name} ${xquant_headers})
    list(APPEND XQUANT_COMPONENTS ${name})
  endif()
endmacro()

macro(xquant_core_component)
  xquant_target_headers(xquant ${XQUANT_CORE_HEADERS})
endmacro()

# One export set for each component, so that a user's find_package needs only what its components need.
macro(xquant_install_components)
  install(TARGETS xquant EXPORT xquant-core FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT xquant-core NAMESPACE xquant:: DESTINATION "${XQUANT_INSTALL_CMAKEDIR}")
  foreach(xquant_name IN LISTS XQUANT_COMPONENTS)
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
          DESTINATION "${XQUANT_INSTALL_CMAKEDIR}")
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindProtozero.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindCBLAS.cmake"
          DESTINATION "${XQUANT_INSTALL_CMAKEDIR}/modules")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endmacro()

function(xquant_report_left_out)
  get_property(left_out GLOBAL PROPERTY xquant_left_out)
  list(JOIN XQUANT_COMPONENTS " xquant::" components)
  message(STATUS "xquant ${PROJECT_VERSION}: xquant::xquant xquant::${components}")
  if(left_out)
    list(REMOVE_DUPLICATES left_out)
    list(JOIN left_out "\n     " text)
    message(STATUS "xquant leaves out:\n     ${text}")
  else()
    message(STATUS "xquant leaves out: nothing")
  endif()
endfunction()
