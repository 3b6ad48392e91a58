// One HTTP connection: reads a request's header, answers, and again while the client keeps it.
//
// Runs on the server's thread only. Bounded: bytes of a header, time of each read and write. Bodies
// are never read: nothing here takes one, and the connection ends after a request that has one.
#ifndef RINGSIDE_AGGREGATOR_HTTP_SESSION_H_
#define RINGSIDE_AGGREGATOR_HTTP_SESSION_H_

#include <memory>

#include <boost/asio/ip/tcp.hpp>

#include "aggregator/http_routes.h"

namespace ringside::aggregator {

// Alive while the connection is; `open_sessions` counts those alive.
void StartHttpSession(boost::asio::ip::tcp::socket socket, const HttpSources& sources,
                      std::shared_ptr<int> open_sessions);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_SESSION_H_
