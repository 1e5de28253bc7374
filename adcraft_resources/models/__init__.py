"""Model weights and the code that runs them; the only rooms with module-level torch."""
