// Tells the service manager (systemd, Type=notify) how a daemon is doing, by a datagram to the
// socket that it names in $NOTIFY_SOCKET. Without one nothing happens; a lost notice harms nobody.
#ifndef RINGSIDE_CLI_SERVICE_NOTICE_H_
#define RINGSIDE_CLI_SERVICE_NOTICE_H_

namespace ringside::cli {

void NotifyReady();
void NotifyReloading();  // NotifyReady ends it
void NotifyStopping();

}  // namespace ringside::cli

#endif  // RINGSIDE_CLI_SERVICE_NOTICE_H_
