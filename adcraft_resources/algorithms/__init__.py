"""Arithmetic on arrays: numpy and OpenCV only; no files, clock, network or global random state."""
