// Integers of 17 to 32 bits by value: include it where stored_integer<std::int32_t> or <std::uint32_t> is a choice.
#pragma once

#include <xquant/formats/wide_integer.hpp>
#include <xquant/runtime/integer.hpp>
