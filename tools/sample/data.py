"""The sample system's data, read from the .dd files that its GAMS model reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Key = tuple[str, ...]

_COMMENT = re.compile(r"^\*.*$", re.MULTILINE)
_RECORDS = re.compile(r"^(SET|PARAMETER)\s+(\w+)[^/]*/(.*?)^/;", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^TABLE\s+(\w+)\([^)]*\)\s*\n(.*?)^;", re.MULTILINE | re.DOTALL)
_RECORD = re.compile(r"^\s*'([^\n]+?)'(?:[ \t]+(\S.*))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SystemData:
    """What the .dd files say; sets keep the order of the file."""

    sets: Mapping[str, Sequence[Key]]
    parameters: Mapping[str, Mapping[Key, float]]

    def names(self, set_name: str) -> list[str]:
        """The elements of a set of one dimension."""
        return [key[0] for key in self.sets[set_name]]

    def value(self, parameter: str, *key: str) -> float:
        """A number of the data; what no file names is 0, as in GAMS."""
        return self.parameters[parameter].get(key, 0.0)


@dataclass(frozen=True, slots=True)
class TimeSlice:
    """A time slice: a stretch of the typical days in which nothing changes."""

    name: str
    previous: str
    """The slice before it in the same season; the day closes on itself."""
    hours_day: float
    hours_year: float
    demand_gw: Mapping[str, float]
    running: Mapping[tuple[str, str], float]
    """Share of the plant (zone, kind) that can run."""


@dataclass(frozen=True, slots=True)
class Weather:
    """One weather to live through, and its weight in the mean cost."""

    name: str
    weight: float
    slices: Sequence[TimeSlice]
    hydro_hours: float


def read_system(texts: Sequence[str]) -> SystemData:
    """Read .dd texts: `SET` and `PARAMETER name / ... /;` with one `'a'.'b' value` a line, and full `TABLE`s."""
    sets: dict[str, list[Key]] = {}
    parameters: dict[str, dict[Key, float]] = {}
    for text in texts:
        bare = _COMMENT.sub("", text)
        for kind, name, body in _RECORDS.findall(bare):
            if kind == "SET":
                sets[name] = [key for key, _ in _records(body)]
            else:
                parameters[name] = {key: float(number) for key, number in _records(body)}
        for name, body in _TABLE.findall(bare):
            parameters[name] = dict(_cells(body))
    return SystemData(sets, parameters)


def _records(body: str) -> Iterator[tuple[Key, str]]:
    for labels, rest in _RECORD.findall(body):
        yield tuple(labels.split("'.'")), rest


def _cells(body: str) -> Iterator[tuple[Key, float]]:
    head, _, rows = body.partition("\n")
    for key, numbers in _records(rows):
        for column, number in zip(head.split(), numbers.split(), strict=True):
            yield (*key, column), float(number)


def mean_weather(data: SystemData, name: str, years: Sequence[str], *, weight: float) -> Weather:
    """The mean of some weather years, on the time slices of the GAMS model."""
    hours: dict[str, list[str]] = {slice_name: [] for slice_name in data.names("TS")}
    for slice_name, hour in data.sets["TS_HOUR"]:
        hours[slice_name].append(hour)
    slices = [
        _slice(data, slice_name, members, _before(slice_name, list(hours)), years)
        for slice_name, members in hours.items()
    ]
    return Weather(name, weight, slices, sum(data.value("HYD_FLH", year) for year in years) / len(years))


def _before(name: str, order: Sequence[str]) -> str:
    season = [other for other in order if other[0] == name[0]]
    return season[season.index(name) - 1]


def _slice(data: SystemData, name: str, hours: Sequence[str], previous: str, years: Sequence[str]) -> TimeSlice:
    areas = {key[0]: key[1] for key in data.sets["ZONE_AREA"]}
    means = {
        (parameter, area): sum(data.value(parameter, year, hour, area) for year in years for hour in hours)
        / (len(hours) * len(years))
        for parameter in ("AVA_SUN", "AVA_WIND")
        for area in data.names("AREA")
    }
    shape = {use: sum(data.value("DEM_SHAPE", hour, use) for hour in hours) / len(hours) for use in data.names("USE")}
    running = {}
    for zone, area in areas.items():
        running.update({(zone, tech): data.value("TCH_AVA", tech) for tech in data.names("TECH")})
        running[zone, "SPV"] = means["AVA_SUN", area]
        running[zone, "WON"] = means["AVA_WIND", area]
        running[zone, "WOF"] = means["AVA_WIND", area] * data.value("SCN", "AVA_WOF")
    return TimeSlice(
        name=name,
        previous=previous,
        hours_day=len(hours),
        hours_year=len(hours) * data.value("SEA_DAYS", name[0]),
        # TWh a year spread evenly is 1000/8760 GW for each TWh
        demand_gw={
            zone: sum(data.value("DEM_ANN", zone, use) * 1000 / 8760 * mean for use, mean in shape.items())
            for zone in areas
        },
        running=running,
    )
