# What Doxygen reads of a header: the comment at its head as the description of the file, which belongs to the group of
# its folder (groups.dox); lines of a comment that are indented as code; the namespace by its name alone, without the tag
# of the compiler's flags.
function comment(text) {
  if (text ~ /^    *[^ ]/ && text !~ /^   *[-*] /) {
    if (!in_code) print "/// @code{.unparsed}"
    in_code = 1
  } else {
    close_code()
    gsub(/[<>]/, "\\\\&", text)
    gsub(/@/, "\\@", text)
  }
  print "///" text
}
function close_code() {
  if (in_code) print "/// @endcode"
  in_code = 0
}
NR == 1 && /^\/\/( |$)/ {
  in_head = 1
  folder = FILENAME
  sub(/^.*include\/xquant\//, "", folder)
  if (!sub(/\/.*/, "", folder)) folder = "top"
  print "/// @file"
  print "/// @ingroup folder_" folder
  print "///"
}
in_head && /^\/\/( |$)/ {
  comment(substr($0, 3))
  next
}
in_head {
  close_code()
  print "///"
  in_head = 0
}
/^ *\/\/\/( |$)/ {
  match($0, /\/\/\//)
  comment(substr($0, RSTART + 3))
  next
}
{
  close_code()
  gsub(/::inline XQUANT_ABI/, "")
  print
}
