// The compile-fail harness, tried on a file of which everything is known.
#ifdef XQUANT_BROKEN
static_assert(false, "broken in every way");
#endif
#ifdef XQUANT_BAD_LINE
static_assert(XQUANT_BAD_LINE != 1, "the bad line was compiled");
#endif
int main() {}
