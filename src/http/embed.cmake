# cmake -DFROM=DIR/dashboard -DTO=HEADER -P embed.cmake: FROM.html, .css and .js as string literals.
set(text "// Made from ${FROM}.* by embed.cmake.\n#pragma once\n\n#include <string_view>\n\n")
string(APPEND text "namespace ssdfs::http::dashboard_files {\n\n")
foreach(kind html css js)
  file(READ ${FROM}.${kind} content)
  string(APPEND text
    "inline constexpr std::string_view ${kind} = R\"dashboard(${content})dashboard\";\n\n")
endforeach()
string(APPEND text "}  // namespace ssdfs::http::dashboard_files\n")
file(WRITE ${TO} "${text}")
