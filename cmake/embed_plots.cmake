# Writes a C file with the text of each of TEMPLATES (run as a script by plots.cmake).
set(arrays "")
set(table "")
foreach(template ${TEMPLATES})
  get_filename_component(name ${template} NAME_WE)
  file(READ ${template} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
                       bytes "${bytes}")
  string(APPEND arrays "static const unsigned char ${name}_text[] = {\n${bytes}};\n")
  string(APPEND table "    {\"${name}\", ${name}_text, sizeof ${name}_text},\n")
endforeach()
file(WRITE ${OUTPUT}.new
     "/* Made by cmake/embed_plots.cmake from plots/. */\n#include \"sim/plot_int.h\"\n\n${arrays}\n"
     "const struct rs_plot_template rs_plot_templates[] = {\n${table}    {0},\n};\n")
file(RENAME ${OUTPUT}.new ${OUTPUT})
