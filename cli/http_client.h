// One HTTP GET, for commands that ask an aggregator. Blocking, with a limit on time and size.
#ifndef RINGSIDE_CLI_HTTP_CLIENT_H_
#define RINGSIDE_CLI_HTTP_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/status.h"

namespace ringside::cli {

struct HttpUrl {
  std::string host;
  uint16_t port = 0;
  std::string path;  // without a trailing slash; usually empty

  std::string Authority() const;  // "host:port"
  std::string ToString() const;   // "http://host:port/path"
};

struct HttpResponse {
  int status = 0;
  std::string body;
};

// "http://host:port", "host:port" or "host"; the port defaults to the aggregator's 7751.
proto::Result<HttpUrl> ParseHttpUrl(std::string_view text);

// `target` (path?query, percent-encoded) is appended to the URL's path. An error is one of the
// connection: any HTTP status is a response. `timeout` limits each of connect, send and receive.
// `token`: shown as bearer; empty: none.
proto::Result<HttpResponse> HttpGet(const HttpUrl& url, const std::string& target,
                                    std::chrono::milliseconds timeout,
                                    const std::string& token = "");

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_HTTP_CLIENT_H_
