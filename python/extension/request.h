// Requests and their stages as Python sees them.
//
// The probe keeps what the agent reads; beside it each request keeps what its summary needs, which
// is there also when the probe found no room, or no segment at all.
#ifndef RINGSIDE_PYTHON_EXTENSION_REQUEST_H_
#define RINGSIDE_PYTHON_EXTENSION_REQUEST_H_

#include <cstdint>

#include <ringside/probe_c.h>

#include "python/extension/handle.h"
#include "python/extension/python_api.h"

namespace ringside::python {

// What both keep: how it went, and what is known about it.
struct Facts {
  PyObject* labels;      // dict of str, or nullptr
  PyObject* attributes;  // dict of what is archived, or nullptr
  PyObject* error_type;  // str, or nullptr
  PyObject* message;     // str, or nullptr
  uint64_t duration_ns;  // once it has ended
  ringside_outcome outcome;
  bool is_open;
};
int VisitFacts(const Facts& facts, visitproc visit, void* arg);
void ClearFacts(Facts* facts);
// The first failure stands. False: there was one.
bool SetFailure(Facts* facts, const Ref& error_type, const Ref& message);
// With the outcome of __exit__'s or end()'s argument, unless it failed before.
ringside_outcome CloseFacts(Facts* facts, ringside_outcome outcome);

// A stage in its request's list, in the order in which they began. Freed with the request.
struct Step {
  Step* next;
  PyObject* name;  // str
  uint64_t offset_ns;
  Facts facts;
};

struct Request {
  PyObject base;
  ringside_request probe;
  Handle* operation;
  PyObject* id;     // str, made when it is first asked for, or the caller's
  PyObject* token;  // of the context variable, between __enter__ and __exit__
  Facts facts;
  Step* first_step;
  Step* last_step;
  uint64_t start_unix_ns;
  uint64_t start_ns;  // where the probe has no clock; else 0
  uint8_t uuid[16];
  unsigned fork_count;  // of the process that began it
  bool is_single;       // one step that bears its name
  bool is_event;
};

struct RequestSpec {
  Handle* operation = nullptr;
  PyObject* id = nullptr;          // any object, or nullptr
  PyObject* attributes = nullptr;  // dict of what is archived, or nullptr
  bool is_single = false;
  bool is_event = false;
};
Request* NewRequest(const RequestSpec& spec);
// `measured`: how long it took, if not from its start to now. Once; further calls do nothing.
void EndRequest(Request* request, ringside_outcome outcome, const uint64_t* measured);
void FailRequest(Request* request, const Ref& error_type, const Ref& message);

// Whether it is open, and of this process.
bool IsOurs(const Request& request);
// The request that the running code belongs to, or empty. Only one that IsOurs.
Ref CurrentRequest();

// Makes it the current request, and puts back what was before.
void EnterContext(Request* request);
void LeaveContext(Request* request);

bool InitRequest();
PyTypeObject* RequestType();
// The context variable.
PyObject* CurrentVariable();

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_REQUEST_H_
