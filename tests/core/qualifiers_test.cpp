// Qualifiers taken off types, as <type_traits> takes them.
#include <doctest/doctest.h>

#include <xquant/core/qualifiers.hpp>

#include <type_traits>

namespace {

template <class... T>
constexpr bool agree = ((xquant::is_const<T> == std::is_const_v<T> &&
                         std::is_same_v<xquant::remove_const<T>, std::remove_const_t<T>>)&&...);
// Of what the library has: values, const values, and references to them.
template <class... T>
constexpr bool agree_on_references = (std::is_same_v<xquant::remove_cvref<T>, std::remove_cvref_t<T>> && ...);

static_assert(agree<int, const int, int*, const int*, int* const, int&, const int&, int[3]>);
static_assert(agree_on_references<int, const int, int&, const int&, int&&, const int&&, const int*&, int* const&>);
static_assert(std::is_same_v<xquant::remove_pointer<const float*>, const float>);

}  // namespace

TEST_CASE("qualifiers are taken off while compiling") { CHECK(true); }
