#!/bin/sh
# do -- the project's commands, for a machine with Debian 12. Run as root, or as a user who may use sudo.
set -eu
cd "$(dirname "$0")"

usage()
{
  cat <<TEXT
./do demo     install what is missing, build, simulate scenarios/asha.xml and plot it
./do test     install what is missing, build three times (release, asan, tsan), run every test and quality gate
./do build    install what is missing, build into build/
./do setup    install what is missing
./do format   bring the C files into the house's layout
./do clean    remove everything that was built
TEXT
}

packages_build="gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libsodium-dev libarchive-dev libsimgrid-dev libgsl-dev \
libxml2-dev libjansson-dev zlib1g-dev libmimalloc-dev libcunit1-dev gnuplot-nox"
packages_quality="clang-format clang-tidy cppcheck binutils g++" # g++: the example in C++

# Installs those of the named packages that are missing; nothing happens where there are none.
install_packages()
{
  missing=""
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  as_root=""
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "./do: as root, or with sudo, install:$missing" >&2
      exit 1
    fi
    as_root=sudo
  fi
  echo "installing:$missing"
  $as_root apt-get -q update
  # shellcheck disable=SC2086 # a list of words
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
}

# build PRESET: configure and build one of the presets of CMakePresets.json.
build()
{
  cmake --preset "$1" >&2
  cmake --build --preset "$1" >&2
}

# One run of ctest over the tests of the three builds, so that its closing summary, the last lines of the output, is about all
# of them. A test is called by its build and its name: asan/test_codec.
run_tests()
{
  rm -rf build-test
  mkdir build-test
  for preset in asan tsan release; do
    build $preset
    folder=$PWD/build-$preset
    [ $preset != release ] || folder=$PWD/build
    sed -e "s#^\(add_test\|set_tests_properties\)(\[=\[#&$preset/#" \
      -e "s#^set_tests_properties([^ ]* PROPERTIES#& WORKING_DIRECTORY \"$folder\"#" "$folder/CTestTestfile.cmake"
  done >build-test/CTestTestfile.cmake
  # Sanitizers: every finding ends the program. The simulator's threads of control are contexts on their own stacks. The
  # last words of a crashing worker (runtime/uv/crash.c) allocate in a signal handler, on purpose.
  ASAN_OPTIONS=detect_stack_use_after_return=0:abort_on_error=0 \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:report_signal_unsafe=0 \
    ctest --test-dir build-test --output-on-failure --label-exclude '^full$' --parallel "$(nproc)"
}

case "${1:-}" in
setup)
  # shellcheck disable=SC2086
  install_packages $packages_build
  ;;
build)
  # shellcheck disable=SC2086
  install_packages $packages_build
  build release
  ;;
demo)
  # shellcheck disable=SC2086
  install_packages $packages_build
  build release
  build/raysim scenarios/asha.xml
  build/raysim plot results/asha
  ;;
test)
  # shellcheck disable=SC2086
  install_packages $packages_build $packages_quality
  run_tests
  ;;
format)
  # shellcheck disable=SC2046
  clang-format -i $(git ls-files '*.c' '*.h')
  ;;
clean)
  rm -rf build build-asan build-tsan build-test
  ;;
*)
  usage
  [ "${1:-help}" = help ] || exit 2
  ;;
esac
