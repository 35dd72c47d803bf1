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
    return made


def replace(instance: T, **changes: Any) -> T:
    """Return a copy of a record in which the named fields are `changes`."""
    kind = type(instance)
    fields: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    return kind(**{name: getattr(instance, name) for name in fields} | changes)


def _init(self: Any, *values: Any, **named: Any) -> None:
    fields = self.__slots__
    if len(values) > len(fields) or not named.keys() <= set(fields[len(values) :]):
        raise TypeError(f"{type(self).__name__} takes {', '.join(fields)}")
    put = object.__setattr__
    for name, value in zip(fields, values, strict=False):
        put(self, name, value)
    for name in fields[len(values) :]:
        if name in named:
            put(self, name, named[name])
        elif name in self._defaults:
            put(self, name, self._defaults[name])
        else:
            raise TypeError(f"{type(self).__name__} needs {name}")


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
