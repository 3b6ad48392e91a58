#include "python/extension/request_methods.h"

#include <cstring>

#include <sys/random.h>

#include "python/extension/attributes.h"
#include "python/extension/awaitable.h"
#include "python/extension/failure.h"
#include "python/extension/labels.h"
#include "python/extension/method_arguments.h"
#include "python/extension/module.h"
#include "python/extension/options.h"
#include "python/extension/sink.h"
#include "python/extension/stage.h"
#include "python/extension/stage_methods.h"

namespace ringside::python {
namespace {

Request* Self(PyObject* self) { return reinterpret_cast<Request*>(self); }

PyObject* StageMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"stage", values, count, names};
  if (!CheckCount(arguments, 1, 1)) return nullptr;
  Keywords keywords;
  ReadKeywords(Signature::kTimer, names, &keywords);
  Ref labels;
  Ref attributes;
  AddCallLabels(&labels, keywords, names, arguments.keyword_values());
  AddCallAttributes(&attributes, keywords, names, arguments.keyword_values());
  StageSpec spec;
  spec.request = Self(self);
  spec.name = values[0];
  spec.labels = labels.get();
  spec.attributes = attributes.get();
  return reinterpret_cast<PyObject*>(NewStage(spec));
}

PyObject* RecordMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"record", values, count, names};
  if (!CheckCount(arguments, 1, 1)) return nullptr;
  Keywords keywords;
  ReadKeywords(Signature::kRecord, names, &keywords);
  Measurement measurement;
  if (!ReadMeasurement(arguments, keywords, &measurement)) return nullptr;
  if (!measurement.is_valid || !Self(self)->facts.is_open) return NewNone();
  return RecordStage(Self(self), arguments, keywords, measurement) ? NewNone() : nullptr;
}

PyObject* SetMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"set", values, count, names};
  if (!CheckCount(arguments, 0, 0)) return nullptr;
  const Ref attributes = AllAttributes(arguments);
  if (!attributes || !Self(self)->facts.is_open) return NewNone();
  MergeDict(&Self(self)->facts.attributes, attributes.get());
  const AttributeArray array(attributes.get());
  for (size_t i = 0; i < array.size(); ++i) {
    ringside_request_set(&Self(self)->probe, &array.data()[i]);
  }
  return NewNone();
}

// Every keyword is a label, of those that were there before it or beside them.
PyObject* LabelMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"label", values, count, names};
  if (!CheckCount(arguments, 0, 0)) return nullptr;
  Facts& facts = Self(self)->facts;
  if (!facts.is_open || names == nullptr) return NewNone();
  // The dict at hand is the operation's too, and that of stages.
  Ref labels(facts.labels != nullptr ? PyDict_Copy(facts.labels) : nullptr);
  for (Py_ssize_t i = 0; i < PyTuple_Size(names); ++i) {
    AddLabel(&labels, PyTuple_GetItem(names, i), arguments.keyword_values()[i]);
  }
  if (!labels) return NewNone();
  const LabelArray array(labels.get());
  ringside_request_label(&Self(self)->probe, array.data(), array.size());
  const Ref before(facts.labels);
  facts.labels = labels.Release();
  return NewNone();
}

PyObject* ValueMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  ValueCall call;
  if (!ReadValueCall({"value", values, count, names}, &call)) return nullptr;
  Request* const request = Self(self);
  if (!request->facts.is_open) return NewNone();
  ringside_request_value(&request->probe, View(call.name.get()), View(call.unit.get()),
                         call.Real());
  MergeDict(&request->facts.attributes, call.Attribute().get());
  TellNumber("value", PathOf({request->operation->name, call.name.get()}).get(),
             request->facts.labels, call.number, call.unit.get());
  return NewNone();
}

PyObject* FailMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  Ref error_type;
  Ref message;
  if (!ReadFailure({"fail", values, count, names}, &error_type, &message)) return nullptr;
  FailRequest(Self(self), error_type, message);
  return NewNone();
}

PyObject* EndMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  ringside_outcome outcome = RINGSIDE_OK;
  if (!ReadOutcome({"end", values, count, names}, &outcome)) return nullptr;
  EndRequest(Self(self), outcome, nullptr);
  return NewNone();
}

void Exit(Request* request, PyObject* exception_type, PyObject* exception) {
  const ErrorKeeper keeper;
  if (IsFailure(exception_type)) {
    FailRequest(request, ErrorTypeOf(exception_type), MessageOf(exception));
  }
  LeaveContext(request);
  EndRequest(request, RINGSIDE_OK, nullptr);
}

