#!/bin/sh
# examples.sh FOLDER -- runs every program of examples/c in FOLDER: what each prints is examples/c/expected/<name>.txt.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)/examples/c
failed=0 count=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for source in "$here"/*.c "$here"/*.cpp; do
  name=$(basename "$source")
  name=${name%.*}
  if [ ! -x "$1/$name" ]; then
    case $source in *.cpp) echo "$name: skipped, it was not built (no C++ compiler?)"; continue ;; esac
  fi
  if ! timeout 60 "$1/$name" >"$out" 2>&1; then
    echo "$name: exit status $?"
    cat "$out"
    failed=1
  elif ! diff "$here/expected/$name.txt" "$out"; then
    echo "$name: printed something else than expected/$name.txt"
    failed=1
  fi
  count=$((count + 1))
done
echo "$count programs"
exit $failed
