#include "python/extension/functions.h"

#include "python/extension/attributes.h"
#include "python/extension/labels.h"
#include "python/extension/method_arguments.h"
#include "python/extension/request.h"
#include "python/extension/sink.h"
#include "python/extension/stage.h"
#include "python/extension/timer.h"

namespace ringside::python {
namespace {

// A call of one of these functions, with its keywords read.
struct Call {
  const Arguments& arguments;
  Signature signature;
  Keywords keywords;

  Call(const Arguments& given, Signature of) : arguments(given), signature(of) {
    ReadKeywords(signature, arguments.names, &keywords);
  }
  PyObject* name() const { return arguments.values[0]; }
  Ref HandleOf(Kind kind) const {
    return HandleOfCall({kind, signature, name(), arguments.names, arguments.keyword_values()},
                        keywords);
  }
  Ref Labels() const {
    Ref labels;
    AddCallLabels(&labels, keywords, arguments.names, arguments.keyword_values());
    return labels;
  }
  Ref Attributes() const {
    Ref attributes;
    AddCallAttributes(&attributes, keywords, arguments.names, arguments.keyword_values());
    return attributes;
  }
};

Ref StartStage(const Call& call, PyObject* request, bool is_event) {
  const Ref labels = call.Labels();
  const Ref attributes = call.Attributes();
  StageSpec spec;
  spec.request = reinterpret_cast<Request*>(request);
  spec.name = call.name();
  spec.labels = labels.get();
  spec.attributes = attributes.get();
  spec.is_event = is_event;
  return Ref(reinterpret_cast<PyObject*>(NewStage(spec)));
}

Ref StartRequest(const Call& call, bool is_single, bool is_event) {
  const Ref operation = call.HandleOf(Kind::kOperation);
  if (!operation) return Ref();
  const Ref attributes = call.Attributes();
  RequestSpec spec;
  spec.operation = reinterpret_cast<Handle*>(operation.get());
  spec.id = ValueOf(call.arguments, call.keywords, Role::kId);
  if (spec.id == Py_None) spec.id = nullptr;
  spec.attributes = attributes.get();
  spec.is_single = is_single;
  spec.is_event = is_event;
  return Ref(reinterpret_cast<PyObject*>(NewRequest(spec)));
}

// What has attributes is a stage of the request it runs in, or a request of one step.
Ref StartDetailed(const Call& call, bool is_event) {
  const Ref request = CurrentRequest();
  return request ? StartStage(call, request.get(), is_event) : StartRequest(call, true, is_event);
}

[[gnu::noinline]] PyObject* TimerOfNewCall(const Arguments& arguments) {
  if (!CheckCount(arguments, 1, 1)) return nullptr;
  const Call call(arguments, Signature::kTimer);
  if (call.keywords.has_attributes) return StartDetailed(call, false).Release();
  const Ref operation = call.HandleOf(Kind::kOperation);
  return operation ? NewTimer(reinterpret_cast<Handle*>(operation.get())) : nullptr;
}

PyObject* TimerFunction(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  if (__builtin_expect(count == 1, 1)) {
    Handle* const operation =
        FindCall({Kind::kOperation, Signature::kTimer, values[0], names, values + 1});
    if (__builtin_expect(operation != nullptr, 1)) return NewTimer(operation);
  }
  return TimerOfNewCall({"timer", values, count, names});
}

PyObject* RequestFunction(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"request", values, count, names};
  if (!CheckCount(arguments, 1, 1)) return nullptr;
  return StartRequest(Call(arguments, Signature::kRequest), false, false).Release();
}

void EndDetailed(PyObject* detailed, const Measurement& measurement) {
  if (Py_TYPE(detailed) == StageType()) {
    auto* const stage = reinterpret_cast<Stage*>(detailed);
    if (measurement.error_type) FailStage(stage, measurement.error_type, measurement.message);
    return EndStage(stage, measurement.outcome, &measurement.ns);
  }
  auto* const request = reinterpret_cast<Request*>(detailed);
  if (measurement.error_type) FailRequest(request, measurement.error_type, measurement.message);
  EndRequest(request, measurement.outcome, &measurement.ns);
}

PyObject* RecordFunction(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"record", values, count, names};
  if (!CheckCount(arguments, 1, 1)) return nullptr;
  const Call call(arguments, Signature::kRecord);
  Measurement measurement;
  if (!ReadMeasurement(arguments, call.keywords, &measurement)) return nullptr;
  if (!measurement.is_valid) return NewNone();
  const Ref made =
      call.keywords.has_attributes ? StartDetailed(call, false) : call.HandleOf(Kind::kOperation);
  if (!made) return nullptr;
  if (call.keywords.has_attributes) {
    EndDetailed(made.get(), measurement);
  } else {
    RecordOperation(*reinterpret_cast<Handle*>(made.get()), measurement);
  }
  return NewNone();
}

