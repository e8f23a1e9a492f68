"""How often the advice is wrong on a busy machine: the rule of docs/recommendation.md, replayed on recorded noise.

    python -m benchmarks.ranking [--scans 1000] [--seed 11] [--quieter 0.3]

`data/noise.csv` has 325 solves' worth of what a machine that was never idle does to times (233 of them are used): wall
time, CPU time and wait for a core of HiGHS on energy models, in the order of their start. A scan is drawn: two to six
profiles with known true times, `mixed` up to three times apart, `close` up to 1.25, `equal`. Each run takes its noise
from recorded solves that followed each other. The project's own rule then judges documents as workers write them.

wrong    recommends a profile that is truly more than 10 % (and 0.25 s) slower than the best
slower   calls a profile slower that is truly at least as fast as the recommended one
claim    factor by which "x times as fast as the slowest" is off, 90 % quantile
open     ends as too close to call
cost     solver time, where one run of each profile is 1

The true time is the median of CPU times that were measured under load, so that a load which hurts one profile more
than another is in none of these figures, and the rule's constants were chosen on the same samples.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from times_doctor_tasks.analysis.candidates import candidates_of, measure_among, rank
from times_doctor_tasks.analysis.ranking import MIN_GAIN_REL, MIN_GAIN_S, Pace
from times_doctor_tasks.analysis.rounds import next_round
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.contract.states import RunState, Verdict

DATA = Path(__file__).parent / "data" / "noise.csv"
#: True times of the fastest profile, seconds.
BEST_S = (5.0, 300.0)
#: Largest ratio of true times in each kind of scan.
KINDS = {"mixed": 3.0, "close": 1.25, "equal": 1.0}


@dataclass(frozen=True, slots=True)
class Noise:
    """What a machine made of one second of solving."""

    wall: float
    cpu: float
    delay: float


@dataclass(slots=True)
class Scan:
    """Profiles with known true times, and the runs that were made of them."""

    true_s: Mapping[str, float]
    noise: Sequence[Noise]
    draw: random.Random
    place: int
    runs: list[RunResult] = field(default_factory=list)

    def round(self, names: Sequence[str], number: int) -> None:
        """Each of `names` once, one after the other."""
        for name in names:
            self.place += self.draw.randint(1, 3)
            noise, time_s = self.noise[self.place % len(self.noise)], self.true_s[name]
            self.runs.append(
                RunResult(
                    scan="", run=f"highs.{name}.{number}", engine="highs", solver="highs", profile=name,
                    state=RunState.DONE, verdict=Verdict.OPTIMAL, objective=0.0, basis="vertex", threads=1,
                    applied=True, host="here", runtime_s=time_s * noise.wall, cpu_s=time_s * noise.cpu,
                    run_delay_s=time_s * noise.delay,
                )
            )  # fmt: skip

    @property
    def cost(self) -> float:
        """Solver time, where one run of each profile is 1."""
        return sum(self.true_s[run.profile] for run in self.runs) / sum(self.true_s.values())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule says of a scan."""

    best: str
    left: frozenset[str]
    """Those that it does not call slower."""
    time_s: Mapping[str, float]
    is_open: bool = False


Rule = Callable[[Scan], Answer]


def read_noise(*, shrink: float) -> list[Noise]:
    """Recorded factors on the true time; `shrink` scales their logarithms, as a quieter machine would."""
    with DATA.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    true_s: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        true_s.setdefault((row["model"], row["profile"]), []).append(float(row["cpu_s"]))
    found = []
    for row in rows:
        median_s = statistics.median(true_s[row["model"], row["profile"]])
        wall, cpu = (math.exp(shrink * math.log(float(row[key]) / median_s)) for key in ("wall_s", "cpu_s"))
        # Where the noise is scaled: on one thread, what is no CPU time is the wait for a core.
        delay = float(row["run_delay_s"]) / median_s if shrink == 1 else max(0.0, wall - cpu)
        found.append(Noise(wall, cpu, delay))
    return found


def fastest_of(figure: Callable[[RunResult], float | None], rounds: int) -> Rule:
    """The least median of a figure wins; who is within 10 % or 0.25 s of it is as fast."""

    def rule(scan: Scan) -> Answer:
        for number in range(1, rounds + 1):
            scan.round(list(scan.true_s), number)
        times = {
            name: statistics.median(figure(run) or 0.0 for run in scan.runs if run.profile == name)
            for name in scan.true_s
        }
        best = min(times, key=lambda name: times[name])
        return Answer(best, frozenset(as_fast(times)), times)

    return rule


