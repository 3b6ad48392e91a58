"""Names of the package that are imported when they are first used.

A module-level __getattr__ would do it too, and would keep the interpreter from remembering where
the package's other names are: it made a `ringside.timer` block a tenth slower.
"""


class Lazy:
    """Stands for a class, function or module of the package until it is used in whatever way."""

    __slots__ = ("_names", "_place")

    def __init__(self, names, name, module, member=None):
        self._names = names
        self._place = (name, module, member)

    def _find(self):
        from importlib import import_module
        name, module, member = self._place
        found = import_module(f"ringside.{module}")
        if member is not None:
            found = getattr(found, member)
        self._names[name] = found
        return found

    def __call__(self, *arguments, **keywords):
        return self._find()(*arguments, **keywords)

    def __getattr__(self, name):
        return getattr(self._find(), name)

    def __mro_entries__(self, bases):
        return (self._find(),)

    def __instancecheck__(self, instance):
        return isinstance(instance, self._find())

    def __subclasscheck__(self, subclass):
        return issubclass(subclass, self._find())

    def __repr__(self):
        return repr(self._find())
