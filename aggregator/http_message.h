// A request as the routes see it, and what they answer: no socket, no library.
#ifndef RINGSIDE_AGGREGATOR_HTTP_MESSAGE_H_
#define RINGSIDE_AGGREGATOR_HTTP_MESSAGE_H_

#include <string>
#include <string_view>

namespace ringside::aggregator {

// Untrusted. Headers that were not sent are empty.
struct HttpRequestView {
  std::string_view method;
  std::string_view target;         // as on the request line: path?query, percent-encoded
  std::string_view host;           // Host
  std::string_view origin;         // Origin: a browser's word for the page that asks
  std::string_view authorization;  // Authorization
  bool has_body = false;
  std::string_view body;  // empty until it was admitted
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::string allow;  // with 405
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_MESSAGE_H_
