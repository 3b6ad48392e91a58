#include "python/extension/text.h"

#include <cmath>
#include <limits>

namespace ringside::python {
namespace {

constexpr double kLargestNs = 9.2e18;

// Lone surrogates have no UTF-8: they become question marks.
Ref Encodable(Ref text) {
  if (PyUnicode_AsUTF8AndSize(text.get(), nullptr) != nullptr) return text;
  PyErr_Clear();
  const Ref bytes(PyUnicode_AsEncodedString(text.get(), "utf-8", "replace"));
  if (!bytes) return Ref();
  return Ref(PyUnicode_FromEncodedObject(bytes.get(), "utf-8", "replace"));
}

}  // namespace

Ref TextOf(PyObject* object) {
  Ref text = PyUnicode_Check(object) ? Ref::Share(object) : Ref(PyObject_Str(object));
  if (text) text = Encodable(std::move(text));
  if (text) return text;
  PyErr_Clear();
  text = Ref(PyUnicode_FromString("(unprintable)"));
  if (!text) PyErr_Clear();
  return text;
}

ringside_text View(PyObject* text) {
  Py_ssize_t size = 0;
  const char* data = text == nullptr ? nullptr : PyUnicode_AsUTF8AndSize(text, &size);
  if (data == nullptr) {
    PyErr_Clear();
    return {nullptr, 0};
  }
  return {data, static_cast<size_t>(size)};
}

Ref AttributeValueOf(PyObject* object) {
  if (object == Py_None) return Ref();
  if (PyBool_Check(object)) return Ref::Share(object);
  if (PyFloat_Check(object)) return Ref(PyFloat_FromDouble(PyFloat_AsDouble(object)));
  if (PyLong_Check(object)) {
    int overflow = 0;
    const long long integer = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0) return Ref(PyLong_FromLongLong(integer));
  }
  return TextOf(object);
}

ringside_attribute AttributeOf(PyObject* key, PyObject* value) {
  ringside_attribute attribute{};
  attribute.key = View(key);
  if (PyBool_Check(value)) {
    attribute.type = RINGSIDE_BOOL;
    attribute.value.boolean = value == Py_True ? 1 : 0;
  } else if (PyLong_Check(value)) {
    attribute.type = RINGSIDE_INTEGER;
    attribute.value.integer = PyLong_AsLongLong(value);
  } else if (PyFloat_Check(value)) {
    attribute.type = RINGSIDE_DOUBLE;
    attribute.value.number = PyFloat_AsDouble(value);
  } else {
    attribute.type = RINGSIDE_STRING;
    attribute.value.text = View(value);
  }
  return attribute;
}

Number NumberOf(PyObject* object) {
  Number number;
  if (PyLong_Check(object)) {
    int overflow = 0;
    number.integer = PyLong_AsLongLongAndOverflow(object, &overflow);
    number.is_integer = overflow == 0;
  }
  if (number.is_integer) return number;
  number.real = PyFloat_AsDouble(object);
  if (number.real == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    number.real = std::numeric_limits<double>::quiet_NaN();
  }
  return number;
}

bool DurationOf(PyObject* object, int64_t ns_per_unit, uint64_t* ns) {
  const Number number = NumberOf(object);
  int64_t exact = 0;
  if (number.is_integer && !__builtin_mul_overflow(number.integer, ns_per_unit, &exact)) {
    *ns = static_cast<uint64_t>(exact);
    return exact >= 0;
  }
  const double real = number.is_integer ? static_cast<double>(number.integer) : number.real;
  const double product = real * static_cast<double>(ns_per_unit);
  if (!std::isfinite(product) || product < 0) return false;
  *ns = product < kLargestNs ? static_cast<uint64_t>(std::llround(product))
                             : static_cast<uint64_t>(kLargestNs);
  return true;
}

}  // namespace ringside::python
