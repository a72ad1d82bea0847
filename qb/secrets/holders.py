"""Who gets which secrets: the services of docker-compose.secure.yml."""

from dataclasses import dataclass

# The user of the image, of Prometheus' and of Grafana's: files belong to whoever reads them.
BILLING_USER = 10_001
PROMETHEUS_USER = 65_534
GRAFANA_USER = 472

# Beside the names of the services: by which the machine that they run on, and their own health checks, call them.
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Holder:
    """A service that is given secrets.

    Args:
        name: of the service, by which others call it, and of its folder.
        user: who reads them there.
    """

    name: str
    user: int

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names in its certificate."""
        return (self.name, *LOCAL_NAMES)


PARTS = tuple(Holder(name, BILLING_USER) for name in ("exporter", "processor", "invoicer", "budgets", "notifier"))
PROMETHEUS = Holder("prometheus", PROMETHEUS_USER)
GRAFANA = Holder("grafana", GRAFANA_USER)
ALL = (*PARTS, PROMETHEUS, GRAFANA)

# The names of the files, as settings and configurations have them.
AUTHORITY_FILE = "ca.crt"
CERTIFICATE_FILE = "server.crt"
KEY_FILE = "server.key"
WEB_CONFIG_FILE = "web-config.yml"
KEYS_FILE = "keys.yml"
BEARER_FILE = "key"
ADMIN_PASSWORD_FILE = "admin-password"
PROMETHEUS_PASSWORD_FILE = "prometheus-password"

# Of the HTTP servers, relative to itself.
WEB_CONFIG = f"""\
tls_server_config:
  cert_file: {CERTIFICATE_FILE}
  key_file: {KEY_FILE}
"""

# The keys that are made, each with its one scope.
SCOPES = {PROMETHEUS.name: "metrics", GRAFANA.name: "read"}
# Who may ask Prometheus, by a password: itself, and Grafana.
PROMETHEUS_READERS = (PROMETHEUS, GRAFANA)
