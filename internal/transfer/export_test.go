package transfer

// SetBatch makes batches small, so that few records are several.
func SetBatch(n int) { batch = n }
