"""The live view over HTTP: REST, the Grafana JSON data source, Prometheus metrics and a page for people.

Owns a read model in memory, made from `billing.subtotals` and `billing.invoices`, and what it is asked through.
Writes nothing: it can be stopped, restarted and run several times side by side. Knows the other parts by their
topics only.

=======================  ==========================================================================================
:mod:`exporter.model`    the read model: what is known, and when it may be shown
:mod:`exporter.feeds`    where it comes from: Kafka, or a data set made up for ``--standalone``
:mod:`exporter.web`      what every endpoint shares: routes, parameters, errors, health, the OpenAPI document
:mod:`exporter.query`    what is asked: months, types, customers, filters, buckets; for REST and the data source alike
:mod:`exporter.rest`     the REST paths, the overview and its live stream
:mod:`exporter.datasource`  the JSON data source, as both plugins speak it
:mod:`exporter.metrics`  the Prometheus exposition
``exporter/page``        the page for people: HTML, CSS and JavaScript as the browser gets them, nothing to build
=======================  ==========================================================================================
"""
