#include "agent/drm_sampler.h"

#include <algorithm>
#include <climits>
#include <set>

#include <unistd.h>

#include "agent/gpu_holders.h"
#include "agent/proc_file.h"
#include "agent/text.h"

namespace ringside::agent {
namespace {

constexpr uint64_t kSearchEveryNs = 60000000000;
constexpr size_t kMostCards = 64;
constexpr size_t kMostOpenFiles = 4096;
constexpr double kMega = 1e6;
constexpr double kMicro = 1e-6;
constexpr double kMilli = 1e-3;

std::string LinkTarget(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<size_t>(size)) : std::string();
}

std::string LastPart(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The first of `paths` that holds a number.
std::optional<uint64_t> FirstNumber(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (const auto number = ReadNumber(path)) return number;
  }
  return std::nullopt;
}

}  // namespace

void DrmSampler::Visit::Gauge(const char* path, const char* unit, std::optional<uint64_t> value,
                              double factor) const {
  if (!value) return;
  const bool whole = factor >= 1;
  const double real = static_cast<double>(*value) * factor;
  const int8_t resolution = whole ? 0 : kFineResolution;
  out->push_back(
      GaugeSample(path, unit, {{"gpu", card.name}}, Fixed(real, resolution), now, resolution));
}

DrmSampler::DrmSampler(Vendor vendor, std::string proc, std::string sys)
    : vendor_(vendor), proc_(std::move(proc)), sys_(std::move(sys)), finder_(proc_) {}

void DrmSampler::Sample(const SampleContext& context, Samples* out) {
  if (context.now_monotonic_ns >= next_search_ns_) FindCards(context);
  if (cards_.empty()) return;
  for (const Card& card : cards_) SampleCard({card, context.now_unix_ns, out});
  SampleProcesses(context, out);
}

// Again every minute: a driver may be loaded late, a card pulled.
void DrmSampler::FindCards(const SampleContext& context) {
  next_search_ns_ = context.now_monotonic_ns + kSearchEveryNs;
  cards_.clear();
  for (const std::string& name : ListDirectory(sys_ + "/class/drm", 1024)) {
    if (!name.starts_with("card") || name.find('-') != std::string::npos) continue;  // connectors
    if (auto card = ReadCard(name); card && cards_.size() < kMostCards) {
      cards_.push_back(std::move(*card));
    }
  }
  if (cards_.empty() || said_) return;
  said_ = true;
  context.Note(std::to_string(cards_.size()) +
               (vendor_ == Vendor::kAmd ? " AMD GPUs" : " Intel GPUs"));
}

std::optional<DrmSampler::Card> DrmSampler::ReadCard(const std::string& name) const {
  Card card;
  card.name = CleanText(name, 32);
  card.directory = sys_ + "/class/drm/" + name;
  card.device = card.directory + "/device";
  const char* const wanted = vendor_ == Vendor::kAmd ? "0x1002" : "0x8086";
  if (TrimEnd(ReadProcFile(card.device + "/vendor", 64)) != wanted) return std::nullopt;
  const auto monitors = ListDirectory(card.device + "/hwmon", 16);
  if (!monitors.empty()) card.monitor = card.device + "/hwmon/" + monitors.front();
  card.pci = CleanText(LastPart(LinkTarget(card.device)), 32);
  card.driver = CleanText(LastPart(LinkTarget(card.device + "/driver")), 32);
  return card;
}

void DrmSampler::SampleCard(const Visit& visit) {
  if (vendor_ == Vendor::kAmd) {
    SampleAmd(visit);
  } else {
    SampleIntel(visit);
  }
  proto::LabelList info = {{"driver", visit.card.driver},
                           {"gpu", visit.card.name},
                           {"pci", visit.card.pci},
                           {"vendor", vendor_ == Vendor::kAmd ? "amd" : "intel"}};
  std::erase_if(info, [](const auto& label) { return label.second.empty(); });
  visit.out->push_back(GaugeSample("gpu.info", "1", std::move(info), 1, visit.now));
}

