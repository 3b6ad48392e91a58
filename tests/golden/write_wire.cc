// Writes the golden frames of this version of the wire. Run by hand, once for each version; files
// of older versions are kept as they are.
//
// usage: write_golden_wire tests/golden/wire-1.1.hex
#include <cstdio>
#include <fstream>

#include "tests/golden/golden_wire.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  std::ofstream file(argv[1], std::ios::trunc);
  for (const auto& [name, frame] : ringside::proto::TodaysFrames()) {
    file << name << ' ' << ringside::proto::ToHex(frame) << '\n';
  }
  return file.flush().good() ? 0 : 1;
}
