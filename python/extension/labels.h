// Labels on their way to the probe: a dict from str to str, or none.
#ifndef RINGSIDE_PYTHON_EXTENSION_LABELS_H_
#define RINGSIDE_PYTHON_EXTENSION_LABELS_H_

#include <cstddef>

#include <ringside/probe_c.h>

#include "python/extension/keywords.h"
#include "python/extension/python_api.h"

namespace ringside::python {

// As many as the probe keeps of a series.
constexpr size_t kMaxLabels = 16;

// The dict is made when the first label comes. A value of None is no label.
void AddLabel(Ref* labels, PyObject* key, PyObject* value);
// What is no dict is ignored.
void AddLabels(Ref* labels, PyObject* dict);
// Those of a call: its labels={...} first, so that a keyword of the same name goes before it.
void AddCallLabels(Ref* labels, const Keywords& keywords, PyObject* names, PyObject* const* values);

// The labels refer to the dict, which must stay as it is.
class LabelArray {
 public:
  explicit LabelArray(PyObject* labels);
  const ringside_label* data() const { return labels_; }
  size_t size() const { return count_; }

 private:
  size_t count_ = 0;
  ringside_label labels_[kMaxLabels];  // NOLINT: the first count_ are set
};

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_LABELS_H_
