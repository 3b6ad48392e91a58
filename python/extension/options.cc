#include "python/extension/options.h"

#include "python/extension/sink.h"
#include "python/extension/text.h"

namespace ringside::python {

bool CheckCount(const Arguments& arguments, Py_ssize_t least, Py_ssize_t most) {
  if (arguments.count >= least && arguments.count <= most) return true;
  const char* const relation = least == most             ? ""
                               : arguments.count < least ? "at least "
                                                         : "at most ";
  PyErr_Format(PyExc_TypeError, "%s() takes %s%zd positional arguments but %zd were given",
               arguments.function, relation, arguments.count < least ? least : most,
               arguments.count);
  return false;
}

PyObject* ValueOf(const Arguments& arguments, const Keywords& keywords, Role role) {
  for (int i = 0; i < keywords.count; ++i) {
    if (keywords.roles[i] == role) return arguments.keyword_values()[i];
  }
  return nullptr;
}

bool ReadMeasurement(const Arguments& arguments, const Keywords& keywords,
                     Measurement* measurement) {
  PyObject* const seconds = ValueOf(arguments, keywords, Role::kSeconds);
  PyObject* const ms = ValueOf(arguments, keywords, Role::kMs);
  if ((seconds == nullptr) == (ms == nullptr)) {
    PyErr_Format(PyExc_TypeError, "%s() needs either seconds= or ms=", arguments.function);
    return false;
  }
  measurement->is_valid = seconds != nullptr ? DurationOf(seconds, 1000000000, &measurement->ns)
                                             : DurationOf(ms, 1000000, &measurement->ns);
  if (!measurement->is_valid) ++ignored.invalid;
  PyObject* const ok = ValueOf(arguments, keywords, Role::kOk);
  PyObject* const error_type = ValueOf(arguments, keywords, Role::kErrorType);
  PyObject* const message = ValueOf(arguments, keywords, Role::kMessage);
  const bool has_type = error_type != nullptr && error_type != Py_None;
  const bool has_message = message != nullptr && message != Py_None;
  if (ok != nullptr && PyObject_IsTrue(ok) == 0) measurement->outcome = RINGSIDE_ERROR;
  if (PyErr_Occurred() != nullptr) PyErr_Clear();
  if (has_type || has_message) measurement->outcome = RINGSIDE_ERROR;
  if (measurement->outcome == RINGSIDE_OK) return true;
  measurement->error_type = has_type ? TextOf(error_type) : Ref(PyUnicode_FromString(""));
  measurement->message = has_message ? TextOf(message) : Ref(PyUnicode_FromString(""));
  return true;
}

}  // namespace ringside::python
