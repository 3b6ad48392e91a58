#include "python/extension/handle.h"

#include "python/extension/labels.h"
#include "python/extension/sink.h"

namespace ringside::python {

CachedCall cached_calls[kCachedCalls];
PyTypeObject* handle_types[kKinds];

namespace {

// As many series as a process can have; beyond that they are overflow series anyway.
constexpr Py_ssize_t kMaxHandles = 4096;
PyObject* handles = nullptr;  // a dict from the words of a series to its handle

const void* SeriesOf(const HandleSpec& spec) {
  const LabelArray labels(spec.labels);
  const ringside_text name = View(spec.name);
  const ringside_text unit = View(spec.unit);
  ringside_value_options options{};
  options.size = sizeof options;
  options.resolution = RINGSIDE_RESOLUTION_AUTO;
  options.is_signed = spec.is_signed ? 1 : 0;
  options.scale = -1;
  switch (spec.kind) {
    case Kind::kOperation:
      return ringside_operation_get(name, labels.data(), labels.size());
    case Kind::kValue:
      return ringside_value_get(name, unit, &options, labels.data(), labels.size());
    case Kind::kCounter:
      return ringside_counter_get(name, unit, labels.data(), labels.size());
    case Kind::kGauge:
      return ringside_gauge_get(name, unit, &options, labels.data(), labels.size());
  }
  return nullptr;
}

Ref NewHandle(const HandleSpec& spec) {
  auto* const handle =
      reinterpret_cast<Handle*>(PyType_GenericAlloc(handle_types[static_cast<int>(spec.kind)], 0));
  if (handle == nullptr) return Ref();
  handle->series = SeriesOf(spec);
  handle->name = Ref::Share(spec.name).Release();
  handle->unit = Ref::Share(spec.unit).Release();
  handle->labels = Ref::Share(spec.labels).Release();
  handle->kind = spec.kind;
  handle->is_signed = spec.is_signed;
  return Ref(reinterpret_cast<PyObject*>(handle));
}

// What tells this series from all others, as a key of a dict.
Ref WordsOf(const HandleSpec& spec) {
  const Ref items(spec.labels != nullptr ? PyDict_Items(spec.labels) : PyList_New(0));
  const Ref labels(items ? PyList_AsTuple(items.get()) : nullptr);
  if (!labels) return Ref();
  PyObject* const unit = spec.unit != nullptr ? spec.unit : Py_None;
  return Ref(Py_BuildValue("(iiOOO)", static_cast<int>(spec.kind), spec.is_signed ? 1 : 0,
                           spec.name, unit, labels.get()));
}

// Whether the object means the same for ever.
bool IsConstant(PyObject* object) {
  return PyUnicode_CheckExact(object) != 0 || PyLong_CheckExact(object) != 0 ||
         PyBool_Check(object) != 0 || PyFloat_CheckExact(object) != 0 || object == Py_None;
}

void Forget(CachedCall* call) {
  const CachedCall before = *call;
  *call = CachedCall{};
  Py_XDECREF(reinterpret_cast<PyObject*>(before.handle));
  Py_XDECREF(before.name);
  Py_XDECREF(before.names);
  for (int i = 0; i < before.count; ++i) Py_XDECREF(before.values[i]);
}

void Remember(const CallKey& key, int count, PyObject* handle) {
  if (count > kCachedValues || !PyUnicode_CheckExact(key.name)) return;
  for (int i = 0; i < count; ++i) {
    if (!IsConstant(key.values[i])) return;
  }
  CachedCall& call = PlaceOf(key);
  Forget(&call);
  Py_INCREF(handle);
  call.handle = reinterpret_cast<Handle*>(handle);
  call.name = Ref::Share(key.name).Release();
  call.names = Ref::Share(key.names).Release();
  call.kind = key.kind;
  call.signature = key.signature;
  call.count = static_cast<uint8_t>(count);
  for (int i = 0; i < count; ++i) call.values[i] = Ref::Share(key.values[i]).Release();
}

}  // namespace

Ref FindHandle(const HandleSpec& given) {
  HandleSpec spec = given;
  const Ref name = TextOf(spec.name);
  const Ref unit = spec.unit != nullptr ? TextOf(spec.unit) : Ref();
  if (!name) return Ref();
  spec.name = name.get();
  spec.unit = unit.get();
  const Ref words = WordsOf(spec);
  if (!words) return Ref();
  PyObject* const known = PyDict_GetItemWithError(handles, words.get());
  if (known != nullptr) return Ref::Share(known);
  Ref made = NewHandle(spec);
  if (made && PyDict_Size(handles) < kMaxHandles &&
      PyDict_SetItem(handles, words.get(), made.get()) < 0) {
    PyErr_Clear();
  }
  return made;
}

Ref HandleOfCall(const CallKey& key, const Keywords& keywords) {
  HandleSpec spec;
  spec.kind = key.kind;
  spec.name = key.name;
  PyObject* meaningful[kMaxKeywords + 1];
  int count = 0;
  bool may_remember = true;
  for (int i = 0; i < keywords.count; ++i) {
    const Role role = keywords.roles[i];
    if (role == Role::kUnit) spec.unit = key.values[i];
    if (role == Role::kSigned) spec.is_signed = PyObject_IsTrue(key.values[i]) == 1;
    may_remember &= role != Role::kLabels;
    if (role == Role::kUnit || role == Role::kSigned || role == Role::kLabel) {
      meaningful[count++] = key.values[i];
    }
  }
  if (PyErr_Occurred() != nullptr) PyErr_Clear();
  meaningful[count] = nullptr;
  const CallKey call{key.kind, key.signature, key.name, key.names, meaningful};
  Handle* const known = may_remember ? FindCall(call) : nullptr;
  if (known != nullptr) return Ref::Share(reinterpret_cast<PyObject*>(known));
  Ref labels;
  AddCallLabels(&labels, keywords, key.names, key.values);
  spec.labels = labels.get();
  Ref handle = FindHandle(spec);
  if (handle && may_remember) Remember(call, count, handle.get());
  return handle;
}

void ForgetCalls() {
  for (CachedCall& call : cached_calls) Forget(&call);
}

bool InitHandles() {
  if (handles == nullptr) handles = PyDict_New();
  return handles != nullptr;
}

void TellNumber(const char* kind, PyObject* name, PyObject* labels, const Number& number,
                PyObject* unit) {
  if (sink == nullptr) return;
  const Ref real(number.is_integer ? PyLong_FromLongLong(number.integer)
                                   : PyFloat_FromDouble(number.real));
  TellSink(kind, Py_BuildValue("(OOOO)", name, labels != nullptr ? labels : Py_None, real.get(),
                               unit != nullptr ? unit : Py_None));
}

void TellOperation(const Handle& operation, uint64_t ns, PyObject* error_type) {
  if (sink == nullptr) return;
  TellSink("operation", Py_BuildValue("(OOKO)", operation.name,
                                      operation.labels != nullptr ? operation.labels : Py_None,
                                      static_cast<unsigned long long>(ns),
                                      error_type != nullptr ? error_type : Py_None));
}

void RecordNumber(const Handle& handle, const Number& number) {
  if (handle.kind == Kind::kGauge) {
    const auto* gauge = static_cast<const ringside_gauge*>(handle.series);
    number.is_integer ? ringside_gauge_set_int(gauge, number.integer)
                      : ringside_gauge_set(gauge, number.real);
  } else {
    const auto* value = static_cast<const ringside_value*>(handle.series);
    number.is_integer ? ringside_value_record_int(value, number.integer)
                      : ringside_value_record(value, number.real);
  }
  TellNumber(handle.kind == Kind::kGauge ? "gauge" : "value", handle.name, handle.labels, number,
             handle.unit);
}

void AddCount(const Handle& handle, const Number& number) {
  // Beyond 2^63 no double is a count any more; NaN compares false.
  const bool is_whole = number.is_integer || (number.real >= 0 && number.real < 0x1p63);
  const int64_t count =
      number.is_integer || !is_whole ? number.integer : static_cast<int64_t>(number.real);
  if (!is_whole || count < 0) {
    ++ignored.invalid;
    return;
  }
  ringside_counter_add(static_cast<const ringside_counter*>(handle.series),
                       static_cast<uint64_t>(count));
  Number added;
  added.is_integer = true;
  added.integer = count;
  TellNumber("count", handle.name, handle.labels, added, handle.unit);
}

}  // namespace ringside::python
