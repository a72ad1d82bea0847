"""What Grafana is given: provisioning, dashboards as committed JSON, and the builder that writes them."""
