#include "aggregator/aggregator.h"

#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "aggregator/agent_bindings.h"
#include "aggregator/alerts.h"
#include "aggregator/archive_keeper.h"
#include "aggregator/archive_repair.h"
#include "aggregator/archive_replay.h"
#include "aggregator/archive_writer.h"
#include "aggregator/checkpoint.h"
#include "aggregator/data_directory.h"
#include "aggregator/group_limit.h"
#include "aggregator/host_board.h"
#include "aggregator/http_routes.h"
#include "aggregator/http_server.h"
#include "aggregator/keyring.h"
#include "aggregator/log_limit.h"
#include "aggregator/memory_guard.h"
#include "aggregator/receiver.h"
#include "proto/descriptor_limit.h"
#include "proto/tick_clock.h"

namespace ringside::aggregator {
namespace {

// How long Run sleeps when nothing arrives: alerts and retries are that late at most.
constexpr int kIdleWaitMs = 50;
// After the stop: what agents sent until then, but not what they go on sending.
constexpr int kLastTurns = 400;
// How often the log says what memory is short of.
constexpr uint64_t kTellEveryNs = kMinuteNs;
// More lines than this about a damaged archive help nobody; the counts are always written.
constexpr size_t kLoggedProblems = 10;

void LogReport(const ArchiveReport& report, const std::vector<std::string>& notes) {
  for (size_t i = 0; i < report.problems.size() && i < kLoggedProblems; ++i) {
    spdlog::warn("archive {}", report.problems[i].ToString());
  }
  for (const std::string& note : notes) spdlog::info("archive {}", note);
  if (report.IsClean()) {
    spdlog::info("archive {}: {} batches in {} files", report.directory, report.batches,
                 report.files.size());
    return;
  }
  spdlog::warn(
      "archive {}: {} batches in {} files; {} damaged batches and {} lines skipped, {} breaks in "
      "the chain ({} problems)",
      report.directory, report.batches, report.files.size(), report.corrupt_batches,
      report.skipped_lines, report.chain_breaks, report.problem_count);
}

// Troubles repeat with every round: at most one line in ten seconds, and none is lost from sight
// for it, since the next round meets it again.
ArchiveKeeper::Tell KeeperLog() {
  return [limit = LogLimit()](bool is_trouble, const std::string& text) mutable {
    uint64_t suppressed = 0;
    if (!is_trouble) {
      spdlog::info("archive: {}", text);
    } else if (limit.Allow(proto::UnixNs(), &suppressed)) {
      spdlog::warn("archive: {} ({} more since the last such line)", text, suppressed);
    }
  };
}

}  // namespace

class Aggregator::Impl {
 public:
  Impl(AggregatorConfig config, DataDirectory data)
      : config_(std::move(config)),
        data_(std::move(data)),
        plan_{config_.memory_limit},
        guard_(plan_),
        store_(plan_.ForStore()),
        ledger_(plan_.producers()),
        inflight_(&store_, config_.stuck_factor, static_cast<size_t>(plan_.in_flight())),
        hosts_(config_.missing_after_ns),
        checkpoint_(data_.checkpoint(), data_.archive()) {}
  ~Impl() { Stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  proto::Status Start();
  int DoWork(uint64_t now_unix_ns);
  void Stop();
  void Wait();
  // SYNC reload_keys: a flag that carries no data; relaxed.
  void ReloadKeys() { reload_keys_.store(true, std::memory_order_relaxed); }

  const Receiver* receiver() const { return receiver_.get(); }
  const HttpServer* http() const { return http_.get(); }
  const Intake& intake() const { return *intake_; }
  const Store& store() const { return store_; }
  const Ledger& ledger() const { return ledger_; }
  const ArchiveReport& report() const { return report_; }

 private:
  proto::Status Listen();
  void TakeKeys();
  proto::Status StartHttp();
  proto::Status Replay();
  // Where the archive goes on, once all is known that it holds.
  proto::Result<Resumption> Resume();
  proto::Status OpenArchive(Resumption resumption);
  void SaveCheckpoint();
  proto::Status Ready() const;
  void Merge(const proto::Batch& batch);
  void ObserveHosts(uint64_t now_unix_ns);
  void GuardMemory(uint64_t now_unix_ns);
  void TellWhatIsHeld();

  const AggregatorConfig config_;
  const DataDirectory data_;
  const MemoryPlan plan_;
  MemoryGuard guard_;
  Store store_;
  Ledger ledger_;
  InFlightBoard inflight_;
  HostBoard hosts_;
  ArchiveReport report_;
  std::unique_ptr<AlertEngine> alerts_;
  std::unique_ptr<Receiver> receiver_;
  std::unique_ptr<AgentBindings> bindings_;  // null: no keys
  std::atomic<bool> reload_keys_{false};
  std::unique_ptr<Forwarding> forwarding_;  // null: there is no parent
  const Checkpoint checkpoint_;
  bool is_saved_ = false;
  std::optional<ArchiveWriter> archive_;
  std::optional<Intake> intake_;
  std::optional<ArchiveKeeper> keeper_;
  // SYNC replayed: written with release once intake_ is there, read with acquire by HTTP's thread.
  std::atomic<bool> is_replayed_{false};
  std::unique_ptr<HttpServer> http_;
  uint64_t next_evaluation_unix_ns_ = 0;
  uint64_t next_tell_unix_ns_ = 0;
  TierAges told_ages_;  // as the log has them
};

void Aggregator::Impl::Merge(const proto::Batch& batch) {
  store_.Apply(batch);
  ledger_.Apply(batch);
}

void Aggregator::Impl::ObserveHosts(uint64_t now_unix_ns) {
  hosts_.Look(intake_->applied(), now_unix_ns);
  store_.SetClocks(hosts_.Clocks(now_unix_ns));
  for (const proto::Batch& batch : hosts_.Observe(now_unix_ns)) store_.ApplyOwn(batch, now_unix_ns);
}

// What may be refused comes first: addresses and rules before a long read of the archive.
proto::Status Aggregator::Impl::Start() {
  if (proto::Status policy = config_.archive.Check(); !policy.ok()) return policy;
  auto alerts = AlertEngine::Load(config_.rules_file, data_.alerts_file());
  if (!alerts.ok()) return alerts.status();
  alerts_ = std::move(*alerts);
  if (proto::Status listening = Listen(); !listening.ok()) return listening;
  if (config_.start_forwarding) {
    auto forwarding = config_.start_forwarding(data_.forward());
    if (!forwarding.ok()) return forwarding.status();
    forwarding_ = std::move(*forwarding);
  }
  if (proto::Status http = StartHttp(); !http.ok()) return http;
  proto::Result<Resumption> resumption = Resume();
  if (!resumption.ok()) return resumption.status();
  return OpenArchive(std::move(*resumption));
}

proto::Status Aggregator::Impl::Listen() {
  proto::RaiseDescriptorLimit();  // one a connection, strangers' included
  auto keyring = Keyring::Load(config_.key_file, config_.allow_file);
  if (!keyring.ok()) return keyring.status();
  if (*keyring != nullptr) {
    auto bindings = AgentBindings::Open(data_.bindings_file());
    if (!bindings.ok()) return bindings.status();
    bindings_ = std::move(*bindings);
  }
  auto receiver = Receiver::Bind(config_.listen, std::move(*keyring));
  if (!receiver.ok()) return receiver.status();
  receiver_ = std::move(*receiver);
  return {};
}

void Aggregator::Impl::TakeKeys() {
  if (bindings_ == nullptr || !reload_keys_.exchange(false, std::memory_order_relaxed)) return;
  auto keyring = Keyring::Load(config_.key_file, config_.allow_file);
  if (!keyring.ok()) {
    spdlog::error("keys not changed: {}", keyring.message());
    return;
  }
  spdlog::info("keys read again: {} may connect", (*keyring)->size());
  receiver_->SetKeyring(std::move(*keyring));
}

proto::Status Aggregator::Impl::StartHttp() {
  if (config_.http.empty()) return {};
  HttpSources sources;
  sources.store = &store_;
  sources.ledger = &ledger_;
  sources.alerts = alerts_.get();
  sources.inflight = &inflight_;
  sources.hosts = &hosts_;
  sources.ready = [this] { return Ready(); };
  sources.intake = [this]() -> std::optional<IntakeCounters> {
    // SYNC replayed (reader)
    if (!is_replayed_.load(std::memory_order_acquire)) return std::nullopt;
    return intake_->published_counters();
  };
  sources.forwarding = forwarding_.get();
  auto http = HttpServer::Start(config_.http, std::move(sources), config_.http_access);
  if (!http.ok()) return http.status();
  http_ = std::move(*http);
  return {};
}

proto::Status Aggregator::Impl::Ready() const {
  // SYNC replayed (reader)
  if (!is_replayed_.load(std::memory_order_acquire)) {
    return proto::Status::Error("still reading the archive");
  }
  return intake_->status();
}

proto::Status Aggregator::Impl::Replay() {
  ReadOptions options;
  options.view = ArchiveView::kCoarsest;
  options.timings = false;
  options.enough_requests = StoreOptions().max_requests;
  return ReplayArchive(data_.archive(), options, &store_, &ledger_, &report_, &hosts_);
}

proto::Result<Resumption> Aggregator::Impl::Resume() {
  if (checkpoint_.Exists()) {
    proto::Result<Resumption> resumption = checkpoint_.Load({&store_, &ledger_, &hosts_});
    if (resumption.ok()) {
      spdlog::info("goes on from what was known at the last stop; the archive was not read");
      return resumption;
    }
    spdlog::warn("{}; the archive is read instead", resumption.message());
  }
  if (proto::Status replayed = Replay(); !replayed.ok()) return replayed;
  std::vector<std::string> notes;
  proto::Result<ArchivePosition> position = RepairArchive(report_, &notes);
  LogReport(report_, notes);
  if (!position.ok()) return position.status();
  return Resumption{std::move(*position), report_.applied};
}

proto::Status Aggregator::Impl::OpenArchive(Resumption resumption) {
  AppliedSets applied = std::move(resumption.applied);
  const uint64_t now = proto::UnixNs();
  applied.CloseIdle(now, {});
  hosts_.Begin(now);
  archive_.emplace(
      ArchiveWriterOptions{data_.archive(), config_.rotate_bytes, plan_.numbered_series()},
      std::move(resumption.position));
  if (proto::Status opened = archive_->Open(applied, now); !opened.ok()) return opened;
  checkpoint_.Remove();  // the archive goes on
  intake_.emplace(
      receiver_.get(), &*archive_, std::move(applied), &hosts_,
      [this](const proto::Batch& batch) { Merge(batch); },
      [this](proto::InFlight in_flight, uint64_t now_unix_ns) {
        return inflight_.Take(std::move(in_flight), now_unix_ns);
      },
      bindings_.get(), IntakeLimits{plan_.group(), plan_.keys(), plan_.batch()});
  intake_->NoteRefusals(ledger_.refused());
  intake_->Forward(forwarding_.get());
  ArchivePolicy policy = config_.archive;
  policy.merge_bytes = plan_.copies();
  keeper_.emplace(data_.archive(), policy, KeeperLog());
  keeper_->Start(config_.archive_pause_ms);
  // SYNC replayed (writer)
  is_replayed_.store(true, std::memory_order_release);
  return {};
}

int Aggregator::Impl::DoWork(uint64_t now_unix_ns) {
  TakeKeys();
  int work = intake_->DoWork(now_unix_ns);
  if (now_unix_ns >= next_evaluation_unix_ns_) {
    next_evaluation_unix_ns_ = now_unix_ns + kEvaluateEveryNs;
    ObserveHosts(now_unix_ns);
    alerts_->Evaluate(now_unix_ns, store_);
    ++work;
  }
  GuardMemory(now_unix_ns);
  return work;
}

void Aggregator::Impl::GuardMemory(uint64_t now_unix_ns) {
  if (!guard_.Look(now_unix_ns)) return;
  store_.SetLimit(guard_.store_bytes());
  if (now_unix_ns < next_tell_unix_ns_) return;
  next_tell_unix_ns_ = now_unix_ns + kTellEveryNs;
  TellWhatIsHeld();
}

void Aggregator::Impl::TellWhatIsHeld() {
  const StoreUse use = store_.Use();
  for (size_t tier = 0; tier < kTierCount; ++tier) {
    const uint64_t age = use.tiers[tier].max_age_ns;
    if (age < told_ages_.max_age_ns[tier]) {
      spdlog::warn(
          "memory is short: intervals of {} are kept for {} s ({} series; --memory-limit {} MiB, "
          "{} MiB resident)",
          kTierNames[tier], age / kSecondNs, use.series, config_.memory_limit >> 20,
          guard_.resident_bytes() >> 20);
    }
    told_ages_.max_age_ns[tier] = age;
  }
}

void Aggregator::Impl::Wait() {
  if (intake_->status().ok()) return receiver_->Wait(kIdleWaitMs);
  // Frames wait and may not be taken: the socket would wake us at once, again and again.
  std::this_thread::sleep_for(std::chrono::milliseconds(kIdleWaitMs));
}

void Aggregator::Impl::Stop() {
  if (keeper_) keeper_->Stop();
  if (http_ != nullptr) http_->Stop();
  if (intake_) intake_->Drain(proto::UnixNs());
  if (receiver_ != nullptr) receiver_->Close();
  if (forwarding_ != nullptr) forwarding_->Stop();
  SaveCheckpoint();
}

void Aggregator::Impl::SaveCheckpoint() {
  if (!intake_ || is_saved_) return;
  is_saved_ = true;
  const ArchivePosition position = archive_->Close();
  if (position.link.file.empty()) return;
  const proto::Status saved =
      checkpoint_.Save({position, intake_->applied()}, {&store_, &ledger_, &hosts_});
  if (!saved.ok()) spdlog::warn("{}; the next start reads the archive", saved.message());
}

Aggregator::Aggregator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Aggregator::~Aggregator() = default;

proto::Result<std::unique_ptr<Aggregator>> Aggregator::Start(AggregatorConfig config) {
  if (config.memory_limit < MemoryPlan::kLeast) {
    return proto::Status::Error("--memory-limit: at least " +
                                std::to_string(MemoryPlan::kLeast >> 20) + "MiB are needed");
  }
  const std::string near = GroupLimitWarning(config.memory_limit, GroupLimitBytes());
  if (!near.empty()) spdlog::warn("{}", near);
  TameHeap();
  proto::Result<DataDirectory> data = DataDirectory::Open(config.data_dir);
  if (!data.ok()) return data.status();
  auto impl = std::make_unique<Impl>(std::move(config), std::move(*data));
  if (proto::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<Aggregator>(new Aggregator(std::move(impl)));
}

int Aggregator::DoWork(uint64_t now_unix_ns) { return impl_->DoWork(now_unix_ns); }

void Aggregator::Run(const std::atomic<bool>& stop) {
  // SYNC stop: the flag carries no data; relaxed.
  while (!stop.load(std::memory_order_relaxed)) {
    if (DoWork(proto::UnixNs()) == 0) impl_->Wait();
  }
  for (int turn = 0; turn < kLastTurns && DoWork(proto::UnixNs()) != 0; ++turn) {
  }
}

void Aggregator::ReloadKeys() { impl_->ReloadKeys(); }

void Aggregator::Stop() { impl_->Stop(); }

std::string Aggregator::listen_endpoint() const { return impl_->receiver()->endpoint(); }
std::string Aggregator::http_url() const {
  return impl_->http() == nullptr ? std::string() : impl_->http()->url();
}
const Store& Aggregator::store() const { return impl_->store(); }
const Ledger& Aggregator::ledger() const { return impl_->ledger(); }
const IntakeCounters& Aggregator::intake_counters() const { return impl_->intake().counters(); }
const ArchiveReport& Aggregator::start_report() const { return impl_->report(); }

}  // namespace ringside::aggregator
