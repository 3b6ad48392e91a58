#include "bench/scraped_server.h"

#include <filesystem>
#include <fstream>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringside::bench {

ScrapedServer::ScrapedServer(uint64_t targets, uint64_t series) : series_(series) {
  for (uint64_t i = 0; i < targets; ++i) {
    proto::UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener.get(), plain, size) != 0 || listen(listener.get(), 16) != 0 ||
        getsockname(listener.get(), plain, &size) != 0) {
      continue;
    }
    ports_.push_back(ntohs(address.sin_port));
    listeners_.push_back(std::move(listener));
  }
}

// One request a connection: cheap enough at a scrape a second.
void ScrapedServer::Answer(int listener) {
  const proto::UniqueFd connection(accept(listener, nullptr, nullptr));
  if (!connection.ok()) return;
  char request[4096];
  if (read(connection.get(), request, sizeof request) <= 0) return;
  ++served_;
  std::string body = "# TYPE stage_seconds_total counter\n";
  for (uint64_t i = 0; i < series_; ++i) {
    body += "stage_seconds_total{stage=\"stage-" + std::to_string(i / 10) + "\",model=\"model-" +
            std::to_string(i % 10) + "\"} " + std::to_string(served_ * 17 + i) + "\n";
  }
  std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n";
  answer += body;
  for (size_t done = 0; done < answer.size();) {
    const ssize_t bytes =
        send(connection.get(), answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
    if (bytes <= 0) return;
    done += static_cast<size_t>(bytes);
  }
}

void ScrapedServer::Serve(std::chrono::milliseconds duration) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + duration;
  std::vector<pollfd> wait;
  for (const proto::UniqueFd& listener : listeners_) wait.push_back({listener.get(), POLLIN, 0});
  while (Clock::now() < end) {
    if (poll(wait.data(), wait.size(), 20) <= 0) continue;
    for (const pollfd& one : wait) {
      if ((one.revents & POLLIN) != 0) Answer(one.fd);
    }
  }
}

proto::Result<std::unique_ptr<ServerProcess>> StartPrometheus(const ScrapedServer& pages) {
  std::string config = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
  const int fd = mkstemp(config.data());
  if (fd < 0) return proto::Status::Error(config + ": cannot be made");
  close(fd);
  std::ofstream file(config);
  file << "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
          "scrape_configs:\n- job_name: bench\n  static_configs:\n  - targets: [";
  for (const uint16_t port : pages.ports()) file << "'127.0.0.1:" << port << "',";
  file << "]\n";
  file.close();
  auto server =
      ServerProcess::Start({"prometheus", "--config.file=" + config, "--storage.tsdb.path={}/data",
                            "--web.listen-address=127.0.0.1:0"},
                           "Server is ready to receive web requests");
  std::filesystem::remove(config);
  if (!server) {
    return proto::Status::Error("prometheus (scripts/setup --bench installs it): " +
                                server.message());
  }
  return server;
}

}  // namespace ringside::bench
