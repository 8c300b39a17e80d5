# tidy.awk -- the rules for C files, one pass over each. A line is looked at without its comments and texts.

function say(text) { print FILENAME ":" FNR ": " text }

function open_file()
{
  in_comment = 0
  limit = FILENAME ~ /^tests\// ? 120 : 100
  begun = 0
  layer = 0
  if (FILENAME ~ /^runtime\/base\//) layer = 1
  if (FILENAME ~ /^runtime\/policy\//) layer = 2
  if (FILENAME ~ /^runtime\/core\//) layer = 3
  if (FILENAME ~ /^runtime\/lib\//) layer = 4
  side = FILENAME ~ /^sim\// ? "sim" : FILENAME ~ /^runtime\/(uv|api|cli)\// ? "uv" : FILENAME ~ /^runtime\/dl\// ? "dl" : ""
}

# The line's code: comments and the insides of texts are gone.
function code_of(line,    out, at, two, quote)
{
  out = ""
  for (at = 1; at <= length(line); at++) {
    two = substr(line, at, 2)
    if (in_comment) {
      if (two == "*/") { in_comment = 0; at++ }
    } else if (two == "/*") {
      in_comment = 1
      at++
    } else if (two == "//") {
      break
    } else if (substr(line, at, 1) == "\"" || substr(line, at, 1) == "'") {
      quote = substr(line, at, 1)
      out = out quote
      for (at++; at <= length(line) && substr(line, at, 1) != quote; at++)
        if (substr(line, at, 1) == "\\") at++
      out = out quote
    } else
      out = out substr(line, at, 1)
  }
  return out
}

function layer_of(folder)
{
  return folder == "base" ? 1 : folder == "policy" ? 2 : folder == "core" ? 3 : folder == "lib" ? 4 : 5
}

function check_include(line,    name, folder)
{
  if (line ~ /^#include </) {
    name = line
    sub(/^#include </, "", name)
    sub(/>.*/, "", name)
    if (name == "assert.h") say("RS_ASSERT of base/assert.h is never compiled out; assert.h is not used")
    if (layer && name !~ /^(stdbool|stddef|stdint|stdlib|string|limits|float|stdalign|emmintrin|arm_neon)\.h$/)
      say("<" name "> in a pure folder")
  } else if (line ~ /^#include "[a-z]+\//) {
    folder = line
    sub(/^#include "/, "", folder)
    sub(/\/.*/, "", folder)
    if (layer && layer_of(folder) > layer) say("an include of " folder "/ from a layer below it")
    if (side == "sim" && folder ~ /^(uv|api|cli)$/) say("the simulator includes the libuv driver")
    if (side == "uv" && folder == "sim") say("the runtime includes the simulator")
    if (side == "dl" && folder ~ /^(uv|api|cli|sim)$/) say("what both drivers use includes one of them")
  }
}

BEGIN {
  call = "[ \t]*\\("
  before = "(^|[^A-Za-z0-9_.>])"
  everywhere = before "(gets|strcpy|strcat|strtok|tmpnam|mktemp|alloca|vsprintf|rand|srand)" call
  shipped = before "(sprintf|atoi|atol|atof)" call
  heap = before "(malloc|calloc|realloc|strdup)" call
  impure = before "(time|clock|clock_gettime|gettimeofday|random|drand48|getrandom|printf|fprintf|sprintf|snprintf|puts|" \
           "putchar|perror|fopen|fclose|fread|fwrite|open|close|read|write|socket|send|recv|getenv|exit|qsort|exp|log|log2|pow|" \
           "sin|cos|sqrt|floor|ceil|round|strtod|strtol|strtoul|pthread_[a-z_]+|uv_[a-z_]+|sg_[a-z_]+|gsl_[a-z_]+)" call
}

FNR == 1 { open_file() }
FNR == 901 { say("more than 900 lines: two ideas in one file?") }
/\t/ { say("a tab") }
/[ \t]$/ { say("space at the end of the line") }

{
  raw_include = !in_comment && $0 ~ /^#include/
  code = code_of($0)
  if (raw_include) check_include($0)
  if (code ~ /^\{/) begun = FNR
  if (code ~ /^\}/) {
    if (begun && FNR - begun > limit) say("a function of " (FNR - begun) " lines")
    begun = 0
  }
  if (code ~ everywhere) say("a function that the house does not use: " code)
  if (code ~ shipped && FILENAME ~ /^(runtime|sim|cli)\//) say("unbounded or unchecked: " code)
  if (code ~ /^typedef .*_t;/) say("names that end in _t are POSIX's")
  if (layer) {
    if (code ~ impure) say("not pure: " code)
    if (code ~ heap && FILENAME != "runtime/base/alloc.c") say("memory comes from base/alloc.h: " code)
  }
}
