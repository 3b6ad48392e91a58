#include "aggregator/report_data.h"

#include <algorithm>
#include <limits>
#include <set>

#include "aggregator/breakdown.h"

namespace ringside::aggregator {
namespace {

constexpr size_t kMaxAttributeNames = 64;

using Paths = std::set<std::string, std::less<>>;

// The longest proper prefix of `path`, at a '/', that is a path itself; "" when there is none.
std::string_view ParentOf(std::string_view path, const Paths& paths) {
  for (size_t slash = path.rfind('/'); slash != std::string_view::npos && slash != 0;
       slash = path.rfind('/', slash - 1)) {
    if (paths.contains(path.substr(0, slash))) return path.substr(0, slash);
  }
  return {};
}

std::string_view RootOf(std::string_view path, const Paths& paths) {
  for (std::string_view parent = ParentOf(path, paths); !parent.empty();
       parent = ParentOf(path, paths)) {
    path = parent;
  }
  return path;
}

// How well a stage's labels fit an operation's: a label that only one of them has is no
// contradiction.
int Fit(const proto::LabelList& operation, const proto::LabelList& stage) {
  int fit = 0;
  for (size_t i = 0; i < operation.size() && i < stage.size(); ++i) {
    if (operation[i].second == stage[i].second) {
      fit += 2;
    } else if (!operation[i].second.empty() && !stage[i].second.empty()) {
      return -1;
    }
  }
  return fit;
}

// The operation that a stage is shown under: the one of its path whose labels fit best.
ReportOperation* OwnerOf(std::string_view root, const proto::LabelList& labels,
                         std::vector<ReportOperation>* operations) {
  ReportOperation* best = nullptr;
  int best_fit = -2;
  for (ReportOperation& operation : *operations) {
    if (operation.row.operation != root) continue;
    const int fit = Fit(operation.row.labels, labels);
    if (fit > best_fit) {
      best = &operation;
      best_fit = fit;
    }
  }
  return best;
}

// Self times, from sums alone: a stage's without its direct stages', the operation's untimed rest.
void SetSelfTimes(const Paths& paths, ReportOperation* operation) {
  operation->untimed_ns = operation->row.total_ns;
  for (ReportStage& stage : operation->stages) stage.self_ns = stage.row.total_ns;
  for (const ReportStage& stage : operation->stages) {
    const std::string_view parent = ParentOf(stage.row.operation, paths);
    if (parent == operation->row.operation) {
      operation->untimed_ns -= stage.row.total_ns;
      continue;
    }
    ReportStage* best = nullptr;
    int best_fit = -2;
    for (ReportStage& other : operation->stages) {
      if (other.row.operation != parent) continue;
      const int fit = Fit(other.row.labels, stage.row.labels);
      if (fit > best_fit) {
        best = &other;
        best_fit = fit;
      }
    }
    if (best != nullptr) best->self_ns -= stage.row.total_ns;
  }
  operation->untimed_ns = std::max(operation->untimed_ns, 0.0);
  for (ReportStage& stage : operation->stages) stage.self_ns = std::max(stage.self_ns, 0.0);
}

// A series of that name, where a probe records one, says the same as what we work out from sums.
void TakeOutUntimed(ReportOperation* operation) {
  std::erase_if(operation->stages, [](const ReportStage& stage) { return stage.name == kUntimed; });
}

std::vector<ReportOperation> Arrange(std::vector<Row> rows) {
  Paths paths;
  for (const Row& row : rows) paths.insert(row.operation);
  std::vector<ReportOperation> operations;
  std::vector<Row> stages;
  for (Row& row : rows) {
    if (ParentOf(row.operation, paths).empty()) {
      operations.push_back({std::move(row), {}, 0});
    } else {
      stages.push_back(std::move(row));
    }
  }
  for (Row& row : stages) {
    const std::string_view root = RootOf(row.operation, paths);
    std::string name = row.operation.substr(root.size() + 1);
    ReportOperation* owner = OwnerOf(root, row.labels, &operations);
    owner->stages.push_back({std::move(name), std::move(row), 0});
  }
  for (ReportOperation& operation : operations) {
    TakeOutUntimed(&operation);
    SetSelfTimes(paths, &operation);
  }
  return operations;
}

void Order(ReportData* data) {
  std::stable_sort(data->operations.begin(), data->operations.end(),
                   [](const ReportOperation& a, const ReportOperation& b) {
                     return a.row.total_ns > b.row.total_ns;
                   });
  for (ReportOperation& operation : data->operations) {
    std::stable_sort(
        operation.stages.begin(), operation.stages.end(),
        [](const ReportStage& a, const ReportStage& b) { return a.self_ns > b.self_ns; });
  }
}

void AddAttributes(const StoredRequest& request,
                   std::map<std::string, AttributeSummary>* attributes) {
  for (const auto& [name, value] : request.row.attributes) {
    double number = 0;
    if (const auto* whole = std::get_if<int64_t>(&value)) {
      number = static_cast<double>(*whole);
    } else if (const auto* real = std::get_if<double>(&value)) {
      number = *real;
    } else {
      continue;
    }
    const auto place = attributes->find(name);
    if (place != attributes->end()) {
      place->second.Add(number);
    } else if (attributes->size() < kMaxAttributeNames) {
      (*attributes)[name].Add(number);
    }
  }
}

bool IsWanted(const ReportRequest& request, const StoredRequest& stored) {
  return NameMatches(request.selector.name, stored.row.operation) &&
         Matches(request.selector.where, stored);
}

void Count(proto::Outcome outcome, const std::string& error_type, uint64_t ns, Row* row) {
  row->total_ns += static_cast<double>(ns);
  if (outcome == proto::Outcome::kAborted) {
    ++row->aborted;
    return;
  }
  if (outcome == proto::Outcome::kOk) ++row->ok;
  if (outcome == proto::Outcome::kError) {
    ++row->errors;
    ++row->errors_by_type[error_type];
  }
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  row->timed.Record(static_cast<int64_t>(std::min(ns, kMost)));
}

// Rows of operations and their stages, from requests one by one.
class RequestRows {
 public:
  explicit RequestRows(const std::vector<std::string>& by) : by_(by) {}

