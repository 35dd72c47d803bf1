"""Define frozen value classes without importing `dataclasses`.

Importing `dataclasses` takes about as long as starting Python, because it imports `inspect` and compiles every method separately. That is too slow
for a linter that runs on every commit. A record has the same declaration, constructor, equality, hash and repr as a frozen dataclass. It can be
pickled between worker processes, and mypy checks it as a dataclass. This module imports only a module that is part of the interpreter.
"""

from __future__ import annotations

from _operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_options: object) -> object:
        """Replace `typing.dataclass_transform`, which only type checkers read."""
        return lambda function: function


MANY = 100
"""Number of instances after which a record class gets its own compiled constructor."""


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Turn `cls` into a frozen class with slots. Its annotations are the fields, in order. Inheritance is not supported."""
    fields = tuple(cls.__annotations__)
    defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}
    body = {name: value for name, value in cls.__dict__.items() if name not in (*fields, "__dict__", "__weakref__")}
    body.update(__slots__=fields, __match_args__=fields, _defaults=defaults, _made=0, __init__=_init, _values=_getter(fields))
    body.update(__setattr__=_frozen, __delattr__=_frozen, __eq__=_eq, __hash__=_hash, __repr__=_repr, __reduce__=_reduce)
    made: type[T] = type(cls.__name__, (), body)
    return made


def replace(instance: T, **changes: Any) -> T:
    """Return a copy of a record with the named fields replaced."""
    kind: Any = type(instance)
    fields: tuple[str, ...] = kind.__slots__
    values = list(kind.__dict__["_values"](instance))
    for name, value in changes.items():
        values[fields.index(name)] = value
    made: T = kind(*values)
    return made


def _getter(fields: tuple[str, ...]) -> Callable[[object], tuple[Any, ...]]:
    """Return a function that returns the values of the fields. Python looks it up in the class without binding it, so it takes the instance."""
    if len(fields) > 1:
        return attrgetter(*fields)
    return staticmethod(lambda instance: tuple([getattr(instance, name) for name in fields]))


def _init(self: Any, *values: Any, **named: Any) -> None:
    """Set the fields one by one. After MANY instances, compile a constructor for the class, which is then worth its cost."""
    kind = type(self)
    type.__setattr__(kind, "_made", self._made + 1)
    if self._made == MANY:
        kind.__init__ = _constructor(kind)
    if named or len(values) != len(self.__slots__):
        values = _bound(self, values, named)
    set_field = object.__setattr__
    for name, value in zip(self.__slots__, values, strict=True):
        set_field(self, name, value)


def _bound(self: Any, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Return a value for each field, from positional arguments, keyword arguments and defaults."""
    fields = self.__slots__
    rest = fields[len(values) :]
    if len(values) > len(fields) or not named.keys() <= set(rest):
        raise TypeError(f"{type(self).__name__}() takes the fields {', '.join(fields)}")
    given = self._defaults | named
    missing = [name for name in rest if name not in given]
    if missing:
        raise TypeError(f"{type(self).__name__}() is missing the fields {', '.join(missing)}")
    return (*values, *[given[name] for name in rest])


def _constructor(kind: type[Any]) -> Any:
    """Return a compiled `__init__` that takes the fields as parameters and sets the slots directly."""
    fields, defaults = kind.__slots__, kind.__dict__["_defaults"]
    scope = {f"_set_{name}": kind.__dict__[name].__set__ for name in fields}
    scope |= {f"_default_{name}": value for name, value in defaults.items()}
    parameters = [f"{name}=_default_{name}" if name in defaults else name for name in fields]
    lines = [f"def __init__(self, {', '.join(parameters)}):", *[f" _set_{name}(self, {name})" for name in fields], " return"]
    exec("\n".join(lines), scope)  # noqa: S102  contains only field names; dataclasses does the same
    constructor = scope["__init__"]
    constructor.__qualname__ = f"{kind.__name__}.__init__"
    return constructor


def _frozen(self: Any, name: str, _value: object = None) -> None:
    raise AttributeError(f"cannot set {type(self).__name__}.{name}; records are frozen")


def _eq(self: Any, other: Any) -> bool:
    return type(self) is type(other) and self._values(self) == self._values(other)


def _hash(self: Any) -> int:
    return hash(self._values(self))


def _repr(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


def _reduce(self: Any) -> tuple[Any, ...]:
    return type(self), self._values(self)