PyObject* EventFunction(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"event", values, count, names};
  if (!CheckCount(arguments, 1, 1)) return nullptr;
  const Ref event = StartDetailed(Call(arguments, Signature::kTimer), true);
  if (!event) return nullptr;
  EndDetailed(event.get(), Measurement{});
  return NewNone();
}

// The handle that a call of value(), gauge() or count() means; `holder` keeps it if need be.
Handle* HandleFor(Kind kind, const Arguments& arguments, Ref* holder) {
  Handle* const known = FindCall(
      {kind, Signature::kNumber, arguments.values[0], arguments.names, arguments.keyword_values()});
  if (__builtin_expect(known != nullptr, 1)) return known;
  const Call call(arguments, Signature::kNumber);
  for (int i = 0; i < call.keywords.count; ++i) {
    ignored.attributes += call.keywords.roles[i] == Role::kAttribute ? 1 : 0;
  }
  *holder = call.HandleOf(kind);
  return reinterpret_cast<Handle*>(holder->get());
}

PyObject* ValueFunction(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"value", values, count, names};
  if (!CheckCount(arguments, 2, 2)) return nullptr;
  Ref holder;
  const Handle* const handle = HandleFor(Kind::kValue, arguments, &holder);
  if (handle == nullptr) return nullptr;
  RecordNumber(*handle, NumberOf(values[1]));
  return NewNone();
}

PyObject* GaugeFunction(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"gauge", values, count, names};
  if (!CheckCount(arguments, 2, 2)) return nullptr;
  Ref holder;
  const Handle* const handle = HandleFor(Kind::kGauge, arguments, &holder);
  if (handle == nullptr) return nullptr;
  RecordNumber(*handle, NumberOf(values[1]));
  return NewNone();
}

PyObject* CountFunction(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"count", values, count, names};
  if (!CheckCount(arguments, 1, 2)) return nullptr;
  Ref holder;
  const Handle* const handle = HandleFor(Kind::kCounter, arguments, &holder);
  if (handle == nullptr) return nullptr;
  Number number;
  number.is_integer = true;
  number.integer = 1;
  if (count == 2) number = NumberOf(values[1]);
  AddCount(*handle, number);
  return NewNone();
}

PyObject* CurrentFunction(PyObject*, PyObject*) {
  Ref current = CurrentRequest();
  return current ? current.Release() : NewNone();
}

}  // namespace

void RecordOperation(const Handle& operation, const Measurement& measurement) {
  ringside_operation_record(operation.operation(), measurement.ns, measurement.outcome,
                            View(measurement.error_type.get()));
  TellOperation(operation, measurement.ns, measurement.error_type.get());
}

PyMethodDef functions[] = {
    {"timer", AsMethod(TimerFunction), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"request", AsMethod(RequestFunction), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"record", AsMethod(RecordFunction), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"event", AsMethod(EventFunction), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"value", AsMethod(ValueFunction), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"gauge", AsMethod(GaugeFunction), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"count", AsMethod(CountFunction), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"current_request", CurrentFunction, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace ringside::python
