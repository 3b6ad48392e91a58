// What the module holds for its types.
#ifndef RINGSIDE_PYTHON_EXTENSION_MODULE_H_
#define RINGSIDE_PYTHON_EXTENSION_MODULE_H_

#include "python/extension/python_api.h"

namespace ringside::python {

// Turns the detail of a request into its summary, by the function that the package has given.
PyObject* SummaryOf(PyObject* owned_detail);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_MODULE_H_
