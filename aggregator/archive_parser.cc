#include "aggregator/archive_parser.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregator/archive_histogram.h"
#include "aggregator/archive_interval_reader.h"
#include "aggregator/json_fields.h"

namespace ringside::aggregator {
namespace {

static_assert(ArchiveParser::kPadding >= simdjson::SIMDJSON_PADDING);

template <size_t Count>
bool ReadReasons(JsonFields* fields, std::string_view key,
                 const std::array<const char*, Count>& names, std::array<uint64_t, Count>* counts) {
  JsonFields::Object reasons;
  if (!fields->Get(key, &reasons)) return false;
  JsonFields members(reasons);
  for (size_t i = 0; i < Count; ++i) {
    if (!members.GetOptional(names[i], &(*counts)[i])) return fields->Fail(key, members.error());
  }
  return true;
}

bool ReadProducer(JsonFields* f, proto::ProducerDelta* producer) {
  proto::ProducerTotals& totals = producer->totals;
  return f->Get("producer", &producer->uuid) && f->Get("service", &producer->service) &&
         f->Get("instance", &producer->instance) && f->Get("pid", &producer->pid) &&
         f->Get("resource_labels", &producer->labels) &&
         f->Get("started_unix_ns", &producer->started_unix_ns) &&
         f->Get("is_agent", &producer->is_agent) && f->Get("is_final", &producer->is_final) &&
         f->GetOptional("quarantine", &producer->quarantine) &&
         f->Get("recorded", &totals.recorded) &&
         ReadReasons(f, "lost", proto::kLossReasonNames, &totals.lost) &&
         f->Get("detail_written", &totals.detail_written) &&
         f->Get("detail_sent", &totals.detail_sent) &&
         ReadReasons(f, "dropped", proto::kDropReasonNames, &totals.dropped);
}

bool ReadSeries(JsonFields* f, proto::SeriesKey* key) {
  return f->Get("path", &key->path) && f->Get("kind", &key->kind) && f->Get("unit", &key->unit) &&
         f->Get("resolution", &key->resolution) && f->Get("signed", &key->is_signed) &&
         f->Get("outcome", &key->outcome) && f->Get("error_type", &key->error_type) &&
         f->Get("labels", &key->labels);
}

bool ReadDistribution(JsonFields* f, int8_t resolution, proto::Distribution* d) {
  d->resolution = resolution;
  d->has_extremes = f->Has("min");
  return f->Get("sum", &d->sum) && f->GetOptional("min", &d->min) &&
         f->GetOptional("max", &d->max) && f->GetOptional("last", &d->last) &&
         f->GetOptional("last_unix_ns", &d->last_unix_ns) &&
         f->GetOptional("resolution", &d->resolution) && ReadHistogram(f, &d->histogram);
}

// "error": null, or its type and message.
bool ReadError(JsonFields* f, std::string* type, std::string* message) {
  JsonFields::Element element;
  if (!f->Get("error", &element)) return false;
  if (element.is_null()) return true;
  JsonFields::Object object;
  if (!f->Get("error", &object)) return false;
  JsonFields error(object);
  return (error.Get("type", type) && error.Get("message", message)) ||
         f->Fail("error", error.error());
}

bool ReadStep(JsonFields* f, proto::StepRow* step) {
  return f->Get("name", &step->name) && f->Get("labels", &step->labels) &&
         f->Get("start_offset_ns", &step->start_offset_ns) &&
         f->Get("duration_ns", &step->duration_ns) && f->Get("outcome", &step->outcome) &&
         f->Get("attributes", &step->attributes) &&
         ReadError(f, &step->error_type, &step->error_message);
}

bool ReadSteps(JsonFields* f, std::vector<proto::StepRow>* steps) {
  simdjson::dom::array array;
  if (!f->Get("steps", &array)) return false;
  steps->reserve(array.size());
  for (const auto element : array) {
    JsonFields::Object object;
    if (element.get(object) != simdjson::SUCCESS) return f->Fail("steps", "holds no object");
    JsonFields step(object);
    if (!ReadStep(&step, &steps->emplace_back())) return f->Fail("steps", step.error());
  }
  return true;
}

bool ReadRequest(JsonFields* f, proto::RequestRow* request) {
  return f->Get("request_id", &request->id) && f->Get("operation", &request->operation) &&
         f->Get("labels", &request->labels) && f->Get("start_unix_ns", &request->start_unix_ns) &&
         f->Get("duration_ns", &request->duration_ns) && f->Get("outcome", &request->outcome) &&
         ReadError(f, &request->error_type, &request->error_message) &&
         f->Get("attributes", &request->attributes) && ReadSteps(f, &request->steps);
}

// [[first,last],...], each at least 1.
bool ReadRanges(JsonFields* f, std::string_view key, AppliedSet* set) {
  simdjson::dom::array ranges;
  if (!f->Get(key, &ranges)) return false;
  for (const auto range : ranges) {
    uint64_t first = 0;
    uint64_t last = 0;
    if (range.at(0).get(first) != simdjson::SUCCESS || range.at(1).get(last) != simdjson::SUCCESS) {
      return f->Fail(key, "holds a range that is none");
    }
    set->AddRange(first, last);
  }
  return true;
}

bool ReadApplied(JsonFields* f, AppliedSets* applied) {
  simdjson::dom::array array;
  if (!f->Get("applied", &array)) return false;
  for (const auto element : array) {
    JsonFields::Object object;
    if (element.get(object) != simdjson::SUCCESS) return f->Fail("applied", "holds no object");
    JsonFields row(object);
    AppliedSets::Key key;
    AppliedSets::Entry entry;
    uint64_t through = 0;
    if (!row.Get("agent", &key.first) || !row.GetHex("epoch", &key.second) ||
        !row.Get("through", &through) || !row.Get("active_unix_ns", &entry.active_unix_ns)) {
      return f->Fail("applied", row.error());
    }
    if (through != 0) entry.set.AddRange(1, through);
    if (!ReadRanges(&row, "ranges", &entry.set)) return f->Fail("applied", row.error());
    applied->Restore(key, entry);
  }
  return true;
}

bool ReadLink(JsonFields* f, std::string_view key, ArchiveLink* link) {
  JsonFields::Object object;
  if (!f->Get(key, &object)) return false;
  JsonFields place(object);
  return (place.Get("file", &link->file) && place.Get("bytes", &link->bytes) &&
          place.GetHex("chain", &link->chain)) ||
         f->Fail(key, place.error());
}

bool ReadMergedProducer(JsonFields* f, MergedProducer* merged) {
  return f->Get("sequence", &merged->totals_sequence) &&
         f->GetOptional("detail_rows", &merged->detail_rows);
}

}  // namespace

class ArchiveParser::Impl {
 public:
  bool Open(std::string_view line, JsonFields::Object* object, std::string* error) {
    JsonFields::Element element;
    const auto result = parser_.parse(line.data(), line.size(), false).get(element);
    if (result != simdjson::SUCCESS || element.get(*object) != simdjson::SUCCESS) {
      *error = "is no JSON object";
      return false;
    }
    return true;
  }

