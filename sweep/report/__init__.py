"""What a person reads: progress while work runs, tables on the terminal."""
