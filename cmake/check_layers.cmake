# The layer rules of CONTRIBUTING.md, checked.
#   cmake -DROOT=<repository> -P check_layers.cmake         fails with a list of every breach under ROOT/include/xquant
#   include(check_layers.cmake) gives check_layers(root result), which sets `result` to that list
cmake_policy(VERSION 3.25)

# layer:path, the longest path that fits a file decides. A file includes only its own and lower layers, which are in
# alphabetical order.
set(layer_table
    0:abi.hpp 0:config.hpp 0:version.hpp 0:error.hpp 0:exception.hpp 0:message.hpp 0:core/
    1:formats/ 1:rounding/ 1:schemes/ 1:granularity/ 1:arithmetic/
    2a:engines/
    2b:quantizer.hpp 2b:parameters.hpp 2b:encoding.hpp 2b:calls/ 2b:runtime.hpp 2b:runtime/ 2b:blocks/ 2b:ops/
    3:calls/reduce.hpp 3:calibration/ 3:gradients/ 3:adapt/span.hpp 3:adapt/mdspan.hpp
    4:dense_tensor.hpp 4:quantized_tensor.hpp 4:encoded_tensor.hpp 4:by_value.hpp 4:presets/ 4:ptq/ 4:nn/ 4:train/ 4:report/
    5:model/
    6:adapt/ 6:io/
    7:xquant.hpp)
# Folders of one layer that never include each other.
set(siblings formats/ rounding/ schemes/ granularity/ arithmetic/)
# Folders include each other in one direction only: no way leads from a folder back to itself. Known ways back, as
# folder=folder; each is a debt. The executor calls the operators, and they know its graph and tensors.
set(known_circles model=model/op)
# Edges: edge=who else may include it. Everything else under include/xquant may not.
set(edges
    engines/simd= engines/cuda= engines/threads= engines/blas=model/ adapt/xtensor= adapt/eigen= adapt/torch= io/= report/=)
# Other people's headers: pattern=who may include them.
set(foreign
    "^(xtensor|xtl)/=adapt/xtensor" "^xsimd/=engines/simd" "^(cuda|cublas|curand|cub/|thrust/|cooperative_groups)=engines/cuda"
    "^(cblas|openblas)=engines/blas" "^(nlohmann|protozero)/=io/" "^(Eigen|unsupported)/=adapt/eigen"
    "^(torch|ATen|c10)/=adapt/torch" "^(dirent|fcntl|unistd|sys/file|sys/stat|sys/mman)[.]h$=io/")
# Standard headers that layers 0 to 2 may include: language support that costs nothing to read.
set(language_support cstddef cstdint compare initializer_list new version)
# Beyond those, file by file. Edges (engines/simd and the like) are free to include what they need.
set(exceptions exception.hpp=exception parameters.hpp=vector parameters.hpp=utility encoding.hpp=vector
               encoding.hpp=utility)
# Names that no header may use: the library never prints, never ends the program, never touches the floating-point
# environment, and starts no thread except where engines/threads does for its caller.
set(forbidden_names
    "std::(cout|cerr|clog|cin)" "[^a-z_:](printf|fprintf|vprintf|puts|putchar|fputs) *\\(" "std::(printf|fprintf|puts|putchar)"
    "[^a-z_:.](abort|exit|_Exit|quick_exit|terminate) *\\(" "std::(abort|exit|_Exit|quick_exit|terminate)"
    "fe(setround|setenv|enableexcept|updateenv|holdexcept) *\\(" "_mm_setcsr" "_MM_SET_" "using namespace"
    "[^a-z_]assert *\\(")

function(layer_of file result)
  set(best "")
  set(layer "")
  foreach(entry IN LISTS layer_table)
    string(REGEX MATCH "^([0-9][a-z]?):(.*)$" ignored "${entry}")
    set(number "${CMAKE_MATCH_1}")
    set(path "${CMAKE_MATCH_2}")
    string(FIND "${file}" "${path}" position)
    if(position EQUAL 0)
      string(LENGTH "${path}" length)
      string(LENGTH "${best}" best_length)
      if(length GREATER best_length)
        set(best "${path}")
        set(layer ${number})
      endif()
    endif()
  endforeach()
  set(${result} "${layer}" PARENT_SCOPE)
