// Something to await that is there already: what __aenter__ and __aexit__ return.
#ifndef RINGSIDE_PYTHON_EXTENSION_AWAITABLE_H_
#define RINGSIDE_PYTHON_EXTENSION_AWAITABLE_H_

#include "python/extension/python_api.h"

namespace ringside::python {

PyObject* NewAwaitable(PyObject* result);
bool InitAwaitable();

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_AWAITABLE_H_
