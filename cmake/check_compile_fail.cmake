# cmake -P script behind xquant_add_compile_fail (xquant_tests.cmake): the source must compile without XQUANT_BAD_LINE,
# must not compile with it, and the compiler must say every text of MATCH. Lists are separated by "@@".
foreach(variable IN ITEMS MATCH OPTIONS INCLUDES IMPLICIT)
  string(REPLACE "@@" ";" ${variable} "${${variable}}")
endforeach()
set(command "${COMPILER}" -std=c++20 -fsyntax-only "-I${INCLUDE}")
# The compiler's own folders must keep their place in the search.
list(REMOVE_ITEM INCLUDES "" ${IMPLICIT})
foreach(folder IN LISTS INCLUDES)
  list(APPEND command -isystem "${folder}")
endforeach()
list(APPEND command ${OPTIONS} "${SOURCE}")

execute_process(COMMAND ${command} RESULT_VARIABLE good OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT good EQUAL 0)
  message(FATAL_ERROR "${SOURCE} does not compile as it stands:\n${output}")
endif()
execute_process(COMMAND ${command} "-DXQUANT_BAD_LINE=${LINE}" RESULT_VARIABLE bad OUTPUT_VARIABLE output
                ERROR_VARIABLE output)
if(bad EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles with XQUANT_BAD_LINE=${LINE}; it must not")
endif()
foreach(text IN LISTS MATCH)
  string(FIND "${output}" "${text}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "${SOURCE} with XQUANT_BAD_LINE=${LINE}: the compiler does not say '${text}', but:\n${output}")
  endif()
endforeach()
