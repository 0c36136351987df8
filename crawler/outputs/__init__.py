"""What is kept, out: terminal, files, the browser."""
