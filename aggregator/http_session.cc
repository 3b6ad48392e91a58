#include "aggregator/http_session.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace ringside::aggregator {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

// A client gets this long to send a whole header: drips of a byte do not extend it.
constexpr std::chrono::seconds kReadTime{15};
constexpr std::chrono::seconds kWriteTime{30};
constexpr uint32_t kMaxHeaderBytes = 16 * 1024;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(boost::asio::ip::tcp::socket socket, const HttpSources& sources,
              std::shared_ptr<int> open_sessions)
      : stream_(std::move(socket)), sources_(sources), open_sessions_(std::move(open_sessions)) {
    ++*open_sessions_;
  }
  ~HttpSession() { --*open_sessions_; }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void Read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    stream_.expires_after(kReadTime);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, size_t) { self->OnHeader(error); });
  }

 private:
  void OnHeader(beast::error_code error) {
    if (error == http::error::end_of_stream) return Close();
    if (error == http::error::header_limit) return Refuse(431, "the header is too long");
    // Errors of the parser are the client's, and are told; others are the connection's.
    if (error.category() == http::make_error_code(http::error::bad_method).category()) {
      return Refuse(400, "the request could not be read: " + error.message());
    }
    if (error) return;
    const auto& request = parser_->get();
    const auto host = request.find(http::field::host);
    const HttpRequestView view{View(request.method_string()), View(request.target()),
                               host == request.end() ? std::string_view() : View(host->value())};
    HttpResponse response = Respond(sources_, view);
    // A body stays unread, so the connection's next bytes mean nothing.
    if (!parser_->is_done() && response.status == 200) {
      response = {400, "application/json", "{\"error\":\"a request here has no body\"}\n", ""};
    }
    Write(std::move(response), request.version(), request.keep_alive() && parser_->is_done());
  }

  void Refuse(unsigned status, const std::string& message) {
    // Only fixed texts of ours and of the library get here: nothing to escape.
    Write({status, "application/json", "{\"error\":\"" + message + "\"}\n", ""}, 11, false);
  }

  void Write(HttpResponse answer, unsigned version, bool keep_alive) {
    response_.emplace();
    response_->version(version);
    response_->result(answer.status);
    response_->set(http::field::server, "ringside");
    response_->set(http::field::content_type, answer.content_type);
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Content-Type-Options", "nosniff");
    response_->set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    response_->set("Referrer-Policy", "no-referrer");
    if (!answer.allow.empty()) response_->set(http::field::allow, answer.allow);
    response_->body() = std::move(answer.body);
    response_->keep_alive(keep_alive);
    response_->prepare_payload();
    stream_.expires_after(kWriteTime);
    http::async_write(stream_, *response_,
                      [self = shared_from_this(), keep_alive](beast::error_code error, size_t) {
                        if (error) return;
                        if (!keep_alive) return self->Close();
                        self->Read();
                      });
  }

  void Close() {
    beast::error_code ignored;
    stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  const HttpSources& sources_;
  std::shared_ptr<int> open_sessions_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
};

}  // namespace

void StartHttpSession(boost::asio::ip::tcp::socket socket, const HttpSources& sources,
                      std::shared_ptr<int> open_sessions) {
  std::make_shared<HttpSession>(std::move(socket), sources, std::move(open_sessions))->Read();
}

}  // namespace ringside::aggregator
