#!/bin/sh
# purity.sh WORKDIR ARCHIVE [OBJECT...] -- is the core pure, by its object code?
#
# The archive (and any further objects) become one relocatable object. It may reference the names of allowed.txt and nothing
# else outside itself, and it may have no writable data: no section that is loaded, writable and not empty, but for
# .data.rel.ro, the constant tables of pointers, which is read-only once the loader has relocated it.
# Exit 1 with one line for each finding. NM, LD, READELF and OBJDUMP name other tools.
set -eu
export LC_ALL=C
here=$(dirname "$0")
work=$1
shift
mkdir -p "$work"
object=$work/core.o
"${LD:-ld}" -r --whole-archive -o "$object" "$@"

findings=$work/findings
: >"$findings"

"${NM:-nm}" -u "$object" | awk '{print $NF}' | sort -u >"$work/undefined"
sed 's/#.*//' "$here/allowed.txt" | tr -s ' \t' '\n' | sed '/^$/d' | sort -u >"$work/allowed"
comm -23 "$work/undefined" "$work/allowed" | sed 's/$/ is referenced, and is not in allowed.txt/' >>"$findings"

# Name, size and flags of each section: [Nr] Name Type Address Off Size ES Flg ...
"${READELF:-readelf}" -S -W "$object" | sed -n 's/^ *\[ *[0-9]*\] *//p' |
  awk '$1 ~ /^\./ && $5 !~ /^0*$/ && $7 ~ /W/ && $7 ~ /A/ && $1 !~ /^\.data\.rel\.ro/ {print $1}' >"$work/writable"
while read -r section; do
  names=$("${OBJDUMP:-objdump}" -t "$object" |
    awk -v section="$section" 'NF >= 4 && $(NF - 2) == section && $NF != section {printf " %s", $NF}')
  echo "section $section is writable and not empty:${names:- (no symbol)}" >>"$findings"
done <"$work/writable"
"${NM:-nm}" "$object" | awk '$2 == "C" {print $3 " is a common symbol, which is writable"}' >>"$findings"

if [ -s "$findings" ]; then
  sed 's/^/purity: /' "$findings"
  exit 1
fi
echo "purity: $(wc -l <"$work/undefined") names referenced, all allowed; no writable data"
