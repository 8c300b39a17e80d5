#!/bin/sh
# links.sh FILE... -- the runtime's binaries need libuv, libsodium and the C library, and nothing else: neither SimGrid nor GSL
# (see LICENSES/README.md).
set -eu
export LC_ALL=C
failed=0
for file in "$@"; do
  for library in $("${READELF:-readelf}" -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case "$library" in
    libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | ld-linux*.so.* | libgcc_s.so.*) ;;
    libuv.so.* | libsodium.so.* | libraysim.so.*) ;;
    *)
      echo "$file needs $library"
      failed=1
      ;;
    esac
  done
  echo "$file: looked at"
done
exit $failed