void DrmSampler::SampleAmd(const Visit& visit) {
  const std::string& device = visit.card.device;
  const std::string& monitor = visit.card.monitor;
  visit.Gauge("gpu.utilization", "1", ReadNumber(device + "/gpu_busy_percent"), 0.01);
  visit.Gauge("gpu.memory.utilization", "1", ReadNumber(device + "/mem_busy_percent"), 0.01);
  visit.Gauge("gpu.memory.total", "By", ReadNumber(device + "/mem_info_vram_total"));
  visit.Gauge("gpu.memory.used", "By", ReadNumber(device + "/mem_info_vram_used"));
  visit.Gauge("gpu.temperature", "Cel", ReadNumber(monitor + "/temp1_input"), kMilli);
  visit.Gauge("gpu.power", "W",
              FirstNumber({monitor + "/power1_average", monitor + "/power1_input"}), kMicro);
  visit.Gauge("gpu.power.limit", "W", ReadNumber(monitor + "/power1_cap"), kMicro);
  visit.Gauge("gpu.clock.sm", "Hz", ReadNumber(monitor + "/freq1_input"));
  visit.Gauge("gpu.clock.memory", "Hz", ReadNumber(monitor + "/freq2_input"));
  const std::string errors = ReadProcFile(device + "/ras/umc_err_count", 256);
  for (const auto& [field, type] : {std::pair("ce", "corrected"), std::pair("ue", "uncorrected")}) {
    const auto total = NumberField(errors, field);
    if (!total) continue;
    const proto::LabelList labels = {{"gpu", visit.card.name}, {"type", type}};
    counters_.Append("gpu.ecc.errors", "{error}", labels, static_cast<int64_t>(*total), 0,
                     visit.out);
    visit.out->push_back(GaugeSample("gpu.ecc.errors.total", "{error}", labels,
                                     static_cast<int64_t>(*total), visit.now));
  }
}

// i915 and xe say neither load nor memory of the whole card in sysfs.
void DrmSampler::SampleIntel(const Visit& visit) {
  const std::string& card = visit.card.directory;
  const std::string& monitor = visit.card.monitor;
  visit.Gauge("gpu.clock.sm", "Hz",
              FirstNumber({card + "/gt/gt0/rps_act_freq_mhz", card + "/gt_act_freq_mhz",
                           visit.card.device + "/tile0/gt0/freq0/act_freq"}),
              kMega);
  visit.Gauge("gpu.temperature", "Cel",
              FirstNumber({monitor + "/temp1_input", monitor + "/temp2_input"}), kMilli);
  visit.Gauge("gpu.power.limit", "W", ReadNumber(monitor + "/power1_max"), kMicro);
  const auto microjoules = FirstNumber({monitor + "/energy1_input", monitor + "/energy2_input"});
  if (microjoules) {
    counters_.Append("gpu.energy", "J", {{"gpu", visit.card.name}},
                     Fixed(static_cast<double>(*microjoules) * kMicro, -10), -10, visit.out);
  }
}

void DrmSampler::SampleProcesses(const SampleContext& context, Samples* out) {
  const std::vector<uint64_t> pids = finder_.Find(*context.processes, context.now_monotonic_ns);
  std::set<uint64_t> seen;
  std::map<std::string, uint64_t> held;  // by card
  for (size_t i = 0; i < pids.size(); ++i) {
    if (pids[i] == 0 || !seen.insert(pids[i]).second) continue;
    const std::vector<DrmClient> clients = ReadClients(pids[i]);
    for (const Card& card : cards_) {
      std::vector<DrmClient> own;
      for (const DrmClient& client : clients) {
        if (client.pci != card.pci) continue;
        held[card.name] += client.device_bytes.value_or(0);
        own.push_back(client);
      }
      if (own.empty()) continue;
      SampleClients(own, pids[i], (*context.processes)[i].service, card, context.now_unix_ns, out);
    }
  }
  for (const Card& card : cards_) {
    const auto used = ReadNumber(card.device + "/mem_info_vram_used");
    if (!used) continue;
    const uint64_t producers = std::min(held[card.name], *used);
    const auto add = [&](const char* who, uint64_t bytes) {
      out->push_back(GaugeSample("gpu.memory.held", "By", {{"gpu", card.name}, {"who", who}},
                                 static_cast<int64_t>(bytes), context.now_unix_ns));
    };
    add("producer", producers);
    add("unknown", *used - producers);
  }
}

