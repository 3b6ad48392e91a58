#include "tests/probe/step_cases.h"

#include <chrono>
#include <utility>

#include <unistd.h>

#include <ringside/probe.h>

#include "tests/probe/step_case_parts.h"

namespace ringside::tests {
namespace {

using std::chrono::nanoseconds;

constexpr uint64_t kSmallRing = 16;     // records
constexpr uint64_t kPageRequests = 22;  // of RunRequests fit into a page
constexpr uint64_t kPageRecord = 170;   // the record of a ring that lies on two pages

// -- what grows --
uint64_t TimingRounds(const SegmentView& view) {
  return (view.lane(1).timing_head + kSmallRing - 1) / kSmallRing;
}
uint64_t TimingPages(const SegmentView& view) {
  return view.lane(1).timing_head * sizeof(proto::TimingRecord) / kPageBytes;
}
uint64_t RequestDropped(const SegmentView& view) { return view.lane(1).request_dropped; }
uint64_t RequestPages(const SegmentView& view) { return view.lane(1).request_head / kPageBytes; }
uint64_t Zeros(const SegmentView& view) { return view.Totals("work").zero_count; }
uint64_t Resident(const SegmentView& view) { return view.ResidentBytes(); }
uint64_t InFlight(const SegmentView& view) {
  return view.lane(1).in_flight >> 40 == view.Find("outer").index ? 1 : 0;
}

StepBody Record(uint64_t before) {
  return [before](const StepMarks& marks) {
    const Operation operation{"work"};
    RecordTimes(operation, before);
    RecordSeven(marks, operation);
  };
}

StepBody EndTimer(uint64_t before, bool fails) {
  return [before, fails](const StepMarks& marks) {
    const Operation operation{"work"};
    RecordTimes(operation, before);
    const Timer outer{Operation{"outer"}};
    std::optional<Timer> timer;
    timer.emplace(operation);
    if (fails) timer->Fail("timeout");
    marks.Begin();
    timer.reset();
    marks.End();
    _exit(0);  // `outer` stays open: the in-flight word
  };
}

void RunRequests(uint64_t times) {
  for (uint64_t i = 0; i < times; ++i) {
    Request request{"job", Attributes{{"file", "a.wav"}, {"i", i}}, "request-" + std::to_string(i)};
    request.Next("step");
    request.End();
  }
}

StepBody EndRequest(uint64_t before) {
  return [before](const StepMarks& marks) {
    RunRequests(before);
    Request request{"job", Attributes{{"file", "a.wav"}}, "killed"};
    request.Next("step");
    marks.Begin();
    request.End();
    marks.End();
  };
}

StepCase EndOfRequest(std::string name, uint64_t before) {
  StepCase made = Timing(std::move(name), EndRequest(before), before);
  made.path = "job";
  made.value.reset();
  made.detail = RawDetail::kRequest;
  made.is_open_before = true;
  return made;
}

void AddRecords(std::vector<StepCase>* cases) {
  cases->push_back(Timing("Record_RingFree", Record(3), 3));
  cases->push_back(Timing("Record_RingFull", Record(kSmallRing), kSmallRing));
  cases->back().grows = TimingDropped;
  cases->back().environment = {{"RINGSIDE_TIMING_RING_RECORDS", "16"}};
  // The writer takes its second look at the tail, and begins the ring anew.
  cases->push_back(Timing("Record_RingFullUntilTheAgentRead", Record(kSmallRing), kSmallRing));
  cases->back().grows = TimingRounds;
  cases->back().environment = {{"RINGSIDE_TIMING_RING_RECORDS", "16"}};
  cases->back().agent_follows = true;
  cases->push_back(Timing("Record_RingPageBoundary", Record(kPageRecord), kPageRecord));
  cases->back().grows = TimingPages;
  cases->push_back(Timing("Record_AgentFollows", Record(3), 3));
  cases->back().agent_follows = true;
  cases->push_back(Timing(
      "Record_Zero",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordTimes(operation, 2);
        marks.Begin();
        operation.Record(nanoseconds{0});
        marks.End();
      },
      2));
  cases->back().grows = Zeros;
  cases->back().value = 0;
  cases->push_back(Timing(
      "Record_OfAnError",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordTimes(operation, 2);
        marks.Begin();
        operation.Record(nanoseconds{7}, Outcome::kError, "timeout");
        marks.End();
      },
      2));
  cases->back().grows = SeriesCount;
}

void AddTimers(std::vector<StepCase>* cases) {
  const auto add = [cases](const char* name, uint64_t before, bool fails) {
    cases->push_back(Timing(name, EndTimer(before, fails), before));
    cases->back().value.reset();
  };
  add("TimerEnd_RingFree", 3, false);
  cases->back().grows = InFlight;
  add("TimerEnd_RingFull", kSmallRing, false);
  cases->back().grows = TimingDropped;
  cases->back().environment = {{"RINGSIDE_TIMING_RING_RECORDS", "16"}};
  add("TimerEnd_RingPageBoundary", kPageRecord, false);
  cases->back().grows = TimingPages;
  add("TimerEnd_OfAFirstError", 3, true);
  cases->back().grows = SeriesCount;
  add("TimerEnd_AgentFollows", 3, false);
  cases->back().agent_follows = true;
}

