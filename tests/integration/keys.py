"""A stack with keys, made by `ringside keygen` as an operator makes them."""

import signal

from stack import Stack


class KeyedStack(Stack):
    """Key files below root/keys; an agent or peer is allowed by its name."""

    def __init__(self):
        super().__init__()
        self.keys = self.root / "keys"
        self.keys.mkdir()
        self.allow = self.keys / "allow"
        self.allowed = {}
        self.keygen("aggregator")
        self.write_allowed()

    def keygen(self, name):
        result = self.run("keygen", self.keys / name, "--name", name)
        assert result.returncode == 0, result.stderr
        return (self.keys / f"{name}.pub").read_text()

    def allow_key(self, name):
        self.allowed[name] = self.keygen(name)
        self.write_allowed()

    def revoke(self, name):
        del self.allowed[name]
        self.write_allowed()

    def write_allowed(self):
        self.allow.write_text("".join(self.allowed.values()))

    def aggregator_options(self):
        return ["--key", self.keys / "aggregator", "--allow", self.allow]

    def agent_options(self, name):
        return ["--key", self.keys / name, "--aggregator-key", self.keys / "aggregator.pub"]

    def start_aggregator(self, *extra):
        super().start_aggregator(*self.aggregator_options(), *extra)

    def keyed_host(self, name):
        host = self.host(name)
        self.allow_key(name)
        return host

    def reload(self):
        self.aggregator.child.send_signal(signal.SIGHUP)
