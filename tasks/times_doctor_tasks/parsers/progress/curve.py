"""A convergence curve of bounded size."""

from __future__ import annotations

from times_doctor_tasks.contract.messages import CurvePoint

#: Most points of a curve.
MAX_POINTS = 200


class Curve:
    """Keeps every n-th point, n doubling as the curve fills, and always the last one."""

    def __init__(self) -> None:
        self._points: list[CurvePoint] = []
        self._last: CurvePoint | None = None
        self._every = 1
        self._seen = 0

    def add(self, point: CurvePoint) -> None:
        """Append a point, later than those before."""
        if self._seen % self._every == 0:
            if len(self._points) >= MAX_POINTS - 1:
                self._points = self._points[::2]
                self._every *= 2
            if self._seen % self._every == 0:
                self._points.append(point)
        self._seen += 1
        self._last = point

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """Oldest first, the newest always among them."""
        if self._last is None or (self._points and self._points[-1] is self._last):
            return tuple(self._points)
        return (*self._points, self._last)
