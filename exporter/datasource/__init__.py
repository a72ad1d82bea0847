"""The JSON data source: one query layer, spoken by both Grafana plugins and used by the rows for tools.

docs/json-datasource.md is its contract: targets, payloads, columns, filters, errors.
"""
