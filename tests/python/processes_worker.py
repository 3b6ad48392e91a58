"""usage: processes_worker.py MODE [COUNT]    makes processes in one way; prints the tasks that ran.

The operations bear the mode's name, so that several modes may record on one host.
"""

import concurrent.futures
import multiprocessing
import os
import signal
import sys
import threading

import ringside

MODE = sys.argv[1]


def task(number):
    with ringside.timer(f"{MODE}.task", model="m"):
        pass
    with ringside.request(f"{MODE}.unit", number=number) as request:
        with request.stage("part"):
            pass
    ringside.count(f"{MODE}.tasks")
    return number


def parent():
    with ringside.timer(f"{MODE}.parent"):
        pass


def pool(method, count):
    with multiprocessing.get_context(method).Pool(3, maxtasksperchild=5) as workers:
        done = len(workers.map(task, range(count), chunksize=1))
        workers.close()
        workers.join()
    return done


def executor(method, count):
    with concurrent.futures.ProcessPoolExecutor(
            3, mp_context=multiprocessing.get_context(method)) as workers:
        return len(list(workers.map(task, range(count))))


def in_child(work):
    """Runs `work` in a forked child, to its end as an interpreter ends."""
    child = os.fork()
    if child == 0:
        work()
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status


def fork_each(count):
    for number in range(count):
        in_child(lambda: task(number))  # noqa: B023: it runs at once
    return count


def fork_in_thread(count):
    """Threads fork while other threads record."""
    stop = threading.Event()
    background = []

    def record():
        while not stop.is_set():
            background.append(task(0))

    threads = [threading.Thread(target=record) for _ in range(2)]
    forkers = [threading.Thread(target=fork_each, args=(count // 4,)) for _ in range(4)]
    for thread in threads + forkers:
        thread.start()
    for thread in forkers:
        thread.join()
    stop.set()
    for thread in threads:
        thread.join()
    return count // 4 * 4 + len(background)


def nested(count):
    """A child of a child of a child, each of which records before and after."""
    def generation(left):
        task(left)
        if left > 1:
            in_child(lambda: generation(left - 1))
        task(left)

    generation(min(count, 5))
    return 2 * min(count, 5)


def open_request(_):
    with ringside.timer("timed-across"), ringside.request("open") as request:
        with request.stage("parent-stage"):
            for _ in range(2):
                in_child(lambda: child_of(request))
        assert ringside.current_request() is request
    return 0


def child_of(request):
    assert ringside.current_request() is None  # the request is the parent's
    with request.stage("child-stage"):
        with ringside.timer("child"):
            pass
    with ringside.timer("child", number=1):
        pass
    request.end()


def killed(count):
    for number in range(count):
        ready, begun = os.pipe()
        child = os.fork()
        if child == 0:
            task(number)
            doomed = ringside.request("doomed", number=number)
            doomed.stage("endless")
            os.write(begun, b"x")
            signal.pause()
        os.read(ready, 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(begun)
    return count


def short(count):
    for number in range(count):
        if os.fork() == 0:
            task(number)
            os._exit(0)  # without any of the interpreter's ending
        os.wait()
    return count


MODES = {"fork": lambda n: pool("fork", n), "spawn": lambda n: pool("spawn", n),
         "forkserver": lambda n: pool("forkserver", n),
         "executor-fork": lambda n: executor("fork", n),
         "executor-spawn": lambda n: executor("spawn", n), "os.fork": fork_each,
         "fork-in-thread": fork_in_thread, "nested": nested, "open-request": open_request,
         "killed": killed, "short": short}

if __name__ == "__main__":
    parent()  # the parent has a segment of its own before it makes processes
    ran = MODES[MODE](int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    parent()
    print(ran)
