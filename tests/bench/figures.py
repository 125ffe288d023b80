# SPDX-License-Identifier: Apache-2.0
"""Medians of ratios, and the rows of the table."""

import collections
import statistics

Row = collections.namedtuple("Row", "what figure target limit")


def spread(values):
    """Median and the middle half."""
    values = sorted(values)
    if len(values) < 4:
        low, high = values[0], values[-1]
    else:
        low, _, high = statistics.quantiles(values, n=4)
    return statistics.median(values), low, high


def ratio(values):
    median, low, high = spread(values)
    return f"{median:.3f} ({low:.3f} to {high:.3f})"


def of_pairs(above, below):
    return [a / b for a, b in zip(above, below)]


def rotated(items, i):
    """Nobody is always first, or always after the same."""
    items = list(items)
    k = i % len(items)
    return items[k:] + items[:k]


def megabytes(n):
    return f"{n / 1e6:.1f} MB"


def print_table(rows):
    print("| measurement | ratio or value | target | limit |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
