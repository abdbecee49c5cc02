# Overlay port: builds xquant from the checkout this port lies in (packaging/vcpkg/xquant).
set(VCPKG_BUILD_TYPE release) # headers only
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(
  OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    xsimd XQUANT_WITH_XSIMD
    threads XQUANT_WITH_THREADS
    cuda XQUANT_WITH_CUDA
    xtensor XQUANT_WITH_XTENSOR
    eigen XQUANT_WITH_EIGEN
    blas XQUANT_WITH_BLAS
    protozero XQUANT_WITH_PROTOZERO
    nlohmann-json XQUANT_WITH_NLOHMANN_JSON)

# The CMake files go where vcpkg looks for them, so vcpkg_cmake_config_fixup moves nothing.
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DXQUANT_BUILD_TESTS=OFF
    -DXQUANT_BUILD_EXAMPLES=OFF
    -DXQUANT_INSTALL_CMAKEDIR=share/xquant
    -DXQUANT_INSTALL_PKGCONFIGDIR=share/pkgconfig)
vcpkg_cmake_install()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
