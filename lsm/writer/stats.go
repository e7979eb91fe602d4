package writer

import "github.com/hearthcache/hearth/lsm/shard"

// Stats are the figures of a Writer since it was opened.
type Stats struct {
	// Stats are the sums over all shards. Puts counts the parts of a batch that spans shards; Generation is the highest.
	shard.Stats
	// Shards are those of each shard by its id, claims that were lost included.
	Shards map[string]shard.Stats
}

// Stats returns the figures.
func (w *Writer) Stats() Stats {
	out := Stats{Shards: map[string]shard.Stats{}}
	for _, s := range w.held() {
		s.mu.Lock()
		one, sw := s.mu.before, s.mu.writer
		s.mu.Unlock()
		if sw != nil {
			add(&one, sw.Stats())
		}
		out.Shards[s.id.String()] = one
		add(&out.Stats, one)
	}
	return out
}

func add(to *shard.Stats, x shard.Stats) {
	to.Puts += x.Puts
	to.Rows += x.Rows
	to.Entries += x.Entries
	to.Replayed += x.Replayed
	to.Busy += x.Busy
	to.Flushes += x.Flushes
	to.FlushFailures += x.FlushFailures
	to.Warms += x.Warms
	to.WarmFailures += x.WarmFailures
	to.MemoryRows += x.MemoryRows
	to.MemoryBytes += x.MemoryBytes
	to.EncodedRows += x.EncodedRows
	to.ReadBytes += x.ReadBytes
	to.Generation = max(to.Generation, x.Generation)
}
