#!/bin/sh
# names.sh ARCHIVE PREFIX [ARCHIVE PREFIX]... -- every name that an archive exports begins with its prefix, an extended
# regular expression: a program that links it keeps all other names to itself.
set -eu
export LC_ALL=C
failed=0
while [ $# -gt 0 ]; do
  bad=$("${NM:-nm}" -g --defined-only "$1" | awk -v prefix="^($2)" 'NF == 3 && $3 !~ prefix {print "  " $3}' | sort -u)
  if [ -n "$bad" ]; then
    echo "$1: names that do not begin with $2:"
    echo "$bad"
    failed=1
  fi
  shift 2
done
exit $failed