PyObject* EnterMethod(PyObject* self, PyObject*) {
  EnterContext(Self(self));
  Py_INCREF(self);
  return self;
}

PyObject* ExitMethod(PyObject* self, PyObject* const* values, Py_ssize_t count) {
  if (!CheckCount({"__exit__", values, count, nullptr}, 3, 3)) return nullptr;
  Exit(Self(self), values[0], values[1]);
  return NewNone();
}

PyObject* AsyncEnterMethod(PyObject* self, PyObject*) {
  EnterContext(Self(self));
  return NewAwaitable(self);
}

PyObject* AsyncExitMethod(PyObject* self, PyObject* const* values, Py_ssize_t count) {
  const Ref done(ExitMethod(self, values, count));
  return done ? NewAwaitable(Py_None) : nullptr;
}

PyObject* GetId(PyObject* self, void*) { return IdOf(Self(self)); }
PyObject* GetName(PyObject* self, void*) {
  return Ref::Share(Self(self)->operation->name).Release();
}
PyObject* GetIsOpen(PyObject* self, void*) { return PyBool_FromLong(IsOurs(*Self(self)) ? 1 : 0); }
PyObject* GetSummary(PyObject* self, void*) { return SummaryOf(DetailOf(Self(self))); }

}  // namespace

PyMethodDef request_methods[] = {
    {"stage", AsMethod(StageMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"record", AsMethod(RecordMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"set", AsMethod(SetMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"label", AsMethod(LabelMethod), METH_FASTCALL | METH_KEYWORDS,
     "Labels that are known late: the request counts under them, and those it had."},
    {"value", AsMethod(ValueMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"fail", AsMethod(FailMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"end", AsMethod(EndMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"__enter__", EnterMethod, METH_NOARGS, nullptr},
    {"__exit__", AsMethod(ExitMethod), METH_FASTCALL, nullptr},
    {"__aenter__", AsyncEnterMethod, METH_NOARGS, nullptr},
    {"__aexit__", AsMethod(AsyncExitMethod), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef request_getters[] = {
    {"id", GetId, nullptr, "As in the archive: the caller's, else a random UUID.", nullptr},
    {"name", GetName, nullptr, nullptr, nullptr},
    {"is_open", GetIsOpen, nullptr, "False once it has ended, and in a forked child.", nullptr},
    {"summary", GetSummary, nullptr, "The archive's line as a dict; of an open request, so far.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyObject* IdOf(Request* request) {
  if (request->id == nullptr) {
    uint8_t* const bytes = request->uuid;
    const uint8_t none[sizeof request->uuid] = {};
    // Nothing of it will be archived; it is still told from others.
    if (memcmp(bytes, none, sizeof none) == 0) {
      (void)!getrandom(bytes, sizeof none, GRND_NONBLOCK);
      bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0fu) | 0x40u);
      bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3fu) | 0x80u);
    }
    char text[37];
    char* out = text;
    for (size_t i = 0; i < sizeof none; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
      *out++ = "0123456789abcdef"[bytes[i] >> 4];
      *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    request->id = PyUnicode_FromStringAndSize(text, out - text);
  }
  return Ref::Share(request->id).Release();
}

PyObject* DetailOf(Request* request) {
  uint64_t ns = request->facts.duration_ns;
  const Facts& facts = request->facts;
  if (facts.is_open && ringside_request_span(&request->probe, &ns) == 0) {
    ns = MonotonicNs() - request->start_ns;
  }
  Ref steps(PyList_New(0));
  for (const Step* step = request->first_step; steps && step != nullptr; step = step->next) {
    const Ref detail(DetailOf(*step, ns));
    if (!detail || PyList_Append(steps.get(), detail.get()) < 0) return nullptr;
  }
  if (!steps) return nullptr;
  const auto or_none = [](PyObject* object) { return object != nullptr ? object : Py_None; };
  return Py_BuildValue(
      "(NOOONKiOOK)", IdOf(request), request->operation->name, or_none(facts.labels),
      or_none(facts.attributes), steps.Release(), static_cast<unsigned long long>(ns),
      facts.is_open ? -1 : static_cast<int>(facts.outcome), or_none(facts.error_type),
      or_none(facts.message), static_cast<unsigned long long>(request->start_unix_ns));
}

}  // namespace ringside::python
