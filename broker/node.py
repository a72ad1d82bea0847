"""One node of the embedded Apache Kafka: one Java process and its folder.

The folder holds `data/` (what must last), `server.properties` and `log4j2.properties` (made anew at each start),
`kafka.log` (what Kafka logs), `java.log` (what Java itself says), `tmp/` (the native libraries that Kafka unpacks) and
`pid`. Nothing is written outside of it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from billing.runtime.logs import get_logger
from broker.errors import BrokerError
from broker.guard import Guard, is_running, stop_processes
from broker.java import Java
from broker.kafka_config import NORMAL_SIZE, NodePorts, NodeSize, log4j_properties, server_properties
from broker.secured import Secured

logger = get_logger(__name__)

_FORMAT_TIMEOUT_SECONDS = 60
# From this version on Java prints a warning for each library that loads native code, unless told that it may.
_NATIVE_ACCESS_VERSION = 22


@dataclass(frozen=True)
class Launch:
    """What a Java process of Kafka is started with."""

    java: Java
    class_path: Sequence[Path]
    size: NodeSize = NORMAL_SIZE

    def command(self, main_class: str, *arguments: object, options: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs `main_class`."""
        native = ["--enable-native-access=ALL-UNNAMED"] if self.java.version >= _NATIVE_ACCESS_VERSION else []
        return [
            str(self.java.executable),
            *[f"-Xmx{self.size.heap_mib}m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData"],
            *[*native, *options],
            *["-cp", os.pathsep.join(map(str, self.class_path))],
            *[main_class, *map(str, arguments)],
        ]


class KafkaNode:
    """Node `index` in `folder`. It is started by the process that stops it; `secured` adds listeners with accounts."""

    def __init__(self, index: int, folder: Path, guard: Guard, secured: Secured | None = None) -> None:
        self.index = index
        self._secured = secured
        self.log_file = folder / "kafka.log"
        self._folder = folder
        self._properties_file = folder / "server.properties"
        self._log4j_file = folder / "log4j2.properties"
        self._java_log_file = folder / "java.log"
        self._temp_folder = folder / "tmp"
        self._pid_file = folder / "pid"
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, launch: Launch, cluster_id: str, ports: Sequence[NodePorts]) -> None:
        """Write the settings for this start, and format the data folder if it is new.

        Raises:
            BrokerError: formatting failed.
            OSError: the folder cannot be written.
        """
        data_folder = self._folder / "data"
        data_folder.mkdir(parents=True, exist_ok=True)
        properties = server_properties(self.index, ports, data_folder, self._secured, launch.size)
        self._properties_file.write_text(properties, "utf-8")
        self._log4j_file.write_text(log4j_properties(self.log_file), "utf-8")
        # Kafka writes this file last, so a folder whose formatting was cut short is formatted again.
        if not (data_folder / "meta.properties").exists():
            self._format(launch, cluster_id)

    def start(self, launch: Launch) -> None:
        """Start the Java process; it is not ready yet when this returns."""
        # A process that was killed leaves here what it unpacked.
        shutil.rmtree(self._temp_folder, ignore_errors=True)
        command = launch.command("kafka.Kafka", self._properties_file, options=self._folder_options())
        with self._java_log_file.open("wb") as java_log:
            # In a session of its own, so that Ctrl-C in the terminal reaches only its owner, who stops it in order.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=java_log, stderr=java_log, start_new_session=True
            )
        self._guard.watch(self._process.pid)
        self._pid_file.write_text(str(self._process.pid), "ascii")

    @property
    def pid(self) -> int | None:
        """The id of the Java process while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the Java process ended (negative: by that signal); None while it runs or before its start."""
        return self._process.poll() if self._process else None

    def terminate(self) -> None:
        """Ask the process to end in order; it has not ended yet when this returns."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        self.wait(None)

    def wait(self, timeout_seconds: float | None) -> bool:
        """Wait for the process to end; say whether it did."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        self._guard.forget(self._process.pid)
        self._pid_file.unlink(missing_ok=True)
        return True

    def stop_orphan(self) -> None:
        """End the process that a former owner left running in this folder, if there is one."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int(self._pid_file.read_text("ascii"))
            if is_running(pid) and str(self._properties_file) in _command_line(pid):
                logger.warning("broker left by a process that died is stopped", node=self.index, pid=pid)
                stop_processes({pid})

    def log_tail(self, lines: int) -> list[str]:
        """Return the last lines that Kafka logged, or what Java said if Kafka never got to log."""
        for file in (self.log_file, self._java_log_file):
            with contextlib.suppress(FileNotFoundError), file.open(encoding="utf-8", errors="replace") as text:
                if tail := [line.rstrip("\n") for line in deque(text, maxlen=lines)]:
                    return tail
        return []

    def _format(self, launch: Launch, cluster_id: str) -> None:
        arguments = ["format", "--cluster-id", cluster_id, "--config", self._properties_file, "--ignore-formatted"]
        command = launch.command("kafka.tools.StorageTool", *arguments, options=self._folder_options())
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_SECONDS, check=True)
        except subprocess.CalledProcessError as error:
            said = (error.stderr or error.stdout).strip().splitlines() or ["nothing"]
            raise BrokerError(
                f"cannot prepare {self._folder} for Apache Kafka, which said: {said[-1]}; "
                "choose another folder with --dir, or remove this one if its data may go"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise BrokerError(
                f"Apache Kafka took more than {_FORMAT_TIMEOUT_SECONDS} s to prepare {self._folder}; try again"
            ) from error

    def _folder_options(self) -> list[str]:
        self._temp_folder.mkdir(exist_ok=True)
        return [f"-Dlog4j2.configurationFile={self._log4j_file}", f"-Djava.io.tmpdir={self._temp_folder}"]

    def _signal(self, signal_number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal_number)


def _command_line(pid: int) -> str:
    """Return the command line of a process; empty if there is none or it may not be seen."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ")
    except OSError:
        pass
    try:
        return subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
    except OSError:
        return ""
