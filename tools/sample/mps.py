"""The sample system as one linear program in an MPS file, for an engine that has no size limit.

The GAMS model (`demo/model/source`) makes a plan for one weather at a time, and fits a demo licence. The program built
here makes one plan for all weather years at once. Its equations are those of `eqmain.mod`; only the network is written
with voltage angles instead of PTDF: the same flows, but few non-zeros. For the same weather both have the same cost,
and a test holds them to it.

Units as there: GW, GWh in batteries, TWh of water, Mt of CO2, MEUR of today.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sample.data import SystemData, TimeSlice, Weather

Term = tuple[float, str]


@dataclass(slots=True)
class Column:
    """A variable: its cost, its bounds, and its coefficients by row."""

    cost: float
    lower: float
    upper: float
    entries: list[tuple[str, float]] = field(default_factory=list)


class LinearProgram:
    """Minimise cost subject to rows; senses E, L, G as in MPS."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, float]] = {}
        self.columns: dict[str, Column] = {}

    def column(self, name: str, *, cost: float = 0.0, lower: float = 0.0, upper: float = math.inf) -> None:
        """Add a variable."""
        self.columns[name] = Column(cost, lower, upper)

    def row(self, name: str, terms: Sequence[Term], sense: str, rhs: float) -> None:
        """Add a row over variables that are there already."""
        self.rows[name] = (sense, rhs)
        for coefficient, column in terms:
            self.columns[column].entries.append((name, coefficient))

    def mps(self) -> Iterator[str]:
        """The program in free MPS format, in pieces."""
        yield "NAME parscen\nROWS\n N cost\n"
        yield from (f" {sense} {name}\n" for name, (sense, _) in self.rows.items())
        yield "COLUMNS\n"
        for name, column in self.columns.items():
            if column.cost:
                yield f" {name} cost {column.cost:.12g}\n"
            yield from (f" {name} {row} {coefficient:.12g}\n" for row, coefficient in column.entries)
        yield "RHS\n"
        yield from (f" rhs {name} {rhs:.12g}\n" for name, (_, rhs) in self.rows.items() if rhs)
        yield "BOUNDS\n"
        for name, column in self.columns.items():
            if column.lower:
                yield f" LO bnd {name} {column.lower:.12g}\n" if math.isfinite(column.lower) else f" MI bnd {name}\n"
            if math.isfinite(column.upper):
                yield f" UP bnd {name} {column.upper:.12g}\n"
        yield "ENDATA\n"


def build_plan(data: SystemData, weathers: Sequence[Weather]) -> LinearProgram:
    """One set of new capacities, run through each of the weathers; the cost is the mean over them."""
    program = LinearProgram()
    worth = _present_worth(data)
    _add_capacities(program, data, worth)
    for weather in weathers:
        for time in weather.slices:
            _add_operation(program, data, time, weather, worth)
        for time in weather.slices:
            _add_plants(program, data, time, weather.name)
            _add_network(program, data, time, weather.name)
            _add_batteries(program, data, time, weather.name)
        _add_year(program, data, weather)
    return program


def plants(data: SystemData) -> list[tuple[str, str]]:
    """Zones and kinds of plant that exist or may be built; unserved demand everywhere."""
    return [
        (zone, tech)
        for zone in data.names("ZONE")
        for tech in data.names("TECH")
        if tech == "SHD" or data.value("CAP_EXI", zone, tech) or data.value("CAP_NEW", zone, tech)
    ]


def _present_worth(data: SystemData) -> float:
    rate = data.value("SCN", "RATE")
    return math.fsum((1 + rate) ** (0.5 - year) for year in range(1, int(data.value("SCN", "YEARS")) + 1))


def _annuity(data: SystemData, life: float) -> float:
    rate = data.value("SCN", "RATE")
    return rate / (1 - math.pow(1 + rate, -life))


def _add_capacities(program: LinearProgram, data: SystemData, worth: float) -> None:
    for (zone, tech), limit in data.parameters["CAP_NEW"].items():
        yearly = data.value("TCH_INV", tech) * _annuity(data, data.value("TCH_LIFE", tech))
        cost = worth * (yearly + data.value("TCH_FOM", tech))
        program.column(f"cap.{zone}.{tech}", cost=cost, upper=limit)
    yearly = data.value("SCN", "LIN_INV") * _annuity(data, data.value("SCN", "LIN_LIFE"))
    for (line,), limit in data.parameters["LIN_NEW"].items():
        program.column(f"lin.{line}", cost=worth * yearly * data.value("LIN_KM", line), upper=limit)
    yearly = data.value("SCN", "STO_INV") * _annuity(data, data.value("SCN", "STO_LIFE"))
    cost = worth * (yearly + data.value("SCN", "STO_FOM"))
    for (zone,), limit in data.parameters["STO_NEW"].items():
        program.column(f"sto.{zone}", cost=cost, upper=limit)


