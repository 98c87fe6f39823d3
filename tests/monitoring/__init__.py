"""Prometheus and Alertmanager over the desk."""
