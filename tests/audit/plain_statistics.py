"""Statistics and the random numbers of recompute.py, with the standard library only."""

import math
import statistics

MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        limit = ((1 << 64) - bound) % bound
        while True:
            value = self.next()
            if value >= limit:
                return value % bound


def softmax(logs, temperature=1.0):
    top = max(logs)
    weights = [math.exp((value - top) / temperature) for value in logs]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def wilson(hits, n, level):
    z = statistics.NormalDist().inv_cdf(0.5 + level / 2)
    p, spread = hits / n, z * z / n
    centre = (p + spread / 2) / (1 + spread)
    half = z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return (0.0 if hits == 0 else centre - half, 1.0 if hits == n else centre + half)


def mcnemar(b, c):
    n = b + c
    if n == 0:
        return 1.0
    return min(1.0, 2 * math.fsum(math.comb(n, k) for k in range(min(b, c) + 1)) / 2**n)


def kl(p, q):
    return math.fsum(a * math.log(a / b) for a, b in zip(p, q) if a > 0)


def entropy(p):
    return -math.fsum(a * math.log2(a) for a in p if a > 0)


def js_distance(p, q):
    middle = [(a + b) / 2 for a, b in zip(p, q)]
    return math.sqrt(max(0.0, (kl(p, middle) + kl(q, middle)) / 2 / math.log(2)))


def quantile(ordered, share):
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])
