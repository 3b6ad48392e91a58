#include "python/extension/process.h"

#include <ringside/probe_c.h>

#include "python/extension/handle.h"
#include "python/extension/keywords.h"
#include "python/extension/labels.h"
#include "python/extension/sink.h"
#include "python/extension/text.h"

namespace ringside::python {
namespace {

// configure(service, directory, labels): texts, "" for none, and a dict of str or None. Whether it
// came in time.
PyObject* Configure(PyObject*, PyObject* arguments) {
  PyObject* service = nullptr;
  PyObject* directory = nullptr;
  PyObject* given = nullptr;
  if (PyArg_ParseTuple(arguments, "UUO", &service, &directory, &given) == 0) return nullptr;
  Ref labels;
  AddLabels(&labels, given);
  const LabelArray array(labels.get());
  ringside_config config{};
  config.size = sizeof config;
  config.service = View(service);
  config.directory = View(directory);
  config.labels = array.data();
  config.label_count = array.size();
  return PyBool_FromLong(ringside_configure(&config) == 0 ? 1 : 0);
}

PyObject* SetLabelKeysFunction(PyObject*, PyObject* keys) {
  if (!SetLabelKeys(keys)) return nullptr;
  ForgetCalls();
  return NewNone();
}

PyObject* SetSinkFunction(PyObject*, PyObject* callable) {
  SetSink(callable);
  return NewNone();
}

PyObject* SetEnabled(PyObject*, PyObject* enabled) {
  const int is_enabled = PyObject_IsTrue(enabled);
  if (is_enabled < 0) return nullptr;
  ringside_set_enabled(is_enabled);
  return NewNone();
}

PyObject* Health(PyObject*, PyObject*) {
  ringside_health health{};
  health.size = sizeof health;
  (void)ringside_get_health(&health);
  const auto number = [](uint64_t count) { return static_cast<unsigned long long>(count); };
  return Py_BuildValue("{sKsKsKsKsKsKsKsKsKsK}", "lost_no_segment", number(health.lost_no_segment),
                       "lost_not_finite", number(health.lost_not_finite), "lost_negative",
                       number(health.lost_negative), "lost_no_lane", number(health.lost_no_lane),
                       "dropped_detail", number(health.dropped_detail), "coarse_samples",
                       number(health.coarse_samples), "clamped", number(health.clamped),
                       "overflow_series", number(health.overflow_series), "ignored_attributes",
                       number(ignored.attributes), "invalid", number(ignored.invalid));
}

PyObject* SegmentPath(PyObject*, PyObject*) {
  char path[4096];
  const size_t size = ringside_segment_path(path, sizeof path);
  if (size == 0 || size >= sizeof path) return NewNone();
  return PyUnicode_DecodeFSDefault(path);
}

PyObject* LastError(PyObject*, PyObject*) {
  return PyUnicode_DecodeFSDefault(ringside_last_error());
}

}  // namespace

PyMethodDef process_functions[] = {{"configure", Configure, METH_VARARGS, nullptr},
                                   {"set_label_keys", SetLabelKeysFunction, METH_O, nullptr},
                                   {"set_sink", SetSinkFunction, METH_O, nullptr},
                                   {"set_enabled", SetEnabled, METH_O, nullptr},
                                   {"health", Health, METH_NOARGS, nullptr},
                                   {"segment_path", SegmentPath, METH_NOARGS, nullptr},
                                   {"last_error", LastError, METH_NOARGS, nullptr},
                                   {nullptr, nullptr, 0, nullptr}};

}  // namespace ringside::python
