#include "cli/http_client.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "aggregator/http_target.h"
#include "proto/host_port.h"
#include "proto/version.h"

namespace ringside::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr uint16_t kDefaultPort = 7751;
constexpr std::string_view kScheme = "http://";
constexpr uint64_t kMaxBodyBytes = uint64_t{256} << 20;

// Beast's timeouts hold for asynchronous calls only: each step is started, then waited for.
class Connection {
 public:
  explicit Connection(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  beast::error_code Connect(const HttpUrl& url) {
    beast::error_code error;
    asio::ip::tcp::resolver resolver(context_);
    const auto endpoints = resolver.resolve(url.host, std::to_string(url.port), error);
    if (error) {
      return error;
    }
    stream_.expires_after(timeout_);
    stream_.async_connect(endpoints,
                          [&](beast::error_code result, const auto&) { error = result; });
    Wait();
    return error;
  }

  beast::error_code Send(const http::request<http::empty_body>& request) {
    beast::error_code error;
    stream_.expires_after(timeout_);
    http::async_write(stream_, request, [&](beast::error_code result, size_t) { error = result; });
    Wait();
    return error;
  }

  beast::error_code Receive(HttpResponse* response) {
    beast::error_code error;
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxBodyBytes);
    stream_.expires_after(timeout_);
    http::async_read(stream_, buffer, parser,
                     [&](beast::error_code result, size_t) { error = result; });
    Wait();
    if (!error) {
      response->status = static_cast<int>(parser.get().result_int());
      response->body = std::move(parser.get().body());
    }
    return error;
  }

 private:
  void Wait() {
    context_.restart();
    context_.run();
  }

  std::chrono::milliseconds timeout_;
  asio::io_context context_{1};
  beast::tcp_stream stream_{context_};
};

}  // namespace

std::string HttpUrl::Authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string HttpUrl::ToString() const { return std::string(kScheme) + Authority() + path; }

proto::Result<HttpUrl> ParseHttpUrl(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with(kScheme)) {
    rest.remove_prefix(kScheme.size());
  }
  const auto bad = [&](const std::string& why) {
    return proto::Status::Error("server \"" + std::string(text) + "\": " + why +
                                " (write http://HOST:PORT)");
  };
  if (rest.find("://") != std::string_view::npos) {
    return bad("only http is spoken");
  }
  HttpUrl url;
  const size_t slash = std::min(rest.find('/'), rest.size());
  url.path = rest.substr(slash);
  while (url.path.ends_with('/')) {
    url.path.pop_back();
  }
  std::string address(rest.substr(0, slash));
  const size_t bracket = address.rfind(']');
  if (address.find(':', bracket == std::string::npos ? 0 : bracket) == std::string::npos) {
    address += ":" + std::to_string(kDefaultPort);
  }
  const auto host_port = proto::ParseHostPort(address);
  if (!host_port.ok()) {
    return bad(host_port.message());
  }
  if (host_port->host.empty() || host_port->port == 0) {
    return bad(host_port->host.empty() ? "no host" : "no port");
  }
  url.host = host_port->host;
  url.port = host_port->port;
  return url;
}

proto::Result<HttpResponse> HttpGet(const HttpUrl& url, const std::string& target,
                                    std::chrono::milliseconds timeout, const std::string& token) {
  Connection connection(timeout);
  http::request<http::empty_body> request{http::verb::get, url.path + target, 11};
  request.set(http::field::host, url.Authority());
  request.set(http::field::user_agent, std::string("ringside/") + proto::kVersion);
  request.set(http::field::accept, "application/json");
  request.set(http::field::connection, "close");
  if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
  HttpResponse response;
  beast::error_code error = connection.Connect(url);
  if (!error) {
    error = connection.Send(request);
  }
  if (!error) {
    error = connection.Receive(&response);
  }
  if (error) {
    return proto::Status::Error(error.message());
  }
  return response;
}

}  // namespace ringside::cli
