// Two things make a block cheap here. Ended timers wait in a list for the next block. And a timer's
// __enter__ and __exit__ are the timer itself (bound.h): the call tells them apart by its
// arguments.
#include "python/extension/timer.h"

#include <cstddef>

#include <structmember.h>

#include "python/extension/awaitable.h"
#include "python/extension/bound.h"
#include "python/extension/failure.h"
#include "python/extension/sink.h"

namespace ringside::python {
namespace {

// Part of the stable ABI since 3.12, and the same in 3.11.
constexpr unsigned long kHaveVectorcall = 1ul << 11;
constexpr size_t kArgumentsOffset = size_t{1} << (8 * sizeof(size_t) - 1);
using Vectorcall = PyObject* (*)(PyObject*, PyObject* const*, size_t, PyObject*);

// A block that was entered with a timer which was in one already.
struct Outer {
  ringside_timer timer;
  uint64_t start_ns;
  Outer* next;
};

struct Timer {
  PyObject base;
  Vectorcall call;
  Handle* operation;
  bool is_running;
  PyObject* error_type;  // str, once fail() was called while a sink listened; else nullptr
  ringside_timer timer;
  uint64_t start_ns;  // for the sink
  Outer* outer;
};

PyTypeObject* timer_type = nullptr;

constexpr int kMaxSpares = 64;
Timer* spares[kMaxSpares];
int spare_count = 0;

// A timer that is entered again before it was left: the inner block is another measurement.
[[gnu::cold, gnu::noinline]] void SetAside(Timer* timer) {
  auto* const outer = static_cast<Outer*>(PyMem_Malloc(sizeof(Outer)));
  if (outer == nullptr) return;
  *outer = {timer->timer, timer->start_ns, timer->outer};
  timer->outer = outer;
}

[[gnu::cold, gnu::noinline]] void TakeBack(Timer* timer) {
  Outer* const outer = timer->outer;
  timer->timer = outer->timer;
  timer->start_ns = outer->start_ns;
  timer->outer = outer->next;
  timer->is_running = true;
  PyMem_Free(outer);
}

[[gnu::cold, gnu::noinline]] void Tell(Timer* timer) {
  TellOperation(*timer->operation, MonotonicNs() - timer->start_ns, timer->error_type);
}

void Start(Timer* timer) {
  if (__builtin_expect(timer->is_running, 0)) SetAside(timer);
  timer->is_running = true;
  Py_CLEAR(timer->error_type);
  if (__builtin_expect(sink != nullptr, 0)) timer->start_ns = MonotonicNs();
  ringside_timer_start(&timer->timer, timer->operation->operation());
}

void End(Timer* timer) {
  if (!timer->is_running) return;
  ringside_timer_end(&timer->timer);
  timer->is_running = false;
  if (__builtin_expect(sink != nullptr, 0)) Tell(timer);
  if (__builtin_expect(timer->outer != nullptr, 0)) TakeBack(timer);
}

void Fail(Timer* timer, Ref error_type) {
  ringside_timer_fail(&timer->timer, View(error_type.get()));
  if (timer->error_type == nullptr) timer->error_type = error_type.Release();
}

void Leave(Timer* timer, PyObject* exception_type) {
  if (__builtin_expect(exception_type != Py_None, 0) && timer->is_running &&
      IsFailure(exception_type)) {
    const ErrorKeeper keeper;
    Fail(timer, ErrorTypeOf(exception_type));
  }
  End(timer);
}

PyObject* Call(PyObject* self, PyObject* const* arguments, size_t flags_and_count,
               PyObject* names) {
  auto* const timer = reinterpret_cast<Timer*>(self);
  const size_t count = flags_and_count & ~kArgumentsOffset;
  if (count == 0 && names == nullptr) {
    Start(timer);
    Py_INCREF(self);
    return self;
  }
  if (count == 3) {
    Leave(timer, arguments[0]);
    return NewNone();
  }
  PyErr_SetString(PyExc_TypeError, "a timer is used by `with`, or by start() and end()");
  return nullptr;
}

PyObject* CallTuple(PyObject* self, PyObject* arguments, PyObject*) {
  PyObject* values[3] = {};
  const Py_ssize_t count = PyTuple_Size(arguments);
  for (Py_ssize_t i = 0; i < count && i < 3; ++i) values[i] = PyTuple_GetItem(arguments, i);
  return Call(self, values, static_cast<size_t>(count), nullptr);
}

void Dealloc(PyObject* self) {
  auto* const timer = reinterpret_cast<Timer*>(self);
  // Never left: its time is not known, and a bare operation has no outcome for that.
  while (timer->outer != nullptr) TakeBack(timer);
  Py_DECREF(reinterpret_cast<PyObject*>(timer->operation));
  Py_CLEAR(timer->error_type);
  if (spare_count < kMaxSpares) {
    spares[spare_count++] = timer;  // and its reference to the type with it
    return;
  }
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_Free(timer);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

// A spare, or a new one; its own fields are the caller's to set.
Timer* TakeTimer() {
  if (spare_count > 0) {
    Timer* const spare = spares[--spare_count];
    Py_SET_REFCNT(reinterpret_cast<PyObject*>(spare), 1);
    return spare;
  }
  void* const memory = PyObject_Malloc(sizeof(Timer));
  if (memory == nullptr) return nullptr;
  PyObject* const object = PyObject_Init(static_cast<PyObject*>(memory), timer_type);
  auto* const timer = reinterpret_cast<Timer*>(object);
  timer->call = Call;
  return timer;
}

PyObject* StartMethod(PyObject* self, PyObject*) {
  Start(reinterpret_cast<Timer*>(self));
  Py_INCREF(self);
  return self;
}

PyObject* EndMethod(PyObject* self, PyObject* arguments, PyObject* names) {
  static const char* const kNames[] = {"ok", nullptr};
  int ok = 1;
  if (PyArg_ParseTupleAndKeywords(arguments, names, "|p:end", const_cast<char**>(kNames), &ok) ==
      0) {
    return nullptr;
  }
  auto* const timer = reinterpret_cast<Timer*>(self);
  if (ok == 0 && timer->is_running) Fail(timer, Ref(PyUnicode_FromString("")));
  End(timer);
  return NewNone();
}

PyObject* FailMethod(PyObject* self, PyObject* arguments, PyObject* names) {
  static const char* const kNames[] = {"error_type", "message", nullptr};
  PyObject* error_type = nullptr;
  PyObject* message = nullptr;  // a bare operation has no place for it
  if (PyArg_ParseTupleAndKeywords(arguments, names, "O|O:fail", const_cast<char**>(kNames),
                                  &error_type, &message) == 0) {
    return nullptr;
  }
  auto* const timer = reinterpret_cast<Timer*>(self);
  if (timer->is_running) Fail(timer, TextOf(error_type));
  return NewNone();
}

// Attributes known late: a bare operation keeps none.
PyObject* SetMethod(PyObject*, PyObject* arguments, PyObject* names) {
  if (PyTuple_Size(arguments) != 0) {
    PyErr_SetString(PyExc_TypeError, "set() takes keywords alone");
    return nullptr;
  }
  if (names != nullptr) ignored.attributes += static_cast<uint64_t>(PyDict_Size(names));
  return NewNone();
}

PyObject* ValueMethod(PyObject* self, PyObject* arguments, PyObject* names) {
  static const char* const kNames[] = {"name", "number", "unit", nullptr};
  PyObject* name = nullptr;
  PyObject* number = nullptr;
  PyObject* unit = nullptr;
  if (PyArg_ParseTupleAndKeywords(arguments, names, "OO|O:value", const_cast<char**>(kNames), &name,
                                  &number, &unit) == 0) {
    return nullptr;
  }
  const Handle& operation = *reinterpret_cast<Timer*>(self)->operation;
  const Ref text = TextOf(name);
  const Ref path(text ? PyUnicode_FromFormat("%U/%U", operation.name, text.get()) : nullptr);
  HandleSpec spec;
  spec.kind = Kind::kValue;
  spec.is_signed = true;  // as values of stages are
  spec.name = path.get();
  spec.unit = unit;
  spec.labels = operation.labels;
  const Ref handle = path ? FindHandle(spec) : Ref();
  if (!handle) return nullptr;
  RecordNumber(*reinterpret_cast<Handle*>(handle.get()), NumberOf(number));
  return NewNone();
}

PyObject* AsyncEnter(PyObject* self, PyObject*) {
  Start(reinterpret_cast<Timer*>(self));
  return NewAwaitable(self);
}

PyObject* AsyncExit(PyObject* self, PyObject* arguments) {
  if (PyTuple_Size(arguments) == 3) {
    Leave(reinterpret_cast<Timer*>(self), PyTuple_GetItem(arguments, 0));
  }
  return NewAwaitable(Py_None);
}

PyMethodDef methods[] = {
    {"start", StartMethod, METH_NOARGS, "Begins the measurement, as `with` does."},
    {"end", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(EndMethod)),
     METH_VARARGS | METH_KEYWORDS, "Ends the measurement, as the end of the block does."},
    {"fail", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(FailMethod)),
     METH_VARARGS | METH_KEYWORDS, "The outcome is an error of this type; the first one stands."},
    {"set", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(SetMethod)),
     METH_VARARGS | METH_KEYWORDS, "Counted as ignored: a bare operation keeps no attributes."},
    {"value", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(ValueMethod)),
     METH_VARARGS | METH_KEYWORDS, "Records a value `<operation>/<name>` with its labels."},
    {"__aenter__", AsyncEnter, METH_NOARGS, nullptr},
    {"__aexit__", AsyncExit, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Timer, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_dealloc, AsSlot(Dealloc)},
                       {Py_tp_call, AsSlot(CallTuple)},
                       {Py_tp_methods, methods},
                       {Py_tp_members, members},
                       {0, nullptr}};

