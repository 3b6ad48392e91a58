#include "aggregator/http_server.h"

#include <csignal>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include "aggregator/http_session.h"
#include "proto/host_port.h"
#include "proto/loopback.h"

namespace ringside::aggregator {
namespace {

using boost::asio::ip::tcp;

constexpr int kMaxSessions = 256;

// The thread takes no signals: they are the main thread's.
std::thread StartWithoutSignals(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(HttpSources sources) : sources_(std::move(sources)) {}
  ~Impl() { Stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  proto::Status Listen(const std::string& address) {
    const proto::Result<proto::HostPort> parsed = proto::ParseHostPort(address);
    if (!parsed) return proto::Status::Error("http: " + parsed.message());
    if (!proto::IsLoopbackHost(parsed->host)) {
      return proto::Status::Error("http: " + address +
                                  " is not loopback: this version serves 127.0.0.1, ::1 and "
                                  "localhost only, since it has no keys yet");
    }
    boost::system::error_code error;
    const std::string literal = parsed->host == "localhost" ? "127.0.0.1" : parsed->host;
    const tcp::endpoint endpoint(boost::asio::ip::make_address(literal, error), parsed->port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) {
      return proto::Status::Error("http: cannot listen on " + address + ": " + error.message() +
                                  " (is another ringside running? choose another with --http)");
    }
    const std::string host = endpoint.address().is_v6() ? "[" + literal + "]" : literal;
    url_ = "http://" + host + ":" + std::to_string(acceptor_.local_endpoint().port());
    return {};
  }

  void Start() {
    Accept();
    thread_ = StartWithoutSignals([this] { Run(); });
  }

  void Stop() {
    if (!thread_.joinable()) return;
    context_.stop();
    thread_.join();
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

  const std::string& url() const { return url_; }

 private:
  void Run() {
    // Only lack of memory gets here: that request is lost, the server is not.
    while (!context_.stopped()) {
      try {
        context_.run();
      } catch (const std::exception& error) {
        spdlog::error("http: {}", error.what());
      }
    }
  }

  void Accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error == boost::asio::error::operation_aborted) return;
      if (error) return AcceptLater();
      // Beyond the limit the connection is closed at once: those that are served stay served.
      if (*open_sessions_ < kMaxSessions) {
        StartHttpSession(std::move(socket), sources_, open_sessions_);
      }
      Accept();
    });
  }

  // Out of descriptors, most likely: trying again at once would only spin.
  void AcceptLater() {
    timer_.expires_after(std::chrono::milliseconds(100));
    timer_.async_wait([this](boost::system::error_code error) {
      if (!error) Accept();
    });
  }

  const HttpSources sources_;
  const std::shared_ptr<int> open_sessions_ = std::make_shared<int>(0);
  boost::asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  boost::asio::steady_timer timer_{context_};
  std::string url_;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

proto::Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address,
                                                             HttpSources sources) {
  auto impl = std::make_unique<Impl>(std::move(sources));
  if (proto::Status status = impl->Listen(address); !status.ok()) return status;
  impl->Start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::url() const { return impl_->url(); }

void HttpServer::Stop() { impl_->Stop(); }

}  // namespace ringside::aggregator
