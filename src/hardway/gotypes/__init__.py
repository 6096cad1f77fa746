"""What Go's types make of a document: structs, durations and quantities as Kubernetes reads and writes them."""
