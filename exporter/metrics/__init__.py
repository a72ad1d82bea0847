"""The Prometheus exposition: what the topics tell, collected from one state, and what the exporter is doing."""
