"""Intensity statistics by their definition (IBSI UHIW): lists and sums."""

from __future__ import annotations

from math import ceil, floor, fsum, nan, sqrt


def percentile(values, percent, rule="linear"):
    """Percentile of a list: sorted, then the rule's choice between the two values around rank percent · (n - 1) / 100."""
    x = sorted(values)
    if rule == "inverted_cdf":  # the first value with at least percent % of the values at or below it
        return next(v for k, v in enumerate(x, start=1) if 100 * k >= percent * len(x))
    whole, rest = divmod(percent * (len(x) - 1), 100)
    a, b = x[whole], x[min(whole + 1, len(x) - 1)]
    if rule == "lower" or rest == 0:
        return a
    if rule == "higher":
        return b
    if rule == "midpoint":
        return a + (b - a) / 2
    if rule == "nearest":
        return a if rest < 50 or (rest == 50 and whole % 2 == 0) else b
    return a + (b - a) * rest / 100


def median(values):
    x = sorted(values)
    return (x[floor((len(x) - 1) / 2)] + x[ceil((len(x) - 1) / 2)]) / 2


def common(values, rule="linear"):
    """What intensities and grey levels have in common."""
    n = len(values)
    mean = fsum(values) / n
    constant = min(values) == max(values)
    if constant:
        mean = values[0]

    def central(power):
        return fsum((x - mean) ** power for x in values) / n

    variance = central(2)
    p10, p25, p75, p90 = (percentile(values, q, rule) for q in (10, 25, 75, 90))
    middle = [x for x in values if p10 <= x <= p90]
    m = median(values)
    middle_mean = fsum(middle) / len(middle) if middle else nan
    return {
        "mean": mean,
        "variance": variance,
        "skewness": 0.0 if constant else central(3) / variance**1.5,
        "kurtosis": 0.0 if constant else central(4) / variance**2 - 3,
        "median": m,
        "minimum": min(values),
        "percentile_10": p10,
        "percentile_90": p90,
        "maximum": max(values),
        "interquartile_range": p75 - p25,
        "range": max(values) - min(values),
        "mean_absolute_deviation": fsum(abs(x - mean) for x in values) / n,
        "robust_mean_absolute_deviation": fsum(abs(x - middle_mean) for x in middle) / len(middle) if middle else nan,
        "median_absolute_deviation": fsum(abs(x - m) for x in values) / n,
        "coefficient_of_variation": sqrt(variance) / mean if mean != 0 else nan,
        "quartile_coefficient_of_dispersion": (p75 - p25) / (p75 + p25) if p75 + p25 != 0 else nan,
    }


def statistics(values, rule="linear"):
    """The 18 features of a list of intensities, in the standard's order."""
    squares = fsum(x * x for x in values)
    return {**common(values, rule), "energy": squares, "root_mean_square": sqrt(squares / len(values))}
