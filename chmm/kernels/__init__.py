"""Compiled recursions. Plain arrays in, plain arrays out; they know nothing of `Model` and check nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what is compiled has no types

    def __getattr__(name: str) -> Any: ...
