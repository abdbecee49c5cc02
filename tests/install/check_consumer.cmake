# cmake -P script: gives the library to the project in consumer/ in the way HOW says, builds it, runs it, and looks at
# the commands it was compiled with. COMPONENTS are separated by "@@", and so is PRESENT, what this machine can have.
#   library_...   the same of library/, which is installed itself, and used by another project
#   cuda_...      of cuda/, a project of the language CUDA alone
#   packages      packs the library as TGZ and DEB, unpacks both, and builds consumer/ on each
cmake_policy(VERSION 3.25)
file(REMOVE_RECURSE "${WORK}")
set(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer")

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what} failed (${code}):\n${output}")
  endif()
endfunction()

if(HOW MATCHES "find_package$|^refusals$")
  # Installed, then moved: nothing in the package may remember where it was made.
  run("install" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/first")
  file(RENAME "${WORK}/first" "${WORK}/prefix")
  file(GLOB_RECURSE package_files "${WORK}/prefix/*.cmake")
  foreach(file IN LISTS package_files)
    file(READ "${file}" text)
    foreach(path IN ITEMS "${REPOSITORY}" "${BUILD}" "${WORK}")
      string(FIND "${text}" "${path}" position)
      if(NOT position EQUAL -1)
        message(FATAL_ERROR "${file} names ${path}")
      endif()
    endforeach()
  endforeach()
endif()

if(HOW MATCHES "^library_")
  set(consumer "${CMAKE_CURRENT_LIST_DIR}/library")
elseif(HOW MATCHES "^cuda_")
  set(consumer "${CMAKE_CURRENT_LIST_DIR}/cuda")
endif()
set(configure "${CMAKE_COMMAND}" -S "${consumer}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    "-DCMAKE_PREFIX_PATH=${WORK}/prefix" "-DREPOSITORY=${REPOSITORY}" "-DFETCHCONTENT_SOURCE_DIR_XQUANT=${REPOSITORY}"
    "-DCMAKE_CXX_FLAGS=" "-DCMAKE_BUILD_TYPE=")
if(PROTOZERO)
  list(APPEND configure "-DProtozero_INCLUDE_DIR=${PROTOZERO}")
endif()

if(HOW MATCHES "^library_(.*)$")
  # CMake refuses to export a library one of whose own libraries is not exported; and what is installed must be found.
  run("configure" ${configure} -B "${WORK}/build" "-DHOW=${CMAKE_MATCH_1}")
  run("build" "${CMAKE_COMMAND}" --build "${WORK}/build")
  run("install" "${CMAKE_COMMAND}" --install "${WORK}/build" --prefix "${WORK}/prefix")
  run("configure the user" ${configure} -B "${WORK}/user" -DHOW=user)
  run("build the user" "${CMAKE_COMMAND}" --build "${WORK}/user")
  run("the user" "${WORK}/user/user")
  return()
endif()

if(HOW MATCHES "^cuda_(.*)$")
  run("configure" ${configure} -B "${WORK}/build" "-DHOW=${CMAKE_MATCH_1}" "-DCMAKE_CUDA_COMPILER=${NVCC}")
  run("build" "${CMAKE_COMMAND}" --build "${WORK}/build")
  run("the consumer" "${WORK}/build/consumer")
  return()
endif()

if(HOW STREQUAL "packages")
  run("configure" "${CMAKE_COMMAND}" -S "${REPOSITORY}" -B "${WORK}/pack" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
      -DXQUANT_BUILD_TESTS=OFF -DXQUANT_BUILD_EXAMPLES=OFF)
  get_filename_component(bin "${CMAKE_COMMAND}" DIRECTORY)
  foreach(generator IN ITEMS TGZ DEB)
    run("cpack" "${bin}/cpack" --config "${WORK}/pack/CPackConfig.cmake" -G ${generator} -B "${WORK}/${generator}")
  endforeach()
  file(ARCHIVE_EXTRACT INPUT "${WORK}/TGZ/xquant-${VERSION}.tar.gz" DESTINATION "${WORK}")
  set(prefixes "${WORK}/xquant-${VERSION}")
  find_program(dpkg_deb dpkg-deb)
  if(dpkg_deb)
    set(package "${WORK}/DEB/libxquant-dev_${VERSION}_all.deb")
    execute_process(COMMAND "${dpkg_deb}" --field "${package}" Package Version Architecture Depends OUTPUT_VARIABLE fields
                    COMMAND_ERROR_IS_FATAL ANY)
    if(NOT fields STREQUAL "Package: libxquant-dev\nVersion: ${VERSION}\nArchitecture: all\n")
      message(FATAL_ERROR "the package says of itself:\n${fields}")
    endif()
    run("dpkg-deb" "${dpkg_deb}" --extract "${package}" "${WORK}/root")
    list(APPEND prefixes "${WORK}/root/usr")
  endif()
  foreach(prefix IN LISTS prefixes)
    file(REMOVE_RECURSE "${WORK}/build")
    run("configure" ${configure} -B "${WORK}/build" "-DCMAKE_PREFIX_PATH=${prefix}" -DHOW=find_package
        "-DCOMPONENTS=${COMPONENTS}" "-DVERSION=${VERSION}")
    run("build" "${CMAKE_COMMAND}" --build "${WORK}/build")
    run("the consumer" "${WORK}/build/consumer")
  endforeach()
  return()
endif()

if(HOW STREQUAL "refusals")
  # What the package does not have, it refuses with a sentence.
  function(refused text)
    file(REMOVE_RECURSE "${WORK}/build")
    execute_process(COMMAND ${configure} -B "${WORK}/build" -DHOW=find_package ${ARGN} RESULT_VARIABLE code
                    OUTPUT_VARIABLE output ERROR_VARIABLE output)
    string(REGEX REPLACE "[ \n]+" " " output "${output}")
    string(FIND "${output}" "${text}" position)
    if(code EQUAL 0 OR position EQUAL -1)
      message(FATAL_ERROR "${ARGN}: expected a refusal with '${text}', got ${code}:\n${output}")
    endif()
  endfunction()
  refused("xquant::telepathy: this xquant was installed without it; it has: core" -DVERSION=${VERSION}
          -DCOMPONENTS=telepathy)
  # What the user's machine lacks: the component, the package of Debian, and the way for those who have it elsewhere.
  string(REPLACE "@@" ";" PRESENT "${PRESENT}")
  foreach(missing IN ITEMS simd=xsimd=libxsimd-dev xtensor=xtensor=libxtensor-dev
                           eigen=Eigen3=libeigen3-dev io=Protozero=libprotozero-dev
                           io=nlohmann_json=nlohmann-json3-dev blas=CBLAS=libopenblas-dev)
    string(REGEX MATCH "^(.*)=(.*)=(.*)$" ignored "${missing}")
    if(CMAKE_MATCH_1 IN_LIST PRESENT)
      refused("xquant::${CMAKE_MATCH_1}: ${CMAKE_MATCH_2} was not found (Debian: apt install ${CMAKE_MATCH_3}"
              -DVERSION=${VERSION} -DCOMPONENTS=${CMAKE_MATCH_1} -DCMAKE_DISABLE_FIND_PACKAGE_${CMAKE_MATCH_2}=ON)
    endif()
  endforeach()
  # What was left out on purpose when the package was made.
  run("configure" "${CMAKE_COMMAND}" -S "${REPOSITORY}" -B "${WORK}/without" -G "${GENERATOR}"
      "-DCMAKE_CXX_COMPILER=${COMPILER}" -DXQUANT_BUILD_TESTS=OFF -DXQUANT_BUILD_EXAMPLES=OFF -DXQUANT_WITH_XSIMD=OFF)
  file(REMOVE_RECURSE "${WORK}/prefix")
  run("install" "${CMAKE_COMMAND}" --install "${WORK}/without" --prefix "${WORK}/prefix")
  if(EXISTS "${WORK}/prefix/include/xquant/engines/simd.hpp")
    message(FATAL_ERROR "XQUANT_WITH_XSIMD=OFF installed the headers of xquant::simd")
  endif()
  refused("Configure xquant with -DXQUANT_WITH_XSIMD=AUTO" -DVERSION=${VERSION} -DCOMPONENTS=simd)
  string(REGEX REPLACE "^([0-9]+)\\.([0-9]+).*" "\\1" major "${VERSION}")
  string(REGEX REPLACE "^([0-9]+)\\.([0-9]+).*" "\\2" minor "${VERSION}")
  math(EXPR next_minor "${minor} + 1")
  math(EXPR next_major "${major} + 1")
  refused("requested version \"${major}.${next_minor}\"" -DVERSION=${major}.${next_minor})
  refused("requested version \"${next_major}.0\"" -DVERSION=${next_major}.0)
  return()
endif()

if(HOW STREQUAL "find_package" AND COMPONENTS STREQUAL "")
  run("configure without xsimd" ${configure} -B "${WORK}/lacking" "-DHOW=${HOW}" "-DVERSION=${VERSION}"
      "-DPRESENT=${PRESENT}" -DLACKING=simd -DCMAKE_DISABLE_FIND_PACKAGE_xsimd=ON)
endif()
run("configure" ${configure} -B "${WORK}/build" "-DHOW=${HOW}" "-DCOMPONENTS=${COMPONENTS}" "-DVERSION=${VERSION}"
    "-DPRESENT=${PRESENT}")
run("build" "${CMAKE_COMMAND}" --build "${WORK}/build")
run("the consumer" "${WORK}/build/consumer")

file(READ "${WORK}/build/compile_commands.json" commands)
string(REGEX MATCHALL "\"command\": \"[^\n]*" commands "${commands}")
list(LENGTH commands count)
if(NOT count EQUAL 1)
  message(FATAL_ERROR "expected one compile command, the consumer's: ${commands}")
endif()
string(REGEX MATCHALL " -[^ ]+" flags "${commands}")
foreach(flag IN LISTS flags)
  string(STRIP "${flag}" flag)
  if(flag MATCHES "^-(W|march|mtune|mavx|msse|mfma|f|O|g|pedantic)" OR (flag MATCHES "^-D" AND NOT flag MATCHES
                                                                        "^-D(CONSUMER_|XQUANT_)"))
    message(FATAL_ERROR "the consumer inherits ${flag}: ${commands}")
  endif()
endforeach()
if(HOW STREQUAL "find_package")
  string(FIND "${commands}" "${REPOSITORY}/include" position)
  if(NOT position EQUAL -1)
    message(FATAL_ERROR "the consumer uses the headers of the source tree: ${commands}")
  endif()
endif()
