#include "python/extension/labels.h"

#include "python/extension/text.h"

namespace ringside::python {
namespace {

Ref LabelText(PyObject* value) {
  if (PyBool_Check(value)) return Ref(PyUnicode_FromString(value == Py_True ? "true" : "false"));
  return TextOf(value);
}

}  // namespace

void AddLabel(Ref* labels, PyObject* key, PyObject* value) {
  if (value == Py_None) return;
  if (!*labels) *labels = Ref(PyDict_New());
  const Ref key_text = TextOf(key);
  const Ref value_text = LabelText(value);
  if (!*labels || !key_text || !value_text ||
      PyDict_SetItem(labels->get(), key_text.get(), value_text.get()) < 0) {
    PyErr_Clear();
  }
}

void AddLabels(Ref* labels, PyObject* dict) {
  if (!PyDict_Check(dict)) return;
  // A copy: what is turned into text may change the dict on the way.
  const Ref items(PyDict_Items(dict));
  const Py_ssize_t count = items ? PyList_Size(items.get()) : 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = PyList_GetItem(items.get(), i);
    AddLabel(labels, PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1));
  }
  PyErr_Clear();
}

void AddCallLabels(Ref* labels, const Keywords& keywords, PyObject* names,
                   PyObject* const* values) {
  for (int i = 0; i < keywords.count; ++i) {
    if (keywords.roles[i] == Role::kLabels) AddLabels(labels, values[i]);
  }
  for (int i = 0; i < keywords.count; ++i) {
    if (keywords.roles[i] != Role::kLabel) continue;
    AddLabel(labels, PyTuple_GetItem(names, i), values[i]);
  }
}

LabelArray::LabelArray(PyObject* labels) {
  Py_ssize_t at = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  while (labels != nullptr && count_ < kMaxLabels && PyDict_Next(labels, &at, &key, &value) != 0) {
    labels_[count_++] = {View(key), View(value)};
  }
}

}  // namespace ringside::python
