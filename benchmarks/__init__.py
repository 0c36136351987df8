"""What measures speed and quality; runnable by anyone."""
