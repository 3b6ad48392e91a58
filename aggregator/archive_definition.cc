#include "aggregator/archive_definition.h"

#include "aggregator/json_text.h"
#include "proto/uuid.h"

namespace ringside::aggregator {
namespace {

// An object's members without its braces.
template <typename AddMembers>
std::string Members(AddMembers add_members) {
  std::string text;
  JsonObject object(&text);
  add_members(&object);
  return text.substr(1);
}

std::string KeyMembers(const proto::SeriesKey& key) {
  return Members([&](JsonObject* object) {
    object->String("path", key.path);
    object->String("kind", ToString(key.kind));
    object->String("unit", key.unit);
    object->Signed("resolution", key.resolution);
    object->Bool("signed", key.is_signed);
    object->String("outcome", ToString(key.outcome));
    object->String("error_type", key.error_type);
    object->Labels("labels", key.labels);
  });
}

std::string ProducerMembers(const std::string& host, const proto::ProducerDelta& producer) {
  return Members([&](JsonObject* object) {
    object->Labels("resource_labels", producer.labels);
    object->String("host", host);
    object->String("service", producer.service);
    object->String("instance", producer.instance);
    object->String("producer", proto::ToString(producer.uuid));
  });
}

}  // namespace

void DefinitionLines::Begin(const std::string& host, const proto::ProducerDelta& producer) {
  host_ = &host;
  producer_ = &producer;
  producer_text_.clear();
}

void DefinitionLines::Append(uint64_t number, const proto::SharedKey& key, std::string* out) {
  if (producer_text_.empty()) producer_text_ = ProducerMembers(*host_, *producer_);
  out->append(R"({"type":"series","series":)");
  AppendJsonInteger(number, out);
  out->push_back(',');
  AppendKey(key, out);
  out->push_back(',');
  out->append(producer_text_);
  out->append("}\n");
}

void DefinitionLines::AppendKey(const proto::SharedKey& key, std::string* out) {
  if (keys_.empty()) keys_.resize(kPlaces);
  KeyText& kept = keys_[key.identity() % kPlaces];
  if (kept.identity == key.identity() && !kept.text.empty()) {
    out->append(kept.text);
    return;
  }
  std::string text = KeyMembers(key);
  out->append(text);
  if (text.size() <= kMostKeptBytes) kept = {key.identity(), std::move(text)};
}

}  // namespace ringside::aggregator
