"""The little of systemd that Ringside's units use, for tests where none runs: starts what a unit says, waits for
READY=1, restarts what ends, reloads, stops.

As a library: Service. As `systemctl`: start, enable --now, reload, restart, stop, is-active UNIT...; each unit
then has a keeper process of its own, and its files under /run/service-manager.
"""

import configparser
import os
import pathlib
import pwd
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time

UNITS = pathlib.Path("/usr/lib/systemd/system")
RUN = pathlib.Path("/run/service-manager")


class Unit:
    """What a unit file says."""

    def __init__(self, path):
        parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
        parser.optionxform = str
        parser.read(path)
        self.service = dict(parser["Service"])

    def user(self):
        name = self.service.get("User")
        return pwd.getpwnam(name) if name else None

    def command(self):
        arguments = shlex.split(self.service["ExecStart"])
        if "CapabilityBoundingSet" not in self.service:
            return arguments
        capabilities = self.service["CapabilityBoundingSet"].lower().replace("cap_", "").split()
        # setpriv changes the user before it drops the rest, so the bounding set may be empty.
        names = ",".join(["-all", *("+" + name for name in capabilities)])
        user = self.user()
        become = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"] if user else []
        return ["setpriv", "--no-new-privs", "--bounding-set", names, "--inh-caps", "-all", *become, *arguments]

    def make_directories(self):
        for key, parent in (("StateDirectory", "/var/lib"), ("RuntimeDirectory", "/run")):
            if key not in self.service:
                continue
            path = pathlib.Path(parent, self.service[key])
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(int(self.service.get(key + "Mode", "0755"), 8))
            if user := self.user():
                os.chown(path, user.pw_uid, user.pw_gid)


class Service:
    """A process that is started again whenever it ends, as Restart=always does, and ended when it needs more memory
    than it may, as the kernel does for MemoryMax."""

    def __init__(self, arguments, notify_path, log, memory_limit=None, pause=0.1, umask=0o077):
        self.arguments = [str(argument) for argument in arguments]
        self.log = log
        self.memory_limit = memory_limit
        self.pause = pause
        self.umask = umask
        self.child = None
        self.starts = 0
        self.restart_seconds = []  # from the end of one to READY=1 of the next
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        pathlib.Path(notify_path).unlink(missing_ok=True)
        self.notices.bind(str(notify_path))
        os.chmod(notify_path, 0o777)
        self.environment = {**os.environ, "NOTIFY_SOCKET": str(notify_path)}
        self.told = []

    def start(self, seconds=30):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.arguments, stdout=out, stderr=out, env=self.environment,
                                          umask=self.umask)
        self.starts += 1
        return self.wait_for("READY=1", seconds)

    def wait_for(self, notice, seconds):
        """False when the process ends, or does not say so in time."""
        deadline = time.monotonic() + seconds
        self.notices.settimeout(0.05)
        while time.monotonic() < deadline:
            try:
                lines = self.notices.recv(4096).decode().split("\n")
                self.told += lines
                if notice in lines:
                    return True
            except TimeoutError:
                if self.child.poll() is not None:
                    return False
        return False

    def keep(self):
        """To be called often. True if it had ended, was started again, and is ready."""
        if self.memory_limit and self.resident() > self.memory_limit:
            self.child.kill()
            self.child.wait()
        if self.child.poll() is None:
            return False
        ended = time.monotonic()
        time.sleep(self.pause)
        ready = self.start()
        if ready:
            self.restart_seconds.append(time.monotonic() - ended)
        return ready

    def resident(self):
        try:
            pages = int(pathlib.Path(f"/proc/{self.child.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * resource.getpagesize()

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(30)


def keep_unit(name):
    """The keeper process of one unit: until SIGTERM."""
    unit = Unit(UNITS / f"{name}.service")
    unit.make_directories()
    service = Service(unit.command(), RUN / f"{name}.notify", RUN / f"{name}.log",
                      pause=float(unit.service.get("RestartSec", "0.1")), umask=int(unit.service["UMask"], 8))
    state = RUN / f"{name}.state"
    wanted = [True]
    signal.signal(signal.SIGTERM, lambda *_: wanted.__setitem__(0, False))
    signal.signal(signal.SIGHUP, lambda *_: service.child.send_signal(signal.SIGHUP))
    while wanted[0]:
        if service.child is None:
            state.write_text("active" if service.start() else "failed")
        elif service.keep():
            state.write_text("active")
        time.sleep(0.05)
    service.stop()
    state.write_text("inactive")


def keeper_of(name):
    try:
        pid = int((RUN / f"{name}.pid").read_text())
        os.kill(pid, 0)
        return pid
    except (OSError, ValueError):
        return None


def state_of(name):
    path = RUN / f"{name}.state"
    return path.read_text() if path.exists() else "inactive"


def wait_for_state(name, states):
    deadline = time.monotonic() + 60
    while state_of(name) not in states and time.monotonic() < deadline:
        time.sleep(0.05)
    return state_of(name)


def start_unit(name):
    if keeper_of(name):
        return True
    RUN.mkdir(exist_ok=True)
    (RUN / f"{name}.state").unlink(missing_ok=True)
    with open(RUN / f"{name}.keeper", "ab") as out:
        keeper = subprocess.Popen([sys.executable, __file__, "keep", name], stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=out, start_new_session=True)
    (RUN / f"{name}.pid").write_text(str(keeper.pid))
    return wait_for_state(name, ("active", "failed")) == "active"


def stop_unit(name):
    if pid := keeper_of(name):
        os.kill(pid, signal.SIGTERM)
        return wait_for_state(name, ("inactive",)) == "inactive"
    return True


def reload_unit(name):
    pid = keeper_of(name)
    if pid:
        os.kill(pid, signal.SIGHUP)
    return bool(pid)


def systemctl(verb, names):
    names = [name.removesuffix(".service") for name in names if not name.startswith("-")]
    if verb == "is-active":
        print("\n".join(state_of(name) for name in names))
        return all(state_of(name) == "active" for name in names)
    actions = {"enable": [start_unit], "start": [start_unit], "stop": [stop_unit], "reload": [reload_unit],
               "restart": [stop_unit, start_unit]}
    return all(action(name) for name in names for action in actions[verb])


if __name__ == "__main__":
    if sys.argv[1] == "keep":
        keep_unit(sys.argv[2])
    else:
        sys.exit(0 if systemctl(sys.argv[1], sys.argv[2:]) else 1)
