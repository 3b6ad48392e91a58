#include "python/extension/awaitable.h"

namespace ringside::python {
namespace {

struct Awaitable {
  PyObject base;
  PyObject* result;
};

PyTypeObject* awaitable_type = nullptr;

void Dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  Py_XDECREF(reinterpret_cast<Awaitable*>(self)->result);
  PyObject_Free(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

PyObject* Itself(PyObject* self) {
  Py_INCREF(self);
  return self;
}

PyObject* Next(PyObject* self) {
  PyErr_SetObject(PyExc_StopIteration, reinterpret_cast<Awaitable*>(self)->result);
  return nullptr;
}

PyType_Slot slots[] = {{Py_tp_dealloc, AsSlot(Dealloc)},
                       {Py_am_await, AsSlot(Itself)},
                       {Py_tp_iter, AsSlot(Itself)},
                       {Py_tp_iternext, AsSlot(Next)},
                       {0, nullptr}};
PyType_Spec spec = {"ringside._ringside.Awaitable", sizeof(Awaitable), 0,
                    static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION),
                    slots};

}  // namespace

PyObject* NewAwaitable(PyObject* result) {
  PyObject* const object = PyType_GenericAlloc(awaitable_type, 0);
  if (object == nullptr) return nullptr;
  Py_INCREF(result);
  reinterpret_cast<Awaitable*>(object)->result = result;
  return object;
}

bool InitAwaitable() {
  if (awaitable_type == nullptr) {
    awaitable_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  }
  return awaitable_type != nullptr;
}

}  // namespace ringside::python