def _add_operation(program: LinearProgram, data: SystemData, time: TimeSlice, weather: Weather, worth: float) -> None:
    at = f"{weather.name}.{time.name}"
    for zone, tech in plants(data):
        limit = math.inf
        if tech == "SHD":
            limit = time.demand_gw[zone]
        elif not data.value("CAP_NEW", zone, tech):
            limit = time.running[zone, tech] * data.value("CAP_EXI", zone, tech)
        cost = weather.weight * worth * time.hours_year * data.value("TCH_VOM", tech) / 1000
        program.column(f"gen.{zone}.{tech}.{at}", cost=cost, upper=limit)
    for (zone,) in data.parameters["STO_NEW"]:
        for kind in ("chg", "dis", "lvl"):
            program.column(f"{kind}.{zone}.{at}")
    for line in data.names("LIN"):
        limit = math.inf if data.value("LIN_NEW", line) else data.value("LIN_CAP", line)
        program.column(f"flo.{line}.{at}", lower=-limit, upper=limit)
    reference, *others = data.names("ZONE")
    program.column(f"ang.{reference}.{at}", upper=0.0)
    for zone in others:
        program.column(f"ang.{zone}.{at}", lower=-math.inf)


def _add_plants(program: LinearProgram, data: SystemData, time: TimeSlice, weather_name: str) -> None:
    at = f"{weather_name}.{time.name}"
    for zone, tech in data.parameters["CAP_NEW"]:
        share = time.running[zone, tech]
        terms = [(1.0, f"gen.{zone}.{tech}.{at}"), (-share, f"cap.{zone}.{tech}")]
        program.row(f"ava.{zone}.{tech}.{at}", terms, "L", share * data.value("CAP_EXI", zone, tech))


def _add_network(program: LinearProgram, data: SystemData, time: TimeSlice, weather_name: str) -> None:
    at = f"{weather_name}.{time.name}"
    feeds: dict[str, list[Term]] = {zone: [] for zone in data.names("ZONE")}
    for zone, tech in plants(data):
        feeds[zone].append((1.0, f"gen.{zone}.{tech}.{at}"))
    for (zone,) in data.parameters["STO_NEW"]:
        feeds[zone] += [(1.0, f"dis.{zone}.{at}"), (-1.0, f"chg.{zone}.{at}")]
    for line, start, end in data.sets["LIN_ZZ"]:
        flow = f"flo.{line}.{at}"
        feeds[start].append((-1.0, flow))
        feeds[end].append((1.0, flow))
        susceptance = 100 / data.value("LIN_KM", line)
        angles = [(-susceptance, f"ang.{start}.{at}"), (susceptance, f"ang.{end}.{at}")]
        program.row(f"kir.{line}.{at}", [(1.0, flow), *angles], "E", 0.0)
        if data.value("LIN_NEW", line):
            capacity = data.value("LIN_CAP", line)
            program.row(f"pos.{line}.{at}", [(1.0, flow), (-1.0, f"lin.{line}")], "L", capacity)
            program.row(f"neg.{line}.{at}", [(1.0, flow), (1.0, f"lin.{line}")], "G", -capacity)
    for zone, terms in feeds.items():
        program.row(f"bal.{zone}.{at}", terms, "E", time.demand_gw[zone])


def _add_batteries(program: LinearProgram, data: SystemData, time: TimeSlice, weather_name: str) -> None:
    at = f"{weather_name}.{time.name}"
    efficiency = data.value("SCN", "STO_EFF")
    for (zone,) in data.parameters["STO_NEW"]:
        for kind, hours in (("chg", 1.0), ("dis", 1.0), ("lvl", data.value("SCN", "STO_HRS"))):
            program.row(f"{kind}.{zone}.{at}", [(1.0, f"{kind}.{zone}.{at}"), (-hours, f"sto.{zone}")], "L", 0.0)
        terms = [
            (1.0, f"lvl.{zone}.{at}"),
            (-1.0, f"lvl.{zone}.{weather_name}.{time.previous}"),
            (-time.hours_day * efficiency, f"chg.{zone}.{at}"),
            (time.hours_day / efficiency, f"dis.{zone}.{at}"),
        ]
        program.row(f"sto.{zone}.{at}", terms, "E", 0.0)


def _add_year(program: LinearProgram, data: SystemData, weather: Weather) -> None:
    def over_year(factor: Mapping[str, float]) -> list[Term]:
        return [
            (time.hours_year * factor[tech] / 1000, f"gen.{zone}.{tech}.{weather.name}.{time.name}")
            for time in weather.slices
            for zone, tech in plants(data)
            if tech in factor
        ]

    emission = {tech: rate for (tech,), rate in data.parameters["TCH_CO2"].items()}
    program.row(f"co2.{weather.name}", over_year(emission), "L", data.value("SCN", "CO2"))
    for zone in data.names("ZONE"):
        if water := weather.hydro_hours * data.value("CAP_EXI", zone, "HYD") / 1000:
            terms = [term for term in over_year({"HYD": 1.0}) if f".{zone}." in term[1]]
            program.row(f"hyd.{zone}.{weather.name}", terms, "L", water)
