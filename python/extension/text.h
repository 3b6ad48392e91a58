// Python's values as the probe takes them: texts, numbers, attributes, durations.
//
// Nothing here raises: what cannot be converted becomes a text that says so, or is refused.
#ifndef RINGSIDE_PYTHON_EXTENSION_TEXT_H_
#define RINGSIDE_PYTHON_EXTENSION_TEXT_H_

#include <cstdint>

#include <ringside/probe_c.h>

#include "python/extension/python_api.h"

namespace ringside::python {

// A str that can be encoded, of any object: itself where it is one, else what str() makes of it.
// Never empty-handed, unless there is no memory.
Ref TextOf(PyObject* object);
// Of what TextOf gave: valid as long as the object is.
ringside_text View(PyObject* text);

// The value as it is archived: str, int of 64 bits, float, bool, or the text of anything else.
// nullptr for None, which is no value.
Ref AttributeValueOf(PyObject* object);
// Refers to key and value, which are what TextOf and AttributeValueOf gave.
ringside_attribute AttributeOf(PyObject* key, PyObject* value);

struct Number {
  bool is_integer = false;
  int64_t integer = 0;
  double real = 0;
};
// What is no number is NaN, which the probe refuses and counts.
Number NumberOf(PyObject* object);

// Nanoseconds of `object` units. False: negative, not finite, or no number.
bool DurationOf(PyObject* object, int64_t ns_per_unit, uint64_t* ns);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_TEXT_H_
