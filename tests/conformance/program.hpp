// The conformance program, apart from which peers it knows: runs recorded cases and counts what became of them.
#pragma once

#include "registry.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace conformance {

/// Where the program finds what it is not told.
struct surroundings {
  std::string subjects;      ///< subjects.json, used where the folder above a DIR has none
  std::string refusal_page;  ///< the page with the list of refused cases
};

/// `conformance [--subject NAME] [--match REGEX] DIR...`; `arguments` without the program's name. Failures and the
/// final count go to `out`, complaints to `err`. Returns 0; 1 when a case failed, or the page's list of refusals is not
/// what was refused; 2 for arguments or files that cannot be used.
///
/// The list is every line "- `PEER` `CASE`: REASON" of the page. A case refused that is not in it, with that reason,
/// fails; so does a case in it that was run and not refused.
int run_program(const std::vector<std::string>& arguments, const registry& peers, const surroundings& where,
                std::ostream& out, std::ostream& err);

}  // namespace conformance
