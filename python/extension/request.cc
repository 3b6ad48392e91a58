#include "python/extension/request.h"

#include <cstring>

#include <pthread.h>

#include "python/extension/attributes.h"
#include "python/extension/failure.h"
#include "python/extension/labels.h"
#include "python/extension/request_methods.h"
#include "python/extension/sink.h"

namespace ringside::python {
namespace {

PyTypeObject* request_type = nullptr;
PyObject* current_variable = nullptr;
PyObject* get_current = nullptr;  // its methods, bound
PyObject* set_current = nullptr;
PyObject* reset_current = nullptr;
unsigned fork_count = 0;

void CountFork() { ++fork_count; }

int Traverse(PyObject* self, visitproc visit, void* arg) {
  auto* const request = reinterpret_cast<Request*>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(request->token);
  for (const Step* step = request->first_step; step != nullptr; step = step->next) {
    if (const int stopped = VisitFacts(step->facts, visit, arg)) return stopped;
  }
  return VisitFacts(request->facts, visit, arg);
}

int Clear(PyObject* self) {
  Py_CLEAR(reinterpret_cast<Request*>(self)->token);
  return 0;
}

void FreeSteps(Request* request) {
  Step* step = request->first_step;
  request->first_step = nullptr;
  request->last_step = nullptr;
  while (step != nullptr) {
    Step* const next = step->next;
    ClearFacts(&step->facts);
    Py_CLEAR(step->name);
    PyMem_Free(step);
    step = next;
  }
}

void Dealloc(PyObject* self) {
  auto* const request = reinterpret_cast<Request*>(self);
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  {
    const ErrorKeeper keeper;
    EndRequest(request, RINGSIDE_ABORTED, nullptr);  // forgotten
  }
  Py_CLEAR(request->token);
  FreeSteps(request);
  ClearFacts(&request->facts);
  Py_CLEAR(request->id);
  Py_DECREF(reinterpret_cast<PyObject*>(request->operation));
  PyObject_GC_Del(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

PyType_Slot slots[] = {{Py_tp_dealloc, AsSlot(Dealloc)}, {Py_tp_traverse, AsSlot(Traverse)},
                       {Py_tp_clear, AsSlot(Clear)},     {Py_tp_methods, request_methods},
                       {Py_tp_getset, request_getters},  {0, nullptr}};
PyType_Spec spec = {"ringside._ringside.Request", sizeof(Request), 0,
                    static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                          Py_TPFLAGS_DISALLOW_INSTANTIATION),
                    slots};

// The facts, not the request: it may be on its way out, and must not come back.
void Tell(const char* kind, Request* request) {
  if (sink == nullptr || request->fork_count != fork_count) return;
  TellSink(kind, Py_BuildValue("(N)", DetailOf(request)));
}

// What stands for the whole in a request of one step, as the probe archives it.
void AddWholeStep(Request* request) {
  auto* const step = static_cast<Step*>(PyMem_Calloc(1, sizeof(Step)));
  if (step == nullptr) return;
  step->name = Ref::Share(request->operation->name).Release();
  step->facts.labels = Ref::Share(request->facts.labels).Release();
  step->facts.error_type = Ref::Share(request->facts.error_type).Release();
  step->facts.outcome = request->facts.outcome;
  step->facts.duration_ns = request->facts.duration_ns;
  (request->last_step == nullptr ? request->first_step : request->last_step->next) = step;
  request->last_step = step;
}

bool MakeVariable() {
  const Ref module(PyImport_ImportModule("_contextvars"));
  const Ref type(module ? PyObject_GetAttrString(module.get(), "ContextVar") : nullptr);
  const Ref arguments(Py_BuildValue("(s)", "ringside.request"));
  const Ref keywords(Py_BuildValue("{sO}", "default", Py_None));
  if (!type || !arguments || !keywords) return false;
  current_variable = PyObject_Call(type.get(), arguments.get(), keywords.get());
  if (current_variable == nullptr) return false;
  get_current = PyObject_GetAttrString(current_variable, "get");
  set_current = PyObject_GetAttrString(current_variable, "set");
  reset_current = PyObject_GetAttrString(current_variable, "reset");
  return get_current != nullptr && set_current != nullptr && reset_current != nullptr;
}

}  // namespace

Request* NewRequest(const RequestSpec& spec_of) {
  PyObject* const object = PyType_GenericAlloc(request_type, 0);
  if (object == nullptr) return nullptr;
  auto* const request = reinterpret_cast<Request*>(object);
  request->operation = spec_of.operation;
  Py_INCREF(reinterpret_cast<PyObject*>(spec_of.operation));
  const Ref id = spec_of.id != nullptr ? TextOf(spec_of.id) : Ref();
  request->facts.labels = Ref::Share(spec_of.operation->labels).Release();
  request->facts.attributes = Ref::Share(spec_of.attributes).Release();
  request->facts.is_open = true;
  request->is_single = spec_of.is_single;
  request->is_event = spec_of.is_event;
  request->fork_count = fork_count;
  request->start_unix_ns = UnixNs();
  const AttributeArray attributes(spec_of.attributes);
  ringside_request_start(&request->probe, spec_of.operation->operation(), View(id.get()),
                         attributes.data(), attributes.size());
  if (ringside_request_span(&request->probe, nullptr) == 0) request->start_ns = MonotonicNs();
  if (id && PyUnicode_GetLength(id.get()) > 0) request->id = Ref::Share(id.get()).Release();
  if (request->id == nullptr) (void)ringside_request_id(&request->probe, request->uuid);
  if (!request->is_event) Tell("start", request);
  return request;
}

void FailRequest(Request* request, const Ref& error_type, const Ref& message) {
  if (!error_type || !SetFailure(&request->facts, error_type, message)) return;
  ringside_request_fail(&request->probe, View(error_type.get()), View(message.get()));
}

void EndRequest(Request* request, ringside_outcome outcome, const uint64_t* measured) {
  if (!request->facts.is_open) return;
  outcome = CloseFacts(&request->facts, outcome);
  if (request->is_single) {
    ringside_request_end_single(&request->probe, outcome, measured);
  } else {
    ringside_request_end(&request->probe, outcome);
  }
  uint64_t* const duration = &request->facts.duration_ns;
  if (ringside_request_span(&request->probe, duration) == 0) {
    *duration = measured != nullptr ? *measured : MonotonicNs() - request->start_ns;
  }
  if (measured != nullptr) request->start_unix_ns -= *measured;
  if (request->is_single) AddWholeStep(request);
  Tell(request->is_event ? "event" : "request", request);
}

bool IsOurs(const Request& request) {
  return request.facts.is_open && request.fork_count == fork_count;
}

Ref CurrentRequest() {
  Ref current(PyObject_CallNoArgs(get_current));
  if (!current) PyErr_Clear();
  if (!current || Py_TYPE(current.get()) != request_type ||
      !IsOurs(*reinterpret_cast<Request*>(current.get()))) {
    return Ref();
  }
  return current;
}

void EnterContext(Request* request) {
  // One step, or an event, is nobody's surroundings.
  if (request->is_single || request->token != nullptr) return;
  auto* const object = reinterpret_cast<PyObject*>(request);
  request->token = PyObject_CallFunctionObjArgs(set_current, object, nullptr);
  if (request->token == nullptr) PyErr_Clear();
}

void LeaveContext(Request* request) {
  const Ref token(request->token);
  request->token = nullptr;
  if (!token) return;
  const Ref done(PyObject_CallFunctionObjArgs(reset_current, token.get(), nullptr));
  // Entered in another context: there it stays, ended, and counts as none.
  if (!done) PyErr_Clear();
}

bool InitRequest() {
  if (request_type != nullptr) return true;
  if (!MakeVariable()) return false;
  request_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return request_type != nullptr && pthread_atfork(nullptr, nullptr, CountFork) == 0;
}

PyTypeObject* RequestType() { return request_type; }
PyObject* CurrentVariable() { return current_variable; }

}  // namespace ringside::python
