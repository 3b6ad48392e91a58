// Operation, Value, Counter, Gauge: what is recorded into, found once and then used at no cost.
#ifndef RINGSIDE_PYTHON_EXTENSION_HANDLE_H_
#define RINGSIDE_PYTHON_EXTENSION_HANDLE_H_

#include <cstdint>

#include <ringside/probe_c.h>

#include "python/extension/keywords.h"
#include "python/extension/python_api.h"
#include "python/extension/text.h"

namespace ringside::python {

enum class Kind : uint8_t { kOperation, kValue, kCounter, kGauge };
constexpr int kKinds = 4;

// Immutable but for `entered`. The series behind it is never freed.
struct Handle {
  PyObject base;
  const void* series;
  PyObject* entered;  // timers of an operation that contextlib has entered, a list; or nullptr
  PyObject* name;     // str
  PyObject* unit;     // str; nullptr for an operation
  PyObject* labels;   // dict of str, or nullptr
  Kind kind;
  bool is_signed;

  const ringside_operation* operation() const {
    return static_cast<const ringside_operation*>(series);
  }
};

struct HandleSpec {
  Kind kind = Kind::kOperation;
  bool is_signed = false;
  PyObject* name = nullptr;    // any object; its text counts
  PyObject* unit = nullptr;    // likewise, or nullptr
  PyObject* labels = nullptr;  // dict of str, or nullptr
};
// The handle of these words, the same one each time. Empty only without memory.
Ref FindHandle(const HandleSpec& spec);

// One call: the same objects in the same places mean the same handle. Strings and numbers cannot
// change, and the cache keeps them, so that their addresses stay theirs.
struct CallKey {
  Kind kind;
  Signature signature;
  PyObject* name;
  PyObject* names;          // of the keywords, or nullptr
  PyObject* const* values;  // of the keywords; at least one where there are names
};
constexpr int kCachedValues = 4;
struct CachedCall {
  Handle* handle;
  PyObject* name;
  PyObject* names;
  PyObject* values[kCachedValues];
  Kind kind;
  Signature signature;
  uint8_t count;
};
constexpr size_t kCachedCalls = 1024;
extern CachedCall cached_calls[kCachedCalls];

inline CachedCall& PlaceOf(const CallKey& key) {
  const auto name = reinterpret_cast<uintptr_t>(key.name);
  const auto names = reinterpret_cast<uintptr_t>(key.names);
  const uintptr_t value = key.names == nullptr ? 0 : reinterpret_cast<uintptr_t>(key.values[0]);
  const uintptr_t hash = (name >> 4) + (names >> 3) * 3 + (value >> 4) * 5;
  return cached_calls[(hash ^ (hash >> 10) ^ static_cast<uintptr_t>(key.kind)) % kCachedCalls];
}

// Borrowed; nullptr: this call was not made before, or is not of those that can be kept.
inline Handle* FindCall(const CallKey& key) {
  const CachedCall& call = PlaceOf(key);
  if (call.name != key.name || call.names != key.names || call.kind != key.kind ||
      call.signature != key.signature) {
    return nullptr;
  }
  for (int i = 0; i < call.count; ++i) {
    if (call.values[i] != key.values[i]) return nullptr;
  }
  return call.handle;
}

// The handle of a call that FindCall does not know: of its name, options and label keywords. What
// else is among the keywords plays no part.
Ref HandleOfCall(const CallKey& key, const Keywords& keywords);

// After the label keys changed.
void ForgetCalls();

extern PyTypeObject* handle_types[kKinds];
bool InitHandles();

// What sinks are told of a value, gauge or count.
void TellNumber(const char* kind, PyObject* name, PyObject* labels, const Number& number,
                PyObject* unit);

// And of a bare operation; `error_type` is nullptr where all was well.
void TellOperation(const Handle& operation, uint64_t ns, PyObject* error_type);

// Into the series of a value or gauge, and to the sink.
void RecordNumber(const Handle& handle, const Number& number);
// Counters take whole numbers from 0; anything else is counted as invalid.
void AddCount(const Handle& handle, const Number& number);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_HANDLE_H_
