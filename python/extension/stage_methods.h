// The methods of stages.
#ifndef RINGSIDE_PYTHON_EXTENSION_STAGE_METHODS_H_
#define RINGSIDE_PYTHON_EXTENSION_STAGE_METHODS_H_

#include "python/extension/stage.h"

namespace ringside::python {

extern PyMethodDef stage_methods[];
extern PyGetSetDef stage_getters[];

// The part of DetailOf that is one step. Of an open one, as if it ended with its request.
PyObject* DetailOf(const Step& step, uint64_t request_ns);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_STAGE_METHODS_H_