PyType_Spec spec = {
    "ringside._ringside.Timer", sizeof(Timer), 0,
    static_cast<unsigned>(Py_TPFLAGS_DEFAULT | kHaveVectorcall | Py_TPFLAGS_DISALLOW_INSTANTIATION),
    slots};

constexpr BoundPair kItself = {
    [](PyObject* timer) { return Ref::Share(timer).Release(); },
    [](PyObject* timer) { return Ref::Share(timer).Release(); }, PyObject_CallNoArgs,
    [](PyObject* timer, PyObject* arguments) { return PyObject_CallObject(timer, arguments); }};

}  // namespace

PyObject* NewTimer(Handle* operation) {
  Timer* const timer = TakeTimer();
  if (timer == nullptr) return PyErr_NoMemory();
  timer->operation = operation;
  timer->is_running = false;
  timer->error_type = nullptr;
  timer->outer = nullptr;
  timer->start_ns = 0;
  Py_INCREF(reinterpret_cast<PyObject*>(operation));
  return reinterpret_cast<PyObject*>(timer);
}

Handle* TimerOperation(PyObject* timer) { return reinterpret_cast<Timer*>(timer)->operation; }

bool InitTimer() {
  if (timer_type != nullptr) return true;
  auto* const type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (type == nullptr || !AddBoundPair(type, &kItself)) return false;
  timer_type = type;
  return true;
}

PyTypeObject* TimerType() { return timer_type; }

}  // namespace ringside::python
