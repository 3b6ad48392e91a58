// Python's limited API, and the two owners that every file here needs.
//
// One binary for CPython 3.11 and later: nothing outside the stable ABI of 3.11 may be used. All of
// it runs under the interpreter's lock, in the main interpreter alone (module.cc sees to that):
// what is static here needs no lock of its own.
#ifndef RINGSIDE_PYTHON_EXTENSION_PYTHON_API_H_
#define RINGSIDE_PYTHON_EXTENSION_PYTHON_API_H_

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

namespace ringside::python {

// A reference that is given back at the end.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) : object_(owned) {}
  static Ref Share(PyObject* borrowed) {
    Py_XINCREF(borrowed);
    return Ref(borrowed);
  }
  ~Ref() { Py_XDECREF(object_); }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  Ref(Ref&& other) noexcept : object_(other.Release()) {}
  Ref& operator=(Ref&& other) noexcept {
    PyObject* const before = object_;
    object_ = other.Release();
    Py_XDECREF(before);
    return *this;
  }

  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  PyObject* Release() {
    PyObject* const object = object_;
    object_ = nullptr;
    return object;
  }

 private:
  PyObject* object_ = nullptr;
};

// The exception in flight, if any, is the same afterwards: what goes wrong in here is no business
// of the user's program.
class ErrorKeeper {
 public:
  ErrorKeeper() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~ErrorKeeper() { PyErr_Restore(type_, value_, traceback_); }
  ErrorKeeper(const ErrorKeeper&) = delete;
  ErrorKeeper& operator=(const ErrorKeeper&) = delete;

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

inline PyObject* NewNone() {
  Py_INCREF(Py_None);
  return Py_None;
}

using FastFunction = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

// For method tables.
inline PyCFunction AsMethod(FastFunction function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

inline PyCFunction AsMethod(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

template <typename Function>
void* AsSlot(Function* function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_PYTHON_API_H_
