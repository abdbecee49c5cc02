# awk -v out=FOLDER -v prefix=NAME -f extract_snippets.awk FILE.md: writes each ```cpp block of a Markdown file that has
# an `int main`, or follows a line <!-- compile -->, to FOLDER/prefix_LINE.cpp, and prints the names.
# A line <!-- no compile --> before a block leaves it alone.
BEGIN { inside = 0; wanted = "" }
!inside && /^[ \t]*```cpp[ \t]*$/ {
  inside = 1
  text = ""
  has_main = 0
  first = NR + 1
  next
}
inside && /^[ \t]*```[ \t]*$/ {
  inside = 0
  if (wanted != "no" && (has_main || wanted == "yes")) {
    name = prefix "_" first ".cpp"
    printf "#line %d \"%s\"\n%s", first, FILENAME, text > (out "/" name)
    close(out "/" name)
    print name
  }
  wanted = ""
  next
}
inside {
  text = text $0 "\n"
  if ($0 ~ /int main *\(/) has_main = 1
  next
}
/^[ \t]*<!-- *compile *-->[ \t]*$/ { wanted = "yes"; next }
/^[ \t]*<!-- *no compile *-->[ \t]*$/ { wanted = "no"; next }
/[^ \t]/ { wanted = "" }
