#include "agent/metrics_server.h"

#include <chrono>
#include <csignal>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <pthread.h>

#include "proto/host_port.h"
#include "proto/loopback.h"
#include "proto/metrics_text.h"

namespace ringside::agent {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using proto::Result;
using proto::Status;

// A scraper needs one; the others are strangers.
constexpr size_t kMaxSessions = 16;
constexpr std::chrono::seconds kSessionTime{10};
constexpr uint32_t kMaxHeaderBytes = 8 * 1024;

// What the two threads share.
class Board {
 public:
  void Publish(MetricsSnapshot snapshot) {
    auto next = std::make_shared<const MetricsSnapshot>(std::move(snapshot));
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
  }
  std::shared_ptr<const MetricsSnapshot> snapshot() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const MetricsSnapshot> snapshot_ = std::make_shared<const MetricsSnapshot>();
};

// One connection, one answer.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const Board& board) : stream_(std::move(socket)), board_(board) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // What waits is told that it was aborted, and with it the session ends.
  void Evict() { stream_.close(); }

  void Serve() {
    parser_.header_limit(kMaxHeaderBytes);
    stream_.expires_after(kSessionTime);
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](beast::error_code error, size_t) { self->OnHeader(error); });
  }

 private:
  void OnHeader(beast::error_code error) {
    if (error == http::error::header_limit) return Answer(431, "the header is too long\n");
    if (error.category() == http::make_error_code(http::error::bad_method).category()) {
      return Answer(400, "the request could not be read\n");
    }
    if (error) return;
    const auto& request = parser_.get();
    const auto host = request.find(http::field::host);
    if (host == request.end() ||
        !proto::IsLoopbackHostHeader({host->value().data(), host->value().size()})) {
      return Answer(403, "the Host header must name loopback, such as 127.0.0.1\n");
    }
    if (request.target() != "/metrics") return Answer(404, "there is /metrics only\n");
    if (request.method() != http::verb::get) return Answer(405, "only GET is answered here\n");
    Answer(200, MetricsPage(*board_.snapshot()));
  }

  void Answer(unsigned status, std::string body) {
    response_.version(11);
    response_.result(status);
    response_.set(http::field::server, "ringside");
    response_.set(http::field::content_type,
                  status == 200 ? proto::MetricsText::kContentType : "text/plain");
    response_.set(http::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    if (status == 405) response_.set(http::field::allow, "GET");
    response_.body() = std::move(body);
    response_.keep_alive(false);
    response_.prepare_payload();
    stream_.expires_after(kSessionTime);
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code, size_t) {
      beast::error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  const Board& board_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

class MetricsServer::Impl {
 public:
  Impl() = default;
  ~Impl() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status Listen(const std::string& address) {
    if (Status status = Check(address); !status) return status;
    const Result<proto::HostPort> parsed = proto::ParseHostPort(address);
    beast::error_code error;
    const std::string literal = parsed->host == "localhost" ? "127.0.0.1" : parsed->host;
    const tcp::endpoint endpoint(boost::asio::ip::make_address(literal, error), parsed->port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(static_cast<int>(kMaxSessions), error);
    if (error) {
      return Status::Error("metrics: cannot listen on " + address + ": " + error.message() +
                           " (another agent on this host? choose another with --metrics)");
    }
    const std::string host = endpoint.address().is_v6() ? "[" + literal + "]" : literal;
    url_ = "http://" + host + ":" + std::to_string(acceptor_.local_endpoint().port()) + "/metrics";
    return Status();
  }

  void Start() {
    Accept();
    sigset_t all;
    sigset_t before;
    sigfillset(&all);  // signals are the main thread's
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  const std::string& url() const { return url_; }
  Board& board() { return board_; }

 private:
  void Run() {
    while (!context_.stopped()) {
      try {
        context_.run();
      } catch (const std::exception&) {
        // Out of memory: that answer is lost, the server is not.
      }
    }
  }

  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == boost::asio::error::operation_aborted) return;
      if (error) return AcceptLater();
      auto session = std::make_shared<Session>(std::move(socket), board_);
      MakeRoom();
      open_sessions_.push_back(session);
      session->Serve();
      Accept();
    });
  }

  // The oldest goes: whoever holds connections open keeps no scraper out.
  void MakeRoom() {
    open_sessions_.remove_if([](const auto& session) { return session.expired(); });
    if (open_sessions_.size() < kMaxSessions) return;
    if (const auto oldest = open_sessions_.front().lock()) oldest->Evict();
    open_sessions_.pop_front();
  }

  // Out of descriptors, most likely: trying again at once would only spin.
  void AcceptLater() {
    timer_.expires_after(std::chrono::milliseconds(100));
    timer_.async_wait([this](beast::error_code error) {
      if (!error) Accept();
    });
  }

  Board board_;
  std::list<std::weak_ptr<Session>> open_sessions_;  // in the order of their coming
  boost::asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  boost::asio::steady_timer timer_{context_};
  std::string url_;
  std::thread thread_;
};

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::~MetricsServer() = default;

Status MetricsServer::Check(const std::string& address) {
  const Result<proto::HostPort> parsed = proto::ParseHostPort(address);
  if (!parsed) return Status::Error("metrics: " + parsed.message());
  if (proto::IsLoopbackHost(parsed->host)) return Status();
  return Status::Error("metrics: " + address + " is not loopback (127.0.0.1, ::1, localhost)");
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& address) {
  auto impl = std::make_unique<Impl>();
  if (Status status = impl->Listen(address); !status) return status;
  impl->Start();
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
}

const std::string& MetricsServer::url() const { return impl_->url(); }

void MetricsServer::Publish(MetricsSnapshot snapshot) {
  impl_->board().Publish(std::move(snapshot));
}

}  // namespace ringside::agent
