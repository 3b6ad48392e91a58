// Ringside's probe for C++17: thin wrappers over the C ABI in <ringside/probe_c.h>.
//
//   static ringside::Operation decode{"decode", ringside::Labels{{"model", "en-us"}}};
//   { ringside::Timer t{decode}; if (!Work()) t.Fail("timeout"); }
//
// Nothing here throws, allocates or blocks. Cost classes (hot: nanoseconds, look-up: below a
// microsecond, cold: may make system calls), threads, signals, errors, and what happens without an
// agent or a segment: as <ringside/probe_c.h> says at its top. Each class below names its costs;
// switched off at run time, every call of class hot is one load and a branch. Objects with a scope
// (Timer, Stage, Request) are used by one thread at a time unless they say otherwise; copies of a
// handle (Operation, Value, Counter, Gauge) by any.
//
// Labels, Label and Attributes hold views: pass them where they are made, or keep what they refer
// to alive.
#ifndef RINGSIDE_PROBE_H_
#define RINGSIDE_PROBE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <string_view>
#include <type_traits>

#include <cxxabi.h>

#include <ringside/probe_c.h>

namespace ringside {

enum class Outcome : uint8_t {
  kOk = RINGSIDE_OK,
  kError = RINGSIDE_ERROR,
  kAborted = RINGSIDE_ABORTED,
};

namespace internal {

inline ringside_text Text(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline bool IsOn() noexcept {
  return __builtin_expect(__atomic_load_n(&ringside_on, __ATOMIC_RELAXED), 1) != 0;
}

// As std::uncaught_exceptions(), without its two calls through the dynamic linker: the C++ ABI lays
// down that a thread's count follows one pointer in its exception globals.
#if defined(__GLIBCXX__) && !defined(__ARM_EABI_UNWINDER__)
inline __thread const unsigned* uncaught_count __attribute__((tls_model("initial-exec"))) = nullptr;

inline int UncaughtExceptions() noexcept {
  if (__builtin_expect(uncaught_count == nullptr, 0)) {
    const char* globals = reinterpret_cast<const char*>(abi::__cxa_get_globals());
    uncaught_count = reinterpret_cast<const unsigned*>(globals + sizeof(void*));
  }
  return static_cast<int>(*uncaught_count);
}
#else
inline int UncaughtExceptions() noexcept { return std::uncaught_exceptions(); }
#endif

}  // namespace internal

// ---- labels and attributes ----------------------------------------------------------------------

struct Label {
  Label(std::string_view key, std::string_view value) noexcept
      : label{internal::Text(key), internal::Text(value)} {}
  ringside_label label;
};

// Few values, make series: model, device. At most 16; further ones are left out. No call into the
// probe.
class Labels {
 public:
  static constexpr size_t kMax = 16;

  Labels() noexcept {}
  Labels(std::initializer_list<Label> labels) noexcept {
    for (const Label& label : labels) Add(label);
  }
  void Add(const Label& label) noexcept {
    if (count_ < kMax) labels_[count_++] = label.label;
  }
  const ringside_label* data() const noexcept { return count_ > 0 ? labels_ : nullptr; }
  size_t size() const noexcept { return count_; }

 private:
  size_t count_ = 0;
  ringside_label labels_[kMax];  // NOLINT: only the first count_ are ever read
};

struct Attribute {
  Attribute(std::string_view key, std::string_view value) noexcept
      : Attribute(key, RINGSIDE_STRING) {
    attribute.value.text = internal::Text(value);
  }
  Attribute(std::string_view key, const char* value) noexcept
      : Attribute(key, value == nullptr ? std::string_view{} : std::string_view{value}) {}
  Attribute(std::string_view key, bool value) noexcept : Attribute(key, RINGSIDE_BOOL) {
    attribute.value.boolean = value ? 1 : 0;
  }
  template <typename T,
            std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Attribute(std::string_view key, T value) noexcept : Attribute(key, RINGSIDE_INTEGER) {
    attribute.value.integer = static_cast<int64_t>(value);
  }
  template <typename T, std::enable_if_t<std::is_floating_point_v<T>, int> = 0>
  Attribute(std::string_view key, T value) noexcept : Attribute(key, RINGSIDE_DOUBLE) {
    attribute.value.number = static_cast<double>(value);
  }
  ringside_attribute attribute;

