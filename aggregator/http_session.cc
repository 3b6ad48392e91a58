#include "aggregator/http_session.h"

#include <optional>
#include <string>
#include <utility>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace ringside::aggregator {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr uint32_t kMaxHeaderBytes = 16 * 1024;
// Of what a client is still sending after a refusal.
constexpr size_t kMaxLingerBytes = 4 * kMaxBodyBytes;

std::string_view ToView(boost::beast::string_view text) { return {text.data(), text.size()}; }

// The address, of IPv6 the network: one client has all of that.
std::string ClientOf(const boost::asio::ip::tcp::socket& socket) {
  beast::error_code error;
  boost::asio::ip::address address = socket.remote_endpoint(error).address();
  if (error) return "";
  if (address.is_v4()) return address.to_string();
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
  }
  const auto bytes = v6.to_bytes();
  return {bytes.begin(), bytes.begin() + 8};
}

class HttpSession : public HttpSessions::Session, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(boost::asio::ip::tcp::socket socket, const HttpRoutes& routes, HttpSessions* sessions)
      : stream_(std::move(socket)), routes_(routes), sessions_(sessions) {
    sessions_->Add(this, ClientOf(stream_.socket()));
  }
  ~HttpSession() override { sessions_->Remove(this); }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  // What waits is told that it was aborted, and with it the session ends.
  void Evict() override { stream_.close(); }

  void Read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxBodyBytes);
    stream_.expires_after(sessions_->limits().read_time);
    sessions_->Wait(this, 0);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, size_t) { self->OnHeader(error); });
  }

 private:
  void OnHeader(beast::error_code error) {
    if (error == http::error::end_of_stream) return Close();
    if (RefusedAs(error)) return;
    if (std::optional<HttpResponse> refused = routes_.Refuse(View())) {
      return Write(*std::move(refused));
    }
    if (parser_->is_done()) return Write(routes_.Respond(View()));
    stream_.expires_after(sessions_->limits().read_time);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code result, size_t) { self->OnBody(result); });
  }

  void OnBody(beast::error_code error) {
    if (!RefusedAs(error)) Write(routes_.Respond(View()));
  }

  // Errors of the parser are the client's, and are told; others are the connection's.
  bool RefusedAs(beast::error_code error) {
    if (!error) return false;
    if (error == http::error::header_limit) {
      Refuse(431, "the header is too long");
    } else if (error == http::error::body_limit) {
      Refuse(413, "the body is too long: at most 1 MiB");
    } else if (error.category() == http::make_error_code(http::error::bad_method).category()) {
      Refuse(400, "the request could not be read: " + error.message());
    }
    return true;
  }

  std::string_view Header(http::field field) const {
    const auto found = parser_->get().find(field);
    return found == parser_->get().end() ? std::string_view() : ToView(found->value());
  }

  HttpRequestView View() const {
    const auto& request = parser_->get();
    HttpRequestView view;
    view.method = ToView(request.method_string());
    view.target = ToView(request.target());
    view.host = Header(http::field::host);
    view.origin = Header(http::field::origin);
    view.authorization = Header(http::field::authorization);
    view.has_body = !parser_->is_done() || !request.body().empty();
    view.body = request.body();
    return view;
  }

  void Refuse(unsigned status, const std::string& message) {
    // Only fixed texts of ours and of the library get here: nothing to escape.
    Write({status, "application/json", "{\"error\":\"" + message + "\"}\n", ""});
  }

  void Write(HttpResponse answer) {
    // Behind a request that was not read to its end the next bytes mean nothing.
    const bool keep_alive = parser_->is_done() && parser_->get().keep_alive();
    response_.emplace();
    response_->version(parser_->is_header_done() ? parser_->get().version() : 11);
    response_->result(answer.status);
    response_->set(http::field::content_type, answer.content_type);
    SetFixedHeaders();
    if (!answer.allow.empty()) response_->set(http::field::allow, answer.allow);
    if (answer.status == 401) response_->set(http::field::www_authenticate, "Bearer");
    response_->body() = std::move(answer.body);
    response_->keep_alive(keep_alive);
    response_->prepare_payload();
    stream_.expires_after(sessions_->limits().write_time);
    sessions_->Wait(this, response_->body().size());
    http::async_write(stream_, *response_,
                      [self = shared_from_this(), keep_alive](beast::error_code error, size_t) {
                        if (error) return;
                        if (!keep_alive) return self->Close();
                        self->Read();
                      });
  }

  void SetFixedHeaders() {
    response_->set(http::field::server, "ringside");
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Content-Type-Options", "nosniff");
    response_->set(
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    response_->set("Cross-Origin-Resource-Policy", "same-origin");
    response_->set("Referrer-Policy", "no-referrer");
  }

  void Close() {
    beast::error_code ignored;
    stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    if (!parser_->is_done()) {
      stream_.expires_after(sessions_->limits().linger_time);
      sessions_->Wait(this, 0);
      Linger(0);
    }
  }

  void Linger(size_t thrown_away) {
    if (thrown_away > kMaxLingerBytes) return;
    buffer_.clear();
    stream_.async_read_some(
        buffer_.prepare(kMaxHeaderBytes),
        [self = shared_from_this(), thrown_away](beast::error_code error, size_t count) {
          if (!error) self->Linger(thrown_away + count);
        });
  }

  beast::tcp_stream stream_;
  const HttpRoutes& routes_;
  HttpSessions* const sessions_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
};

}  // namespace

void StartHttpSession(boost::asio::ip::tcp::socket socket, const HttpRoutes& routes,
                      HttpSessions* sessions) {
  std::make_shared<HttpSession>(std::move(socket), routes, sessions)->Read();
}

}  // namespace ringside::aggregator
