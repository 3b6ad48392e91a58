// A stage of a request as Python sees it.
#ifndef RINGSIDE_PYTHON_EXTENSION_STAGE_H_
#define RINGSIDE_PYTHON_EXTENSION_STAGE_H_

#include "python/extension/request.h"

namespace ringside::python {

struct Stage {
  PyObject base;
  ringside_stage probe;
  Request* request;
  Step* step;         // the request's
  uint64_t start_ns;  // where the probe has no clock; else 0
  bool is_event;
};

struct StageSpec {
  Request* request = nullptr;
  PyObject* name = nullptr;        // any object
  PyObject* labels = nullptr;      // dict of str besides those of the request, or nullptr
  PyObject* attributes = nullptr;  // dict of what is archived, or nullptr
  bool is_event = false;
};
Stage* NewStage(const StageSpec& spec);
// `measured`: how long it took, if not from its start to now. Once; further calls do nothing.
void EndStage(Stage* stage, ringside_outcome outcome, const uint64_t* measured);
void FailStage(Stage* stage, const Ref& error_type, const Ref& message);

bool InitStage();
PyTypeObject* StageType();

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_STAGE_H_
