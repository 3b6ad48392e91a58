#include "python/extension/handle_types.h"

#include "python/extension/bound.h"
#include "python/extension/functions.h"
#include "python/extension/handle.h"
#include "python/extension/options.h"
#include "python/extension/sink.h"
#include "python/extension/timer.h"

namespace ringside::python {
namespace {

Handle* Self(PyObject* self) { return reinterpret_cast<Handle*>(self); }

// Type(name, *, unit="", signed=False, labels={...}, label=value...)
PyObject* New(Kind kind, PyObject* positional, PyObject* keywords) {
  const Py_ssize_t size = keywords != nullptr ? PyDict_Size(keywords) : 0;
  if (PyTuple_Size(positional) != 1 || size > kMaxKeywords) {
    PyErr_SetString(PyExc_TypeError, "the name is the one positional argument");
    return nullptr;
  }
  const Ref names(PyTuple_New(size));
  if (!names) return nullptr;
  PyObject* values[kMaxKeywords + 1] = {};
  Py_ssize_t at = 0;
  PyObject* key = nullptr;
  for (Py_ssize_t i = 0; size > 0 && PyDict_Next(keywords, &at, &key, &values[i]) != 0; ++i) {
    PyTuple_SetItem(names.get(), i, Ref::Share(key).Release());
  }
  const Signature signature = kind == Kind::kOperation ? Signature::kTimer : Signature::kNumber;
  Keywords meanings;
  ReadKeywords(signature, names.get(), &meanings);
  for (int i = 0; i < meanings.count; ++i) {
    // A handle has no attributes: all that is not an option is a label.
    if (meanings.roles[i] == Role::kAttribute) meanings.roles[i] = Role::kLabel;
  }
  return HandleOfCall({kind, signature, PyTuple_GetItem(positional, 0), names.get(), values},
                      meanings)
      .Release();
}

template <Kind kKind>
PyObject* NewOf(PyTypeObject*, PyObject* positional, PyObject* keywords) {
  return New(kKind, positional, keywords);
}

void Dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  Py_XDECREF(Self(self)->entered);
  Py_XDECREF(Self(self)->name);
  Py_XDECREF(Self(self)->unit);
  Py_XDECREF(Self(self)->labels);
  PyObject_Free(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

PyObject* TimerMethod(PyObject* self, PyObject*) { return NewTimer(Self(self)); }

// `with operation:` is a block of a new timer, so that threads and tasks can use one operation at
// the same time. The interpreter asks for the two attributes one right after the other: the second
// finds the timer of the first here.
PyObject* waiting_timer =
    nullptr;                 // a reference of its own: who asked first may have let go of his
bool is_exit_first = false;  // since CPython 3.14

PyObject* First(PyObject* self) {
  const Ref stale(waiting_timer);
  waiting_timer = NewTimer(Self(self));
  return Ref::Share(waiting_timer).Release();
}

PyObject* Second(PyObject* self) {
  Ref timer(waiting_timer);
  waiting_timer = nullptr;
  return timer && TimerOperation(timer.get()) == Self(self) ? timer.Release()
                                                            : NewTimer(Self(self));
}

PyObject* GetEnter(PyObject* self) { return is_exit_first ? Second(self) : First(self); }
PyObject* GetExit(PyObject* self) { return is_exit_first ? First(self) : Second(self); }

PyObject* EnterByType(PyObject* self) {
  Handle* const operation = Self(self);
  const Ref timer(NewTimer(operation));
  if (operation->entered == nullptr) operation->entered = PyList_New(0);
  if (!timer || operation->entered == nullptr ||
      PyList_Append(operation->entered, timer.get()) < 0) {
    return nullptr;
  }
  return PyObject_CallNoArgs(timer.get());
}

// The last one entered in this way is left first.
PyObject* ExitByType(PyObject* self, PyObject* arguments) {
  PyObject* const entered = Self(self)->entered;
  const Py_ssize_t count = entered != nullptr ? PyList_Size(entered) : 0;
  if (count == 0) return NewNone();
  const Ref timer = Ref::Share(PyList_GetItem(entered, count - 1));
  if (PyList_SetSlice(entered, count - 1, count, nullptr) < 0) return nullptr;
  return PyObject_CallObject(timer.get(), arguments);
}

constexpr BoundPair kNewTimer = {GetEnter, GetExit, EnterByType, ExitByType};

PyObject* RecordDuration(PyObject* self, PyObject* const* values, Py_ssize_t count,
                         PyObject* names) {
  const Arguments arguments{"record", values, count, names};
  if (!CheckCount(arguments, 0, 0)) return nullptr;
  Keywords keywords;
  ReadKeywords(Signature::kRecord, names, &keywords);
  for (int i = 0; i < keywords.count; ++i) {
    const Role role = keywords.roles[i];
    ignored.attributes += role == Role::kAttribute || role == Role::kLabel ? 1 : 0;
  }
  Measurement measurement;
  if (!ReadMeasurement(arguments, keywords, &measurement)) return nullptr;
  if (measurement.is_valid) RecordOperation(*Self(self), measurement);
  return NewNone();
}

PyObject* RecordValue(PyObject* self, PyObject* number) {
  RecordNumber(*Self(self), NumberOf(number));
  return NewNone();
}

PyObject* Add(PyObject* self, PyObject* const* values, Py_ssize_t count) {
  if (!CheckCount({"add", values, count, nullptr}, 0, 1)) return nullptr;
  Number number;
  number.is_integer = true;
  number.integer = 1;
  if (count == 1) number = NumberOf(values[0]);
  AddCount(*Self(self), number);
  return NewNone();
}

PyObject* GetName(PyObject* self, void*) { return Ref::Share(Self(self)->name).Release(); }
PyObject* GetLabels(PyObject* self, void*) {
  return Self(self)->labels != nullptr ? PyDict_Copy(Self(self)->labels) : PyDict_New();
}
PyObject* GetUnit(PyObject* self, void*) {
  return Self(self)->unit != nullptr ? Ref::Share(Self(self)->unit).Release()
                                     : PyUnicode_FromString("");
}

PyMethodDef operation_methods[] = {
    {"timer", TimerMethod, METH_NOARGS, "A timer of this operation, for one `with` block."},
    {"record", AsMethod(RecordDuration), METH_FASTCALL | METH_KEYWORDS,
     "A duration measured elsewhere, by seconds= or ms=."},
    {nullptr, nullptr, 0, nullptr}};
PyMethodDef value_methods[] = {{"record", RecordValue, METH_O, "Records a number."},
                               {nullptr, nullptr, 0, nullptr}};
PyMethodDef counter_methods[] = {
    {"add", AsMethod(Add), METH_FASTCALL, "Adds a whole number, by default 1."},
    {nullptr, nullptr, 0, nullptr}};
PyMethodDef gauge_methods[] = {{"set", RecordValue, METH_O, "The value from now on."},
                               {nullptr, nullptr, 0, nullptr}};

PyGetSetDef getters[] = {{"name", GetName, nullptr, nullptr, nullptr},
                         {"labels", GetLabels, nullptr, nullptr, nullptr},
                         {"unit", GetUnit, nullptr, nullptr, nullptr},
                         {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyTypeObject* MakeType(const char* name, PyMethodDef* methods, newfunc make) {
  PyType_Slot slots[] = {{Py_tp_dealloc, AsSlot(Dealloc)},
                         {Py_tp_new, AsSlot(make)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, getters},
                         {0, nullptr}};
  PyType_Spec spec = {name, sizeof(Handle), 0, Py_TPFLAGS_DEFAULT, slots};
  return reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
}

}  // namespace

bool InitHandleTypes() {
  if (handle_types[0] != nullptr) return true;
  handle_types[static_cast<int>(Kind::kValue)] =
      MakeType("ringside._ringside.Value", value_methods, NewOf<Kind::kValue>);
  handle_types[static_cast<int>(Kind::kCounter)] =
      MakeType("ringside._ringside.Counter", counter_methods, NewOf<Kind::kCounter>);
  handle_types[static_cast<int>(Kind::kGauge)] =
      MakeType("ringside._ringside.Gauge", gauge_methods, NewOf<Kind::kGauge>);
  handle_types[static_cast<int>(Kind::kOperation)] =
      MakeType("ringside._ringside.Operation", operation_methods, NewOf<Kind::kOperation>);
  for (const PyTypeObject* type : handle_types) {
    if (type == nullptr) return false;
  }
  is_exit_first = Py_Version >= 0x030E0000;
  return AddBoundPair(handle_types[static_cast<int>(Kind::kOperation)], &kNewTimer);
}

}  // namespace ringside::python
