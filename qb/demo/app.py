"""Runs the demo: looks before it starts anything, starts everything, shows it, and stops it in order."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from confluent_kafka import KafkaException
from rich.console import Console

from billing.errors import OperatorError
from billing.masking import masker
from billing.runtime.kafka import ensure_topics
from billing.runtime.logs import log_to_file
from billing.runtime.signals import interrupted_once_by_signals
from billing.settings import Settings, secrets_in
from broker.download_display import show_download
from broker.kafka_broker import KafkaBroker
from qb.demo.demo_run import DemoRun
from qb.demo.folder import Folder, Memory, take_folder
from qb.demo.plan import lively, uses_own_kafka
from qb.demo.port_check import PortNeed, require_ports
from qb.demo.prometheus import PORT as PROMETHEUS_PORT
from qb.demo.prometheus import prometheus_command
from qb.demo.timeline import resume, speed_of, wall_ms

# What a demo that was killed left behind ends within this time.
PATIENCE_SECONDS = 20.0
ANSWER_SECONDS = 10.0


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM, and return 0 when all has stopped.

    Raises:
        OperatorError: it cannot start, or a part dies each time it is started; nothing is left running.
    """
    own_kafka = uses_own_kafka(settings)
    settings = lively(settings)
    console = Console()
    if arguments.fresh and not own_kafka:
        raise OperatorError(
            f"--fresh cannot forget what the cluster at {settings.bootstrap_servers} holds: "
            "leave the flag out, or unset bootstrap_servers"
        )
    with interrupted_once_by_signals(), take_folder(arguments.dir, arguments.fresh) as folder:
        memory = folder.recall()
        _check(settings, arguments, own_kafka, memory)
        _log_to(folder, settings)
        try:
            _run_in(folder, memory, settings, arguments, own_kafka, console)
        except KeyboardInterrupt:
            pass
        except KafkaException as error:
            raise OperatorError(f"Kafka refuses: {error.args[0].str()}") from error
        finally:
            folder.remember(replace(folder.recall(), running=False))
        console.print(f"Stopped. The next start goes on from {folder.path}.", soft_wrap=True, highlight=False)
    return 0


def _check(settings: Settings, arguments: argparse.Namespace, own_kafka: bool, memory: Memory) -> None:
    """Find what would stop the demo later, while nothing runs yet."""
    cluster = None if own_kafka else settings.bootstrap_servers
    if memory.reached_ms is not None and memory.cluster != cluster:
        before = f"the cluster at {memory.cluster}" if memory.cluster else "a Kafka of its own"
        raise OperatorError(f"{arguments.dir} goes with {before}: use that again, or choose another folder with --dir")
    if speed := speed_of(settings):
        resume(memory.reached_ms, speed, 0)
    needs = [
        PortNeed(settings.exporter_port, "the page", "--exporter-port"),
        PortNeed(settings.processor_port, "the processor", "--processor-port"),
        PortNeed(settings.invoicer_port, "the invoicer", "--invoicer-port"),
    ]
    if settings.budgets:
        needs.append(PortNeed(settings.budgets_port, "qb budgets", "--budgets-port"))
    if settings.webhook_url:
        needs.append(PortNeed(settings.notifier_port, "qb notify", "--notifier-port"))
    if own_kafka:
        needs.append(PortNeed(arguments.kafka_port, "Kafka", "--kafka-port"))
    if arguments.prometheus:
        prometheus_command(settings, arguments.dir)
        needs.append(PortNeed(PROMETHEUS_PORT, "Prometheus", ""))
    require_ports(needs, PATIENCE_SECONDS if memory.running else 0.0)


def _run_in(
    folder: Folder,
    memory: Memory,
    settings: Settings,
    arguments: argparse.Namespace,
    own_kafka: bool,
    console: Console,
) -> None:
    cluster = None if own_kafka else settings.bootstrap_servers
    folder.remember(Memory(cluster, memory.reached_ms, running=True))
    with _kafka(folder, arguments.kafka_port, own_kafka, console) as broker:
        servers = broker.bootstrap_servers if broker else settings.bootstrap_servers
        reachable = settings.model_copy(update={"bootstrap_servers": servers})
        roles = ("input", "keyed", "subtotals", "rejected", "invoices", "notifications")
        ensure_topics(reachable, roles, ANSWER_SECONDS)
        speed = speed_of(settings)
        clock = resume(memory.reached_ms, speed, wall_ms()) if speed else None
        demo_run = DemoRun(folder, reachable, clock, broker, cluster)
        if arguments.prometheus:
            demo_run.add_prometheus(prometheus_command(settings, folder.path / "prometheus"))
        demo_run.run(console)


@contextmanager
def _kafka(folder: Folder, port: int, own_kafka: bool, console: Console) -> Iterator[KafkaBroker | None]:
    """Run a broker of our own meanwhile, if one is wanted."""
    if not own_kafka:
        yield None
        return
    broker = KafkaBroker(folder.path / "kafka", port)
    try:
        with show_download(sys.stdout) as report:
            console.print("Starting Apache Kafka ...", style="dim")
            broker.start(report=report)
        yield broker
    finally:
        broker.stop()


def _log_to(folder: Folder, settings: Settings) -> None:
    """Write this process's own log to a file as well: on the terminal it would tear the table apart."""
    log_to_file(folder.logs / "demo.log", masker(secrets_in(settings)))
