#include "python/extension/sink.h"

#include <time.h>

namespace ringside::python {
namespace {

uint64_t Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

PyObject* sink = nullptr;
Ignored ignored{};

void SetSink(PyObject* callable) {
  PyObject* const before = sink;
  sink = nullptr;
  if (callable != Py_None) {
    Py_INCREF(callable);
    sink = callable;
  }
  Py_XDECREF(before);
}

void TellSink(const char* kind, PyObject* owned_facts) {
  const Ref facts(owned_facts);
  const Ref told = Ref::Share(sink);  // it may take itself away
  const Ref kind_text(PyUnicode_FromString(kind));
  const Ref answer(
      facts && told && kind_text
          ? PyObject_CallFunctionObjArgs(told.get(), kind_text.get(), facts.get(), nullptr)
          : nullptr);
  if (!answer && PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(told.get());
}

uint64_t MonotonicNs() { return Read(CLOCK_MONOTONIC); }
uint64_t UnixNs() { return Read(CLOCK_REALTIME); }

}  // namespace ringside::python
