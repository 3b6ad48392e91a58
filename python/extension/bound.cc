#include "python/extension/bound.h"

namespace ringside::python {
namespace {

// The attribute __enter__ or __exit__ of a type.
struct Bound {
  PyObject base;
  const BoundPair* pair;
  PyObject* (*get)(PyObject*);
  bool is_exit;
};

PyTypeObject* bound_type = nullptr;

// Asked for by the type itself, it is something to be called with the object first.
PyObject* Get(PyObject* self, PyObject* object, PyObject*) {
  if (object != nullptr) return reinterpret_cast<Bound*>(self)->get(object);
  Py_INCREF(self);
  return self;
}

PyObject* Call(PyObject* self, PyObject* arguments, PyObject*) {
  const auto* const bound = reinterpret_cast<Bound*>(self);
  const Py_ssize_t wanted = bound->is_exit ? 4 : 1;
  if (PyTuple_Size(arguments) != wanted) {
    PyErr_SetString(PyExc_TypeError, "the context manager is missing, or more than it");
    return nullptr;
  }
  PyObject* const object = PyTuple_GetItem(arguments, 0);
  if (!bound->is_exit) return bound->pair->enter_by_type(object);
  const Ref rest(PyTuple_GetSlice(arguments, 1, wanted));
  return rest ? bound->pair->exit_by_type(object, rest.get()) : nullptr;
}

PyType_Slot slots[] = {{Py_tp_descr_get, AsSlot(Get)}, {Py_tp_call, AsSlot(Call)}, {0, nullptr}};
PyType_Spec bound_spec = {
    "ringside._ringside.Bound", sizeof(Bound), 0,
    static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION), slots};

bool AddBound(PyTypeObject* type, const BoundPair* pair, bool is_exit) {
  const Ref object(PyType_GenericAlloc(bound_type, 0));
  if (!object) return false;
  auto* const bound = reinterpret_cast<Bound*>(object.get());
  bound->pair = pair;
  bound->get = is_exit ? pair->exit : pair->enter;
  bound->is_exit = is_exit;
  return PyObject_SetAttrString(reinterpret_cast<PyObject*>(type),
                                is_exit ? "__exit__" : "__enter__", object.get()) == 0;
}

}  // namespace

bool AddBoundPair(PyTypeObject* type, const BoundPair* pair) {
  if (bound_type == nullptr) {
    bound_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&bound_spec));
  }
  return bound_type != nullptr && AddBound(type, pair, false) && AddBound(type, pair, true);
}

}  // namespace ringside::python
