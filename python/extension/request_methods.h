// The methods of requests and stages: arguments in, calls of request.h and stage.h out.
#ifndef RINGSIDE_PYTHON_EXTENSION_REQUEST_METHODS_H_
#define RINGSIDE_PYTHON_EXTENSION_REQUEST_METHODS_H_

#include "python/extension/request.h"

namespace ringside::python {

extern PyMethodDef request_methods[];
extern PyGetSetDef request_getters[];

// What ringside/_summary.py makes a summary of.
PyObject* DetailOf(Request* request);
PyObject* IdOf(Request* request);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_REQUEST_METHODS_H_