endfunction()

# Sets `result` to the entries of the list `table` (key=value) whose key or value starts `file`.
function(prefix_of file table result)
  set(found "")
  foreach(prefix IN LISTS ${table})
    string(REGEX REPLACE "=.*" "" prefix "${prefix}")
    string(FIND "${file}" "${prefix}" position)
    if(position EQUAL 0)
      set(found "${prefix}")
    endif()
  endforeach()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

# Sets `result` to the folder of `file`, for the rule about circles. The file beside a folder that has its name, the
# front of it, belongs to it (runtime.hpp to runtime/); other files that lie in no folder stand for themselves.
function(folder_of base file result)
  string(REGEX REPLACE "[.][a-z]+$" "" folder "${file}")
  if(NOT IS_DIRECTORY "${base}/${folder}")
    set(folder "${file}")
    if(file MATCHES "/")
      string(REGEX REPLACE "/[^/]*$" "" folder "${file}")
    endif()
  endif()
  set(${result} "${folder}" PARENT_SCOPE)
endfunction()

# Adds a breach to `result` for each circle among the includes `edges_of_folders` (from=to) of folders. Folders that
# include nothing left are taken away, again and again, and so are those that nothing left includes: what stays are
# circles and what connects them.
function(find_circles edges_of_folders result)
  set(left ${${edges_of_folders}})
  foreach(known IN LISTS known_circles)
    list(REMOVE_ITEM left "${known}")
  endforeach()
  set(before "")
  while(NOT "${left}" STREQUAL "${before}")
    set(before "${left}")
    set(from ${left})
    set(to ${left})
    list(TRANSFORM from REPLACE "=.*" "")
    list(TRANSFORM to REPLACE ".*=" "")
    set(left "")
    foreach(include IN LISTS before)
      string(REGEX MATCH "^(.*)=(.*)$" ignored "${include}")
      if("${CMAKE_MATCH_2}" IN_LIST from AND "${CMAKE_MATCH_1}" IN_LIST to)
        list(APPEND left "${include}")
      endif()
    endforeach()
  endwhile()
  if(left)
    string(REPLACE "=" " -> " left "${left}")
    list(JOIN left ", " left)
    list(APPEND ${result} "folders include each other in a circle: ${left}")
    set(${result} "${${result}}" PARENT_SCOPE)
  endif()
endfunction()

