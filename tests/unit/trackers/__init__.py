"""What is written back, and what is left alone."""
