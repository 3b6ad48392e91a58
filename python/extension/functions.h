// The functions of the package that record something.
#ifndef RINGSIDE_PYTHON_EXTENSION_FUNCTIONS_H_
#define RINGSIDE_PYTHON_EXTENSION_FUNCTIONS_H_

#include "python/extension/handle.h"
#include "python/extension/options.h"
#include "python/extension/python_api.h"

namespace ringside::python {

extern PyMethodDef functions[];

// A bare operation, measured elsewhere.
void RecordOperation(const Handle& operation, const Measurement& measurement);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_FUNCTIONS_H_
