"""What exists: the asset graph, its partitions, checks, automation and command line."""
