"""The Prometheus that is on the PATH, if there is one, over the demo's metrics."""

import shutil
from pathlib import Path

from billing.errors import OperatorError
from billing.settings import Settings

PORT = 9090
CONFIG = Path(__file__).resolve().parents[2] / "prometheus" / "prometheus.local.yml"
# The ports that the file names.
_SCRAPED = {"exporter_port": 8080, "processor_port": 9108, "invoicer_port": 9109, "budgets_port": 9110}


def prometheus_command(settings: Settings, data: Path) -> list[str]:
    """Return the command line that runs it with its data in `data`.

    Raises:
        OperatorError: it is not there, or would not find the parts.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise OperatorError("--prometheus needs the program prometheus on the PATH: install it, or leave the flag out")
    if not CONFIG.exists():
        raise OperatorError(f"--prometheus needs {CONFIG}, which comes with the sources: leave the flag out")
    for name, port in _SCRAPED.items():
        if getattr(settings, name) != port:
            raise OperatorError(f"--prometheus scrapes {name} {port}: leave that at its default, or the flag out")
    return [
        program,
        f"--config.file={CONFIG}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=localhost:{PORT}",
        "--log.level=warn",
    ]