function(check_layers root result)
  set(breaches "")
  set(folder_includes "")
  set(base "${root}/include/xquant")
  file(GLOB_RECURSE files RELATIVE "${base}" "${base}/*")
  list(SORT files)
  foreach(file IN LISTS files)
    file(READ "${base}/${file}" text)
    # Lists and brackets mean something to CMake; comments mean nothing here.
    string(REPLACE ";" " " text "${text}")
    string(REPLACE "[" "(" text "${text}")
    string(REPLACE "]" ")" text "${text}")
    if(text MATCHES "[^\n\t -~]")
      list(APPEND breaches "${file}: has characters outside ASCII")
    endif()
    if(NOT text MATCHES "^// ")
      list(APPEND breaches "${file}: does not begin with a comment that says what lives there")
    endif()
    if(NOT text MATCHES "\n#pragma once\n")
      list(APPEND breaches "${file}: has no #pragma once")
    endif()
    string(REGEX REPLACE "//[^\n]*" "" text "${text}")

    layer_of("${file}" layer)
    if("${layer}" STREQUAL "")
      list(APPEND breaches "${file}: has no layer, give its folder one in cmake/check_layers.cmake and CONTRIBUTING.md")
      continue()
    endif()
    prefix_of("${file}" edges edge)
    prefix_of("${file}" siblings own_folder)

    string(REGEX MATCHALL "#[ \t]*include[ \t]*[<\"][^>\"\n]+[>\"]" includes "${text}")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]$" "\\2" name "${include}")
      if(include MATCHES "\"")
        list(APPEND breaches "${file}: includes \"${name}\", not as <xquant/...>")
      elseif(name MATCHES "^xquant/(.*)$")
        set(other "${CMAKE_MATCH_1}")
        layer_of("${other}" other_layer)
        if(NOT EXISTS "${base}/${other}")
          list(APPEND breaches "${file}: includes <${name}>, which does not exist")
        endif()
        if("${other_layer}" STREQUAL "" OR other_layer STRGREATER layer)
          list(APPEND breaches "${file} (layer ${layer}): includes <${name}> (layer ${other_layer})")
          continue()
        endif()
        folder_of("${base}" "${file}" from_folder)
        folder_of("${base}" "${other}" to_folder)
        if(NOT from_folder STREQUAL to_folder)
          list(APPEND folder_includes "${from_folder}=${to_folder}")
        endif()
        prefix_of("${other}" siblings other_folder)
        if(own_folder AND other_folder AND NOT own_folder STREQUAL other_folder)
          list(APPEND breaches "${file}: includes <${name}>, of a sibling folder")
        endif()
        prefix_of("${other}" edges other_edge)
        if(other_edge AND NOT edge STREQUAL other_edge)
          set(allowed FALSE)
          foreach(entry IN LISTS edges)
            if(entry MATCHES "^([^=]*)=(.+)$")
              set(entry_edge "${CMAKE_MATCH_1}")
              string(FIND "${file}" "${CMAKE_MATCH_2}" position)
              if(entry_edge STREQUAL other_edge AND position EQUAL 0)
                set(allowed TRUE)
              endif()
            endif()
          endforeach()
          if(NOT allowed)
            list(APPEND breaches "${file}: includes <${name}>, an edge that only its own folder may include")
          endif()
        endif()
      else()
        set(known FALSE)
        foreach(entry IN LISTS foreign)
          string(REGEX MATCH "^(.*)=([^=]*)$" ignored "${entry}")
          set(pattern "${CMAKE_MATCH_1}")
          set(allowed "${CMAKE_MATCH_2}")
          if(name MATCHES "${pattern}")
            set(known TRUE)
            string(FIND "${file}" "${allowed}" position)
            if(NOT position EQUAL 0)
              list(APPEND breaches "${file}: includes <${name}>, which only ${allowed} may include")
            endif()
          endif()
        endforeach()
        if(NOT known)
          if(name MATCHES "[./]" AND NOT (edge AND name MATCHES "intrin|arm_neon"))
            list(APPEND breaches "${file}: includes <${name}>, which is neither standard nor known here")
          elseif(name MATCHES "^(iostream|print|regex|random)$")
            list(APPEND breaches "${file}: includes <${name}>, which no header of the library may")
          elseif(layer STRLESS 3 AND NOT edge AND NOT name IN_LIST language_support
                 AND NOT "${file}=${name}" IN_LIST exceptions)
            list(APPEND breaches "${file} (layer ${layer}): includes <${name}>, but layers 0 to 2 include language support only")
          endif()
        endif()
      endif()
    endforeach()

    foreach(pattern IN LISTS forbidden_names)
      if(text MATCHES "${pattern}")
        string(STRIP "${CMAKE_MATCH_0}" found)
        list(APPEND breaches "${file}: uses '${found}'")
      endif()
    endforeach()
    if(text MATCHES "std::j?thread[^_]" AND NOT edge STREQUAL "engines/threads")
      list(APPEND breaches "${file}: uses 'std::thread'")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES folder_includes)
  find_circles(folder_includes breaches)
  set(${result} "${breaches}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  check_layers("${ROOT}" breaches)
  if(breaches)
    list(LENGTH breaches count)
    list(JOIN breaches "\n" breaches)
    message("${breaches}")
    message(FATAL_ERROR "${count} breaches of the layer rules")
  endif()
endif()
