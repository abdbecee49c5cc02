include(CMakeFindDependencyMacro)
find_dependency(xquant COMPONENTS threads)
include("${CMAKE_CURRENT_LIST_DIR}/scaler-targets.cmake")
