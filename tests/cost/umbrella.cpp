#include <xquant/xquant.hpp>
