"""Whose request is it: tasks, threads, executors, generators, callers that do odd things."""

import asyncio
import concurrent.futures
import contextlib
import gc
import json
import threading

import pytest
import ringside
from ringside import _core
from segments import counted, look


def steps_of(request):
    return [(step["name"], step["outcome"]) for step in request.summary["steps"]]


def test_interleaved_tasks_keep_their_requests_and_stages_apart():
    async def work(number, others):
        async with ringside.request("task", number=number) as request:
            for part in range(5):
                async with request.stage(f"part-{part}"):
                    await asyncio.sleep(0)
                    others.append(number)
                    assert ringside.current_request() is request
                    with ringside.timer("inner", part=part):  # a stage of whose turn it is
                        await asyncio.sleep(0)
        return request

    async def main():
        turns = []
        requests = await asyncio.gather(*(work(number, turns) for number in range(20)))
        assert turns[:20] == list(range(20))  # they did take turns
        return requests

    for number, request in enumerate(asyncio.run(main())):
        assert request.summary["attributes"] == {"number": number}
        expected = [name for part in range(5) for name in (f"part-{part}", "inner")]
        assert [step["name"] for step in request.summary["steps"]] == expected
        assert [step["attributes"].get("part") for step in request.summary["steps"]][1::2] == [
            0, 1, 2, 3, 4]
    assert ringside.current_request() is None


def test_tasks_that_a_request_starts_belong_to_it():
    async def child():
        await asyncio.sleep(0)
        with ringside.timer("child", number=1):
            return ringside.current_request()

    async def main():
        with ringside.request("parent") as request:
            in_thread = asyncio.to_thread(ringside.current_request)
            found = await asyncio.gather(child(), child(), in_thread)
        return request, found

    request, found = asyncio.run(main())
    assert found == [request] * 3
    assert steps_of(request) == [("child", "ok"), ("child", "ok")]


def test_a_cancelled_task_is_an_error_of_its_request():
    async def main():
        async def work():
            async with ringside.request("cancelled") as request:
                requests.append(request)
                await asyncio.sleep(60)

        requests = []
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return requests[0]

    assert asyncio.run(main()).summary["error"]["type"] == "CancelledError"


def test_threads_have_no_request_until_one_is_handed_over():
    found = []

    def look():
        found.append(ringside.current_request())

    with ringside.request("main") as request:
        def attached():
            with ringside.attach(request) as same:
                assert same is request
                look()
                with ringside.attach(None):
                    look()
            look()

        for target in (look, ringside.bind(look), attached):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert found == [None, request, request, None, None]


def test_executors_take_the_request_along_by_bind():
    def work(number):
        with ringside.current_request().stage("work", number=number):
            return number * 2

    with concurrent.futures.ThreadPoolExecutor(4) as pool, ringside.request("pool") as request:
        assert list(pool.map(ringside.bind(work), range(40))) == [2 * n for n in range(40)]
    steps = request.summary["steps"]
    assert sorted(step["attributes"]["number"] for step in steps) == list(range(40))
    assert {step["outcome"] for step in steps} == {"ok"}


def test_requests_inside_requests_give_the_outer_one_back():
    with ringside.request("outer") as outer:
        with ringside.request("inner") as inner:
            assert ringside.current_request() is inner
        assert ringside.current_request() is outer
        outer.end()
        assert ringside.current_request() is None  # over, though the block is not
    assert ringside.current_request() is None


def test_without_a_block_a_request_is_nobodys_surroundings():
    request = ringside.request("plain")
    assert ringside.current_request() is None
    request.end()


def test_a_generator_that_is_left_early_ends_well():
    def produce():
        with ringside.request("stream") as request:
            made.append(request)
            with request.stage("items"):
                yield 1
                yield 2

    made = []
    for _ in produce():
        break
    gc.collect()
    assert made[0].summary["outcome"] == "ok"
    assert steps_of(made[0]) == [("items", "ok")]


def test_a_request_entered_in_one_context_and_left_in_another_is_no_error():
    async def produce():
        with ringside.request("moving"):
            yield 1

    async def main():
        generator = produce()
        await asyncio.create_task(generator.__anext__())
        with contextlib.suppress(StopAsyncIteration):
            await asyncio.create_task(generator.__anext__())

    asyncio.run(main())


def test_what_is_forgotten_is_aborted():
    told = []
    _core.set_sink(lambda kind, facts: told.append((kind, facts.get("outcome"))))
    try:
        request = ringside.request("forgotten")
        request.stage("part")
        del request
        gc.collect()
    finally:
        _core.set_sink(None)
    assert told == [("start", None), ("stage", "aborted"), ("request", "aborted")]


