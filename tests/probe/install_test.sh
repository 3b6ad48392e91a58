#!/bin/sh
# Installs the probe into a fresh prefix and builds a C++ and a C worker outside the tree against it,
# by CMake and by pkg-config; runs them; checks what they need at run time.
#   install_test.sh BUILD_DIR SOURCE_DIR CMAKE
set -eu
build=$1 source=$2 cmake=$3
work=$(mktemp -d)
segments=$(mktemp -d /dev/shm/ringside-install-XXXXXX)
trap 'rm -rf "$work" "$segments"' EXIT
fail() { echo "install_test: $*" >&2; exit 1; }

"$cmake" --install "$build" --prefix "$work/first" --component probe > "$work/install.log"
mv "$work/first" "$work/prefix"  # nothing may remember where it was installed
prefix=$work/prefix
if grep -rl '"proto/' "$prefix/include"; then fail "a public header includes proto/"; fi

"$cmake" -S "$source/installed" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" > "$work/cmake.log"
"$cmake" --build "$work/cmake" >> "$work/cmake.log" || { cat "$work/cmake.log"; fail "CMake build"; }

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name ringside-probe.pc)")
export PKG_CONFIG_PATH
flags="-Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags --libs ringside-probe)"
archive=$(find "$prefix" -name libringside-probe.a)
mkdir "$work/pc"
# shellcheck disable=SC2086  # flags are words
g++ -std=c++17 "$source/installed/worker.cc" -o "$work/pc/cc_shared" $flags
# shellcheck disable=SC2086
gcc -std=c11 "$source/installed/worker.c" -o "$work/pc/c_shared" $flags
# shellcheck disable=SC2046
gcc -std=c11 "$source/installed/worker.c" -o "$work/pc/c_static" $(pkg-config --cflags ringside-probe) \
  "$archive" -lstdc++ -pthread

LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libringside-probe.so)")
export LD_LIBRARY_PATH
count=0
for worker in "$work"/cmake/c_probe "$work"/cmake/c_probe_shared "$work"/cmake/cc_probe \
    "$work"/cmake/cc_probe_shared "$work"/pc/cc_shared "$work"/pc/c_shared "$work"/pc/c_static; do
  RINGSIDE_DIR=$segments "$worker" || fail "$worker exits with $?"
  count=$((count + 1))
  others=$(ldd "$worker" | grep -vE 'libringside-probe\.so\.0|libstdc\+\+|libgcc_s|libm\.|libc\.|ld-linux|linux-vdso' || true)
  [ -z "$others" ] || fail "$worker needs $others"
done
[ "$(find "$segments" -name '*.seg' | wc -l)" = "$count" ] || fail "not every worker left a segment"

library=$(find "$prefix" -name 'libringside-probe.so.0')
readelf -d "$library" | grep -q 'soname: \[libringside-probe.so.0\]' || fail "wrong soname"
readelf -d "$library" | grep -q NODELETE || fail "the library could be unloaded"
# Only the C ABI is visible.
if nm -D --defined-only "$library" | awk '{print $3}' | grep -vE '^(ringside_|RINGSIDE_0)'; then
  fail "more than ringside_* is exported"
fi
