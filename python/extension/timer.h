// The object behind `with ringside.timer("op", model="x"):`, the hottest of all.
#ifndef RINGSIDE_PYTHON_EXTENSION_TIMER_H_
#define RINGSIDE_PYTHON_EXTENSION_TIMER_H_

#include "python/extension/handle.h"
#include "python/extension/python_api.h"

namespace ringside::python {

// A timer that has not begun.
PyObject* NewTimer(Handle* operation);
Handle* TimerOperation(PyObject* timer);
bool InitTimer();
PyTypeObject* TimerType();

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_TIMER_H_
