#include "python/extension/attributes.h"

#include "python/extension/text.h"

namespace ringside::python {

void AddAttribute(Ref* attributes, PyObject* key, PyObject* value) {
  const Ref kept = AttributeValueOf(value);
  const Ref name = TextOf(key);
  if (kept && name && !*attributes) *attributes = Ref(PyDict_New());
  if (kept && name && *attributes) PyDict_SetItem(attributes->get(), name.get(), kept.get());
  PyErr_Clear();
}

void AddCallAttributes(Ref* attributes, const Keywords& keywords, PyObject* names,
                       PyObject* const* values) {
  for (int i = 0; i < keywords.count; ++i) {
    const Role role = keywords.roles[i];
    if (role != Role::kAttribute && role != Role::kLabel) continue;
    AddAttribute(attributes, PyTuple_GetItem(names, i), values[i]);
  }
}

AttributeArray::AttributeArray(PyObject* attributes) {
  Py_ssize_t at = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  while (attributes != nullptr && count_ < kMaxKeywords &&
         PyDict_Next(attributes, &at, &key, &value) != 0) {
    attributes_[count_++] = AttributeOf(key, value);
  }
}

void MergeDict(PyObject** into, PyObject* from) {
  if (from == nullptr) return;
  if (*into == nullptr) *into = PyDict_New();
  if (*into == nullptr || PyDict_Update(*into, from) < 0) PyErr_Clear();
}

}  // namespace ringside::python
