// The types Operation, Value, Counter and Gauge.
#ifndef RINGSIDE_PYTHON_EXTENSION_HANDLE_TYPES_H_
#define RINGSIDE_PYTHON_EXTENSION_HANDLE_TYPES_H_

namespace ringside::python {

bool InitHandleTypes();

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_HANDLE_TYPES_H_
