"""Medians, their intervals, and what they say about a target.

The interval of a median is that of the sign test: between two order statistics, chosen so that it holds with at least
95% whatever the distribution (the exact coverage is told). A ratio is that of paired rounds, on logarithms.
"""
import math
import statistics

CONFIDENCE = 0.95
PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"


def coverage(n, k):
    """How surely the median lies between the k-th smallest and the k-th largest of n (k from 1)."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2**n


def interval(values):
    """(lowest, highest, coverage) of the median, or None: fewer than 6 values cannot give 95%."""
    ordered, n = sorted(values), len(values)
    ranks = [k for k in range(1, n // 2 + 1) if coverage(n, k) >= CONFIDENCE]
    if not ranks:
        return None
    k = ranks[-1]
    return ordered[k - 1], ordered[n - k], coverage(n, k)


class Estimate:
    """A median with its interval; `low` and `high` are None where there were too few rounds."""

    def __init__(self, values):
        found = interval(values)
        self.n = len(values)
        self.median = statistics.median(values)
        self.low, self.high, self.coverage = found if found else (None, None, None)

    def at_most(self, bound):
        if self.low is None:
            return INCONCLUSIVE
        return PASS if self.high <= bound else FAIL if self.low > bound else INCONCLUSIVE

    def at_least(self, bound):
        if self.low is None:
            return INCONCLUSIVE
        return PASS if self.low >= bound else FAIL if self.high < bound else INCONCLUSIVE

    def as_json(self):
        return {"n": self.n, "median": self.median, "low": self.low, "high": self.high, "coverage": self.coverage}


def ratio(ours, theirs):
    """The Estimate of the ratio of paired rounds."""
    estimate = Estimate([math.log(a / b) for a, b in zip(ours, theirs, strict=True)])
    for name in ("median", "low", "high"):
        value = getattr(estimate, name)
        setattr(estimate, name, None if value is None else math.exp(value))
    return estimate


def difference(ours, theirs):
    return Estimate([a - b for a, b in zip(ours, theirs, strict=True)])
