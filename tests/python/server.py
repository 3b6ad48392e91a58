"""Servers of tests: gunicorn with measured workers, and clients that know what was answered."""

import http.client
import pathlib
import sys
import threading

from stack import Process, Stack, free_port, wait_until

HERE = pathlib.Path(__file__).parent


class Gunicorn:
    """A gunicorn master with its workers, recording into a host's segments."""

    def __init__(self, host, application, *options, folder=HERE, workers=2):
        self.host = host
        self.port = free_port()
        self.process = Process(
            [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}",
             "--workers", workers, "--chdir", folder, "--graceful-timeout", 5, *options,
             application],
            host.stack.root / "gunicorn.log", {"RINGSIDE_DIR": str(host.segments)})
        wait_until(lambda: self.get("/not-there") == 404, 20, self.process.output)

    def get(self, path):
        """The status of the answer; None where the worker died before it answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def get_many(self, paths, clients=4):
        """The statuses of all paths, asked for by several clients at once."""
        waiting, answers, lock = list(paths), [], threading.Lock()

        def ask():
            while True:
                with lock:
                    if not waiting:
                        return
                    path = waiting.pop()
                status = self.get(path)
                with lock:
                    answers.append((path, status))

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def stop(self):
        assert self.process.terminate() == 0, self.process.output()


class ServedStack(Stack):
    """A stack with one host and its agent, for servers."""

    def __enter__(self):
        super().__enter__()
        self.start_aggregator()
        self.host("a").start_agent()
        return self

    def counts(self, operation, *conditions, by="outcome,error_type,status,route"):
        """{labels that are not empty, in the order of `by`: count} over all that was merged."""
        arguments = [a for condition in conditions for a in ("--where", condition)]
        rows = self.query(operation, "--stat", "count", "--last", "24h", "--by", by, *arguments)
        keys = by.split(",")
        return {tuple(row["labels"][key] for key in keys if row["labels"].get(key)): row["count"]
                for row in rows or []}

    def counter(self, name):
        """The sum of a counter over all that was merged."""
        rows = self.query(name, "--stat", "sum", "--last", "24h") or []
        return sum(row["sum"] for row in rows)

    def wait_for_total(self, operation, count):
        """Until an operation was merged so often; more often is a failure at once."""
        wait_until(lambda: self.merged(operation)[0] >= count, 30, lambda: self.merged(operation))
        assert self.merged(operation)[0] == count

    def wait_for_no_segments(self):
        host = self.hosts[0]
        wait_until(lambda: not host.segment_files(), 30, host.segment_files)
