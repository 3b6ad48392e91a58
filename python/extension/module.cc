// The module ringside._ringside.
#include "python/extension/module.h"

#include <initializer_list>

#include <ringside/probe_c.h>

#include "python/extension/awaitable.h"
#include "python/extension/functions.h"
#include "python/extension/handle.h"
#include "python/extension/handle_types.h"
#include "python/extension/keywords.h"
#include "python/extension/process.h"
#include "python/extension/request.h"
#include "python/extension/stage.h"
#include "python/extension/timer.h"

namespace ringside::python {
namespace {

PyObject* make_summary = nullptr;

PyObject* SetSummary(PyObject*, PyObject* callable) {
  PyObject* const before = make_summary;
  Py_INCREF(callable);
  make_summary = callable;
  Py_XDECREF(before);
  return NewNone();
}

PyMethodDef module_functions[] = {{"set_summary", SetSummary, METH_O, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};

// Threads, lanes and caches are the process's: a second interpreter in it would share them without
// the lock that they rely upon.
bool IsMainInterpreter() {
  if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0) return true;
  PyErr_SetString(PyExc_ImportError,
                  "ringside works in the main interpreter alone, not in a sub-interpreter");
  return false;
}

bool AddTypes(PyObject* module) {
  const struct {
    const char* name;
    PyTypeObject* type;
  } types[] = {{"Operation", handle_types[static_cast<int>(Kind::kOperation)]},
               {"Value", handle_types[static_cast<int>(Kind::kValue)]},
               {"Counter", handle_types[static_cast<int>(Kind::kCounter)]},
               {"Gauge", handle_types[static_cast<int>(Kind::kGauge)]},
               {"Timer", TimerType()},
               {"Request", RequestType()},
               {"Stage", StageType()}};
  for (const auto& entry : types) {
    auto* const object = reinterpret_cast<PyObject*>(entry.type);
    if (PyModule_AddObjectRef(module, entry.name, object) < 0) return false;
  }
  return PyModule_AddObjectRef(module, "current", CurrentVariable()) == 0 &&
         PyModule_AddStringConstant(module, "version", ringside_version()) == 0;
}

int Execute(PyObject* module) {
  const bool is_ready = IsMainInterpreter() && InitKeywords() && InitHandles() &&
                        InitHandleTypes() && InitAwaitable() && InitTimer() && InitRequest() &&
                        InitStage();
  if (!is_ready) return -1;
  for (PyMethodDef* table : {functions, process_functions, module_functions}) {
    if (PyModule_AddFunctions(module, table) < 0) return -1;
  }
  return AddTypes(module) ? 0 : -1;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, AsSlot(Execute)}, {0, nullptr}};
PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "ringside._ringside",
                          "The probe, as ringside uses it. Not for programs.",
                          0,
                          nullptr,
                          slots,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

PyObject* SummaryOf(PyObject* owned_detail) {
  const Ref detail(owned_detail);
  PyObject* summary = nullptr;
  if (detail && make_summary != nullptr) {
    const Ref function = Ref::Share(make_summary);
    summary = PyObject_CallFunctionObjArgs(function.get(), detail.get(), nullptr);
  }
  if (summary != nullptr) return summary;
  // At the interpreter's end modules are gone. It is seen, and not raised.
  if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(nullptr);
  return NewNone();
}

}  // namespace ringside::python

// NOLINTNEXTLINE(readability-identifier-naming): as Python looks for it
PyMODINIT_FUNC PyInit__ringside() { return PyModuleDef_Init(&ringside::python::definition); }