  void Add(const StoredRequest& request) {
    const proto::RequestRow& row = request.row;
    ReportOperation& operation = OperationOf(request);
    Count(row.outcome, row.error_type, row.duration_ns, &operation.row);
    const Breakdown breakdown = BreakdownOf(row);
    operation.untimed_ns += static_cast<double>(breakdown.untimed_ns);
    for (const proto::StepRow& step : row.steps) {
      Count(step.outcome, step.error_type, step.duration_ns, &StageOf(step.name, &operation).row);
    }
    for (const StageShare& share : breakdown.stages) {
      StageOf(share.name, &operation).self_ns += static_cast<double>(share.self_ns);
    }
  }

  std::vector<ReportOperation> Take() {
    std::vector<ReportOperation> all;
    for (auto& [key, operation] : operations_) all.push_back(std::move(operation));
    return all;
  }

 private:
  static Row NewRow(std::string path, const proto::LabelList& labels) {
    Row row;
    row.operation = std::move(path);
    row.unit = std::string("s");  // not a literal: GCC bug 105329 warns of it
    row.labels = labels;
    row.timed = EmptyDistribution(0);
    return row;
  }

  ReportOperation& OperationOf(const StoredRequest& request) {
    proto::LabelList labels;
    for (const std::string& name : by_) labels.emplace_back(name, request.Label(name));
    const auto [place, is_new] = operations_.try_emplace({request.row.operation, labels});
    if (is_new) place->second.row = NewRow(request.row.operation, labels);
    return place->second;
  }

  static ReportStage& StageOf(const std::string& name, ReportOperation* operation) {
    for (ReportStage& stage : operation->stages) {
      if (stage.name == name) return stage;
    }
    operation->stages.push_back(
        {name, NewRow(operation->row.operation + "/" + name, operation->row.labels), 0});
    return operation->stages.back();
  }

  const std::vector<std::string>& by_;
  std::map<std::pair<std::string, proto::LabelList>, ReportOperation> operations_;
};

}  // namespace

void AttributeSummary::Add(double value) {
  min = count == 0 ? value : std::min(min, value);
  max = count == 0 ? value : std::max(max, value);
  sum += value;
  ++count;
}

ReportData DataOfRange(const Store& store, const ReportRequest& request, const Window& window) {
  ReportData data;
  data.window = window;
  std::set<std::string> request_operations;
  store.ForEachRequest(window, [&](const StoredRequest& stored) {
    if (!IsWanted(request, stored)) return true;
    request_operations.insert(stored.row.operation);
    AddAttributes(stored, &data.attributes);
    if (data.requests.size() < kDefaultReportRequests) data.requests.push_back(stored);
    return true;
  });
  std::vector<Row> rows = Select(store, {"", request.selector.where},
                                 request.by.value_or(std::vector<std::string>{}), window);
  std::erase_if(rows, [](const Row& row) { return row.kind != proto::Kind::kDuration; });
  data.operations = Arrange(std::move(rows));
  std::erase_if(data.operations, [&](const ReportOperation& operation) {
    return !NameMatches(request.selector.name, operation.row.operation);
  });
  Order(&data);
  for (const ReportOperation& operation : data.operations) {
    // Bare operations are no requests.
    if (operation.stages.empty() && !request_operations.contains(operation.row.operation)) continue;
    data.request_count += operation.row.Count();
    data.successful += operation.row.ok;
  }
  return data;
}

ReportData DataOfRequests(const Store& store, const ReportRequest& request) {
  ReportData data;
  const std::vector<std::string> by = request.by.value_or(std::vector<std::string>{});
  RequestRows rows(by);
  constexpr uint64_t kEnd = std::numeric_limits<uint64_t>::max();
  data.window = {kEnd, 0};
  store.ForEachRequest({0, kEnd}, [&](const StoredRequest& stored) {
    if (!IsWanted(request, stored)) return true;
    data.window.from_unix_ns = std::min(data.window.from_unix_ns, stored.row.start_unix_ns);
    data.window.to_unix_ns = std::max(data.window.to_unix_ns, stored.EndUnixNs());
    rows.Add(stored);
    AddAttributes(stored, &data.attributes);
    ++data.request_count;
    if (stored.row.outcome == proto::Outcome::kOk) ++data.successful;
    data.requests.push_back(stored);
    return data.requests.size() < *request.requests;
  });
  if (data.requests.empty()) data.window = {0, 0};
  data.operations = rows.Take();
  Order(&data);
  return data;
}

}  // namespace ringside::aggregator
