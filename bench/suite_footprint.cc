// Suite probe, third part: first uses, and the memory that stays.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "bench/benchmark.h"

namespace ringside::bench {
namespace {

using proto::Result;
using proto::Status;
using Figures = std::map<std::string, double>;

Result<Figures> RunWorker() {
  std::error_code ignored;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  char segments[] = "/dev/shm/ringside-bench-XXXXXX";
  if (mkdtemp(segments) == nullptr) return Status::Error("/dev/shm: no directory can be made");
  const std::string command =
      std::string("RINGSIDE_DIR=") + segments + " '" + (folder / "footprint_worker").string() + "'";
  Figures figures;
  if (std::FILE* pipe = popen(command.c_str(), "re"); pipe != nullptr) {
    char name[64];
    double number = 0;
    while (std::fscanf(pipe, "%63s %lf", name, &number) == 2) figures[name] = number;
    pclose(pipe);
  }
  std::filesystem::remove_all(segments, ignored);
  if (figures.count("many_bytes") == 0) return Status::Error("footprint_worker did not finish");
  return figures;
}

}  // namespace

void AddFootprint(std::vector<Benchmark>* benchmarks) {
  const auto add = [&](const char* name, const char* key, const char* unit, const char* reference,
                       double reference_value) {
    const std::string of = key;
    benchmarks->push_back(
        {name, "probe", unit, reference, [of, reference_value](const Context&) -> Result<Figure> {
           const Result<Figures> figures = RunWorker();
           if (!figures) return figures.status();
           return Figure{figures->at(of),
                         reference_value > 0 ? reference_value : figures->at("page_ns")};
         }});
  };
  const char* const page = "a page of memory: mmap, touch, munmap";
  add("probe.first_process", "first_process_ns", "ns", page, 0);
  add("probe.first_thread", "first_thread_ns", "ns", page, 0);
  add("probe.register", "register_ns", "ns", page, 0);
  add("probe.first_series", "first_series_ns", "ns", page, 0);
  add("probe.growth", "growth_ns", "ns", page, 0);
  add("probe.idle_bytes", "idle_bytes", "B", "1 MiB", 1 << 20);
  // 64 octaves of 64 cells of 8 bytes, each.
  add("probe.64x100_bytes", "many_bytes", "B", "64 x 100 dense histograms",
      64.0 * 100 * 64 * 64 * 8);
}

}  // namespace ringside::bench
