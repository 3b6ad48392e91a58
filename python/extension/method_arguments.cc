#include "python/extension/method_arguments.h"

#include "python/extension/attributes.h"
#include "python/extension/labels.h"
#include "python/extension/sink.h"
#include "python/extension/stage.h"

namespace ringside::python {
namespace {

// The values of up to three parameters, positional or by keyword, as Python assigns them; those not
// given stay nullptr.
bool Assign(const Arguments& arguments, std::initializer_list<const char*> parameters,
            Py_ssize_t required, PyObject** assigned) {
  const auto most = static_cast<Py_ssize_t>(parameters.size());
  if (!CheckCount(arguments, 0, most)) return false;
  for (Py_ssize_t i = 0; i < arguments.count; ++i) assigned[i] = arguments.values[i];
  const Py_ssize_t keyword_count = arguments.names != nullptr ? PyTuple_Size(arguments.names) : 0;
  for (Py_ssize_t i = 0; i < keyword_count; ++i) {
    PyObject* const name = PyTuple_GetItem(arguments.names, i);
    Py_ssize_t place = 0;
    for (const char* parameter : parameters) {
      if (PyUnicode_CompareWithASCIIString(name, parameter) == 0) break;
      ++place;
    }
    if (place == most || assigned[place] != nullptr) {
      PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'",
                   arguments.function, name);
      return false;
    }
    assigned[place] = arguments.keyword_values()[i];
  }
  for (Py_ssize_t i = 0; i < required; ++i) {
    if (assigned[i] != nullptr) continue;
    PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", arguments.function,
                 parameters.begin()[i]);
    return false;
  }
  return true;
}

}  // namespace

double ValueCall::Real() const {
  return number.is_integer ? static_cast<double>(number.integer) : number.real;
}

Ref ValueCall::Attribute() const {
  const double real = Real();
  const bool is_whole =
      real > -0x1p53 && real < 0x1p53 && real == static_cast<double>(static_cast<int64_t>(real));
  const Ref value(is_whole ? PyLong_FromLongLong(static_cast<int64_t>(real))
                           : PyFloat_FromDouble(real));
  Ref attribute(PyDict_New());
  if (!value || !attribute || PyDict_SetItem(attribute.get(), name.get(), value.get()) < 0) {
    PyErr_Clear();
  }
  return attribute;
}

bool ReadValueCall(const Arguments& arguments, ValueCall* call) {
  PyObject* assigned[3] = {};
  if (!Assign(arguments, {"name", "number", "unit"}, 2, assigned)) return false;
  call->name = TextOf(assigned[0]);
  call->number = NumberOf(assigned[1]);
  call->unit = assigned[2] != nullptr ? TextOf(assigned[2]) : Ref(PyUnicode_FromString(""));
  return static_cast<bool>(call->name);
}

bool ReadFailure(const Arguments& arguments, Ref* error_type, Ref* message) {
  PyObject* assigned[2] = {};
  if (!Assign(arguments, {"error_type", "message"}, 1, assigned)) return false;
  *error_type = TextOf(assigned[0]);
  *message = assigned[1] != nullptr ? TextOf(assigned[1]) : Ref(PyUnicode_FromString(""));
  return true;
}

bool ReadOutcome(const Arguments& arguments, ringside_outcome* outcome) {
  PyObject* assigned[1] = {};
  if (!Assign(arguments, {"ok"}, 0, assigned)) return false;
  *outcome =
      assigned[0] != nullptr && PyObject_IsTrue(assigned[0]) == 0 ? RINGSIDE_ERROR : RINGSIDE_OK;
  if (PyErr_Occurred() != nullptr) PyErr_Clear();
  return true;
}

Ref AllAttributes(const Arguments& arguments) {
  Ref attributes;
  const Py_ssize_t count = arguments.names != nullptr ? PyTuple_Size(arguments.names) : 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    AddAttribute(&attributes, PyTuple_GetItem(arguments.names, i), arguments.keyword_values()[i]);
  }
  return attributes;
}

Ref PathOf(std::initializer_list<PyObject*> names) {
  if (sink == nullptr) return Ref();
  Ref path;
  for (PyObject* name : names) {
    path = path ? Ref(PyUnicode_FromFormat("%U/%U", path.get(), name)) : Ref::Share(name);
  }
  return path;
}

bool RecordStage(Request* request, const Arguments& arguments, const Keywords& keywords,
                 const Measurement& measurement) {
  Ref labels;
  Ref attributes;
  AddCallLabels(&labels, keywords, arguments.names, arguments.keyword_values());
  AddCallAttributes(&attributes, keywords, arguments.names, arguments.keyword_values());
  StageSpec spec;
  spec.request = request;
  spec.name = arguments.values[0];
  spec.labels = labels.get();
  spec.attributes = attributes.get();
  const Ref stage(reinterpret_cast<PyObject*>(NewStage(spec)));
  if (!stage) return false;
  auto* const open = reinterpret_cast<Stage*>(stage.get());
  if (measurement.outcome != RINGSIDE_OK) {
    FailStage(open, measurement.error_type, measurement.message);
  }
  EndStage(open, measurement.outcome, &measurement.ns);
  return true;
}

}  // namespace ringside::python
