"""SQL: one file a table or a question. Functions over one open database, inside the caller's transaction."""
