// The HTTP server: one thread, asynchronous, everything bounded; beyond loopback only with a token.
// docs/http-api.md.
#ifndef RINGSIDE_AGGREGATOR_HTTP_SERVER_H_
#define RINGSIDE_AGGREGATOR_HTTP_SERVER_H_

#include <memory>
#include <string>

#include "aggregator/http_routes.h"
#include "aggregator/http_sessions.h"
#include "proto/status.h"

namespace ringside::aggregator {

class HttpServer {
 public:
  // `address`: HOST:PORT; HOST "localhost" or a literal, port 0 for any free one. What `sources`
  // points to must outlive the server.
  static proto::Result<std::unique_ptr<HttpServer>> Start(const std::string& address,
                                                          HttpSources sources,
                                                          HttpAccess access = {},
                                                          const HttpLimits& limits = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "http://127.0.0.1:7751", with the real port.
  const std::string& url() const;
  // Closes all connections and joins the thread. Idempotent.
  void Stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_SERVER_H_
