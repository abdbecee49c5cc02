// Stands in for quantize_network where a library it needs is not installed: says which, and fails with code 4.
#include <cstdio>

int main() {
  std::fprintf(stderr,
               "quantize_network: built without what it needs. Missing (Debian package names):%s\n"
               "Install them and run examples/run.sh again.\n",
               XQUANT_LACKS);
  return 4;
}
