#!/bin/sh
# lint.sh KIND ROOT BUILD -- one of the linters over the project's own C files: format (clang-format), clang-tidy, cppcheck.
# Exit 77 (skipped) where the tool is not installed. JOBS processes (default: the cores).
set -eu
kind=$1
cd "$2"
build=$3
jobs=${JOBS:-$(nproc)}

need()
{
  command -v "$1" >/dev/null && return
  echo "$1 is not installed"
  exit 77
}

c_files()
{
  find runtime sim cli tests bench tools examples -name planted -prune -o -type f -name "$1" -print | sort
}

case "$kind" in
format)
  need clang-format
  { c_files '*.c'; c_files '*.h'; } | tr '\n' '\0' | xargs -0 clang-format --dry-run -Werror
  ;;
clang-tidy)
  need clang-tidy
  # Files of this build only: one that no target compiles has no command line.
  # The tests are left to the compiler and the sanitizers: they would double the time.
  c_files '*.c' | grep -v '^tests/' | while read -r file; do
    ! grep -qF "/$file\"" "$build/compile_commands.json" || echo "$file"
  done | tr '\n' '\0' | xargs -0 -P "$jobs" -n 6 clang-tidy --quiet -p "$build"
  ;;
cppcheck)
  need cppcheck
  mkdir -p "$build/cppcheck"
  cppcheck --quiet -j "$jobs" --cppcheck-build-dir="$build/cppcheck" --std=c11 --enable=warning,portability \
    --inline-suppr --suppressions-list=tests/tidy/cppcheck.txt --error-exitcode=1 -D_GNU_SOURCE \
    --library=posix --library=gnu -I runtime -I . runtime sim cli bench tools examples
  ;;
*)
  echo "lint.sh: $kind is none of format, clang-tidy, cppcheck" >&2
  exit 2
  ;;
esac