void AddValues(std::vector<StepCase>* cases) {
  cases->push_back(Timing(
      "Value_RingFree",
      [](const StepMarks& marks) {
        const Value value{"work", "{token}"};
        for (int i = 0; i < 3; ++i) value.Record(kOne);
        marks.Begin();
        value.Record(7);
        marks.End();
      },
      3));
  cases->push_back(cases->back());
  cases->back().name = "Value_RingFull";
  cases->back().grows = TimingDropped;
  cases->back().environment = {{"RINGSIDE_TIMING_RING_RECORDS", "2"}};
  cases->push_back(Timing(
      "Value_Negative",
      [](const StepMarks& marks) {
        const Value value{"work", "{token}", ValueOptions{}.Signed()};
        for (int i = 0; i < 3; ++i) value.Record(kOne);
        marks.Begin();
        value.Record(-7);
        marks.End();
      },
      3));
  cases->back().value = -7;
  cases->push_back(Timing(
      "Gauge_Set",
      [](const StepMarks& marks) {
        const Gauge gauge{"work", "{thing}"};
        for (int i = 0; i < 3; ++i) gauge.Set(kOne);
        marks.Begin();
        gauge.Set(7);
        marks.End();
      },
      3));
  cases->push_back(Timing(
      "Counter_Add",
      [](const StepMarks& marks) {
        const Counter counter{"work"};
        counter.Add(15);
        marks.Begin();
        counter.Add(7);
        marks.End();
      },
      0));
  cases->back().before_sum = 15;
  cases->back().detail = RawDetail::kNone;
  cases->back().is_counted = false;
}

void AddSharedLane(std::vector<StepCase>* cases) {
  // Another thread holds the only lane there is.
  cases->push_back(Timing(
      "SharedLane_Record",
      [](const StepMarks& marks) {
        const Operation operation{"work"};
        RecordInAThreadThatStays(operation);
        RecordTimes(operation, 1);
        RecordSeven(marks, operation);
      },
      3));
  cases->back().grows = SharedSamples;
  cases->back().environment = {{"RINGSIDE_LANES", "2"}};
}

void AddRequests(std::vector<StepCase>* cases) {
  cases->push_back(EndOfRequest("RequestEnd_RingFree", 2));
  cases->push_back(EndOfRequest("RequestEnd_RingFull", 60));
  cases->back().grows = RequestDropped;
  cases->back().environment = {{"RINGSIDE_REQUEST_RING_BYTES", "4096"}};
  // The record does not fit before the end: padding.
  cases->push_back(EndOfRequest("RequestEnd_RingWraps", kPageRequests));
  cases->back().grows = RequestPages;
  cases->back().environment = {{"RINGSIDE_REQUEST_RING_BYTES", "4096"}};
  cases->back().agent_follows = true;
  cases->push_back(EndOfRequest("RequestEnd_RingPageBoundary", kPageRequests));
  cases->back().grows = RequestPages;
  cases->push_back(EndOfRequest("RequestEnd_RingMemoryGrows", 89));
  cases->back().grows = Resident;
  cases->push_back(EndOfRequest("RequestEnd_AgentFollows", 2));
  cases->back().agent_follows = true;

  StepCase begin = EndOfRequest("RequestBegin", 2);
  begin.body = [](const StepMarks& marks) {
    RunRequests(2);
    marks.Begin();
    const Request request{"job", Attributes{{"file", "a.wav"}}, "killed"};
    marks.End();
    _exit(0);
  };
  begin.is_counted = false;
  begin.is_open_before = false;
  begin.is_open_after = true;
  cases->push_back(begin);

  StepCase next = EndOfRequest("RequestNext", 2);
  next.path = "job/step";
  next.detail = RawDetail::kNone;
  next.is_open_before = next.is_open_after = true;
  next.body = [](const StepMarks& marks) {
    RunRequests(2);
    Request request{"job", Attributes{{"file", "a.wav"}}, "killed"};
    request.Next("step");
    marks.Begin();
    request.Next("other");
    marks.End();
    _exit(0);
  };
  cases->push_back(next);

  StepCase set = next;
  set.name = "RequestSet";
  set.path = "job";
  set.is_counted = false;
  set.body = [](const StepMarks& marks) {
    RunRequests(2);
    Request request{"job", Attributes{{"file", "a.wav"}}, "killed"};
    request.Next("step");
    marks.Begin();
    request.Set({"answer", 42});
    marks.End();
    _exit(0);
  };
  cases->push_back(set);
}

}  // namespace

std::vector<StepCase> StepCases() {
  std::vector<StepCase> cases;
  AddRecords(&cases);
  AddGrowth(&cases);
  AddRegistration(&cases);
  AddTimers(&cases);
  AddValues(&cases);
  AddSharedLane(&cases);
  AddRequests(&cases);
  return cases;
}

}  // namespace ringside::tests
