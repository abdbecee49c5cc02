# How our own programs are built and registered with ctest.
#
#   xquant_add_test(NAME name SOURCES file... [LIBRARIES target...] [ARCH baseline|native|v3|v4] [OPTIMIZE 0|1|2|3]
#                   [DEFINITIONS name=value...] [OPTIONS flag...] [LABELS label...] [TIMEOUT seconds]
#                   [WORKING_DIRECTORY folder])
#       A doctest program: the sources share one main (tests/main.cpp), so they only include <doctest/doctest.h>.
#       It is left out, and listed at the end of the configuration, when a target of LIBRARIES does not exist.
#       ARCH is the instruction set the sources are compiled for: `baseline` (default) adds no flag, `native` adds
#       -march=native where XQUANT_NATIVE is on, `v3` and `v4` add -march=x86-64-v3 (AVX2 and FMA) and -march=x86-64-v4
#       (AVX-512). A test compiled for more than the processor has reports "skipped: CPU lacks ..." instead of running.
#       OPTIMIZE sets the -O level of this program alone (for long sources that need no speed, or the reverse).
#       The sources find their data under the macro XQUANT_SOURCE_DIR (the repository) or "tests/..." relative to it.
#       Sources may be CUDA's (.cu) where XQUANT_HAS_NVCC is true.
#   xquant_add_program(NAME name SOURCES file... [LIBRARIES...] [ARCH...] [OPTIMIZE...] [DEFINITIONS...] [OPTIONS...])
#       The same without doctest and without registering a test; sets xquant_program_added.
#   xquant_run_test(NAME name COMMAND program argument... [ARCH...] [LABELS...] [TIMEOUT...] [WORKING_DIRECTORY...])
#       Registers a run of a program; ARCH as above; WORKING_DIRECTORY is the repository by default.
#   xquant_compile_together(name file...)
#       Sources of program `name` that instantiate the same large templates are compiled as one source, which takes the
#       time of about one of them. Names in their unnamed namespaces must not meet. XQUANT_COMPILE_TOGETHER=OFF compiles
#       each alone. Each call is a group; several make several sources, for several cores.
#   xquant_add_compile_fail(name source MATCH text... [LINE number] [LIBRARIES target...] [OPTIONS flag...])
#       A dual test: `source` compiles as it stands, does not compile with XQUANT_BAD_LINE defined as `number` (1 by
#       default), and then the compiler's output contains every `text` (plain text, not a pattern).
#   xquant_add_mistakes(name source [LIBRARIES target...] [OPTIONS flag...])
#       A source of mistakes: it compiles as it stands; with XQUANT_BAD_LINE defined as n, for each n it has a line
#       "XQUANT_BAD_LINE == n" for, it does not, and the first error has the text of the next line "// says: text".
#
# Test programs scale their sizes by the environment variable XQUANT_TEST_SCALE (tests/support/scale.hpp).
include_guard(GLOBAL)

add_library(xquant_own_flags INTERFACE)
target_compile_features(xquant_own_flags INTERFACE cxx_std_20)
target_compile_definitions(xquant_own_flags INTERFACE "XQUANT_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
target_include_directories(xquant_own_flags INTERFACE "${PROJECT_SOURCE_DIR}/tests")
set(xquant_warning_flags -Wall -Wextra -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns about its own avx512fintrin.h.
  list(APPEND xquant_warning_flags -Wno-maybe-uninitialized)
endif()
if(XQUANT_WERROR)
  list(APPEND xquant_warning_flags -Werror)
endif()
target_compile_options(xquant_own_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${xquant_warning_flags}>)
# nvcc's host pass knows no -Wpedantic and CMake 3.25 no CUDA_STANDARD 20.
target_compile_options(
  xquant_own_flags INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Xcompiler=-Wall,-Wextra;--Werror=all-warnings>")
if(XQUANT_SANITIZE)
  # A kernel of vectors takes many seconds to compile with sanitizers; the tests of engines name theirs.
  target_compile_definitions(xquant_own_flags INTERFACE XQUANT_SCALAR_BY_DEFAULT=1)
  target_compile_options(
    xquant_own_flags
    INTERFACE
      "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${XQUANT_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer;-g1>")
  target_link_options(xquant_own_flags INTERFACE -fsanitize=${XQUANT_SANITIZE})
endif()

# CUDA programs need the compiler as well as the toolkit's headers.
set(XQUANT_HAS_NVCC FALSE)
if(XQUANT_HAS_CUDA AND XQUANT_BUILD_TESTS AND EXISTS "${PROJECT_SOURCE_DIR}/tests/cuda/CMakeLists.txt")
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER AND CUDAToolkit_NVCC_EXECUTABLE)
    set(CMAKE_CUDA_COMPILER "${CUDAToolkit_NVCC_EXECUTABLE}")
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 75 80 90 100 120)
    endif()
    enable_language(CUDA)
    set(XQUANT_HAS_NVCC TRUE)
  else()
    xquant_leave_out("CUDA programs" "no CUDA compiler")
  endif()
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(XQUANT_X86_64 TRUE)
else()
  set(XQUANT_X86_64 FALSE)
endif()

# XQUANT_TEST_ARCHITECTURES: the instruction sets that tests of engines are built for: this machine's own; with
# XQUANT_TEST_MATRIX all that the compiler has; under sanitizers one that stands for all.
set(XQUANT_TEST_ARCHITECTURES "" CACHE STRING "Instruction sets to test engines on: baseline, v3, v4; by itself when empty")
if(XQUANT_X86_64 AND NOT XQUANT_TEST_ARCHITECTURES)
  if(XQUANT_SANITIZE)
    set(XQUANT_TEST_ARCHITECTURES v3)
  elseif(XQUANT_TEST_MATRIX)
    set(XQUANT_TEST_ARCHITECTURES baseline v3 v4)
  else()
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -march=native -dM -E -x c++ /dev/null OUTPUT_VARIABLE macros ERROR_QUIET)
    if(macros MATCHES "__AVX512BW__" AND macros MATCHES "__AVX512DQ__" AND macros MATCHES "__AVX512VL__")
      set(XQUANT_TEST_ARCHITECTURES v4)
    elseif(macros MATCHES "__AVX2__" AND macros MATCHES "__FMA__")
      set(XQUANT_TEST_ARCHITECTURES v3)
    else()
      set(XQUANT_TEST_ARCHITECTURES baseline)
    endif()
  endif()
