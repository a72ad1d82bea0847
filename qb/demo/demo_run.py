"""One run of the demo's parts: starts them, keeps them running and shown, stops them, and keeps the time on record."""

import time
from collections.abc import Sequence

from rich.console import Console

from billing.clock import SimulatedClock
from billing.period import month_calendar
from billing.runtime.signals import Stop, stop_on_signals
from billing.settings import Settings
from broker.guard import Guard
from broker.kafka_broker import KafkaBroker
from qb.demo.display import Display, open_display
from qb.demo.feed import Feed
from qb.demo.folder import SETTINGS_FILE, Folder, Memory
from qb.demo.plan import environment_of, placed, write_settings
from qb.demo.prometheus import PORT as PROMETHEUS_PORT
from qb.demo.services import Kafka, Part, Service, qb_command
from qb.demo.snapshot import CatchUpMeter, Links, Snapshot
from qb.demo.supervisor import Supervisor
from qb.demo.timeline import lease_ms, month_share, tell_time, wall_ms

TICK_SECONDS = 0.25
RECORD_SECONDS = 1.0
# In the order of their start; they stop in the reverse order: first what makes events, last what shows them.
PARTS = {
    "exporter": "export",
    "notifier": "notify",
    "budgets": "budgets",
    "invoicer": "invoice",
    "processor": "process",
    "generator": "generate",
}


def parts_of(settings: Settings) -> dict[str, str]:
    """Return the parts that have something to do, with their commands: no budgets, nobody who decides them."""
    idle = {name for name, work in (("budgets", settings.budgets), ("notifier", settings.webhook_url)) if not work}
    return {name: command for name, command in PARTS.items() if name not in idle}


class DemoRun:
    """The parts of a demo, from their start to their end.

    Args:
        folder: of the demo.
        settings: of all parts; Kafka answers, and the topics are there.
        clock: of the simulation, None for real time.
        broker: the demo's own Kafka, which runs; None if it uses another cluster.
        cluster: the address of that other cluster.
    """

    def __init__(
        self,
        folder: Folder,
        settings: Settings,
        clock: SimulatedClock | None,
        broker: KafkaBroker | None,
        cluster: str | None,
    ) -> None:
        self._folder = folder
        self._settings = placed(settings, folder.path, settings.bootstrap_servers, clock)
        self._clock = clock
        self._cluster = cluster
        self._guard = Guard()
        self._services: list[Service] = [Kafka(broker)] if broker else []
        environment = environment_of(self._settings)
        for name, command in parts_of(settings).items():
            log = folder.logs / f"{command}.log"
            self._services.append(Part(name, qb_command(command), environment, log, self._guard))
        self._links = Links(f"http://localhost:{settings.exporter_port}", folder.path)
        self._feed = Feed(settings.exporter_port, settings.processor_port)
        self._catch_up = CatchUpMeter(settings.rate)
        self._started = time.monotonic()

    def add_prometheus(self, command: Sequence[str]) -> None:
        """Run a Prometheus as well."""
        log = self._folder.logs / "prometheus.log"
        self._services.append(Part("prometheus", command, environment_of(self._settings), log, self._guard))
        self._links = Links(self._links.exporter, self._links.folder, f"http://localhost:{PROMETHEUS_PORT}")

    def run(self, console: Console) -> None:
        """Run all until SIGINT or SIGTERM; a second one makes the stop quick.

        Raises:
            OperatorError: a part dies each time it is started. All have stopped then.
        """
        supervisor = Supervisor(self._services)
        try:
            with stop_on_signals() as stop, open_display(console) as display:
                try:
                    self._record(running=True)
                    write_settings(self._settings, self._folder.path / SETTINGS_FILE)
                    supervisor.start(time.monotonic())
                    self._feed.start()
                    self._watch(supervisor, display, stop)
                finally:
                    supervisor.stop(lambda name: display.show(self._snapshot(supervisor, f"Stopping {name} ...")))
                    self._record(running=False)
                    display.show(self._snapshot(supervisor, "All has stopped."))
        finally:
            self._guard.close()

    def _watch(self, supervisor: Supervisor, display: Display, stop: Stop) -> None:
        recorded = time.monotonic()
        while not stop.requested:
            now = time.monotonic()
            supervisor.tend(now)
            if now - recorded >= RECORD_SECONDS:
                self._record(running=True)
                recorded = now
            display.show(self._snapshot(supervisor))
            time.sleep(TICK_SECONDS)

    def _record(self, running: bool) -> None:
        """Put the time reached on record: while running, one that lies ahead, in case there is no later record."""
        now_ms = wall_ms()
        reached_ms = now_ms
        if self._clock:
            reached_ms = lease_ms(self._clock, now_ms) if running else self._clock.at_ms(now_ms)
        self._folder.remember(Memory(self._cluster, reached_ms, running))

    def _snapshot(self, supervisor: Supervisor, note: str = "") -> Snapshot:
        seen = self._feed.seen
        now_ms = self._settings.clock.now_ms()
        return Snapshot(
            seen=seen,
            standings=supervisor.standings(),
            catch_ups=self._catch_up.observe(seen),
            clock=tell_time(now_ms, self._clock),
            month_share=month_share(now_ms, month_calendar(self._settings.time_zone)),
            uptime_seconds=time.monotonic() - self._started,
            links=self._links,
            note=note,
        )
