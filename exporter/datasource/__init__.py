"""The JSON data source, spoken by both Grafana plugins: what is asked of it is read in :mod:`exporter.query`.

docs/json-datasource.md is its contract: targets, payloads, columns, filters, errors.
"""
