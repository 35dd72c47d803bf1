"""`record`: a frozen dataclass that costs nothing to define. Imports nothing that Python has not loaded by itself.

`dataclasses` takes about as long to import as Python takes to start, because it imports `inspect` and compiles a method at a time.
A linter that runs on every commit cannot pay that, so the facts of imglint are records: the same declaration, the same constructor, equality,
hash and representation, checked by mypy as the dataclasses they stand for, and pickled between worker processes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_options: object) -> object:
        """Stand in for the function of the same name in typing, which only type checkers read."""
        return lambda function: function


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a frozen, slotted value class of `cls`, whose annotations are its fields in order. Inheritance is not supported."""
    fields = tuple(cls.__annotations__)
    defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}
    body = {name: value for name, value in cls.__dict__.items() if name not in (*fields, "__dict__", "__weakref__")}
    body.update(
        __slots__=fields, __match_args__=fields, _defaults=defaults, __init__=_init, __setattr__=_frozen, __delattr__=_frozen
    )
    body.update(__eq__=_eq, __hash__=_hash, __repr__=_repr, __reduce__=_reduce)
    made: type[T] = type(cls.__name__, (), body)
    type.__setattr__(made, "_setters", tuple([made.__dict__[name].__set__ for name in fields]))
    return made


def replace(instance: T, **changes: Any) -> T:
    """Return a copy of a record in which the named fields are `changes`."""
    kind = type(instance)
    fields: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    values = [getattr(instance, name) for name in fields]
    for name, value in changes.items():
        values[fields.index(name)] = value
    return kind(*values)


def _init(self: Any, *values: Any, **named: Any) -> None:
    setters = self._setters
    if named or len(values) != len(setters):
        values = _bound(self, values, named)
    for put, value in zip(setters, values, strict=True):
        put(self, value)


def _bound(self: Any, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Return a value for each field: those given by position, by name, and by default."""
    fields = self.__slots__
    rest = fields[len(values) :]
    if len(values) > len(fields) or not named.keys() <= set(rest):
        raise TypeError(f"{type(self).__name__} takes {', '.join(fields)}")
    given = self._defaults | named
    missing = [name for name in rest if name not in given]
    if missing:
        raise TypeError(f"{type(self).__name__} needs {', '.join(missing)}")
    return (*values, *[given[name] for name in rest])


def _frozen(self: Any, name: str, _value: object = None) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be set: records are frozen")


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__slots__])


def _eq(self: Any, other: object) -> bool:
    return type(self) is type(other) and _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


def _reduce(self: Any) -> tuple[Any, ...]:
    return type(self), _values(self)
