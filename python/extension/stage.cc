#include "python/extension/stage.h"

#include "python/extension/attributes.h"
#include "python/extension/labels.h"
#include "python/extension/request_methods.h"
#include "python/extension/sink.h"
#include "python/extension/stage_methods.h"

namespace ringside::python {
namespace {

PyTypeObject* stage_type = nullptr;

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PyObject*>(reinterpret_cast<Stage*>(self)->request));
  return 0;
}

void Dealloc(PyObject* self) {
  auto* const stage = reinterpret_cast<Stage*>(self);
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (stage->request != nullptr) {
    const ErrorKeeper keeper;
    EndStage(stage, RINGSIDE_ABORTED, nullptr);  // forgotten
    Py_DECREF(reinterpret_cast<PyObject*>(stage->request));
  }
  PyObject_GC_Del(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

PyType_Slot slots[] = {{Py_tp_dealloc, AsSlot(Dealloc)},
                       {Py_tp_traverse, AsSlot(Traverse)},
                       {Py_tp_methods, stage_methods},
                       {Py_tp_getset, stage_getters},
                       {0, nullptr}};
PyType_Spec spec = {"ringside._ringside.Stage", sizeof(Stage), 0,
                    static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                          Py_TPFLAGS_DISALLOW_INSTANTIATION),
                    slots};

Step* AddStep(Request* request, Ref name) {
  auto* const step = static_cast<Step*>(PyMem_Calloc(1, sizeof(Step)));
  if (step == nullptr) return nullptr;
  step->name = name.Release();
  step->facts.is_open = true;
  step->facts.labels = Ref::Share(request->facts.labels).Release();
  (request->last_step == nullptr ? request->first_step : request->last_step->next) = step;
  request->last_step = step;
  return step;
}

// Its own labels go before those of its request. A dict that is shared with it stays as it is.
void OwnLabels(Step* step, PyObject* own) {
  if (own == nullptr) return;
  PyObject* const inherited = step->facts.labels;
  step->facts.labels = inherited != nullptr ? PyDict_Copy(inherited) : nullptr;
  Py_XDECREF(inherited);
  MergeDict(&step->facts.labels, own);
}

void Tell(const Stage& stage) {
  Request* const request = stage.request;
  if (sink == nullptr || !IsOurs(*request)) return;
  TellSink(
      stage.is_event ? "event" : "stage",
      Py_BuildValue("(NNO)", DetailOf(*stage.step, 0), IdOf(request), request->operation->name));
}

}  // namespace

Stage* NewStage(const StageSpec& spec_of) {
  Ref name = TextOf(spec_of.name);
  Ref object(name ? PyType_GenericAlloc(stage_type, 0) : nullptr);
  if (!object) return nullptr;
  auto* const stage = reinterpret_cast<Stage*>(object.get());
  Step* const step = AddStep(spec_of.request, std::move(name));
  if (step == nullptr) {
    PyErr_NoMemory();
    return nullptr;
  }
  stage->request = spec_of.request;
  Py_INCREF(reinterpret_cast<PyObject*>(spec_of.request));
  stage->step = step;
  stage->is_event = spec_of.is_event;
  OwnLabels(step, spec_of.labels);
  step->facts.attributes = Ref::Share(spec_of.attributes).Release();
  const LabelArray labels(step->facts.labels);
  ringside_stage_start(&stage->probe, &spec_of.request->probe, View(step->name), labels.data(),
                       labels.size());
  const AttributeArray attributes(spec_of.attributes);
  for (size_t i = 0; i < attributes.size(); ++i) {
    ringside_stage_set(&stage->probe, &attributes.data()[i]);
  }
  ringside_request* const request = &spec_of.request->probe;
  if (ringside_stage_span(&stage->probe, request, &step->offset_ns, nullptr) == 0) {
    stage->start_ns = MonotonicNs();
    const uint64_t origin = spec_of.request->start_ns;
    step->offset_ns = origin != 0 && stage->start_ns > origin ? stage->start_ns - origin : 0;
  }
  return reinterpret_cast<Stage*>(object.Release());
}

void FailStage(Stage* stage, const Ref& error_type, const Ref& message) {
  if (!error_type || !SetFailure(&stage->step->facts, error_type, message)) return;
  ringside_stage_fail(&stage->probe, View(error_type.get()), View(message.get()));
}

void EndStage(Stage* stage, ringside_outcome outcome, const uint64_t* measured) {
  Step* const step = stage->step;
  if (!step->facts.is_open) return;
  outcome = CloseFacts(&step->facts, outcome);
  if (measured != nullptr) {
    ringside_stage_end_measured(&stage->probe, outcome, *measured);
  } else {
    ringside_stage_end(&stage->probe, outcome);
  }
  uint64_t* const duration = &step->facts.duration_ns;
  if (ringside_stage_span(&stage->probe, &stage->request->probe, &step->offset_ns, duration) == 0) {
    *duration = measured != nullptr ? *measured : MonotonicNs() - stage->start_ns;
    if (measured != nullptr)
      step->offset_ns -= *measured < step->offset_ns ? *measured : step->offset_ns;
  }
  Tell(*stage);
}

bool InitStage() {
  if (stage_type == nullptr) {
    stage_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  }
  return stage_type != nullptr;
}

PyTypeObject* StageType() { return stage_type; }

}  // namespace ringside::python
