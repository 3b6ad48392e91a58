#include "python/extension/bound.h"

namespace ringside::python {
namespace {

// The attribute of the type. Asked for by an object it is that object; asked for by the type, as
// contextlib does, it is something to be called with the object first.
PyObject* Get(PyObject* self, PyObject* object, PyObject*) {
  PyObject* const answer = object != nullptr ? object : self;
  Py_INCREF(answer);
  return answer;
}

PyObject* Call(PyObject*, PyObject* arguments, PyObject*) {
  const Py_ssize_t count = PyTuple_Size(arguments);
  if (count == 0) {
    PyErr_SetString(PyExc_TypeError, "the context manager is missing");
    return nullptr;
  }
  const Ref rest(PyTuple_GetSlice(arguments, 1, count));
  return rest ? PyObject_CallObject(PyTuple_GetItem(arguments, 0), rest.get()) : nullptr;
}

PyType_Slot slots[] = {{Py_tp_descr_get, AsSlot(Get)}, {Py_tp_call, AsSlot(Call)}, {0, nullptr}};
PyType_Spec bound_spec = {"ringside._ringside.Bound", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT,
                          slots};

}  // namespace

PyTypeObject* NewBoundType(PyType_Spec* spec) {
  const Ref bound_type(PyType_FromSpec(&bound_spec));
  const Ref bound(bound_type ? PyObject_CallNoArgs(bound_type.get()) : nullptr);
  Ref type(bound ? PyType_FromSpec(spec) : nullptr);
  if (!type || PyObject_SetAttrString(type.get(), "__enter__", bound.get()) < 0 ||
      PyObject_SetAttrString(type.get(), "__exit__", bound.get()) < 0) {
    return nullptr;
  }
  return reinterpret_cast<PyTypeObject*>(type.Release());
}

}  // namespace ringside::python
