// The functions of the package about the process: configuration, switches, health.
#ifndef RINGSIDE_PYTHON_EXTENSION_PROCESS_H_
#define RINGSIDE_PYTHON_EXTENSION_PROCESS_H_

#include "python/extension/python_api.h"

namespace ringside::python {

extern PyMethodDef process_functions[];

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_PROCESS_H_
