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
  Impl(HttpRoutes routes, const HttpLimits& limits)
      : routes_(std::move(routes)), sessions_(limits) {}
  ~Impl() { Stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  proto::Status Listen(const std::string& address, const proto::HostPort& parsed) {
    boost::system::error_code error;
    const std::string literal = parsed.host == "localhost" ? "127.0.0.1" : parsed.host;
    const tcp::endpoint endpoint(boost::asio::ip::make_address(literal, error), parsed.port);
    if (error) {
      return proto::Status::Error("http: " + address +
                                  ": expected an address, such as 127.0.0.1 or 0.0.0.0");
    }
    acceptor_.open(endpoint.protocol(), error);
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
      StartHttpSession(std::move(socket), routes_, &sessions_);
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

  const HttpRoutes routes_;
  HttpSessions sessions_;  // before the context, whose end is the sessions' end
  boost::asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  boost::asio::steady_timer timer_{context_};
  std::string url_;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

proto::Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address,
                                                             HttpSources sources, HttpAccess access,
                                                             const HttpLimits& limits) {
  const proto::Result<proto::HostPort> parsed = proto::ParseHostPort(address);
  if (!parsed) return proto::Status::Error("http: " + parsed.message());
  const bool is_loopback = proto::IsLoopbackHost(parsed->host);
  if (!is_loopback && access.token.empty()) {
    return proto::Status::Error("http: " + address +
                                " is not loopback: others are answered only with a token, "
                                "--token-file FILE");
  }
  auto impl = std::make_unique<Impl>(
      HttpRoutes(std::move(sources), HttpGuard(std::move(access), is_loopback)), limits);
  if (proto::Status status = impl->Listen(address, *parsed); !status.ok()) return status;
  impl->Start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::url() const { return impl_->url(); }

void HttpServer::Stop() { impl_->Stop(); }

}  // namespace ringside::aggregator