@pytest.mark.parametrize("make", [
    lambda: ringside.timer("any"), lambda: ringside.timer("any", job=1),
    lambda: ringside.request("any"), lambda: ringside.request("any").stage("part"),
    lambda: ringside.Operation("any")])
def test_every_block_works_with_contextlib_and_lets_exceptions_through(make):
    with contextlib.ExitStack() as stack:
        stack.enter_context(make())
    error = RuntimeError("untouched")
    with pytest.raises(RuntimeError) as raised, contextlib.ExitStack() as stack:
        stack.enter_context(make())
        raise error
    assert raised.value is error and error.__context__ is None and error.__cause__ is None


def test_attributes_of_any_kind_are_taken_and_never_raise():
    class Bad:
        def __str__(self):
            raise ValueError("no text")

        def __float__(self):
            raise ValueError("no number")

    with ringside.request("odd", bad=Bad(), huge=10**400, lone="\ud800", nan=float("nan"),
                          name_is_a_keyword=b"\xff") as request:
        request.value("bad", Bad())
        request.value(Bad(), 1)
        request.fail(Bad(), Bad())
        with request.stage(Bad()):
            pass
    attributes = request.summary["attributes"]
    assert attributes["bad"] == {"float": "nan"} and attributes["huge"] == "1" + "0" * 400
    assert attributes["lone"] == "?" and attributes["nan"] == {"float": "nan"}
    assert request.summary["error"] == {"type": "(unprintable)", "message": "(unprintable)"}
    json.dumps(request.summary)
    before = ringside.health()
    for number in (Bad(), "seven", None, float("inf"), -1):
        ringside.value("odd_value", number)
        ringside.count("odd_count", number)
        ringside.record("odd_duration", seconds=number)
    after = ringside.health()
    assert after["lost_not_finite"] - before["lost_not_finite"] == 4
    assert after["lost_negative"] - before["lost_negative"] == 1
    assert after["invalid"] - before["invalid"] == 10


def test_wrong_calls_are_type_errors_as_those_of_any_function():
    with ringside.request("typed") as request:
        for call in (ringside.timer, ringside.request, lambda: ringside.record("x"),
                     lambda: ringside.record("x", 245),
                     lambda: ringside.record("x", ms=1, seconds=1),
                     lambda: ringside.value("x"), lambda: request.value("x"),
                     lambda: request.fail(), lambda: request.end(fine=True),
                     lambda: request.set(1), ringside.Operation):
            with pytest.raises(TypeError):
                call()


def test_label_keys_may_change_at_any_time():
    ringside.configure(label_keys=["tenant"])
    try:
        for _ in range(2):
            request = ringside.request("keys", tenant="a", model="m")
            assert request.summary["labels"] == {"tenant": "a"}
            assert isinstance(ringside.timer("keys", tenant="a"), ringside.Timer)
            assert isinstance(ringside.timer("keys", model="m"), ringside.Request)
    finally:
        ringside.configure(label_keys=["model", "model_version", "device"])
    assert isinstance(ringside.timer("keys", model="m"), ringside.Timer)


def test_labels_made_at_run_time_are_told_apart_and_found_again():
    def label(number):
        return "model-" + str(number)

    operations = {ringside.Operation("dynamic", model=label(n % 5)) for n in range(100)}
    assert {operation.labels["model"] for operation in operations} == {label(n) for n in range(5)}
    assert len(operations) == 5


def test_one_call_site_records_under_the_labels_of_each_call():
    labels = [("a", "cpu"), ("a", "gpu"), ("b", "cpu")]
    for _ in range(30):
        for model, device in labels:  # the same strings each time: calls are remembered by them
            with ringside.timer("call.site", model=model, device=device):
                pass
    counts = {(row["labels"]["model"], row["labels"]["device"]): row["count"]
              for row in look(ringside.segment_path())["series"]
              if row["operation"] == "call.site"}
    assert counts == dict.fromkeys(labels, 30)


def test_a_timer_that_is_entered_again_measures_both_blocks():
    timer = ringside.timer("re.entered")
    with timer:
        with timer:
            with timer as same:
                assert same is timer
    with timer:
        pass
    timer.start()
    timer.end()
    timer.end()  # does nothing
    assert counted(ringside.segment_path(), "re.entered") == 5


def test_threads_that_share_an_operation_do_not_meet():
    operation = ringside.Operation("shared.operation")
    path = ringside.segment_path()

    def work():
        for _ in range(20_000):
            with operation, operation:
                pass

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    assert counted(path, "shared.operation") == 8 * 20_000 * 2
