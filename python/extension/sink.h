// Where everything recorded is shown as well, for tests and for people at a desk: one callable of
// Python, or none, which costs a comparison.
#ifndef RINGSIDE_PYTHON_EXTENSION_SINK_H_
#define RINGSIDE_PYTHON_EXTENSION_SINK_H_

#include <cstdint>

#include "python/extension/python_api.h"

namespace ringside::python {

extern PyObject* sink;  // nullptr: none

// None: none from now on.
void SetSink(PyObject* callable);

// Calls sink(kind, *facts); `facts` is what Py_BuildValue made, a tuple. What it raises is printed
// as Python prints what nobody can catch.
void TellSink(const char* kind, PyObject* owned_facts);

// For durations that the probe alone knows.
uint64_t MonotonicNs();
uint64_t UnixNs();

// What callers asked for and no series or request could hold. Shown by health().
struct Ignored {
  uint64_t attributes;  // keywords that are no labels, of what is no request
  uint64_t invalid;     // durations and counts that are no such thing
};
extern Ignored ignored;

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_SINK_H_
