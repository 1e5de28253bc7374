"""The commands of `adcraft`, one room each: thin faces on the same assets and roles."""
