// What the keywords of a call mean: options of the function, labels, or attributes.
//
// Call sites pass the same tuple of names each time: what its names mean is worked out once.
#ifndef RINGSIDE_PYTHON_EXTENSION_KEYWORDS_H_
#define RINGSIDE_PYTHON_EXTENSION_KEYWORDS_H_

#include <cstdint>

#include "python/extension/python_api.h"

namespace ringside::python {

// Which options a function knows.
enum class Signature : uint8_t { kTimer, kRequest, kRecord, kNumber };

enum class Role : uint8_t {
  kAttribute,
  kLabel,   // its name is one of the label keys
  kLabels,  // labels={...}
  kId,
  kUnit,
  kSigned,
  kSeconds,
  kMs,
  kOk,
  kErrorType,
  kMessage,
};

// More are ignored; a request's slot would hardly hold them.
constexpr int kMaxKeywords = 64;

struct Keywords {
  int count = 0;
  bool has_attributes = false;
  Role roles[kMaxKeywords];  // NOLINT: the first `count` are set
};

// `names` is a tuple of str, or nullptr.
void ReadKeywords(Signature signature, PyObject* names, Keywords* keywords);

// The names of keywords that make the series too, from any iterable of str. False: it is none.
bool SetLabelKeys(PyObject* iterable);
bool InitKeywords();

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_KEYWORDS_H_
