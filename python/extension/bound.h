// A context manager whose __enter__ and __exit__ are the object itself.
#ifndef RINGSIDE_PYTHON_EXTENSION_BOUND_H_
#define RINGSIDE_PYTHON_EXTENSION_BOUND_H_

#include "python/extension/python_api.h"

namespace ringside::python {

// Makes the type of `spec`, whose call without arguments enters and with three leaves.
PyTypeObject* NewBoundType(PyType_Spec* spec);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_BOUND_H_
