"""`@ringside.timed("post_processing")`: each call of a function is a block of `ringside.timer`."""

from functools import wraps

from ._ringside import timer

# Flags of code objects, as the inspect module names them; importing it takes milliseconds.
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200


def timed(name=None, /, **keywords):
    """Times every call of the function, method, coroutine, generator or async generator below.

    `name`: of the operation; default the function's own. Keywords as of `ringside.timer`. A
    coroutine is timed from its first step to its end, a generator from the first `next` until it is
    exhausted, closed or raises. Exceptions are recorded and raised on, untouched. Thread-safe.
    """
    if callable(name):
        return _decorate(name, _name_of(name), keywords)
    return lambda function: _decorate(function, name or _name_of(function), keywords)


def _name_of(function):
    return getattr(function, "__qualname__", type(function).__qualname__).replace("<locals>.", "")


def _decorate(function, name, keywords):
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(_decorate(function.__func__, name, keywords))
    kind = _kind_of(function)
    if kind & _ASYNC_GENERATOR:
        return _async_generator(function, name, keywords)
    if kind & _COROUTINE:
        return _coroutine(function, name, keywords)
    if kind & _GENERATOR and not kind & _ITERABLE_COROUTINE:
        return _generator(function, name, keywords)
    return _function(function, name, keywords)


def _kind_of(function):
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    code = getattr(function, "__code__", None)
    if code is None:
        call = getattr(type(function), "__call__", None)
        code = getattr(call, "__code__", None)
    return getattr(code, "co_flags", 0)


def _wrapper_of(function):
    def decorate(wrapper):
        try:
            return wraps(function)(wrapper)
        except (AttributeError, TypeError):  # of an object that only looks like a function
            return wrapper
    return decorate


def _function(function, name, keywords):
    if keywords:
        @_wrapper_of(function)
        def timed_function(*arguments, **named):
            with timer(name, **keywords):
                return function(*arguments, **named)
    else:
        @_wrapper_of(function)
        def timed_function(*arguments, **named):
            with timer(name):
                return function(*arguments, **named)
    return timed_function


def _coroutine(function, name, keywords):
    @_wrapper_of(function)
    async def timed_coroutine(*arguments, **named):
        with timer(name, **keywords):
            return await function(*arguments, **named)
    return timed_coroutine


def _generator(function, name, keywords):
    @_wrapper_of(function)
    def timed_generator(*arguments, **named):
        with timer(name, **keywords):
            return (yield from function(*arguments, **named))
    return timed_generator


def _async_generator(function, name, keywords):
    @_wrapper_of(function)
    async def timed_async_generator(*arguments, **named):
        with timer(name, **keywords):
            generator = function(*arguments, **named)
            try:
                sent = None
                while True:
                    try:
                        item = await generator.asend(sent)
                    except StopAsyncIteration:
                        return
                    sent = yield item
            finally:
                await generator.aclose()
    return timed_async_generator
