"""Faults of a broker, or of a host's connection to it, for a number of seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.faults.bed import Bed
from tests.faults.broker import free_port
from tests.faults.proxy import FaultProxy

BrokerFault = Callable[[Bed, float], None]
LineFault = Callable[[FaultProxy, float], None]


def killed(bed: Bed, seconds: float) -> None:
    bed.port_broker.restart(after_s=seconds)


def stalled(bed: Bed, seconds: float) -> None:
    bed.port_broker.stall(seconds)


def loading(bed: Bed, seconds: float) -> None:
    bed.port_broker.load_slowly(seconds)


def without_its_last_second(bed: Bed, seconds: float) -> None:
    bed.port_broker.forget(1.0, after_s=seconds)


def out_of_memory(bed: Bed, seconds: float) -> None:
    with _configured(bed, maxmemory="1"):
        time.sleep(seconds)


def read_only(bed: Bed, seconds: float) -> None:
    """As after a failover: it is a replica of a missing server."""
    client = bed.store.client
    client.replicaof("127.0.0.1", free_port())
    time.sleep(seconds)
    client.replicaof("NO", "ONE")


@contextmanager
def _configured(bed: Bed, **values: str) -> Iterator[None]:
    client = bed.store.client
    before = {name: client.config_get(name)[name] for name in values}
    for name, value in values.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


def reset(proxy: FaultProxy, seconds: float) -> None:
    """Every connection, again and again."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        proxy.reset()
        time.sleep(0.3)


def refused(proxy: FaultProxy, seconds: float) -> None:
    proxy.refuse()
    time.sleep(seconds)
    proxy.heal()


def black_hole(proxy: FaultProxy, seconds: float) -> None:
    proxy.black_hole()
    time.sleep(seconds)
    proxy.heal()


def black_hole_and_reset(proxy: FaultProxy, seconds: float) -> None:
    """Like a firewall that forgot its connections: data in flight is lost."""
    proxy.black_hole()
    time.sleep(seconds)
    proxy.reset()
    proxy.heal()


def cut_in_the_middle(proxy: FaultProxy, seconds: float) -> None:
    """Answers that stop half-way."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        proxy.cut_after(random.randint(0, 400))
        time.sleep(0.3)
    proxy.heal()


BROKER_FAULTS: tuple[BrokerFault, ...] = (killed, stalled, loading, out_of_memory, read_only)
LINE_FAULTS: tuple[LineFault, ...] = (reset, refused, black_hole, black_hole_and_reset, cut_in_the_middle)


def named(fault: object) -> str:
    """Its name in the name of a test."""
    return getattr(fault, "__name__", str(fault))
