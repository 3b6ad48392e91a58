"""docs/deploy.md, followed to the letter: the package is built and installed, and its commands are run on hosts that
have a root, a network and a /dev/shm of their own. Needs root, overlayfs and network namespaces."""

import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest
from stack import WORKER, oracle_totals, wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["RINGSIDE_BUILD"])
MANAGER = pathlib.Path(__file__).with_name("service_manager.py")
CLONE_NEWNS = 0x20000
UNITS = ("ringside-agent", "ringside-aggregator")
ADDRESSES = {"aggregator": "10.0.0.1", "gpu-01": "10.0.0.2", "gpu-02": "10.0.0.3", "stranger": "10.0.0.4"}
AGENTS = ("gpu-01", "gpu-02", "stranger")


def must(*arguments, **options):
    result = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120, check=False,
                            **options)
    assert result.returncode == 0, (arguments, result.stdout, result.stderr)
    return result.stdout


def can_make_hosts():
    return os.geteuid() == 0 and shutil.which("ip") and subprocess.run(
        ["unshare", "--mount", "--net", "true"], capture_output=True, check=False).returncode == 0


needs_hosts = pytest.mark.skipif(not can_make_hosts(), reason="needs root and the right to make namespaces")


def blocks():
    """(where, code) of each command block of the page, in order."""
    text = (SOURCE / "docs" / "deploy.md").read_text(encoding="utf-8")
    return re.findall(r"<!-- on: (.*?) -->\n```sh\n(.*?)```\n", text, re.S)


@pytest.fixture(name="package", scope="module")
def built_package():
    work = pathlib.Path(tempfile.mkdtemp(prefix="ringside-deb-"))
    must("cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", work, cwd=BUILD)
    yield next(work.glob("*.deb"))
    shutil.rmtree(work)


def test_the_package_holds_what_the_page_says(package):
    listed = must("dpkg-deb", "--contents", package)
    rights = {line.split()[5].removeprefix("."): line.split()[0] for line in listed.splitlines()}
    for path in ("/usr/bin/ringside", "/usr/lib/libringside-probe.so.0", "/usr/lib/libringside-probe.a",
                 "/usr/include/ringside/probe.h", "/usr/include/ringside/probe_c.h",
                 "/usr/lib/pkgconfig/ringside-probe.pc", "/usr/lib/cmake/ringside/ringside-config.cmake",
                 *(f"/usr/lib/systemd/system/{unit}.service" for unit in UNITS), "/usr/lib/tmpfiles.d/ringside.conf",
                 "/etc/ringside/agent.yaml", "/etc/ringside/aggregator.yaml",
                 "/usr/share/doc/ringside/examples/agent.yaml", "/usr/share/doc/ringside/deploy.md"):
        assert path in rights, listed
    assert rights["/usr/bin/ringside"] == "-rwxr-xr-x" and rights["/etc/ringside/agent.yaml"] == "-rw-r--r--"
    assert not any("python3" in path or path.endswith(".key") for path in rights), listed
    assert all(path.startswith(("/usr/", "/etc/")) for path in rights if not path.endswith("/")), listed
    assert all(line.split()[1] == "root/root" for line in listed.splitlines()), listed
    control = must("dpkg-deb", "--field", package)
    assert "Package: ringside\n" in control and re.search(r"^Depends: .*libzmq5", control, re.M), control
    with tempfile.TemporaryDirectory() as work:
        must("dpkg-deb", "--control", package, work)
        assert {"postinst", "prerm", "postrm", "conffiles"} <= set(os.listdir(work))
        for script in ("postinst", "prerm", "postrm"):
            must("sh", "-n", pathlib.Path(work, script))


# Of 100, as `systemd-analyze security` counts: the agent runs as root, to read all users' segments.
@pytest.mark.parametrize("unit,exposure", [("ringside-agent", 35), ("ringside-aggregator", 20)])
def test_the_units_are_what_systemd_understands(package, unit, exposure, tmp_path):
    must("dpkg-deb", "--extract", package, tmp_path)
    # The binary must be where the unit says; here it is not installed.
    text = (tmp_path / f"usr/lib/systemd/system/{unit}.service").read_text()
    assert "ExecStart=/usr/bin/ringside " in text
    here = tmp_path / f"{unit}.service"
    here.write_text(text.replace("/usr/bin/ringside", str(tmp_path / "usr/bin/ringside")))
    result = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    must("systemd-analyze", "security", "--offline=true", f"--threshold={exposure}", here)