endif()

# Sets `result` to the flags of an instruction set; `unknown` where this machine's compiler has no such set.
function(xquant_arch_flags arch result)
  set(flags "")
  if("${arch}" STREQUAL "native")
    if(XQUANT_NATIVE)
      set(flags -march=native)
    endif()
  elseif("${arch}" MATCHES "^v[34]$")
    if(XQUANT_X86_64)
      set(flags -march=x86-64-${arch})
    else()
      set(flags unknown)
    endif()
  elseif(NOT "${arch}" MATCHES "^(baseline)?$")
    message(FATAL_ERROR "xquant: ARCH '${arch}'; expected baseline, native, v3 or v4")
  endif()
  set(${result} "${flags}" PARENT_SCOPE)
endfunction()

function(xquant_add_program)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;ARCH;OPTIMIZE;FOR" "SOURCES;LIBRARIES;DEFINITIONS;OPTIONS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "xquant: '${arg_NAME}' has unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(xquant_program_added FALSE PARENT_SCOPE)
  foreach(library IN LISTS arg_LIBRARIES)
    if(NOT TARGET ${library})
      xquant_leave_out("${arg_NAME}" "needs ${library}")
      return()
    endif()
  endforeach()
  xquant_arch_flags("${arg_ARCH}" arch_flags)
  if("${arch_flags}" STREQUAL "unknown")
    xquant_leave_out("${arg_NAME}" "needs an x86-64 processor")
    return()
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE xquant_own_flags xquant::xquant ${arg_LIBRARIES})
  target_compile_definitions(${arg_NAME} PRIVATE ${arg_DEFINITIONS})
  target_compile_options(${arg_NAME} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${arch_flags}> ${arg_OPTIONS})
  if(XQUANT_SANITIZE AND DEFINED arg_OPTIMIZE AND arg_OPTIMIZE GREATER 1)
    target_compile_options(${arg_NAME} PRIVATE -O1)
  elseif(XQUANT_SANITIZE)
    target_compile_options(${arg_NAME} PRIVATE -O0)  # sanitizers cost the compiler three times as much at -O1
  elseif(DEFINED arg_OPTIMIZE)
    target_compile_options(${arg_NAME} PRIVATE -O${arg_OPTIMIZE})
  endif()
  set(xquant_program_added TRUE PARENT_SCOPE)
endfunction()

function(xquant_compile_together name)
  if(XQUANT_COMPILE_TOGETHER AND TARGET ${name})
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    list(GET ARGN 0 first)
    string(MAKE_C_IDENTIFIER "${first}" group)
    set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP "${group}")
  endif()
endfunction()

