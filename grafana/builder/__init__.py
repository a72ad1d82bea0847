"""Builds the dashboards from the settings: ``python -m grafana.builder`` from the project's root.

Owns the JSON in ``grafana/dashboards`` and ``grafana/infinity/dashboards``: plain dicts of Grafana's classic dashboard
model, schema version 42. Which dashboards there are follows from the configured event types, what money is called from
the currency. It does not own the metric names (docs/metrics.md) or the data source's targets (docs/json-datasource.md).
"""

from typing import Any

Json = dict[str, Any]
