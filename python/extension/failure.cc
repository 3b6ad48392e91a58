#include "python/extension/failure.h"

#include "python/extension/text.h"

namespace ringside::python {

bool IsFailure(PyObject* exception_type) {
  return exception_type != Py_None && exception_type != PyExc_GeneratorExit;
}

Ref ErrorTypeOf(PyObject* exception_type) {
  const Ref name(PyType_Check(exception_type)
                     ? PyType_GetName(reinterpret_cast<PyTypeObject*>(exception_type))
                     : nullptr);
  if (name) return TextOf(name.get());
  PyErr_Clear();
  return TextOf(exception_type);
}

Ref MessageOf(PyObject* exception) {
  return exception == Py_None ? Ref(PyUnicode_FromString("")) : TextOf(exception);
}

}  // namespace ringside::python