function(xquant_run_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;ARCH;TIMEOUT;WORKING_DIRECTORY" "COMMAND;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_WORKING_DIRECTORY)
    set(arg_WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  endif()
  set(command ${arg_COMMAND})
  if(arg_ARCH MATCHES "^v[34]$")
    list(GET command 0 program)
    if(TARGET ${program})
      list(REMOVE_AT command 0)
      list(PREPEND command $<TARGET_FILE:${program}>)
    endif()
    list(PREPEND command $<TARGET_FILE:run_if_cpu_has> ${arg_ARCH})
  endif()
  add_test(NAME ${arg_NAME} COMMAND ${command} WORKING_DIRECTORY "${arg_WORKING_DIRECTORY}")
  # ctest runs one test per core; the threads of a BLAS would only wait for each other.
  set_tests_properties(
    ${arg_NAME} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT
                                                                             OPENBLAS_NUM_THREADS=1)
endfunction()

function(xquant_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;ARCH;OPTIMIZE;TIMEOUT;WORKING_DIRECTORY"
                        "SOURCES;LIBRARIES;DEFINITIONS;OPTIONS;LABELS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "xquant: test '${arg_NAME}' has unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(optimize "")
  if(DEFINED arg_OPTIMIZE)
    set(optimize OPTIMIZE ${arg_OPTIMIZE})
  endif()
  xquant_add_program(
    NAME ${arg_NAME} SOURCES ${arg_SOURCES} LIBRARIES ${arg_LIBRARIES} ARCH "${arg_ARCH}" ${optimize}
    DEFINITIONS ${arg_DEFINITIONS} OPTIONS ${arg_OPTIONS})
  if(xquant_program_added)
    target_link_libraries(${arg_NAME} PRIVATE xquant_test_main)
    xquant_run_test(
      NAME ${arg_NAME} COMMAND ${arg_NAME} ARCH "${arg_ARCH}" LABELS ${arg_LABELS} TIMEOUT "${arg_TIMEOUT}"
      WORKING_DIRECTORY "${arg_WORKING_DIRECTORY}")
  endif()
endfunction()

function(xquant_add_compile_fail name source)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "LINE" "MATCH;LIBRARIES;OPTIONS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_MATCH)
    message(FATAL_ERROR "xquant: compile-fail test '${name}' needs MATCH text...; got '${ARGN}'")
  endif()
  set(includes "")
  foreach(library IN LISTS arg_LIBRARIES)
    if(NOT TARGET ${library})
      xquant_leave_out("compile_fail.${name}" "needs ${library}")
      return()
    endif()
  endforeach()
  if(NOT arg_LINE)
    set(arg_LINE 1)
  endif()
  cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  if(arg_LIBRARIES)
    # Never built: it knows the include folders of everything the libraries stand on.
    add_library(compile_fail_${name} OBJECT EXCLUDE_FROM_ALL "${source}")
    target_link_libraries(compile_fail_${name} PRIVATE ${arg_LIBRARIES})
    set(includes "$<JOIN:$<TARGET_PROPERTY:compile_fail_${name},INCLUDE_DIRECTORIES>,@@>")
  endif()
  list(JOIN CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES "@@" implicit)
  list(JOIN arg_MATCH "@@" match)
  list(JOIN arg_OPTIONS "@@" options)
  add_test(
    NAME compile_fail.${name}
    COMMAND
      ${CMAKE_COMMAND} "-DCOMPILER=${CMAKE_CXX_COMPILER}" "-DSOURCE=${source}" "-DLINE=${arg_LINE}" "-DMATCH=${match}"
      "-DOPTIONS=${options}" "-DINCLUDES=${includes}" "-DIMPLICIT=${implicit}" "-DINCLUDE=${PROJECT_SOURCE_DIR}/include" -P
      "${PROJECT_SOURCE_DIR}/cmake/check_compile_fail.cmake")
  set_tests_properties(compile_fail.${name} PROPERTIES LABELS compile_fail TIMEOUT 120)
endfunction()

function(xquant_add_mistakes name source)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LIBRARIES;OPTIONS")
  foreach(library IN LISTS arg_LIBRARIES)
    if(NOT TARGET ${library})
      xquant_leave_out("mistakes.${name}" "needs ${library}")
      return()
    endif()
  endforeach()
  cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  set(includes "")
  if(arg_LIBRARIES)
    # Never built: it knows the include folders of everything the libraries stand on.
    add_library(mistakes_${name} OBJECT EXCLUDE_FROM_ALL "${source}")
    target_link_libraries(mistakes_${name} PRIVATE ${arg_LIBRARIES})
    set(includes "$<JOIN:$<TARGET_PROPERTY:mistakes_${name},INCLUDE_DIRECTORIES>,@@>")
  endif()
  list(JOIN CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES "@@" implicit)
  list(JOIN arg_OPTIONS "@@" options)
  add_test(
    NAME mistakes.${name}
    COMMAND ${CMAKE_COMMAND} "-DCOMPILER=${CMAKE_CXX_COMPILER}" "-DSOURCE=${source}" "-DOPTIONS=${options}"
            "-DINCLUDES=${includes}" "-DIMPLICIT=${implicit}" "-DINCLUDE=${PROJECT_SOURCE_DIR}/include" -P
            "${PROJECT_SOURCE_DIR}/cmake/check_mistakes.cmake")
  set_tests_properties(mistakes.${name} PROPERTIES LABELS compile_fail TIMEOUT 600)
endfunction()
