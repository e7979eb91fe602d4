package shard

// Stats are the figures of a Writer since it was opened.
type Stats struct {
	// Puts were acknowledged, with Rows rows, in Entries entries of the log.
	Puts, Rows, Entries int64
	// Replayed rows were in the log when the shard was claimed.
	Replayed int64
	// Busy callers gave up waiting for room.
	Busy int64
	// Flushes published a generation, FlushFailures were tried again.
	Flushes, FlushFailures int64
	// Warms were asked for before a generation was published; WarmFailures failed or took too long.
	Warms, WarmFailures int64
	// MemoryRows and MemoryBytes are in memory now, those under way to a generation included.
	MemoryRows, MemoryBytes int64
	// EncodedRows were encoded for readers, a row as often as it was; ReadBytes is what such copies take now.
	EncodedRows, ReadBytes int64
	// Generation is the number that the next generation gets.
	Generation uint64
}

// Stats returns the figures.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.mu.stats
	s.MemoryBytes, s.ReadBytes = w.mu.held, w.mu.encoded
	s.MemoryRows = w.mu.active.rows
	for _, m := range w.mu.frozen {
		s.MemoryRows += m.rows
	}
	s.Generation = w.mu.active.generation
	return s
}
