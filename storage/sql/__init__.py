"""SQL by table. Functions over one open database, inside the caller's transaction."""