std::vector<DrmClient> DrmSampler::ReadClients(uint64_t pid) const {
  const std::string directory = proc_ + "/" + std::to_string(pid);
  const std::string links = directory + "/fd/";
  const std::string infos = directory + "/fdinfo/";
  std::vector<DrmClient> clients;
  std::set<std::pair<std::string, uint64_t>> seen;
  for (const std::string& fd : ListDirectory(links, kMostOpenFiles)) {
    std::string link = links;
    std::string info = infos;
    link += fd;
    info += fd;
    if (!LinkTarget(link).starts_with("/dev/dri/")) continue;
    auto client = ParseDrmFdinfo(ReadProcFile(info, 16384));
    if (client && seen.emplace(client->pci, client->id).second) {
      clients.push_back(std::move(*client));
    }
  }
  return clients;
}

void DrmSampler::SampleClients(const std::vector<DrmClient>& clients, uint64_t pid,
                               const std::string& service, const Card& card, uint64_t now,
                               Samples* out) {
  const proto::LabelList labels = {
      {"gpu", card.name}, {"pid", std::to_string(pid)}, {"service", service}};
  std::optional<uint64_t> device;
  std::optional<uint64_t> system;
  for (const DrmClient& client : clients) {
    if (client.device_bytes) device = device.value_or(0) + *client.device_bytes;
    if (client.system_bytes) system = system.value_or(0) + *client.system_bytes;
  }
  const auto add = [&](const char* path, std::optional<uint64_t> bytes) {
    if (bytes) out->push_back(GaugeSample(path, "By", labels, static_cast<int64_t>(*bytes), now));
  };
  add("process.gpu.memory", device);
  add("process.gpu.memory.system", system);
  SampleEngines(clients, labels, card.pci + "/" + std::to_string(pid), now, out);
}

// Increases are those of each client: one that ends takes its total along.
void DrmSampler::SampleEngines(const std::vector<DrmClient>& clients,
                               const proto::LabelList& labels, const std::string& key, uint64_t now,
                               Samples* out) {
  std::map<std::string, int64_t> busy;
  std::map<std::string, std::pair<int64_t, int64_t>> cycles;
  for (const DrmClient& client : clients) {
    const std::string name = key + "/" + std::to_string(client.id) + "/";
    for (const auto& [engine, ns] : client.engine_ns) {
      busy[engine] += counters_.Increase("ns", name + engine, FineSeconds(ns, 1000000000));
    }
    for (const auto& [engine, count] : client.engine_cycles) {
      cycles[engine].first +=
          counters_.Increase("busy", name + engine, static_cast<int64_t>(count.busy));
      const int64_t total =
          counters_.Increase("total", name + engine, static_cast<int64_t>(count.total));
      cycles[engine].second = std::max(cycles[engine].second, total);  // one clock for all
    }
  }
  for (const auto& [engine, increase] : busy) {
    if (increase == 0) continue;
    out->push_back(CounterSample("process.gpu.time", "s", WithLabel(labels, "engine", engine),
                                 increase, kFineResolution));
  }
  for (const auto& [engine, count] : cycles) {
    if (count.second <= 0) continue;
    const double share = static_cast<double>(count.first) / static_cast<double>(count.second);
    out->push_back(GaugeSample("process.gpu.utilization", "1", WithLabel(labels, "engine", engine),
                               Fixed(share, kFineResolution), now, kFineResolution));
  }
}

}  // namespace ringside::agent
