// Arguments of calls, taken apart: `call(positional..., keyword=value...)`.
#ifndef RINGSIDE_PYTHON_EXTENSION_OPTIONS_H_
#define RINGSIDE_PYTHON_EXTENSION_OPTIONS_H_

#include <cstdint>

#include <ringside/probe_c.h>

#include "python/extension/keywords.h"
#include "python/extension/python_api.h"

namespace ringside::python {

// As the interpreter passes them: positional ones first, then the keywords' values.
struct Arguments {
  const char* function;
  PyObject* const* values;
  Py_ssize_t count;
  PyObject* names;

  PyObject* const* keyword_values() const { return values + count; }
};
// Sets a TypeError unless the number of positional arguments lies between the two.
bool CheckCount(const Arguments& arguments, Py_ssize_t least, Py_ssize_t most);

// What the keywords of record() say.
struct Measurement {
  bool is_valid = false;  // seconds or ms is there, and is a duration
  uint64_t ns = 0;
  ringside_outcome outcome = RINGSIDE_OK;
  Ref error_type;  // empty: none
  Ref message;
};
// False: neither seconds nor ms, or both: TypeError is set. What is no duration is counted.
bool ReadMeasurement(const Arguments& arguments, const Keywords& keywords,
                     Measurement* measurement);

// The value of the first keyword of this role; nullptr: there is none.
PyObject* ValueOf(const Arguments& arguments, const Keywords& keywords, Role role);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_OPTIONS_H_
