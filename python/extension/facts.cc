#include "python/extension/request.h"

namespace ringside::python {

int VisitFacts(const Facts& facts, visitproc visit, void* arg) {
  Py_VISIT(facts.labels);
  Py_VISIT(facts.attributes);
  Py_VISIT(facts.error_type);
  Py_VISIT(facts.message);
  return 0;
}

void ClearFacts(Facts* facts) {
  Py_CLEAR(facts->labels);
  Py_CLEAR(facts->attributes);
  Py_CLEAR(facts->error_type);
  Py_CLEAR(facts->message);
}

bool SetFailure(Facts* facts, const Ref& error_type, const Ref& message) {
  if (!facts->is_open || facts->error_type != nullptr) return false;
  facts->error_type = Ref::Share(error_type.get()).Release();
  facts->message = Ref::Share(message.get()).Release();
  return true;
}

ringside_outcome CloseFacts(Facts* facts, ringside_outcome outcome) {
  facts->is_open = false;
  facts->outcome = facts->error_type != nullptr ? RINGSIDE_ERROR : outcome;
  return facts->outcome;
}

}  // namespace ringside::python
