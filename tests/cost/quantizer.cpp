// What a program pays for saying what to do.
#include <xquant/quantizer.hpp>
