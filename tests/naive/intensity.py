"""Intensity statistics by their definition (IBSI UHIW): lists, and sums of exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

from naive.terms import Value, difference, image, product, quotient, total

UNDEFINED = Value(float("nan"), 0.0)


def percentile(values, percent, rule="linear"):
    """Sort the list, then choose by the rule between the two values around rank percent · (n - 1) / 100."""
    x = sorted(values)
    if rule == "inverted_cdf":  # the first value with at least percent % of the values at or below it
        return total([next(v for k, v in enumerate(x, start=1) if 100 * k >= percent * len(x))])
    whole, rest = divmod(percent * (len(x) - 1), 100)
    a, b = x[whole], x[min(whole + 1, len(x) - 1)]
    if rule == "lower" or rest == 0:
        return total([a])
    if rule == "higher":
        return total([b])
    if rule == "midpoint":
        return total([a, (b - a) / 2])
    if rule == "nearest":
        return total([a if rest < 50 or (rest == 50 and whole % 2 == 0) else b])
    return total([a, (b - a) * rest / 100])


def median(values):
    """The middle value, or half the sum of the middle two."""
    x = sorted(values)
    return total([x[(len(x) - 1) // 2] / 2, x[len(x) // 2] / 2])


def mean(terms):
    """Σ terms / n."""
    terms = list(terms)
    found = total(terms)
    return Value(found.value / len(terms), found.terms / len(terms))


def robust_mean_absolute_deviation(x, p10, p90):
    """Mean distance to their own mean, of the values between the two percentiles; NaN where there are none."""
    middle = [v for v in x if p10.value <= v <= p90.value]
    if not middle:
        return UNDEFINED
    centre = mean(middle).value
    return mean(abs(v - centre) for v in middle)


def common(values, rule="linear"):
    """What intensities and grey levels have in common; values are fractions."""
    x = [Fraction(v) for v in values]
    centre, m = mean(x), median(x)
    deviations = [v - centre.value for v in x]
    variance = mean(d**2 for d in deviations)
    p10, p25, p75, p90 = (percentile(x, q, rule) for q in (10, 25, 75, 90))
    skewness = kurtosis = Value(0.0, 0.0)
    if variance.value > 0:
        skewness = quotient(mean(d**3 for d in deviations), image(lambda v: v**1.5, variance))
        kurtosis = difference(quotient(mean(d**4 for d in deviations), product(variance, variance)), Value(3.0, 3.0))
    return {
        "mean": centre,
        "variance": variance,
        "skewness": skewness,
        "kurtosis": kurtosis,
        "median": m,
        "minimum": total([min(x)]),
        "percentile_10": p10,
        "percentile_90": p90,
        "maximum": total([max(x)]),
        "interquartile_range": difference(p75, p25),
        "range": total([max(x), -min(x)]),
        "mean_absolute_deviation": mean(abs(d) for d in deviations),
        "robust_mean_absolute_deviation": robust_mean_absolute_deviation(x, p10, p90),
        "median_absolute_deviation": mean(abs(v - m.value) for v in x),
        "coefficient_of_variation": quotient(image(sqrt, variance), centre),
        "quartile_coefficient_of_dispersion": quotient(
            difference(p75, p25), Value(p75.value + p25.value, p75.terms + p25.terms)
        ),
    }


def rounded(found):
    """Fractions as floats."""
    return {name: Value(float(value), float(terms)) for name, (value, terms) in found.items()}


def statistics(values, rule="linear"):
    """The 18 features of a list of intensities, in the standard's order: {name: Value}."""
    squares = [Fraction(v) ** 2 for v in values]
    return rounded({**common(values, rule), "energy": total(squares), "root_mean_square": image(sqrt, mean(squares))})
