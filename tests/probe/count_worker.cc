// What callgrind counts: count_worker NAME runs one kind of record, first to warm up, then in the
// function whose instructions are collected. No agent; the ring has room for all records.
#include <cstdio>
#include <cstring>

#include <ringside/probe.h>

namespace {

constexpr int kRecords = 400;

const ringside::Operation& TimedOperation() {
  static const ringside::Operation kOperation{"count.timer"};
  return kOperation;
}

const ringside::Value& RecordedValue() {
  static const ringside::Value kValue{"count.value", "By"};
  return kValue;
}

const ringside::Counter& AddedCounter() {
  static const ringside::Counter kCounter{"count.counter"};
  return kCounter;
}

void RunTimers() {
  const ringside::Operation& operation = TimedOperation();
  for (int i = 0; i < kRecords; ++i) {
    const ringside::Timer timer{operation};
  }
}

void RunValues() {
  const ringside::Value& value = RecordedValue();
  for (int i = 0; i < kRecords; ++i) value.Record(1000 + i % 16);
}

void RunCounters() {
  const ringside::Counter& counter = AddedCounter();
  for (int i = 0; i < kRecords; ++i) counter.Add(1);
}

void RunStages() {
  ringside::Request request{"count.request"};
  request.Next("decode");
  for (int i = 0; i < kRecords / 2; ++i) {
    request.Next("infer");
    request.Next("decode");
  }
  request.End();
}

struct Kind {
  const char* name;
  void (*run)();
};
constexpr Kind kKinds[] = {
    {"timer", RunTimers}, {"value", RunValues}, {"counter", RunCounters}, {"stage", RunStages}};

}  // namespace

extern "C" [[gnu::noinline]] void Counted(void (*run)());
extern "C" void Counted(void (*run)()) {
  run();
  asm volatile("" : : : "memory");  // no tail call: the collection ends with this function
}

int main(int argc, char** argv) {
  for (const Kind& kind : kKinds) {
    if (argc != 2 || std::strcmp(argv[1], kind.name) != 0) continue;
    kind.run();
    Counted(kind.run);
    std::printf("%d\n", kRecords);
    return 0;
  }
  std::fputs("usage: count_worker timer|value|counter|stage\n", stderr);
  return 2;
}
