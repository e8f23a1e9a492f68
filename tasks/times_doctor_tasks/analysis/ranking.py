"""Which of several profiles is faster, and how sure that is: numbers in, numbers out.

The rule, its constants and its measured error rates: docs/recommendation.md. Times are logarithms here, so that a
ratio is a difference and noise that slows by a factor weighs the same on fast and slow profiles.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

#: A gain in time below this share of the slower one decides nothing.
MIN_GAIN_REL = 0.10
#: The same in seconds: starting an engine varied by this much between equal runs of a small model.
MIN_GAIN_S = 0.25
#: `MIN_GAIN_REL` as a difference of logarithms.
MARGIN = -math.log(1 - MIN_GAIN_REL)
#: Prior standard deviations of log times of equal runs: of quiet machines; of CPU seconds on a busy one; of wall times
#: on a busy one, and of times from different hosts.
QUIET_SD, BUSY_SD, WIDE_SD = 0.04, 0.10, 0.30
#: The weight of this prior, in runs.
BELIEF_RUNS = 4
#: Rounds after which a comparison is given up.
MOST_ROUNDS = 7
_CONFIDENCE = statistics.NormalDist().inv_cdf(0.975)


class Pace(StrEnum):
    """How a profile compares with the fastest."""

    FASTEST = "fastest"
    """The least time of all; not always the one that is recommended."""
    AS_FAST = "as fast"
    """Proved to be slower by no more than the deciding margin."""
    OPEN = "too close to call"
    """Neither proved to be slower nor to be as fast."""
    SLOWER = "slower"
    """Proved to lose more than that."""


class Sample(msgspec.Struct, frozen=True):
    """One time of one profile."""

    round: int
    host: str
    log_s: float


class Gap(msgspec.Struct, frozen=True):
    """By how much one profile is slower than another, in logarithms."""

    mean: float
    half: float
    """Half of the 95 % interval."""
    rounds: int

    @property
    def ratio(self) -> tuple[float, float, float]:
        """How many times as long it takes: mean, low, high."""
        return math.exp(self.mean), math.exp(self.mean - self.half), math.exp(self.mean + self.half)


class Ranking:
    """Comparable times of several profiles.

    Runs of one round on one host are compared; each profile and each round has an effect on the times. If profiles are
    then not linked (each ran on another host), hosts are ignored, and only a wide margin decides.

    Args:
        samples: By name of the profile; each has at least one.
        sd: Prior standard deviation of log times.
    """

    def __init__(self, samples: Mapping[str, Sequence[Sample]], *, sd: float) -> None:
        tables = [{name: _by_block(each, key) for name, each in samples.items()} for key in _BLOCKS]
        which = next(n for n, table in enumerate(tables) if _is_linked(table))
        self._times = _shared(tables[which])
        self.across_hosts = which >= _OVERLOOKING_HOSTS and not _is_one_host(samples)
        """Whether profiles could only be compared over different hosts."""
        self._sd = max(sd, WIDE_SD) if self.across_hosts else sd
        self._share = _shares(self._times)
        self.fastest = self.lead(samples)
        key = _BLOCKS[which]
        self._own = {n: [s.log_s for s in each if key(s) in self._times[n]] for n, each in samples.items()}
        self.alone = {(n, s.round) for n, each in samples.items() for s in each if key(s) not in self._times[n]}
        """Profile and round of each time that has none beside it, and says nothing."""
        self._level = statistics.fmean(self._own[self.fastest]) - self._share[self.fastest]

    def lead(self, names: Iterable[str]) -> str:
        """The fastest of `names`."""
        return min(names, key=lambda name: self._share[name])

    def time_s(self, name: str) -> float:
        """The time of a profile: its geometric mean, as if it had run in every round."""
        return math.exp(self._level + self._share[name])

    def range_s(self, name: str) -> tuple[float, float]:
        """The least and the largest of its times, scaled as `time_s` is."""
        own = self._own[name]
        scale = self._level + self._share[name] - statistics.fmean(own)
        return math.exp(min(own) + scale), math.exp(max(own) + scale)

    def gap(self, name: str, other: str, *, rounds: int = 0) -> Gap:
        """By how much `name` is slower than `other`; with `rounds`, after so many rounds, if they scatter as before."""
        mine, its = self._times[name], self._times[other]
        found = [mine[block] - its[block] for block in mine.keys() & its.keys()]
        scatter = sum((d - statistics.fmean(found)) ** 2 for d in found) if found else 0.0
        seen = max(1, len(found))
        weight = BELIEF_RUNS + seen - 1
        variance = (BELIEF_RUNS * 2 * self._sd**2 + scatter) / weight
        count = rounds or seen
        half = student_t(BELIEF_RUNS + count - 1) * math.sqrt(variance / count)
        return Gap(self._share[name] - self._share[other], half, seen)

    def pace(self, name: str, lead: str, *, rounds: int = 0) -> Pace:
        """How `name` compares with `lead`."""
        if name == lead:
            return Pace.FASTEST
        gap = self.gap(name, lead, rounds=rounds)
        if gap.mean + gap.half < MARGIN or self._loss_s(lead, gap.mean + gap.half) <= MIN_GAIN_S:
            return Pace.AS_FAST
        least = gap.mean - gap.half
        return Pace.SLOWER if least > MARGIN and self._loss_s(lead, least) > MIN_GAIN_S else Pace.OPEN

    def is_near(self, name: str, lead: str) -> bool:
        """Whether `name` is slower than `lead` by no more than the deciding margin, proved or not."""
        mean = self._share[name] - self._share[lead]
        return mean <= MARGIN or self._loss_s(lead, mean) <= MIN_GAIN_S

    def _loss_s(self, lead: str, log_gap: float) -> float:
        return self.time_s(lead) * math.expm1(log_gap)


def student_t(freedom: int) -> float:
    """The 97.5 % point of Student's t, from four degrees of freedom on (Cornish and Fisher's series).

    >>> [round(student_t(n), 3) for n in (4, 6, 10, 30)]
    [2.776, 2.447, 2.228, 2.042]
    """
    z, v = _CONFIDENCE, float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(float(term) / v**power for power, term in enumerate(terms, start=1))


#: What makes two times comparable, the best first.
_BLOCKS: tuple[Callable[[Sample], Hashable], ...] = (
    lambda s: (s.round, s.host),
    lambda s: s.host,
    lambda s: s.round,
    lambda _: 0,
)
_OVERLOOKING_HOSTS = 2


def _is_one_host(samples: Mapping[str, Sequence[Sample]]) -> bool:
    return len({sample.host for each in samples.values() for sample in each}) == 1


def _by_block(samples: Sequence[Sample], key: Callable[[Sample], Hashable]) -> dict[Hashable, float]:
    found: dict[Hashable, list[float]] = {}
    for sample in samples:
        found.setdefault(key(sample), []).append(sample.log_s)
    return {block: statistics.fmean(times) for block, times in found.items()}


def _shared(times: Mapping[str, Mapping[Hashable, float]]) -> Mapping[str, Mapping[Hashable, float]]:
    """Samples that are comparable with another profile's: a time from a separate host would only distort the others."""
    count = Counter(block for each in times.values() for block in each)
    return {name: {b: t for b, t in each.items() if count[b] > 1} or each for name, each in times.items()}


def _is_linked(times: Mapping[str, Mapping[Hashable, float]]) -> bool:
    """Whether every profile is comparable with every other, directly or through a third."""
    names = list(times)
    reached, blocks = {names[0]}, set(times[names[0]])
    while True:
        new = {name for name in names if name not in reached and blocks & times[name].keys()}
        if not new:
            return len(reached) == len(names)
        reached |= new
        blocks |= {block for name in new for block in times[name]}


def _shares(times: Mapping[str, Mapping[Hashable, float]]) -> dict[str, float]:
    """The share that each profile has in its times, by least squares: time = profile + round.

    Where all ran in every round these are their means; else a round that was slow for all counts against none.
    """
    shares = dict.fromkeys(times, 0.0)
    blocks = {block for each in times.values() for block in each}
    for _ in range(200):
        rounds = {b: statistics.fmean(each[b] - shares[n] for n, each in times.items() if b in each) for b in blocks}
        new = {n: statistics.fmean(value - rounds[b] for b, value in each.items()) for n, each in times.items()}
        moved = max(abs(new[name] - shares[name]) for name in times)
        shares = new
        if moved < 1e-12:
            break
    return shares
