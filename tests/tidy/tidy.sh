#!/bin/sh
# tidy.sh ROOT -- the house rules that a text can show, over every C file, script, build file and page under ROOT:
#
#   every C file     begins with a comment (a .c may leave that to its header); at most 900 lines; no tab, no space at the end
#                    of a line; functions of at most 100 lines (tests: 120); no unbounded string function; types without _t
#   the pure folders (runtime/base, policy, core, lib): no clock, no chance, no output, no libm, no sort with ties; memory
#                    from base/alloc.c alone; from the C library's headers those without I/O
#   dependencies     base <- policy <- core <- lib <- dl <- {uv, sim, api}: an include may only point to the left
#   everything       no marks of unfinished work, no path of a developer's machine; links between pages lead somewhere
#
# Exit 1 with one line file:line: finding for each.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
find . -name .git -prune -o -path './build*' -prune -o -path './results' -prune -o -path './tests/*/planted' -prune -o \
  -type f -print | sed 's#^\./##' | sort >"${TMPDIR:-/tmp}/tidy.$$"
trap 'rm -f "${TMPDIR:-/tmp}/tidy.$$" "${TMPDIR:-/tmp}/tidy.$$.out"' EXIT
files=${TMPDIR:-/tmp}/tidy.$$
out=$files.out
: >"$out"

grep -E '\.[ch]$' "$files" | tr '\n' '\0' | xargs -0 -r awk -f "$here/tidy.awk" >>"$out"

# A head comment each.
grep -E '\.[ch]$' "$files" | while read -r file; do
  [ "$(head -c 2 "$file")" = '/*' ] && continue
  case "$file" in
  *.c) [ -f "${file%.c}.h" ] && continue ;;
  esac
  echo "$file:1: the file does not begin with a comment that says what it does"
done >>"$out"

# Everything that is text.
mark='\b(TO''DO|FIX''ME|HA''CK|XX''X)\b'
home='(^|[^A-Za-z0-9_.])/(ho''me|wo''rk|Us''ers)/[a-z]'
grep -E '(\.(c|h|def|sh|awk|cmake|md|xml|rng|gp|py|tex|txt|json|in)|^do|/run)$' "$files" | tr '\n' '\0' |
  xargs -0 -r grep -nE "$mark|$home" /dev/null | sed 's/$/   <- an unfinished mark, or a path of one machine/' >>"$out" || true

# Links between pages: [text](file) and [text](file#part).
grep -E '\.md$' "$files" | while read -r page; do
  grep -noE '\]\([^)]+\)' "$page" | sed -E 's/^([0-9]+):\]\(([^)#]*).*/\1 \2/' | while read -r line target; do
    case "$target" in
    '' | http://* | https://* | mailto:*) continue ;;
    esac
    [ -e "$(dirname "$page")/$target" ] || echo "$page:$line: the link to $target leads nowhere"
  done
done >>"$out"

if [ -s "$out" ]; then
  cat "$out"
  exit 1
fi
echo "tidy: $(wc -l <"$files") files"
