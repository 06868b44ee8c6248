"""/metrics for Prometheus: numbers of one run, served on the loopback interface only while it works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from phasewell.errors import UnavailableError
from phasewell.runs.watching.status_text import share_done
from phasewell.runs.watching.unit_board import DONE, LACKING, QUARANTINED, WAITING, WORKING

LOOPBACK = "127.0.0.1"
_UNIT_STATES = {WAITING: "waiting", WORKING: "working", DONE: "done", LACKING: "missing", QUARANTINED: "quarantined"}
_GAUGES = {
    "frames_per_s": ("phasewell_frames_per_second", "Frames finished per second, over the last units."),
    "eta_s": ("phasewell_time_left_seconds", "Seconds until the run ends at this rate."),
    "memory_bytes": ("phasewell_memory_bytes", "Resident memory of the run's processes on the driver's host."),
    "host_free_bytes": ("phasewell_host_free_bytes", "Memory of the driver's host that new processes may take."),
    "disk_free_bytes": ("phasewell_disk_free_bytes", "Free space where the run writes."),
    "gpu_memory_bytes": ("phasewell_gpu_memory_bytes", "Used memory of the GPU, by all processes."),
    "quiet_s": ("phasewell_since_last_unit_seconds", "Seconds since the last unit ended, or since the run began."),
}


@contextmanager
def serve_metrics(port: int | None, read: Callable[[], Mapping[str, Any]]) -> Iterator[str | None]:
    """Serve /metrics while the block runs and yield its address; None where `port` is None. Port 0 is any free one.

    `read` returns the status of the run when it is asked. Raises UnavailableError without the extra `watch`, and when
    the port is taken.
    """
    if port is None:
        yield None
        return
    try:
        import prometheus_client  # noqa: F401 - asked for now, so that its absence is told before any work
    except ImportError as error:
        raise UnavailableError(
            "watch.metrics_port needs phasewell[watch]: `phasewell doctor` shows how to install it; or leave it out"
        ) from error
    try:
        server = make_server(LOOPBACK, port, _application(read), WSGIServer, _Quiet)
    except OSError as error:
        raise UnavailableError(
            f"watch.metrics_port {port}: cannot be used on {LOOPBACK} ({error.strerror}); choose another, or 0 for a "
            "free one"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(WSGIRequestHandler):
    timeout = 10  # a client that says nothing must not keep the others waiting

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the run."""


def _application(read: Callable[[], Mapping[str, Any]]) -> Any:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(read))

    def answer(environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        # a page of another site could otherwise ask in the name of whoever sits here, under a name of its own
        host = str(environ.get("HTTP_HOST", "")).rpartition(":")[0] or str(environ.get("HTTP_HOST", ""))
        plain = [("Content-Type", "text/plain; charset=utf-8")]
        if host not in (LOOPBACK, "localhost"):
            start("403 Forbidden", plain)
            return [b"only for 127.0.0.1 and localhost\n"]
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            start("405 Method Not Allowed", plain)
            return [b"only GET\n"]
        if environ.get("PATH_INFO") != "/metrics":
            start("404 Not Found", plain)
            return [b"only /metrics\n"]
        body = generate_latest(registry)
        start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST), ("Content-Length", str(len(body)))])
        return [body]

    return answer


class _Collector:
    """Turns a status into samples when it is asked; what is not known has no sample."""

    def __init__(self, read: Callable[[], Mapping[str, Any]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        document = self._read()
        about = {name: str(document.get(name) or "") for name in ("plate", "run_id", "device", "executor")}
        yield InfoMetricFamily("phasewell_run", "Which run this is.", value=about)
        frames = GaugeMetricFamily("phasewell_frames", "Frames of the run by what became of them.", labels=["state"])
        for name in ("expected", "done", "quarantined", "missing"):
            frames.add_metric([name], document.get(name) or 0)
        yield frames
        reasons = GaugeMetricFamily(
            "phasewell_reasons", "Frames that were not processed, by reason.", labels=["reason"]
        )
        for reason, count in (document.get("reasons") or {}).items():
            reasons.add_metric([reason], count)
        yield reasons
        units = GaugeMetricFamily("phasewell_units", "Wells at one time by where they stand.", labels=["state"])
        letters = "".join(well["units"] for well in (document.get("wells") or {}).values())
        for letter, state in _UNIT_STATES.items():
            units.add_metric([state], letters.count(letter))
        yield units
        for key, (name, text) in _GAUGES.items():
            if document.get(key) is not None:
                yield GaugeMetricFamily(name, text, value=document[key])
        yield GaugeMetricFamily("phasewell_settled_ratio", "Share of expected frames.", value=share_done(document) or 0)
        stalled = float(document.get("state") == "stalled")
        yield GaugeMetricFamily("phasewell_stalled", "1 while no unit has ended for too long.", value=stalled)
