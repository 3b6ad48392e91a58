// Context managers without bound methods.
//
// At the start of a `with` block Python asks the type of the object for __enter__ and __exit__ and
// binds both; two method objects a block cost as much as a clock read. Here the attribute itself
// says what is bound.
#ifndef RINGSIDE_PYTHON_EXTENSION_BOUND_H_
#define RINGSIDE_PYTHON_EXTENSION_BOUND_H_

#include "python/extension/python_api.h"

namespace ringside::python {

struct BoundPair {
  // What `object.__enter__` and `object.__exit__` are: new references to something that is called
  // without arguments to enter, and with three to leave. Nothing of Python runs between the two.
  PyObject* (*enter)(PyObject* object);
  PyObject* (*exit)(PyObject* object);
  // `type.__enter__(object)` and `type.__exit__(object, …)`, as contextlib calls them.
  PyObject* (*enter_by_type)(PyObject* object);
  PyObject* (*exit_by_type)(PyObject* object, PyObject* arguments);
};
bool AddBoundPair(PyTypeObject* type, const BoundPair* pair);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_BOUND_H_
