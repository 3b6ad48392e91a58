// One HTTP connection: reads a request, answers, and again while the client keeps it.
//
// Runs on the server's thread only. Bounded: bytes of a header and a body, time to send each and to
// take an answer. A body is read only after its header was admitted.
#ifndef RINGSIDE_AGGREGATOR_HTTP_SESSION_H_
#define RINGSIDE_AGGREGATOR_HTTP_SESSION_H_

#include <boost/asio/ip/tcp.hpp>

#include "aggregator/http_routes.h"
#include "aggregator/http_sessions.h"

namespace ringside::aggregator {

// Alive while the connection is. Both must outlive it.
void StartHttpSession(boost::asio::ip::tcp::socket socket, const HttpRoutes& routes,
                      HttpSessions* sessions);

}  // namespace ringside::aggregator

#endif  // RINGSIDE_AGGREGATOR_HTTP_SESSION_H_
