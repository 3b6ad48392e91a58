// AMD's and Intel's GPUs, as the kernel's drivers show them: sysfs for the card, fdinfo for the
// processes that use it. One sampler a vendor.
#ifndef RINGSIDE_AGENT_DRM_SAMPLER_H_
#define RINGSIDE_AGENT_DRM_SAMPLER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/counter_memory.h"
#include "agent/drm_fdinfo.h"
#include "agent/process_finder.h"
#include "agent/sampler.h"

namespace ringside::agent {

class DrmSampler : public Sampler {
 public:
  enum class Vendor { kAmd, kIntel };

  DrmSampler(Vendor vendor, std::string proc, std::string sys);
  void Sample(const SampleContext& context, std::vector<proto::SeriesDelta>* out) override;

 private:
  using Samples = std::vector<proto::SeriesDelta>;

  struct Card {
    std::string name;       // "card0"
    std::string directory;  // of the card in sysfs
    std::string device;     // of the PCI device behind it
    std::string monitor;    // of its hwmon; empty: none
    std::string pci;
    std::string driver;
  };
  struct Visit {
    const Card& card;
    uint64_t now = 0;
    Samples* out = nullptr;

    void Gauge(const char* path, const char* unit, std::optional<uint64_t> value,
               double factor = 1) const;
  };

  void FindCards(const SampleContext& context);
  std::optional<Card> ReadCard(const std::string& name) const;
  void SampleCard(const Visit& visit);
  void SampleAmd(const Visit& visit);
  void SampleIntel(const Visit& visit);
  void SampleProcesses(const SampleContext& context, Samples* out);
  // Clients of our cards that the process has open, each once.
  std::vector<DrmClient> ReadClients(uint64_t pid) const;
  void SampleClients(const std::vector<DrmClient>& clients, uint64_t pid,
                     const std::string& service, const Card& card, uint64_t now, Samples* out);
  void SampleEngines(const std::vector<DrmClient>& clients, const proto::LabelList& labels,
                     const std::string& key, uint64_t now, Samples* out);

  Vendor vendor_;
  std::string proc_;
  std::string sys_;
  std::vector<Card> cards_;
  uint64_t next_search_ns_ = 0;
  bool said_ = false;
  CounterMemory counters_;
  ProcessFinder finder_;
};

}  // namespace ringside::agent

#endif  // RINGSIDE_AGENT_DRM_SAMPLER_H_
