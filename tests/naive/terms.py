"""What a twin returns for each feature: its value, and the scale on which rounding may move it (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from typing import NamedTuple


class Value(NamedTuple):
    """A feature of a twin.

    value : the feature; NaN where it is undefined.
    terms : the sum of the absolute terms that the feature is made of. A sum has Σ|term|; a product or a quotient carries the
        terms of its parts over to first order: |a| · terms(b) + |b| · terms(a), and terms(a) / |b| + |a| · terms(b) / b².
    """

    value: float
    terms: float


def total(terms: Iterable[float]) -> Value:
    """Σ terms."""
    terms = list(terms)
    return Value(sum(terms), sum(abs(term) for term in terms))


def quotient(above: Value, below: Value) -> Value:
    """above / below; NaN for 0 / 0."""
    if below.value == 0:
        return Value(float("nan"), 0.0)
    value = above.value / below.value
    return Value(value, above.terms / abs(below.value) + abs(value) * below.terms / abs(below.value))


def product(*factors: Value) -> Value:
    """The product of values: each factor's terms times the other factors."""
    value, terms = 1.0, 0.0
    for factor in factors:
        value, terms = value * factor.value, terms * abs(factor.value) + abs(value) * factor.terms
    return Value(value, terms)


def power(base: Value, exponent: float) -> Value:
    """base to the exponent, for a base ≥ 0. A base of 0 is taken to be exact."""
    if base.value == 0:
        return Value(0.0, 0.0)
    value = float(base.value) ** exponent
    return Value(value, abs(exponent) * value / base.value * base.terms)


def difference(above: Value, below: Value) -> Value:
    """above - below."""
    return Value(above.value - below.value, above.terms + below.terms)


def is_close(got: float, twin: Value) -> bool:
    """|Δ| ≤ 1e-12 · terms + 1e-10 · |value|; NaN equals NaN alone."""
    if isnan(got) or isnan(twin.value):
        return isnan(got) and isnan(twin.value)
    return got == twin.value or abs(got - twin.value) <= 1e-12 * twin.terms + 1e-10 * abs(twin.value)


def assert_twin(got: Iterable[float], twin: dict[str, Value | None], what: object = "") -> None:
    """Every feature of a row is its twin's, in the twin's order. A feature that is None is left to another judge."""
    for found, (name, value) in zip(got, twin.items(), strict=True):
        assert value is None or is_close(found, value), f"{name} of {what}: got {found!r}, the twin says {value}"
