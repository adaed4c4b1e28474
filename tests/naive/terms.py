"""What a twin returns for each feature: its value, and the scale on which rounding may move it (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import comb, isnan, log, log2, nan
from typing import NamedTuple

ROUNDING = 1e-12
"""How far rounding may move a sum, in units of the sum of its absolute terms."""
RELATIVE = 1e-10
"""What is allowed beside that, in units of the value."""


class Value(NamedTuple):
    """A feature of a twin.

    value : the feature; NaN where it is undefined.
    terms : the sum of the absolute terms that the feature is made of. A sum has Σ|term|; a product or a quotient carries
        the terms of its parts over to first order: |a| · terms(b) + |b| · terms(a), and
        terms(a) / |b| + |a| · terms(b) / b².
    """

    value: float
    terms: float


def total(terms: Iterable[float]) -> Value:
    """Σ terms."""
    terms = list(terms)
    return Value(sum(terms), sum(abs(term) for term in terms))


def difference(above: float | Value, below: Value) -> Value:
    """above - below; a plain number is a term of its own."""
    value, terms = above if isinstance(above, Value) else (above, abs(above))
    return Value(value - below.value, terms + below.terms)


def product(*factors: Value) -> Value:
    """Π factors."""
    value, terms = 1.0, 0.0
    for factor in factors:
        terms = terms * abs(factor.value) + abs(value) * factor.terms
        value *= factor.value
    return Value(value, terms)


def quotient(above: Value, below: Value) -> Value:
    """above / below; NaN for 0 / 0."""
    if below.value == 0:
        return Value(float("nan"), 0.0)
    value = above.value / below.value
    return Value(value, above.terms / abs(below.value) + abs(value) * below.terms / abs(below.value))


def moment(deviations: Iterable[tuple[Value, float]], power: int) -> Value:
    """Σ d^power · p over pairs (deviation d, probability p).

    Rounding may move d by ε · terms(d), and so d^power by (|d| + ε · terms(d))^power - |d|^power. All orders of ε are
    kept: where d is 0 but for its rounding, the first is 0 too.
    """
    value = terms = 0.0
    for (d, own), p in deviations:
        value += d**power * p
        terms += abs(d) ** power * p
        for order in range(1, power + 1):
            terms += comb(power, order) * abs(d) ** (power - order) * own**order * ROUNDING ** (order - 1) * p
    return Value(value, terms)


def entropy(probabilities: Iterable[float]) -> Value:
    """-Σ p log2 p; see `cross_entropy`."""
    return cross_entropy((p, p) for p in probabilities)


def cross_entropy(pairs: Iterable[tuple[float, float]]) -> Value:
    """-Σ p log2 q over pairs (p, q).

    The rounding of a q near 1 moves its small logarithm by 1 / ln 2 in units of that rounding: a term of p / ln 2.
    """
    value = terms = 0.0
    for p, q in pairs:
        value -= p * log2(q)
        terms += p * (abs(log2(q)) + 1 / log(2))
    return Value(value, terms)


def image(function: Callable[[float], float], of: Value) -> Value:
    """A monotonic function of a value: rounding moves it as far as the function moves over the value's own rounding."""
    value, step = function(of.value), ROUNDING * of.terms
    moved = max(abs(function(of.value - step) - value), abs(function(of.value + step) - value))
    return Value(value, moved / ROUNDING)


def mean(values: Sequence[Value]) -> Value:
    """The mean of the values that are defined, NaN where none is."""
    defined = [v for v in values if not isnan(v.value)]
    if not defined:
        return Value(nan, 0.0)
    return Value(sum(v.value for v in defined) / len(defined), sum(v.terms for v in defined) / len(defined))


def mean_features(found: Sequence[Mapping[str, Value]]) -> dict[str, Value] | None:
    """Each feature's mean over the matrices where it is defined; None where there is no matrix."""
    return {name: mean([features[name] for features in found]) for name in found[0]} if found else None


def is_close(got: float, twin: Value) -> bool:
    """|Δ| ≤ 1e-12 · terms + 1e-10 · |value|; NaN equals NaN alone."""
    if isnan(got) or isnan(twin.value):
        return isnan(got) and isnan(twin.value)
    return got == twin.value or abs(got - twin.value) <= ROUNDING * twin.terms + RELATIVE * abs(twin.value)


def unlike(got: Sequence[float], twin: Mapping[str, Value | None] | None) -> dict[str, tuple[float, Value]]:
    """The features of a row that are not their twin's: {name: (got, twin)}.

    A feature that is None is left to another judge. A twin that is None has nothing to measure: all must be NaN.
    """
    if twin is None:
        return {str(k): (float(x), Value(nan, 0.0)) for k, x in enumerate(got) if not isnan(x)}
    wrong = {}
    for x, (name, value) in zip(got, twin.items(), strict=True):
        if value is not None and not is_close(float(x), value):
            wrong[name] = float(x), value
    return wrong


def assert_twin(got: Sequence[float], twin: Mapping[str, Value | None] | None, what: object = "") -> None:
    """Every feature of a row is its twin's, in the twin's order."""
    wrong = [f"{name} is {x!r}, the twin says {value}" for name, (x, value) in unlike(got, twin).items()]
    assert not wrong, f"{what}: {'; '.join(wrong)}"
