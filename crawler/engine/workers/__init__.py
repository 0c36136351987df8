"""Worker processes, where bytes from outside are read within limits of time and memory."""
