// A key holder that floods: flooding_peer ENDPOINT SECRET-KEY-FILE AGGREGATOR-KEY-FILE
//
// Sends messages of 4 GiB in parts of 1 MiB, one after another, until it is killed. For the
// aggregator each is a message that never ends: it runs out of memory before the last part. The
// parts share one buffer here.
#include <cstdio>
#include <string>

#include <zmq.h>

#include "agent/uplink_keys.h"

namespace {

constexpr size_t kPartBytes = size_t{1} << 20;
constexpr int kParts = 4096;

char part_bytes[kPartBytes];

void KeepIt(void* /*data*/, void* /*hint*/) {}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const auto keys = ringside::agent::ReadUplinkKeys({argv[2], argv[3]}, argv[1]);
  if (!keys.ok()) {
    fprintf(stderr, "%s\n", keys.message().c_str());
    return 1;
  }
  void* const context = zmq_ctx_new();
  void* const socket = zmq_socket(context, ZMQ_DEALER);
  const int one = 1;
  zmq_setsockopt(socket, ZMQ_SNDHWM, &one, sizeof one);
  zmq_setsockopt(socket, ZMQ_IMMEDIATE, &one, sizeof one);
  if (!ringside::agent::SetKeys(**keys, socket).ok() || zmq_connect(socket, argv[1]) != 0) return 1;
  while (true) {
    for (int i = 0; i < kParts; ++i) {
      zmq_msg_t part;
      zmq_msg_init_data(&part, part_bytes, kPartBytes, KeepIt, nullptr);
      if (zmq_msg_send(&part, socket, i + 1 < kParts ? ZMQ_SNDMORE : 0) < 0) zmq_msg_close(&part);
    }
  }
}
