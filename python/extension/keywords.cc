#include "python/extension/keywords.h"

#include <cstring>

namespace ringside::python {
namespace {

constexpr int kCachedKeywords = 12;

// Of one call site. Holds its names: their address is the key.
struct Site {
  PyObject* names;
  Signature signature;
  uint8_t count;
  bool has_attributes;
  Role roles[kCachedKeywords];
};
constexpr size_t kSites = 512;
Site sites[kSites];
PyObject* label_keys = nullptr;  // a set

struct Option {
  const char* name;
  Role role;
  uint8_t signatures;  // bits
};
constexpr uint8_t Bit(Signature signature) {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(signature));
}
constexpr uint8_t kAll = 0xff;
constexpr Option kOptions[] = {
    {"labels", Role::kLabels, kAll},
    {"id", Role::kId, Bit(Signature::kRequest)},
    {"unit", Role::kUnit, Bit(Signature::kNumber)},
    {"signed", Role::kSigned, Bit(Signature::kNumber)},
    {"seconds", Role::kSeconds, Bit(Signature::kRecord)},
    {"ms", Role::kMs, Bit(Signature::kRecord)},
    {"ok", Role::kOk, Bit(Signature::kRecord)},
    {"error_type", Role::kErrorType, Bit(Signature::kRecord)},
    {"message", Role::kMessage, Bit(Signature::kRecord)},
};

Role RoleOf(Signature signature, PyObject* name) {
  for (const Option& option : kOptions) {
    if ((option.signatures & Bit(signature)) != 0 &&
        PyUnicode_CompareWithASCIIString(name, option.name) == 0) {
      return option.role;
    }
  }
  const int is_label = PySet_Contains(label_keys, name);
  if (is_label < 0) PyErr_Clear();
  return is_label > 0 ? Role::kLabel : Role::kAttribute;
}

Site& SiteOf(Signature signature, PyObject* names) {
  const auto address = reinterpret_cast<uintptr_t>(names);
  return sites[((address >> 4) ^ (address >> 13) ^ static_cast<uintptr_t>(signature)) % kSites];
}

void ForgetSites() {
  for (Site& site : sites) Py_CLEAR(site.names);
}

}  // namespace

void ReadKeywords(Signature signature, PyObject* names, Keywords* keywords) {
  keywords->count = 0;
  keywords->has_attributes = false;
  if (names == nullptr) return;
  Site& site = SiteOf(signature, names);
  if (site.names == names && site.signature == signature) {
    keywords->count = site.count;
    keywords->has_attributes = site.has_attributes;
    memcpy(keywords->roles, site.roles, sizeof site.roles);
    return;
  }
  const Py_ssize_t size = PyTuple_Size(names);
  keywords->count = size < kMaxKeywords ? static_cast<int>(size) : kMaxKeywords;
  for (int i = 0; i < keywords->count; ++i) {
    keywords->roles[i] = RoleOf(signature, PyTuple_GetItem(names, i));
    keywords->has_attributes |= keywords->roles[i] == Role::kAttribute;
  }
  if (keywords->count > kCachedKeywords) return;
  PyObject* const before = site.names;
  Py_INCREF(names);
  site.names = names;
  site.signature = signature;
  site.count = static_cast<uint8_t>(keywords->count);
  site.has_attributes = keywords->has_attributes;
  memcpy(site.roles, keywords->roles, static_cast<size_t>(keywords->count) * sizeof(Role));
  Py_XDECREF(before);
}

bool SetLabelKeys(PyObject* iterable) {
  PyObject* const keys = PySet_New(iterable);
  if (keys == nullptr) return false;
  PyObject* const before = label_keys;
  label_keys = keys;
  Py_XDECREF(before);
  ForgetSites();
  return true;
}

bool InitKeywords() {
  if (label_keys != nullptr) return true;
  const Ref defaults(Py_BuildValue("(sss)", "model", "model_version", "device"));
  return defaults && SetLabelKeys(defaults.get());
}

}  // namespace ringside::python
