# Finds a BLAS with its C interface. Defines cblas::cblas (BLAS::BLAS and the folder of cblas.h) and CBLAS_FOUND.
# Which BLAS: as for CMake's FindBLAS (BLA_VENDOR). CBLAS_INCLUDE_DIR may be set to the folder that holds cblas.h.
include(CheckCXXSourceCompiles)
set(_cblas_quiet "")
if(CBLAS_FIND_QUIETLY)
  set(_cblas_quiet QUIET)
endif()
find_package(BLAS ${_cblas_quiet})
find_path(CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas)
mark_as_advanced(CBLAS_INCLUDE_DIR)
if(TARGET BLAS::BLAS AND CBLAS_INCLUDE_DIR)
  set(_cblas_saved_libraries "${CMAKE_REQUIRED_LIBRARIES}")
  set(_cblas_saved_includes "${CMAKE_REQUIRED_INCLUDES}")
  set(_cblas_saved_quiet "${CMAKE_REQUIRED_QUIET}")
  set(CMAKE_REQUIRED_LIBRARIES BLAS::BLAS)
  set(CMAKE_REQUIRED_INCLUDES "${CBLAS_INCLUDE_DIR}")
  set(CMAKE_REQUIRED_QUIET "${CBLAS_FIND_QUIETLY}")
  check_cxx_source_compiles(
    "#include <cblas.h>
     int main() {
       float x = 2, y = 0;
       cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1.0f, &x, 1, &x, 1, 0.0f, &y, 1);
       return y > 3 ? 0 : 1;
     }"
    CBLAS_WORKS)
  set(CMAKE_REQUIRED_LIBRARIES "${_cblas_saved_libraries}")
  set(CMAKE_REQUIRED_INCLUDES "${_cblas_saved_includes}")
  set(CMAKE_REQUIRED_QUIET "${_cblas_saved_quiet}")
  unset(_cblas_saved_libraries)
  unset(_cblas_saved_includes)
  unset(_cblas_saved_quiet)
endif()
unset(_cblas_quiet)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CBLAS REQUIRED_VARS CBLAS_INCLUDE_DIR CBLAS_WORKS)
if(CBLAS_FOUND AND NOT TARGET cblas::cblas)
  add_library(cblas::cblas INTERFACE IMPORTED)
  set_target_properties(cblas::cblas PROPERTIES INTERFACE_LINK_LIBRARIES BLAS::BLAS INTERFACE_INCLUDE_DIRECTORIES
                                                                                     "${CBLAS_INCLUDE_DIR}")
endif()
