# What each component stands on, in one table for the build and for the installed package (xquantConfig.cmake).
#
#   XQUANT_ALL_COMPONENTS                  every component but the core, those that others stand on first
#   XQUANT_<component>_NEEDS               its dependencies, by the names of the options XQUANT_WITH_<NAME>
#   XQUANT_<component>_LINKS               the targets it links beside xquant::xquant
#   XQUANT_<component>_USES                components it takes along where they are there
#   XQUANT_<NAME>_PACKAGE, _TARGET, _DEBIAN   the package to find, the target that then exists, what Debian calls it
#   xquant_find_dependency(NAME result)    looks for one, quietly; sets `result` to why it cannot be used, or to nothing
#   xquant_cuda_language(target)           sources of the language CUDA that link `target` are compiled as C++20
set(XQUANT_ALL_COMPONENTS simd threads cuda xtensor eigen blas model io)

set(XQUANT_simd_NEEDS XSIMD)
set(XQUANT_simd_LINKS xsimd)
set(XQUANT_threads_NEEDS THREADS)
set(XQUANT_threads_LINKS Threads::Threads)
set(XQUANT_cuda_NEEDS CUDA)
set(XQUANT_cuda_LINKS CUDA::toolkit)
set(XQUANT_xtensor_NEEDS XTENSOR)
set(XQUANT_xtensor_LINKS xtensor)
set(XQUANT_eigen_NEEDS EIGEN)
set(XQUANT_eigen_LINKS Eigen3::Eigen)
set(XQUANT_blas_NEEDS BLAS)
set(XQUANT_blas_LINKS cblas::cblas)
set(XQUANT_model_USES blas) # without a BLAS engines/blas has loops of its own
set(XQUANT_io_NEEDS PROTOZERO NLOHMANN_JSON)
set(XQUANT_io_LINKS xquant::model protozero::protozero nlohmann_json::nlohmann_json)

set(XQUANT_XSIMD_PACKAGE xsimd)
set(XQUANT_XSIMD_TARGET xsimd)
set(XQUANT_XSIMD_DEBIAN libxsimd-dev xtl-dev)
set(XQUANT_THREADS_PACKAGE Threads)
set(XQUANT_THREADS_TARGET Threads::Threads)
set(XQUANT_THREADS_DEBIAN libc6-dev)
set(XQUANT_CUDA_PACKAGE CUDAToolkit)
set(XQUANT_CUDA_TARGET CUDA::toolkit)
set(XQUANT_CUDA_DEBIAN nvidia-cuda-toolkit)
set(XQUANT_XTENSOR_PACKAGE xtensor)
set(XQUANT_XTENSOR_TARGET xtensor)
set(XQUANT_XTENSOR_DEBIAN libxtensor-dev)
set(XQUANT_EIGEN_PACKAGE Eigen3)
set(XQUANT_EIGEN_TARGET Eigen3::Eigen)
set(XQUANT_EIGEN_DEBIAN libeigen3-dev)
set(XQUANT_BLAS_PACKAGE CBLAS)
set(XQUANT_BLAS_TARGET cblas::cblas)
set(XQUANT_BLAS_DEBIAN libopenblas-dev)
set(XQUANT_PROTOZERO_PACKAGE Protozero)
set(XQUANT_PROTOZERO_TARGET protozero::protozero)
set(XQUANT_PROTOZERO_DEBIAN libprotozero-dev)
set(XQUANT_NLOHMANN_JSON_PACKAGE nlohmann_json)
set(XQUANT_NLOHMANN_JSON_TARGET nlohmann_json::nlohmann_json)
set(XQUANT_NLOHMANN_JSON_DEBIAN nlohmann-json3-dev)

macro(xquant_find_dependency name result)
  set(${result} "")
  get_property(xquant_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if("${name}" MATCHES "^(THREADS|BLAS)$" AND NOT "CXX" IN_LIST xquant_languages)
    # CMake's modules for these try to compile.
    set(${result} "${XQUANT_${name}_PACKAGE} can be found only in a project of the language CXX")
  elseif("${name}" STREQUAL "CUDA" AND "CUDA" IN_LIST xquant_languages AND NOT "CXX" IN_LIST xquant_languages)
    # CMake's module for CUDA wants C++ too. nvcc knows where its headers and its runtime are.
  else()
    find_package(${XQUANT_${name}_PACKAGE} QUIET)
    if(NOT TARGET ${XQUANT_${name}_TARGET})
      set(${result} "${XQUANT_${name}_PACKAGE} was not found")
    elseif("${name}" STREQUAL "XSIMD" AND NOT TARGET xtl)
      # Debian's xsimd 8.1 links xtl without looking for it.
      get_target_property(xquant_links xsimd INTERFACE_LINK_LIBRARIES)
      if("xtl" IN_LIST xquant_links)
        find_package(xtl QUIET)
        if(NOT TARGET xtl)
          set(${result} "the xsimd found links xtl, which was not found")
        endif()
      endif()
    endif()
  endif()
  if(${result})
    list(JOIN XQUANT_${name}_DEBIAN " " xquant_packages)
    string(APPEND ${result} " (Debian: apt install ${xquant_packages}; elsewhere: add its prefix to CMAKE_PREFIX_PATH)")
  endif()
endmacro()

# CMake 3.25 knows no C++20 for nvcc, so the flag is given to it as it is. In a project of CUDA alone there is no target
# of the toolkit to link.
function(xquant_cuda_language target)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT "CUDA" IN_LIST languages)
    return()
  endif()
  if(NOT TARGET CUDA::toolkit)
    get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
    list(REMOVE_ITEM links CUDA::toolkit)
    set_property(TARGET ${target} PROPERTY INTERFACE_LINK_LIBRARIES ${links})
  endif()
  if("cuda_std_20" IN_LIST CMAKE_CUDA_COMPILE_FEATURES)
    set_property(TARGET ${target} APPEND PROPERTY INTERFACE_COMPILE_FEATURES cuda_std_20)
  else()
    set_property(TARGET ${target} APPEND PROPERTY INTERFACE_COMPILE_OPTIONS
                                                  "$<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:-std=c++20>")
  endif()
endfunction()
