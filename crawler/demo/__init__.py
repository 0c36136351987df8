"""The bundled news sites of `newsdesk demo`."""
