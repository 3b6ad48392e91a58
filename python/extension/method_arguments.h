// The arguments of methods that requests and stages share.
#ifndef RINGSIDE_PYTHON_EXTENSION_METHOD_ARGUMENTS_H_
#define RINGSIDE_PYTHON_EXTENSION_METHOD_ARGUMENTS_H_

#include <initializer_list>

#include "python/extension/options.h"
#include "python/extension/python_api.h"
#include "python/extension/request.h"
#include "python/extension/text.h"

namespace ringside::python {

// value(name, number, unit="")
struct ValueCall {
  Ref name;
  Ref unit;
  Number number;

  double Real() const;
  // {name: number}, as the probe archives it: what is whole is an integer.
  Ref Attribute() const;
};
// These set a TypeError and return false where Python itself would.
bool ReadValueCall(const Arguments& arguments, ValueCall* call);
// fail(error_type, message="")
bool ReadFailure(const Arguments& arguments, Ref* error_type, Ref* message);
// end(ok=True)
bool ReadOutcome(const Arguments& arguments, ringside_outcome* outcome);

// Every keyword of the call, whatever its name. Empty: there is none.
Ref AllAttributes(const Arguments& arguments);

// "transcribe/decode/tokens". Empty only without memory, or without a sink that would see it.
Ref PathOf(std::initializer_list<PyObject*> names);

// A stage of `request` that was measured elsewhere. False: an exception is set.
bool RecordStage(Request* request, const Arguments& arguments, const Keywords& keywords,
                 const Measurement& measurement);

}  // namespace ringside::python

#endif  // RINGSIDE_PYTHON_EXTENSION_METHOD_ARGUMENTS_H_
