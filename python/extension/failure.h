// How a block ended: well, or with an exception.
#ifndef RINGSIDE_PYTHON_EXTENSION_FAILURE_H_
#define RINGSIDE_PYTHON_EXTENSION_FAILURE_H_

#include "python/extension/python_api.h"

namespace ringside::python {

// Of __exit__'s arguments. None, and the end of a generator that its consumer left, are no failure.
bool IsFailure(PyObject* exception_type);
// The exception's class, by its name alone: few values, as a label. Never empty-handed but without
// memory, as the message.
Ref ErrorTypeOf(PyObject* exception_type);
Ref MessageOf(PyObject* exception);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_FAILURE_H_
