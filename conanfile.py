"""Conan 2 recipe: a header-only package whose components are the targets of CMake's package.

An option chooses a dependency, as XQUANT_WITH_<NAME> does for CMake. The headers are the same whatever is chosen, so
there is one package for all options and settings.
"""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class Xquant(ConanFile):
    name = "xquant"
    description = "Header-only C++20 library of quantization mathematics"
    license = "BSD-3-Clause"
    topics = ("quantization", "neural-networks", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "with_xsimd": [True, False],
        "with_threads": [True, False],
        "with_cuda": [True, False],
        "with_xtensor": [True, False],
        "with_eigen": [True, False],
        # "system": the BLAS of the machine, libopenblas with cblas.h
        "with_blas": [False, "openblas", "system"],
        "with_protozero": [True, False],
        "with_nlohmann_json": [True, False],
    }
    default_options = {
        "with_xsimd": False,
        "with_threads": True,
        "with_cuda": False,
        "with_xtensor": False,
        "with_eigen": False,
        "with_blas": False,
        "with_protozero": False,
        "with_nlohmann_json": False,
    }
    exports_sources = "include/*", "LICENSE"
    no_copy_source = True

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include", "xquant", "version.hpp"))
        parts = [re.search(rf"#define XQUANT_VERSION_{part} +(\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
        self.version = ".".join(part.group(1) for part in parts)

    # The recipe's folder is gone once the recipe is exported, and its version is known then.
    def export(self):
        copy(self, "version.hpp", os.path.join(self.recipe_folder, "include", "xquant"),
             os.path.join(self.export_folder, "include", "xquant"))

    def layout(self):
        basic_layout(self)

    def requirements(self):
        if self.options.with_xsimd:
            self.requires("xsimd/[>=8.1 <15]", transitive_headers=True)
        if self.options.with_xtensor:
            self.requires("xtensor/[>=0.24.3 <1]", transitive_headers=True)
        if self.options.with_eigen:
            self.requires("eigen/[>=3.4 <4]", transitive_headers=True)
        if self.options.with_blas == "openblas":
            self.requires("openblas/[>=0.3.20 <1]", transitive_headers=True, transitive_libs=True)
        if self.options.with_protozero:
            self.requires("protozero/[>=1.7 <2]", transitive_headers=True)
        if self.options.with_nlohmann_json:
            self.requires("nlohmann_json/[>=3.11 <4]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "xquant")
        self.cpp_info.set_property("cmake_target_name", "xquant::everything")
        self.cpp_info.set_property("pkg_config_name", "xquant-everything")
        components = self.cpp_info.components
        # What a profile takes from the system ([platform_requires]) has no targets to link: its headers lie where the
        # compiler looks.
        packaged = {dependency.ref.name for _, dependency in self.dependencies.items()
                    if getattr(dependency, "recipe", "") != "Platform"}

        def component(name, wanted=True, requires=(), system_libs=(), defines=()):
            if not wanted:
                return
            target = "xquant" if name == "core" else name
            components[name].set_property("cmake_target_name", f"xquant::{target}")
            components[name].set_property("pkg_config_name", "xquant" if name == "core" else f"xquant-{name}")
            components[name].bindirs = []
            components[name].libdirs = []
            components[name].requires = ([] if name == "core" else ["core"]) + [
                other for other in requires if "::" not in other or other.split("::")[0] in packaged]
            components[name].system_libs = list(system_libs)
            components[name].defines = list(defines)

        on_linux = self.settings.get_safe("os") in ("Linux", "FreeBSD")
        has_blas = bool(self.options.with_blas)
        component("core")
        component("simd", self.options.with_xsimd, ["xsimd::xsimd"])
        component("threads", self.options.with_threads, system_libs=["pthread"] if on_linux else [])
        component("cuda", self.options.with_cuda)  # nvcc brings its own headers and runtime
        component("xtensor", self.options.with_xtensor, ["xtensor::xtensor"])
        component("eigen", self.options.with_eigen, ["eigen::eigen"])
        component("blas", has_blas, ["openblas::openblas"] if self.options.with_blas == "openblas" else [],
                  system_libs=["openblas"] if self.options.with_blas == "system" else [], defines=["XQUANT_HAS_BLAS=1"])
        component("model", requires=["blas"] if has_blas else [])
        component("io", self.options.with_protozero and self.options.with_nlohmann_json,
                  ["model", "protozero::protozero", "nlohmann_json::nlohmann_json"])