class Machine:
    """A root of its own (an overlay), and a network of its own when it has an address."""

    def __init__(self, work, name, lower):
        self.name = name
        self.root = work / name / "root"
        self.upper = work / name / "upper"
        for path in (self.root, self.upper, work / name / "work"):
            path.mkdir(parents=True)
        must("mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={lower},upperdir={self.upper},workdir={work / name / 'work'}", self.root)
        for folder in ("proc", "sys"):
            must("mount", "--bind", f"/{folder}", self.root / folder)
        for folder in ("dev", "run", "tmp"):
            must("mount", "-t", "tmpfs", "tmpfs", self.root / folder)
        for device, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            must("mknod", "-m", "666", self.root / "dev" / device, "c", "1", minor)
        (self.root / "dev" / "shm").mkdir()
        must("mount", "-t", "tmpfs", "tmpfs", self.root / "dev" / "shm")
        (self.root / "dev" / "fd").symlink_to("/proc/self/fd")
        self.home = self.root / "root" / "deploy"
        self.home.mkdir(parents=True, exist_ok=True)
        self.network = None

    def connect(self, network, switch):
        self.network = network
        end = network[-11:]
        must("ip", "netns", "add", network)
        must("ip", "link", "add", end, "netns", switch, "type", "veth", "peer", "name", "eth0", "netns", network)
        must("ip", "-n", switch, "link", "set", end, "master", "bridge", "up")
        must("ip", "-n", network, "address", "add", f"{ADDRESSES[self.name]}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            must("ip", "-n", network, "link", "set", device, "up")

    def command(self, code):
        inside = 'hostname "$1" && cd "$2/root/deploy" && exec chroot "$2" bash -euc "cd /root/deploy; $3"'
        enter = ["ip", "netns", "exec", self.network] if self.network else []
        return [*enter, "unshare", "--uts", "bash", "-euc", inside, "bash", self.name, str(self.root), code]

    def run(self, code):
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                       "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return subprocess.run(self.command(code), env=environment, capture_output=True, text=True, timeout=180,
                              check=False)

    def do(self, code):
        result = self.run(code)
        assert result.returncode == 0, (self.name, code, result.stdout, result.stderr, self.logs())
        return result.stdout

    def logs(self):
        return {path.name: path.read_text(errors="replace")[-3000:]
                for path in (self.root / "run").glob("service-manager/*.log")}

    def work(self, operation, records):
        """A worker from start to end; returns its oracle's totals."""
        self.do(f"integration_worker --oracle /root/{operation} --operation {operation} --records {records}")
        return oracle_totals([self.root / "root" / operation])[1]


class Cluster:
    """The machines of the page. Lives in a mount namespace of this process: nothing of it is left."""

    def __init__(self, package):
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
        must("mount", "--make-rprivate", "/")
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="ringside-deploy-"))
        must("mount", "-t", "tmpfs", "tmpfs", self.work)  # an overlay cannot lie on an overlay
        self.image = Machine(self.work, "image", "/")
        shutil.copy(package, self.image.home)
        self.switch = f"rs{os.getpid()}-sw"
        self.machines = {}

    def make_machines(self):
        """Each is a copy of the image that the package was installed in."""
        local = self.image.root / "usr" / "local" / "bin"
        shutil.copy(WORKER, local / "integration_worker")
        (local / "systemctl").write_text(f"#!/bin/sh\nexec python3 /usr/local/lib/{MANAGER.name} \"$@\"\n")
        (local / "systemctl").chmod(0o755)
        shutil.copy(MANAGER, self.image.root / "usr" / "local" / "lib" / MANAGER.name)
        must("umount", "-R", self.image.root)
        must("ip", "netns", "add", self.switch)
        must("ip", "-n", self.switch, "link", "add", "bridge", "up", "type", "bridge")
        for index, name in enumerate(ADDRESSES):
            machine = Machine(self.work, name, f"{self.image.upper}:/")
            machine.connect(f"rs{os.getpid()}-{index}", self.switch)
            # What systemd-tmpfiles does at each boot.
            machine.do("systemd-tmpfiles --create ringside.conf")
            self.machines[name] = machine

    def __getitem__(self, name):
        return self.machines[name]

    def follow(self, where, code):
        if where == "all":
            self.image.do(code)
            self.make_machines()
        elif where == "aggregator":
            return [self["aggregator"].do(code)]
        elif where == "agents":
            return [self[name].do(code) for name in AGENTS]
        return []

    def copy_public_keys(self):
        """By a way that one trusts. The stranger's key goes nowhere."""
        for name in AGENTS:
            shutil.copy(self["aggregator"].root / "etc/ringside/aggregator.key.pub",
                        self[name].root / "etc/ringside/aggregator.pub")
            if name != "stranger":
                shutil.copy(self[name].root / "etc/ringside/agent.key.pub",
                            self["aggregator"].home / f"{name}.key.pub")

    def merged(self, operation):
        answer = self["aggregator"].do(f"ringside query {operation} --stat count,sum --last 24h --json")
        rows = json.loads(answer)["rows"]
        return sum(row["count"] for row in rows), round(sum(row["sum"] or 0 for row in rows) * 1e9)

    def close(self):
        for machine in self.machines.values():
            machine.run(f"systemctl stop {' '.join(UNITS)}")
        for network in [*(m.network for m in self.machines.values()), self.switch]:
            subprocess.run(["ip", "netns", "delete", network], capture_output=True, check=False)
        subprocess.run(["umount", "-l", self.work], check=False)
        shutil.rmtree(self.work, ignore_errors=True)


