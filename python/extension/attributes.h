// Attributes on their way to the probe: a dict of what is archived, or none.
#ifndef RINGSIDE_PYTHON_EXTENSION_ATTRIBUTES_H_
#define RINGSIDE_PYTHON_EXTENSION_ATTRIBUTES_H_

#include <cstddef>

#include <ringside/probe_c.h>

#include "python/extension/keywords.h"
#include "python/extension/python_api.h"

namespace ringside::python {

// The dict is made when the first attribute comes. A value of None is no attribute.
void AddAttribute(Ref* attributes, PyObject* key, PyObject* value);
// Those of a call: every keyword that is no option of the function, labels too.
void AddCallAttributes(Ref* attributes, const Keywords& keywords, PyObject* names,
                       PyObject* const* values);

// The attributes refer to the dict, which must stay as it is. More than fit into a request's slot
// are not taken.
class AttributeArray {
 public:
  explicit AttributeArray(PyObject* attributes);
  const ringside_attribute* data() const { return attributes_; }
  size_t size() const { return count_; }

 private:
  size_t count_ = 0;
  ringside_attribute attributes_[kMaxKeywords];  // NOLINT: the first count_ are set
};

// The items of `from` into the dict that `into` points to, which is made if need be.
void MergeDict(PyObject** into, PyObject* from);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_ATTRIBUTES_H_
