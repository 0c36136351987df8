"""The background crawler: scheduled jobs, reloading, maintenance, metrics."""
