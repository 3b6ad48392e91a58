#!/bin/sh
# Compiles proto's and probe's sources for 64-bit Arm with Debian's cross compiler; links and runs
# nothing. Exits with 77 where there is no such compiler.
#   aarch64_test.sh SOURCE_DIR INCLUDE_DIR WORK_DIR
set -eu
source=$1 include=$2 work=$3
compiler=aarch64-linux-gnu-g++
command -v "$compiler" > /dev/null || { echo "aarch64_test: no $compiler"; exit 77; }

# Headers that know no architecture. The host's include folder as a whole would bring its libc.
mkdir -p "$work/include"
for name in boost msgpack msgpack.hpp xxhash.h xxh3.h; do
  [ ! -e "$include/$name" ] || ln -sfn "$include/$name" "$work/include/$name"
done

command -v ccache > /dev/null && compiler="ccache $compiler"
cd "$source"
# shellcheck disable=SC2016  # expanded by the inner shell
printf '%s\n' probe/*.cc proto/*.cc | COMPILER=$compiler WORK=$work xargs -P "$(nproc)" -n 1 sh -c '
  $COMPILER -std=c++17 -O0 -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual \
    -Werror -fvisibility=hidden -fno-math-errno -fPIC -DRINGSIDE_VERSION=\"0\" -I. -Iprobe/include \
    -isystem "$WORK/include" -c "$0" -o "$WORK/$(basename "$0").o"'
