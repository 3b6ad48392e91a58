// Reads members of untrusted JSON objects with simdjson: each accessor returns false, and keeps a
// reason, when a member is missing or of another type. Included by parsers of this folder only.
#ifndef RINGSIDE_AGGREGATOR_JSON_FIELDS_H_
#define RINGSIDE_AGGREGATOR_JSON_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "proto/batch.h"
#include "proto/distribution.h"
#include "proto/uuid.h"

namespace ringside::aggregator {

class JsonFields {
 public:
  using Object = simdjson::dom::object;
  using Element = simdjson::dom::element;

  explicit JsonFields(Object object) : object_(object) {}

  bool Has(std::string_view key) const;
  // "member 'x' is missing" …: of the first accessor that failed.
  const std::string& error() const { return error_; }
  // For the caller's own checks; returns false.
  bool Fail(std::string_view key, std::string_view what);

  bool Get(std::string_view key, Element* value);
  bool Get(std::string_view key, Object* value);
  bool Get(std::string_view key, simdjson::dom::array* value);
  bool Get(std::string_view key, std::string* value);
  bool Get(std::string_view key, uint64_t* value);
  bool Get(std::string_view key, int64_t* value);
  bool Get(std::string_view key, bool* value);
  bool Get(std::string_view key, int8_t* value);
  bool Get(std::string_view key, proto::Int128* value);
  bool Get(std::string_view key, proto::Uuid* value);
  bool Get(std::string_view key, proto::LabelList* value);
  bool Get(std::string_view key, proto::AttributeList* value);
  bool Get(std::string_view key, proto::Kind* value);
  bool Get(std::string_view key, proto::Outcome* value);
  bool GetHex(std::string_view key, uint64_t* value);

  // As Get, but a missing member leaves `value` alone.
  template <typename T>
  bool GetOptional(std::string_view key, T* value) {
    return !Has(key) || Get(key, value);
  }

 private:
  template <typename T>
  bool GetAs(std::string_view key, T* value, std::string_view what);
  bool GetText(std::string_view key, std::string_view* value);

  Object object_;
  std::string error_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_JSON_FIELDS_H_
