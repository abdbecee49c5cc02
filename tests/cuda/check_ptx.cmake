# cmake -DNVCC=... -DSOURCE=... -DINCLUDE=... -DOUTPUT=... -P check_ptx.cmake: compiles SOURCE to PTX with the compiler's
# own flags and fails where the code has an instruction that would break the arithmetic contract (docs/arithmetic.md,
# rule 1), or lacks those that keep it.
cmake_policy(VERSION 3.25)
execute_process(COMMAND "${NVCC}" -std=c++20 -arch=compute_75 "-I${INCLUDE}" -ptx "${SOURCE}" -o "${OUTPUT}"
                COMMAND_ERROR_IS_FATAL ANY)
file(READ "${OUTPUT}" text)
string(REPLACE ";" "\n" text "${text}")
set(found "")
foreach(instruction IN ITEMS "fma\\.rn[^\n]*" "mad\\.rn[^\n]*" "(div|rcp|sqrt|rsqrt|ex2|lg2|sin|cos|tanh)\\.approx[^\n]*" "div\\.full[^\n]*"
                    "[a-z]+[.a-z0-9]*\\.ftz[^\n]*")
  string(REGEX MATCHALL "[\n\t ]${instruction}" matches "${text}")
  list(APPEND found ${matches})
endforeach()
if(found)
  list(JOIN found "\n" found)
  message(FATAL_ERROR "inexact or fused instructions in ${SOURCE}:\n${found}")
endif()
foreach(instruction IN ITEMS "div\\.rn\\.f32" "mul\\.rn\\.f32" "cvt\\.rni\\.s32\\.f32" "vote[.a-z]*ballot" "shfl[.a-z]*down")
  if(NOT text MATCHES "${instruction}")
    message(FATAL_ERROR "${SOURCE} has no ${instruction}: this test no longer sees the kernels")
  endif()
endforeach()
string(REGEX MATCHALL "\\.entry" kernels "${text}")
list(LENGTH kernels kernels)
message(STATUS "${kernels} kernels, nothing fused, approximate or flushed")
