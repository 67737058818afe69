"""Features of bars and options: time of a symbol-year, of an index day, and of compiling."""
