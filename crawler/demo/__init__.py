"""The bundled news web."""
