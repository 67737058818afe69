"""One parameter sweep, the same work for our public engine and for the peers."""
