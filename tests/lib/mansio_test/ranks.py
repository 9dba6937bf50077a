"""Whether two rows of times can be told apart: the rank test of Mann and Whitney (also Wilcoxon's),
by its normal approximation, which is exact enough from twenty of each on."""

import math


def told_apart(one, two):
    """The probability p of such ranks if both came of one distribution, two-sided."""
    values = sorted((value, which) for which, row in enumerate((one, two)) for value in row)
    rank_sum, ties, at = 0.0, 0.0, 0
    while at < len(values):
        end = at
        while end < len(values) and values[end][0] == values[at][0]:
            end += 1
        rank = (at + 1 + end) / 2  # those that are equal share the mean of their ranks
        rank_sum += rank * sum(1 for _, which in values[at:end] if which == 0)
        ties += (end - at) ** 3 - (end - at)
        at = end
    n, m = len(one), len(two)
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance == 0:
        return 1.0
    distance = abs(rank_sum - n * (n + 1) / 2 - n * m / 2)
    return math.erfc(max(0.0, distance - 0.5) / math.sqrt(2 * variance))
