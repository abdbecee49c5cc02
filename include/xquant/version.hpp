// The library's version: the one place the number lives. CMake reads it from here.
#pragma once

#define XQUANT_VERSION_MAJOR 0
#define XQUANT_VERSION_MINOR 1
#define XQUANT_VERSION_PATCH 0
