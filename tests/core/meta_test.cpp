// The questions about types against <type_traits>, for types of every kind.
#include <doctest/doctest.h>

#include <xquant/core/meta.hpp>

#include <type_traits>

static_assert(xquant::is_same<int, int> && !xquant::is_same<int, const int> && !xquant::is_same<int, int&>);
static_assert(xquant::is_same<xquant::conditional<true, int, float>, int>);
static_assert(xquant::is_same<xquant::conditional<false, int, float>, float>);
static_assert(std::is_same_v<decltype(xquant::declared<int&>()), int&>);
static_assert(xquant::type_list<>::size == 0 && xquant::type_list<int, int, float>::size == 3);

TEST_CASE("questions about types are answered while compiling") { CHECK(true); }
