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
warnings="-Wall -Wextra -Wpedantic -Werror"
shared=$(pkg-config --cflags --libs ringside-probe)
# As where only the static library was kept.
cp -r "$prefix" "$work/static"
find "$work/static" -name 'libringside-probe.so*' -delete
static=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/static" -name ringside-probe.pc)") \
  pkg-config --static --cflags --libs ringside-probe)
mkdir "$work/pc"
# shellcheck disable=SC2086  # flags are words
{
  g++ -std=c++17 $warnings "$source/installed/worker.cc" -o "$work/pc/cc_shared" $shared
  gcc -std=c11 $warnings "$source/installed/worker.c" -o "$work/pc/c_shared" $shared
  g++ -std=c++17 $warnings "$source/installed/worker.cc" -o "$work/pc/cc_static" $static
  gcc -std=c11 $warnings "$source/installed/worker.c" -o "$work/pc/c_static" $static
}

LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libringside-probe.so)")
export LD_LIBRARY_PATH
count=0
for worker in "$work"/cmake/c_probe "$work"/cmake/c_probe_shared "$work"/cmake/cc_probe \
    "$work"/cmake/cc_probe_shared "$work"/pc/cc_shared "$work"/pc/c_shared "$work"/pc/cc_static \
    "$work"/pc/c_static; do
  RINGSIDE_DIR=$segments "$worker" || fail "$worker exits with $?"
  count=$((count + 1))
  others=$(ldd "$worker" | grep -vE 'libringside-probe\.so\.0|libstdc\+\+|libgcc_s|libm\.|libc\.|ld-linux|linux-vdso' || true)
  [ -z "$others" ] || fail "$worker needs $others"
  case $worker in
    *shared) ldd "$worker" | grep -q 'libringside-probe\.so\.0' || fail "$worker is not shared" ;;
    *) ! ldd "$worker" | grep -q libringside || fail "$worker is not static" ;;
  esac
done
[ "$(find "$segments" -name '*.seg' | wc -l)" = "$count" ] || fail "not every worker left a segment"

library=$(find "$prefix" -name 'libringside-probe.so.0')
readelf -d "$library" | grep -q 'soname: \[libringside-probe.so.0\]' || fail "wrong soname"
readelf -d "$library" | grep -q NODELETE || fail "the library could be unloaded"
needed=$(readelf -d "$library" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
  grep -vE '^(libstdc\+\+|libgcc_s|libm|libc|ld-linux-[a-z0-9-]*)\.so' || true)
[ -z "$needed" ] || fail "the library needs $needed"
# Static destructors record: none of the library's own may have run before them.
if nm -D --undefined-only "$library" | grep -E '__cxa_(thread_)?atexit'; then
  fail "the library has destructors of its own"
fi
# Only the C ABI is visible.
if nm -D --defined-only "$library" | awk '{print $3}' |
    grep -vE '^(ringside_[a-z_]+(@@RINGSIDE_0)?|RINGSIDE_0(@@RINGSIDE_0)?)$'; then
  fail "more than ringside_* is exported"
fi
