// The unit of cost: a file that includes only <vector>.
#include <vector>