  bool ParseLine(std::string_view line, ArchivedBatch* batch, std::string* error);
  void Keep() {
    for (auto& [number, key] : new_series_) series_.insert_or_assign(number, std::move(key));
    new_series_.clear();
  }
  void Forget() { new_series_.clear(); }

  size_t unknown_lines = 0;

 private:
  bool ReadSeriesLine(JsonFields* f);
  bool FindSeries(JsonFields* f, proto::SharedKey* key);
  const proto::SharedKey* KeyOf(uint64_t number) const;
  bool ReadIntervalAsWritten(std::string_view line, ArchivedBatch* batch);

  IntervalReader interval_reader_;
  simdjson::dom::parser parser_;
  std::unordered_map<uint64_t, proto::SharedKey> series_;
  std::unordered_map<uint64_t, proto::SharedKey> new_series_;  // of the batch at hand
};

bool ArchiveParser::Impl::ReadSeriesLine(JsonFields* f) {
  uint64_t number = 0;
  proto::SeriesKey key;
  if (!f->Get("series", &number) || !ReadSeries(f, &key)) return false;
  const auto known = series_.find(number);
  if (known != series_.end() && !(*known->second == key)) {
    return f->Fail("series", "is defined twice");
  }
  new_series_.insert_or_assign(number, std::move(key));
  return true;
}

bool ArchiveParser::Impl::FindSeries(JsonFields* f, proto::SharedKey* key) {
  uint64_t number = 0;
  if (!f->Get("series", &number)) return false;
  const proto::SharedKey* const known = KeyOf(number);
  if (known == nullptr) return f->Fail("series", "names a series whose definition is missing");
  *key = *known;
  return true;
}

const proto::SharedKey* ArchiveParser::Impl::KeyOf(uint64_t number) const {
  for (const auto* table : {&new_series_, &series_}) {
    const auto found = table->find(number);
    if (found != table->end()) return &found->second;
  }
  return nullptr;
}

// False: nothing was read, and the line is to be read as any JSON.
bool ArchiveParser::Impl::ReadIntervalAsWritten(std::string_view line, ArchivedBatch* batch) {
  if (batch->producers.empty()) return false;
  uint64_t number = 0;
  proto::Distribution delta;
  if (!interval_reader_.Read(line, &number, &delta)) return false;
  const proto::SharedKey* const key = KeyOf(number);
  if (key == nullptr) return false;
  delta.resolution = (*key)->resolution;
  batch->producers.back().series.push_back({*key, std::move(delta)});
  return true;
}

bool ArchiveParser::Impl::ParseLine(std::string_view line, ArchivedBatch* batch,
                                    std::string* error) {
  if (ReadIntervalAsWritten(line, batch)) return true;
  JsonFields::Object object;
  if (!Open(line, &object, error)) return false;
  JsonFields f(object);
  std::string type;
  bool good = f.Get("type", &type);
  if (!good) {
    // Reported below.
  } else if (type == "producer") {
    good = ReadProducer(&f, &batch->producers.emplace_back()) &&
           (batch->part == ArchivedBatch::Part::kWhole ||
            ReadMergedProducer(&f, &batch->merged.emplace_back()));
  } else if (type == "series") {
    good = ReadSeriesLine(&f);
  } else if (type != "interval" && type != "request" && type != "timing") {
    ++unknown_lines;
  } else if (batch->producers.empty()) {
    good = f.Fail("type", "comes before any producer line");
  } else if (type == "interval") {
    proto::SeriesDelta& delta = batch->producers.back().series.emplace_back();
    good = FindSeries(&f, &delta.key) && ReadDistribution(&f, delta.key->resolution, &delta.delta);
  } else if (type == "request") {
    good = ReadRequest(&f, &batch->producers.back().requests.emplace_back());
  } else {
    proto::TimingRow& timing = batch->producers.back().timings.emplace_back();
    good = FindSeries(&f, &timing.key) && f.Get("start_unix_ns", &timing.start_unix_ns) &&
           f.Get("value", &timing.value);
  }
  if (!good) *error = f.error();
  return good;
}

ArchiveParser::ArchiveParser() : impl_(std::make_unique<Impl>()) {}
ArchiveParser::~ArchiveParser() = default;

size_t ArchiveParser::unknown_lines() const { return impl_->unknown_lines; }

proto::Result<ArchiveHead> ArchiveParser::ParseHead(std::string_view line) {
  JsonFields::Object object;
  std::string error;
  if (!impl_->Open(line, &object, &error)) return proto::Status::Error(error);
  JsonFields f(object);
  ArchiveHead head;
  int64_t format = 0;
  if (!f.Get("format", &format)) return proto::Status::Error(f.error());
  if (format < kOldestArchiveFormat || format > kArchiveFormat) {
    return proto::Status::Error("has archive format " + std::to_string(format) +
                                ", this program reads " + std::to_string(kOldestArchiveFormat) +
                                " to " + std::to_string(kArchiveFormat));
  }
  if (!f.Get("software_version", &head.software_version) ||
      !f.Get("created_unix_ns", &head.created_unix_ns) ||
      !ReadLink(&f, "previous", &head.previous) || !ReadApplied(&f, &head.applied) ||
      !f.GetHex("chain", &head.chain) || (f.Has("end") && !ReadLink(&f, "end", &head.end))) {
    return proto::Status::Error(f.error());
  }
  return head;
}

proto::Result<ArchiveCommit> ArchiveParser::ParseCommit(std::string_view line) {
  JsonFields::Object object;
  std::string error;
  if (!impl_->Open(line, &object, &error)) return proto::Status::Error(error);
  JsonFields f(object);
  ArchiveCommit commit;
  if (!f.Get("agent", &commit.id.agent) || !f.GetHex("epoch", &commit.id.epoch) ||
      !f.Get("sequence", &commit.id.sequence) || !f.Get("host", &commit.host) ||
      !f.Get("start_unix_ns", &commit.interval_start_unix_ns) ||
      !f.Get("end_unix_ns", &commit.interval_end_unix_ns) || !f.Get("bytes", &commit.bytes) ||
      !f.GetHex("previous", &commit.previous) || !f.GetHex("chain", &commit.chain) ||
      !f.GetOptional("covered_ns", &commit.covered_ns) ||
      (f.Has("sequences") && !ReadRanges(&f, "sequences", &commit.sequences))) {
    return proto::Status::Error(f.error());
  }
  return commit;
}

bool ArchiveParser::ParseBatch(std::string_view lines, const ArchiveCommit& commit,
                               ArchivedBatch* batch, Error* error) {
  *batch = {};
  const bool is_merged = !commit.sequences.empty();
  batch->part = is_merged ? ArchivedBatch::Part::kStatistics : ArchivedBatch::Part::kWhole;
  if (is_merged) {
    batch->sequences = commit.sequences;
  } else {
    batch->sequences.AddRange(commit.id.sequence, commit.id.sequence);
  }
  const uint64_t end_ns = commit.interval_end_unix_ns;
  batch->covered_ns =
      is_merged ? commit.covered_ns : end_ns - std::min(end_ns, commit.interval_start_unix_ns);
  batch->id = commit.id;
  batch->host = commit.host;
  batch->interval_start_unix_ns = commit.interval_start_unix_ns;
  batch->interval_end_unix_ns = commit.interval_end_unix_ns;
  for (error->line = 0; !lines.empty(); ++error->line) {
    const size_t end = lines.find('\n');
    if (!impl_->ParseLine(lines.substr(0, end), batch, &error->what)) {
      impl_->Forget();
      return false;
    }
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  impl_->Keep();
  return true;
}

}  // namespace ringside::aggregator