 private:
  Attribute(std::string_view key, ringside_attribute_type type) noexcept
      : attribute{internal::Text(key), type, {}} {}
};

// Any values, stay with the request: file, photo_id, job_id. At most 64; further ones are left out.
// No call into the probe.
class Attributes {
 public:
  static constexpr size_t kMax = 64;

  Attributes() noexcept {}
  Attributes(std::initializer_list<Attribute> attributes) noexcept {
    for (const Attribute& attribute : attributes) Add(attribute);
  }
  void Add(const Attribute& attribute) noexcept {
    if (count_ < kMax) attributes_[count_++] = attribute.attribute;
  }
  const ringside_attribute* data() const noexcept { return count_ > 0 ? attributes_ : nullptr; }
  size_t size() const noexcept { return count_; }

 private:
  size_t count_ = 0;
  ringside_attribute attributes_[kMax];  // NOLINT: only the first count_ are ever read
};

// ---- process ------------------------------------------------------------------------------------

struct Config {
  std::string_view service;
  Labels labels;
  std::string_view directory;
};

// Optional, before the first record; the environment goes before it. False: it came too late. Cold;
// not in signal handlers.
inline bool Configure(const Config& config) noexcept {
  ringside_config plain{};
  plain.size = sizeof plain;
  plain.service = internal::Text(config.service);
  plain.directory = internal::Text(config.directory);
  plain.labels = config.labels.data();
  plain.label_count = config.labels.size();
  return ringside_configure(&plain) == 0;
}

// Switches all recording of this process on or off at run time. Hot.
inline void SetEnabled(bool enabled) noexcept { ringside_set_enabled(enabled ? 1 : 0); }

// ---- operations ---------------------------------------------------------------------------------

// A handle: cheap to copy, never freed. Make it once (static) or look it up again, as you like.
// Constructor and With: look-up. Record: hot (an outcome other than ok: look-up); a negative
// duration is 0.
class Operation {
 public:
  explicit Operation(std::string_view path, const Labels& labels = {}) noexcept
      : handle_(ringside_operation_get(internal::Text(path), labels.data(), labels.size())) {}

  Operation With(const Labels& labels) const noexcept {
    return Operation(ringside_operation_with(handle_, labels.data(), labels.size()));
  }
  template <typename Rep, typename Period>
  void Record(std::chrono::duration<Rep, Period> duration, Outcome outcome = Outcome::kOk,
              std::string_view error_type = {}) const noexcept {
    if (!internal::IsOn()) return;
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
    ringside_operation_record(handle_, ns < 0 ? 0 : static_cast<uint64_t>(ns),
                              static_cast<ringside_outcome>(outcome), internal::Text(error_type));
  }
  const ringside_operation* handle() const noexcept { return handle_; }