@pytest.fixture(name="cluster")
def cluster_of_the_page(package):
    cluster = Cluster(package)
    yield cluster
    cluster.close()


def wait_exact(cluster, operation, expected):
    wait_until(lambda: cluster.merged(operation) == expected, 30,
               lambda: (cluster.merged(operation), expected, [m.logs() for m in cluster.machines.values()]))


@needs_hosts
def test_a_cluster_by_the_page(cluster):
    steps = blocks()
    assert [where for where, _ in steps].count("agents") >= 4
    revoke = [code for where, code in steps if where == "aggregator, revoke"]
    answers = {}
    for where, code in steps:
        if "cat *.key.pub" in code:
            cluster.copy_public_keys()
        if "ringside query" in code:
            wait_until(lambda: cluster.merged("host.memory.used")[0] > 0, 30, cluster["aggregator"].logs)
        answers[code] = cluster.follow(where, code)
    aggregator, one, two, stranger = (cluster[name] for name in ADDRESSES)

    assert aggregator.do("stat -c '%U %a' /etc/ringside/aggregator.key") == "ringside 600\n"
    assert aggregator.do("stat -c '%U %a' /var/lib/ringside/aggregator") == "ringside 700\n"

    # Two agents with keys: their totals are exact. The third host is refused, and is told why.
    expected = {}
    for machine, records in ((one, 700), (two, 300), (stranger, 100)):
        expected[machine.name] = machine.work(f"work-{machine.name}", records)
    for name in ("gpu-01", "gpu-02"):
        wait_exact(cluster, f"work-{name}", expected[name])
    rows = json.loads(aggregator.do("ringside query host.memory.used --by host --stat count --json"))["rows"]
    assert {row["labels"]["host"] for row in rows} == {"gpu-01", "gpu-02"}
    # The doctor gives the aggregator two seconds to answer, each time.
    doctor = "ringside doctor --config /etc/ringside/agent.yaml"
    wait_until(lambda: "WRONG  keys" in stranger.run(doctor).stdout, 60, stranger.logs)
    wait_until(lambda: "taken by tcp://10.0.0.1:7750" in " ".join(one.run(doctor).stdout.split()), 60, one.logs)
    assert "not in the allow-list" in str(aggregator.logs()) and "10.0.0.4" in str(aggregator.logs())
    # Its connection stays open until the handshake has taken too long.
    wait_until(lambda: "allow-list" in str(stranger.logs()), 30, stranger.logs)

    # Killed, it is started again by its service, and nothing is missing.
    aggregator.do("pkill -9 -x -f '/usr/bin/ringside aggregator --config /etc/ringside/aggregator.yaml'")
    expected["gpu-01"] = one.work("after-kill", 400)
    wait_until(lambda: aggregator.run("ringside query after-kill").returncode == 0, 30, aggregator.logs)
    wait_exact(cluster, "after-kill", expected["gpu-01"])

    for code in revoke:
        aggregator.do(code)
    wait_until(lambda: "keys read again: 1 may" in str(aggregator.logs()), 60, aggregator.logs)
    kept = two.work("after-revoke", 200)
    wait_exact(cluster, "from-one", one.work("from-one", 200))
    time.sleep(1.5)  # more than an interval: what may come has come
    assert cluster.merged("after-revoke") == (0, 0)
    # It may again: what it kept meanwhile arrives.
    aggregator.do("cat gpu-02.key.pub >> /etc/ringside/agents.allow; systemctl reload ringside-aggregator")
    wait_exact(cluster, "after-revoke", kept)
    assert cluster.merged("work-stranger") == (0, 0)
    assert json.loads(aggregator.do("ringside ledger --json"))["balanced"]
