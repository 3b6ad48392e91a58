#include "aggregator/json_fields.h"

#include <limits>
#include <utility>

#include "aggregator/json_text.h"

namespace ringside::aggregator {
namespace {

// {"float":"nan"}: see AppendJsonDouble.
bool ReadSpecialFloat(JsonFields::Object object, double* value) {
  std::string_view name;
  if (object.size() != 1 || object["float"].get(name) != simdjson::SUCCESS) return false;
  if (name == "nan") {
    *value = std::numeric_limits<double>::quiet_NaN();
  } else if (name == "inf") {
    *value = std::numeric_limits<double>::infinity();
  } else if (name == "-inf") {
    *value = -std::numeric_limits<double>::infinity();
  } else {
    return false;
  }
  return true;
}

bool ReadAttribute(JsonFields::Element element, proto::AttributeValue* value) {
  switch (element.type()) {
    case simdjson::dom::element_type::STRING:
      *value = std::string(element.get_string().value_unsafe());
      return true;
    case simdjson::dom::element_type::INT64:
      *value = element.get_int64().value_unsafe();
      return true;
    case simdjson::dom::element_type::DOUBLE:
      *value = element.get_double().value_unsafe();
      return true;
    case simdjson::dom::element_type::BOOL:
      *value = element.get_bool().value_unsafe();
      return true;
    case simdjson::dom::element_type::OBJECT: {
      double special = 0;
      if (!ReadSpecialFloat(element.get_object().value_unsafe(), &special)) return false;
      *value = special;
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

bool JsonFields::Has(std::string_view key) const {
  return object_.at_key(key).error() == simdjson::SUCCESS;
}

bool JsonFields::Fail(std::string_view key, std::string_view what) {
  if (error_.empty()) error_.append("member '").append(key).append("' ").append(what);
  return false;
}

template <typename T>
bool JsonFields::GetAs(std::string_view key, T* value, std::string_view what) {
  const auto member = object_.at_key(key);
  if (member.error() != simdjson::SUCCESS) return Fail(key, "is missing");
  return member.get(*value) == simdjson::SUCCESS || Fail(key, what);
}

bool JsonFields::GetText(std::string_view key, std::string_view* value) {
  return GetAs(key, value, "is no string");
}

bool JsonFields::Get(std::string_view key, Element* value) { return GetAs(key, value, "is bad"); }
bool JsonFields::Get(std::string_view key, Object* value) {
  return GetAs(key, value, "is no object");
}
bool JsonFields::Get(std::string_view key, simdjson::dom::array* value) {
  return GetAs(key, value, "is no array");
}
bool JsonFields::Get(std::string_view key, uint64_t* value) {
  return GetAs(key, value, "is no unsigned integer");
}
bool JsonFields::Get(std::string_view key, int64_t* value) {
  return GetAs(key, value, "is no integer");
}
bool JsonFields::Get(std::string_view key, bool* value) {
  return GetAs(key, value, "is neither true nor false");
}

bool JsonFields::Get(std::string_view key, std::string* value) {
  std::string_view text;
  if (!GetText(key, &text)) return false;
  value->assign(text);
  return true;
}

bool JsonFields::Get(std::string_view key, int8_t* value) {
  int64_t wide = 0;
  if (!Get(key, &wide)) return false;
  if (wide < INT8_MIN || wide > INT8_MAX) return Fail(key, "is out of range");
  *value = static_cast<int8_t>(wide);
  return true;
}

bool JsonFields::Get(std::string_view key, proto::Int128* value) {
  Element element;
  if (!Get(key, &element)) return false;
  int64_t number = 0;
  if (element.get(number) == simdjson::SUCCESS) {
    *value = number;
    return true;
  }
  std::string_view digits;
  return (element.get(digits) == simdjson::SUCCESS && ParseInt128(digits, value)) ||
         Fail(key, "is no integer");
}

bool JsonFields::Get(std::string_view key, proto::Uuid* value) {
  std::string_view text;
  return GetText(key, &text) && (proto::ParseUuid(text, value) || Fail(key, "is no UUID"));
}

bool JsonFields::GetHex(std::string_view key, uint64_t* value) {
  std::string_view text;
  return GetText(key, &text) && (ParseHex(text, value) || Fail(key, "is not 16 hex digits"));
}

bool JsonFields::Get(std::string_view key, proto::LabelList* value) {
  Object labels;
  if (!Get(key, &labels)) return false;
  value->clear();
  for (const auto& [name, element] : labels) {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) return Fail(key, "holds a label that is no string");
    value->emplace_back(name, text);
  }
  return true;
}

bool JsonFields::Get(std::string_view key, proto::AttributeList* value) {
  Object attributes;
  if (!Get(key, &attributes)) return false;
  value->clear();
  for (const auto& [name, element] : attributes) {
    proto::AttributeValue attribute;
    if (!ReadAttribute(element, &attribute)) return Fail(key, "holds a value of an unknown type");
    value->emplace_back(name, std::move(attribute));
  }
  return true;
}

bool JsonFields::Get(std::string_view key, proto::Kind* value) {
  std::string_view text;
  return GetText(key, &text) && (proto::ParseKind(text, value) || Fail(key, "is unknown"));
}

bool JsonFields::Get(std::string_view key, proto::Outcome* value) {
  std::string_view text;
  return GetText(key, &text) && (proto::ParseOutcome(text, value) || Fail(key, "is unknown"));
}

}  // namespace ringside::aggregator
