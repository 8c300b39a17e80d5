#!/bin/sh
# planted.sh WORKDIR CC -- the tidy rules fire: a small tree with one breach of each rule, and the findings that it must give.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$1"
mkdir -p "$1/tree/runtime/dl" "$1/tree/runtime/core" "$1/tree/runtime/base" "$1/tree/sim"
cd "$1/tree"

printf '/* core.c -- a comment about time() and "malloc(" is no call. */\n' >runtime/core/core.c
{
  echo '#include "core/core.h"'
  echo '#include "sim/driver.h"'
  echo '#include <stdio.h>'
  echo 'int f(void)'
  echo '{'
  echo '  puts("time(0) in a text is no call");'
  echo '  long now = time(0);'
  echo '  void *p = malloc(4);'
  echo '  qsort(p, 1, 4, 0);'
  echo '  return now != 0;'
  echo '}'
} >>runtime/core/core.c
{
  echo '/* base.c */'
  echo '#include "core/core.h"'
  printf 'int tab;\t/* here */\nint space; \n'
  echo 'typedef int word_t;'
  echo 'int long_one(void)'
  echo '{'
  yes ';' | head -n 101
  echo '}'
} >runtime/base/base.c
{
  echo 'int headless;'
  echo '#include "uv/node.h"'
  echo '#include <assert.h>'
  echo 'int g(char *a, const char *b) { return strcpy(a, b) == atoi(a); }'
  yes '' | head -n 900
} >sim/long.c
printf '/* dl.c */\n#include "uv/node.h"\n#include "policy/policy.h"\n' >runtime/dl/dl.c
printf '/* ok.c -- nothing to say. */\n#include "base/assert.h"\nint ok;\n' >runtime/core/ok.c
printf '[a](missing.md) [b](page.md) [c](https://example.org)\nTO''DO\n/ho''me/somebody\n' >page.md

cat >../wanted <<TEXT
page.md:1: the link to missing.md
page.md:2:
page.md:3:
runtime/base/base.c:2: an include of core/
runtime/base/base.c:3: a tab
runtime/base/base.c:4: space at the end
runtime/base/base.c:5: names that end in _t
runtime/base/base.c:109: a function of 102 lines
runtime/core/core.c:3: an include of sim/
runtime/core/core.c:4: <stdio.h>
runtime/core/core.c:7: not pure
runtime/core/core.c:8: not pure
runtime/core/core.c:9: memory comes from
runtime/core/core.c:10: not pure
runtime/dl/dl.c:2: what both drivers use includes one of them
sim/long.c:1: the file does not begin
sim/long.c:2: the simulator includes
sim/long.c:3: RS_ASSERT
sim/long.c:4: a function that the house does not use
sim/long.c:4: unbounded
sim/long.c:901: more than 900
TEXT
status=0
sh "$here/tidy.sh" . >../found || status=$?
failed=0
[ "$status" = 1 ] || { echo "tidy.sh ended with $status, wanted 1"; failed=1; }
while read -r line; do
  grep -qF "$line" ../found || { echo "not found: $line"; failed=1; }
done <../wanted
[ "$(wc -l <../found)" = "$(wc -l <../wanted)" ] || { echo "more was found than planted:"; cat ../found; failed=1; }

cd ..
printf 'int rs_fine; int stray;\n' >names.c
"$2" -c -o names.o names.c
rm -f names.a
"${AR:-ar}" rc names.a names.o
if sh "$here/names.sh" names.a rs_ >names.txt || ! grep -q '  stray' names.txt || grep -q rs_fine names.txt; then
  echo "names.sh on a stray name says:"
  cat names.txt
  failed=1
fi
[ $failed != 0 ] || echo "tidy: $(wc -l <wanted) planted breaches found, and a stray name"
exit $failed
