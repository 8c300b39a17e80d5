#!/bin/sh
# planted.sh WORKDIR ARCHIVE CC -- the purity gate fires: each file of planted/ is compiled, added to the core, and must be
# found, by the text after "wanted:" in its first line; "wanted: pure" must pass.
set -eu
here=$(dirname "$0")
work=$1
archive=$2
cc=$3
mkdir -p "$work"
failed=0
for source in "$here"/planted/*.c; do
  name=$(basename "$source" .c)
  wanted=$(sed -n '1s/.*wanted: \(.*\) \*\//\1/p' "$source")
  [ -n "$wanted" ] || { echo "$source: its first line says no \"wanted: ...\""; exit 1; }
  "$cc" -std=gnu11 -O2 -fPIC -c -o "$work/$name.o" "$source"
  status=0
  "$here/purity.sh" "$work/$name" "$archive" "$work/$name.o" >"$work/$name.txt" || status=$?
  if [ "$wanted" = pure ]; then
    [ "$status" = 0 ] || { echo "$name: wanted no finding, got:"; cat "$work/$name.txt"; failed=1; }
  elif [ "$status" != 1 ] || ! grep -qF "$wanted" "$work/$name.txt"; then
    echo "$name: wanted a finding with \"$wanted\", got status $status and:"
    cat "$work/$name.txt"
    failed=1
  fi
  echo "$name: $(head -n 1 "$work/$name.txt")"
done
exit $failed
