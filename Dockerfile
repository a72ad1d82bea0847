# One image for all parts: the first argument is the subcommand of qb. Apache Kafka is not in it; it runs on its own.
FROM python:3.13-slim-trixie AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY billing billing
COPY broker broker
COPY generator generator
COPY processor processor
COPY invoicer invoicer
COPY budgets budgets
COPY notifier notifier
COPY exporter exporter
# The exporter serves it, by a link in its folder.
COPY docs/runbook.md docs/runbook.md
COPY qb qb
RUN python -m venv /opt/billing \
    && pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/billing/bin/pip install --no-cache-dir --constraint constraints.txt /wheels/*.whl
# Elsewhere, or the sources here would be compiled.
WORKDIR /
RUN /opt/billing/bin/python -m qb.warm

FROM python:3.13-slim-trixie
# A machine of another kind than the one that built the image compiles once more, and keeps that in the cache.
ENV PATH=/opt/billing/bin:$PATH \
    XDG_CACHE_HOME=/var/lib/billing/cache \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A container is reached by its own address; what is published of it decides who else reaches it.
ENV QB_PROCESSOR_HOST=0.0.0.0 \
    QB_EXPORTER_HOST=0.0.0.0 \
    QB_INVOICER_HOST=0.0.0.0 \
    QB_BUDGETS_HOST=0.0.0.0 \
    QB_NOTIFIER_HOST=0.0.0.0
# What must last lies in here; all else may be read-only.
RUN install --directory --owner=10001 --group=10001 /var/lib/billing
COPY --from=build /opt/billing /opt/billing
USER 10001:10001
WORKDIR /var/lib/billing
VOLUME /var/lib/billing
ENTRYPOINT ["qb"]
CMD ["--help"]
