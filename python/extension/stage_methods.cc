#include "python/extension/stage_methods.h"

#include "python/extension/attributes.h"
#include "python/extension/awaitable.h"
#include "python/extension/failure.h"
#include "python/extension/method_arguments.h"

namespace ringside::python {
namespace {

Stage* Self(PyObject* self) { return reinterpret_cast<Stage*>(self); }
bool IsOpen(const Stage& stage) { return stage.step->facts.is_open; }

PyObject* SetMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  const Arguments arguments{"set", values, count, names};
  if (!CheckCount(arguments, 0, 0)) return nullptr;
  const Ref attributes = AllAttributes(arguments);
  if (!attributes || !IsOpen(*Self(self))) return NewNone();
  MergeDict(&Self(self)->step->facts.attributes, attributes.get());
  const AttributeArray array(attributes.get());
  for (size_t i = 0; i < array.size(); ++i) {
    ringside_stage_set(&Self(self)->probe, &array.data()[i]);
  }
  return NewNone();
}

PyObject* ValueMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  ValueCall call;
  if (!ReadValueCall({"value", values, count, names}, &call)) return nullptr;
  Stage* const stage = Self(self);
  if (!IsOpen(*stage)) return NewNone();
  ringside_stage_value(&stage->probe, View(call.name.get()), View(call.unit.get()), call.Real());
  Facts& facts = stage->step->facts;
  MergeDict(&facts.attributes, call.Attribute().get());
  const Ref path = PathOf({stage->request->operation->name, stage->step->name, call.name.get()});
  TellNumber("value", path.get(), facts.labels, call.number, call.unit.get());
  return NewNone();
}

PyObject* FailMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  Ref error_type;
  Ref message;
  if (!ReadFailure({"fail", values, count, names}, &error_type, &message)) return nullptr;
  FailStage(Self(self), error_type, message);
  return NewNone();
}

PyObject* EndMethod(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  ringside_outcome outcome = RINGSIDE_OK;
  if (!ReadOutcome({"end", values, count, names}, &outcome)) return nullptr;
  EndStage(Self(self), outcome, nullptr);
  return NewNone();
}

PyObject* EnterMethod(PyObject* self, PyObject*) {
  Py_INCREF(self);
  return self;
}

PyObject* ExitMethod(PyObject* self, PyObject* const* values, Py_ssize_t count) {
  if (!CheckCount({"__exit__", values, count, nullptr}, 3, 3)) return nullptr;
  if (IsFailure(values[0])) {
    const ErrorKeeper keeper;
    FailStage(Self(self), ErrorTypeOf(values[0]), MessageOf(values[1]));
  }
  EndStage(Self(self), RINGSIDE_OK, nullptr);
  return NewNone();
}

PyObject* AsyncEnterMethod(PyObject* self, PyObject*) { return NewAwaitable(self); }

PyObject* AsyncExitMethod(PyObject* self, PyObject* const* values, Py_ssize_t count) {
  const Ref done(ExitMethod(self, values, count));
  return done ? NewAwaitable(Py_None) : nullptr;
}

PyObject* GetName(PyObject* self, void*) { return Ref::Share(Self(self)->step->name).Release(); }
PyObject* GetRequest(PyObject* self, void*) {
  return Ref::Share(reinterpret_cast<PyObject*>(Self(self)->request)).Release();
}

}  // namespace

PyMethodDef stage_methods[] = {
    {"set", AsMethod(SetMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"value", AsMethod(ValueMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"fail", AsMethod(FailMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"end", AsMethod(EndMethod), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"__enter__", EnterMethod, METH_NOARGS, nullptr},
    {"__exit__", AsMethod(ExitMethod), METH_FASTCALL, nullptr},
    {"__aenter__", AsyncEnterMethod, METH_NOARGS, nullptr},
    {"__aexit__", AsMethod(AsyncExitMethod), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef stage_getters[] = {{"name", GetName, nullptr, nullptr, nullptr},
                               {"request", GetRequest, nullptr, nullptr, nullptr},
                               {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyObject* DetailOf(const Step& step, uint64_t request_ns) {
  const Facts& facts = step.facts;
  uint64_t ns = facts.duration_ns;
  // It ran when its request ended.
  if (facts.is_open) ns = request_ns > step.offset_ns ? request_ns - step.offset_ns : 0;
  const auto or_none = [](PyObject* object) { return object != nullptr ? object : Py_None; };
  return Py_BuildValue("(OOOKKiOO)", step.name, or_none(facts.labels), or_none(facts.attributes),
                       static_cast<unsigned long long>(step.offset_ns),
                       static_cast<unsigned long long>(ns),
                       facts.is_open ? -1 : static_cast<int>(facts.outcome),
                       or_none(facts.error_type), or_none(facts.message));
}

}  // namespace ringside::python
