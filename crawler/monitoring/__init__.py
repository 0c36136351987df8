"""Health of sources, of a run and of the installation: values in, findings out."""
