"""Health of sources, runs and the installation: values in, findings out."""
