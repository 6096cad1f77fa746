"""What administrators ask of a running cluster and change in it: shell text for a master, and how to read its answer."""