 private:
  explicit Operation(const ringside_operation* handle) noexcept : handle_(handle) {}
  const ringside_operation* handle_;
};

// Times its own life: ok, unless Fail was called or a C++ exception is in flight. Constructor and
// destructor: hot, and on one thread. Fail: look-up.
class Timer {
 public:
  explicit Timer(const Operation& operation) noexcept {
    if (internal::IsOn()) {
      exceptions_ = internal::UncaughtExceptions();
      ringside_timer_start(&timer_, operation.handle());
    }
  }
  ~Timer() {
    if (exceptions_ < 0) return;
    if (__builtin_expect(internal::UncaughtExceptions() > exceptions_, 0)) Fail("exception");
    ringside_timer_end(&timer_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // The first one stands.
  void Fail(std::string_view error_type) noexcept {
    if (exceptions_ >= 0) ringside_timer_fail(&timer_, internal::Text(error_type));
  }

 private:
  int exceptions_ = -1;   // in flight when it started; -1: switched off
  ringside_timer timer_;  // NOLINT: set when it started
};

// ---- values, counters, gauges -------------------------------------------------------------------

class ValueOptions {
 public:
  // real = integer * 2^power; default: 0 for what is counted ("By", "{token}"), else -20.
  ValueOptions& Resolution(int power) noexcept {
    plain.resolution = power;
    return *this;
  }
  // Negative values are allowed.
  ValueOptions& Signed() noexcept {
    plain.is_signed = 1;
    return *this;
  }
  // 6: 0.542 % (default), 7: 0.271 %, 8: 0.135 %.
  ValueOptions& Scale(int scale) noexcept {
    plain.scale = scale;
    return *this;
  }
  ringside_value_options plain{sizeof(ringside_value_options), RINGSIDE_RESOLUTION_AUTO, 0, -1};
};

// Any numbers: sizes, scores, rates. Constructor and With: look-up. Record: hot; what is NaN,
// infinite or negative without Signed is counted as lost.
class Value {
 public:
  explicit Value(std::string_view path, std::string_view unit = {}, const Labels& labels = {},
                 const ValueOptions& options = {}) noexcept
      : handle_(ringside_value_get(internal::Text(path), internal::Text(unit), &options.plain,
                                   labels.data(), labels.size())) {}
  Value(std::string_view path, std::string_view unit, const ValueOptions& options) noexcept
      : Value(path, unit, Labels{}, options) {}

  Value With(const Labels& labels) const noexcept {
    return Value(ringside_value_with(handle_, labels.data(), labels.size()));
  }
  template <typename T>
  void Record(T number) const noexcept {
    static_assert(std::is_arithmetic_v<T>);
    if (!internal::IsOn()) return;
    if constexpr (std::is_integral_v<T>) {
      ringside_value_record_int(handle_, static_cast<int64_t>(number));
    } else {
      ringside_value_record(handle_, static_cast<double>(number));
    }
  }

 private:
  explicit Value(const ringside_value* handle) noexcept : handle_(handle) {}
  const ringside_value* handle_;
};

// What only grows. Constructor and With: look-up. Add: hot.
class Counter {
 public:
  explicit Counter(std::string_view path, std::string_view unit = {},
                   const Labels& labels = {}) noexcept
      : handle_(ringside_counter_get(internal::Text(path), internal::Text(unit), labels.data(),
                                     labels.size())) {}

  Counter With(const Labels& labels) const noexcept {
    return Counter(ringside_counter_with(handle_, labels.data(), labels.size()));
  }
  void Add(uint64_t number = 1) const noexcept {
    if (internal::IsOn()) ringside_counter_add(handle_, number);
  }

 private:
  explicit Counter(const ringside_counter* handle) noexcept : handle_(handle) {}
  const ringside_counter* handle_;
};

// What goes up and down: its last value stands. Constructor and With: look-up. Set: hot.
class Gauge {
 public:
  explicit Gauge(std::string_view path, std::string_view unit = {}, const Labels& labels = {},
                 const ValueOptions& options = {}) noexcept
      : handle_(ringside_gauge_get(internal::Text(path), internal::Text(unit), &options.plain,
                                   labels.data(), labels.size())) {}
  Gauge(std::string_view path, std::string_view unit, const ValueOptions& options) noexcept
      : Gauge(path, unit, Labels{}, options) {}

  Gauge With(const Labels& labels) const noexcept {
    return Gauge(ringside_gauge_with(handle_, labels.data(), labels.size()));
  }
  template <typename T>
  void Set(T number) const noexcept {
    static_assert(std::is_arithmetic_v<T>);
    if (!internal::IsOn()) return;
    if constexpr (std::is_integral_v<T>) {
      ringside_gauge_set_int(handle_, static_cast<int64_t>(number));
    } else {
      ringside_gauge_set(handle_, static_cast<double>(number));
    }
  }

 private:
  explicit Gauge(const ringside_gauge* handle) noexcept : handle_(handle) {}
  const ringside_gauge* handle_;
};

// ---- requests and stages ------------------------------------------------------------------------

class Request;

// A view of the stage that Request::Next began; it is the request's and ends with the next one.
// Set: hot. Value and Fail: look-up.
class CurrentStage {
 public:
  CurrentStage& Set(const Attribute& attribute) noexcept {
    ringside_stage_set(stage_, &attribute.attribute);
    return *this;
  }
  CurrentStage& Value(std::string_view name, double number, std::string_view unit = {}) noexcept {
    ringside_stage_value(stage_, internal::Text(name), internal::Text(unit), number);
    return *this;
  }
  CurrentStage& Fail(std::string_view error_type, std::string_view message = {}) noexcept {
    ringside_stage_fail(stage_, internal::Text(error_type), internal::Text(message));
    return *this;
  }

 private:
  friend class Request;
  explicit CurrentStage(ringside_stage* stage) noexcept : stage_(stage) {}
  ringside_stage* stage_;
};

// Ends with its scope: ok, unless Fail was called or a C++ exception is in flight. Constructor
// (with labels: look-up), Set and End: hot. Value and Fail: look-up. Stages of one request may
// overlap, and be on any threads.
class Stage {
 public:
  Stage(Request& request, std::string_view name, const Labels& labels = {}) noexcept;
  ~Stage() {
    if (__builtin_expect(internal::UncaughtExceptions() > exceptions_, 0)) Fail("exception");
    End();
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Stage& Set(const Attribute& attribute) noexcept {
    ringside_stage_set(&stage_, &attribute.attribute);
    return *this;
  }
  Stage& Value(std::string_view name, double number, std::string_view unit = {}) noexcept {
    ringside_stage_value(&stage_, internal::Text(name), internal::Text(unit), number);
    return *this;
  }
  Stage& Fail(std::string_view error_type, std::string_view message = {}) noexcept {
    ringside_stage_fail(&stage_, internal::Text(error_type), internal::Text(message));
    return *this;
  }
  // Further calls do nothing.
  void End(Outcome outcome = Outcome::kOk) noexcept {
    ringside_stage_end(&stage_, static_cast<ringside_outcome>(outcome));
  }

 private:
  ringside_stage stage_;  // NOLINT: set in every constructor
  int exceptions_;
};

// One unit of work. Without End it counts as aborted, or as an error when an exception is in
// flight. Constructor, Next, Set and End: hot (a name instead of an Operation, or labels: look-up).
// Value and Fail: look-up. Any thread may call Stage, Set, Value and Fail; Next one at a time; End
// is the last.
class Request {
 public:
  explicit Request(const Operation& operation, const Attributes& attributes = {},
                   std::string_view id = {}) noexcept
      : exceptions_(internal::UncaughtExceptions()) {
    ringside_request_start(&request_, operation.handle(), internal::Text(id), attributes.data(),
                           attributes.size());
  }
  explicit Request(std::string_view operation, const Attributes& attributes = {},
                   std::string_view id = {}) noexcept
      : Request(Operation{operation}, attributes, id) {}
  ~Request() {
    if (__builtin_expect(internal::UncaughtExceptions() > exceptions_, 0)) Fail("exception");
    End(Outcome::kAborted);
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  ringside::Stage Stage(std::string_view name, const Labels& labels = {}) noexcept {
    return ringside::Stage(*this, name, labels);
  }
  CurrentStage Next(std::string_view name, const Labels& labels = {}) noexcept {
    return CurrentStage(
        ringside_request_next(&request_, internal::Text(name), labels.data(), labels.size()));
  }
  Request& Set(const Attribute& attribute) noexcept {
    ringside_request_set(&request_, &attribute.attribute);
    return *this;
  }
  Request& Value(std::string_view name, double number, std::string_view unit = {}) noexcept {
    ringside_request_value(&request_, internal::Text(name), internal::Text(unit), number);
    return *this;
  }
  // Other labels than it began with; its sample will count under these.
  Request& Label(const Labels& labels) noexcept {
    ringside_request_label(&request_, labels.data(), labels.size());
    return *this;
  }
  Request& Fail(std::string_view error_type, std::string_view message = {}) noexcept {
    ringside_request_fail(&request_, internal::Text(error_type), internal::Text(message));
    return *this;
  }
  // Further calls do nothing. A Fail stays an error.
  void End(Outcome outcome = Outcome::kOk) noexcept {
    ringside_request_end(&request_, static_cast<ringside_outcome>(outcome));
  }

 private:
  friend class ringside::Stage;
  ringside_request request_;  // NOLINT: set in every constructor
  int exceptions_;
};

inline Stage::Stage(Request& request, std::string_view name, const Labels& labels) noexcept
    : exceptions_(internal::UncaughtExceptions()) {
  ringside_stage_start(&stage_, &request.request_, internal::Text(name), labels.data(),
                       labels.size());
}

}  // namespace ringside

#endif  // RINGSIDE_PROBE_H_