def ours(rounds: int) -> Rule:
    """The project's rule after so many rounds; 0: as many as it asks for."""

    def rule(scan: Scan) -> Answer:
        scan.round(list(scan.true_s), 1)
        for number in range(2, rounds + 1):
            scan.round(list(scan.true_s), number)
        while not rounds and (again := next_round(scan.runs, seed=str(scan.draw.random()))):
            if scan.draw.random() < 0.5:  # time goes by
                scan.place = scan.draw.randrange(len(scan.noise))
            scan.round([name.partition(".")[2] for name in again], int(scan.runs[-1].run.rpartition(".")[2]) + 1)
        candidates = candidates_of(scan.runs)
        ranking = rank(candidates, measure_among(candidates))
        pace = {c.name.partition(".")[2]: ranking.pace(c.name, ranking.fastest) for c in candidates}
        return Answer(
            ranking.fastest.partition(".")[2],
            frozenset(name for name, each in pace.items() if each is not Pace.SLOWER),
            {c.name.partition(".")[2]: ranking.time_s(c.name) for c in candidates},
            Pace.OPEN in pace.values(),
        )

    return rule


RULES: Mapping[str, Rule] = {
    "fastest wall time": fastest_of(lambda run: run.runtime_s, 1),
    "fastest wall time, median of 3": fastest_of(lambda run: run.runtime_s, 3),
    "fastest CPU time": fastest_of(lambda run: run.cpu_s, 1),
    "fastest CPU time, median of 3": fastest_of(lambda run: run.cpu_s, 3),
    "our rule, 1 run": ours(1),
    "our rule, --repeat 3": ours(3),
    "our rule, round by round": ours(0),
}


def as_fast(times: Mapping[str, float]) -> set[str]:
    """Those within 10 % or 0.25 s of the least."""
    least = min(times.values())
    return {name for name, time_s in times.items() if time_s - least <= max(MIN_GAIN_REL * time_s, MIN_GAIN_S)}


def draw_scan(noise: Sequence[Noise], kind: str, draw: random.Random) -> Scan:
    """Two to six profiles; the fastest takes between 5 s and 5 min."""
    ratios = [math.exp(draw.uniform(0, math.log(KINDS[kind]))) for _ in range(draw.randint(2, 6))]
    best_s = math.exp(draw.uniform(*map(math.log, BEST_S)))
    true_s = {f"p{n}": best_s * ratio / min(ratios) for n, ratio in enumerate(ratios)}
    return Scan(true_s, noise, draw, draw.randrange(len(noise)))


def judge(rule: Rule, noise: Sequence[Noise], kind: str, scans: int, seed: int) -> str:
    """One line of the table."""
    draw = random.Random(f"{seed} {kind}")
    wrong = slower = undecided = 0
    claims, costs = [], []
    for _ in range(scans):
        scan = draw_scan(noise, kind, draw)
        answer, true_s = rule(scan), scan.true_s
        wrong += answer.best not in as_fast(true_s)
        slower += any(true_s[name] <= true_s[answer.best] for name in true_s.keys() - answer.left)
        undecided += answer.is_open
        worst = max(answer.time_s, key=lambda name: answer.time_s[name])
        if worst not in answer.left:
            said, is_so = (times[worst] / times[answer.best] for times in (answer.time_s, true_s))
            claims.append(math.exp(abs(math.log(said / is_so))))
        costs.append(scan.cost)
    claim = statistics.quantiles(claims, n=10)[-1] if len(claims) > 1 else math.nan
    shares = "".join(f"{100 * count / scans:8.1f} %" for count in (wrong, slower, undecided))
    return f"{shares}{claim:9.2f}{statistics.fmean(costs):9.1f}"


def main() -> None:
    """Prints a table for each kind of scan."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--scans", type=int, default=1000, help="drawn for each line")
    options.add_argument("--seed", type=int, default=11)
    options.add_argument("--quieter", type=float, default=1.0, metavar="F", help="scale the recorded noise")
    asked = options.parse_args()
    noise = read_noise(shrink=asked.quieter)
    print(f"{asked.scans} scans a line, seed {asked.seed}, {len(noise)} recorded solves, noise x {asked.quieter:g}")
    for kind in KINDS:
        print(f"\n{kind:32}{'wrong':>10}{'slower':>10}{'open':>10}{'claim':>9}{'cost':>9}")
        for name, rule in RULES.items():
            print(f"{name:32}{judge(rule, noise, kind, asked.scans, asked.seed)}", flush=True)


if __name__ == "__main__":
    main()
