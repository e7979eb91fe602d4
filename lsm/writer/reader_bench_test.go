package writer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/shard"
)

// BenchmarkPut puts batches of 500 rows with an indexed text and a vector, alone and beside a reader who refreshes again and
// again: what he sees of the MemTable is encoded for him. The flushes are part of the time.
func BenchmarkPut(b *testing.B) {
	for _, pause := range []time.Duration{0, 100 * time.Millisecond, 10 * time.Millisecond} {
		name := "reader=none"
		if pause > 0 {
			name = fmt.Sprintf("reader=%v", pause)
		}
		b.Run(name, func(b *testing.B) { benchmarkPut(b, pause) })
	}
}

func benchmarkPut(b *testing.B, pause time.Duration) {
	const size = 500
	r := rand.New(rand.NewPCG(1, 1))
	m := randomTable(r, 8) // version 2.2, unsharded, with indexes
	m.keys = 100_000
	store := storage.NewMemStore()
	m.create(b, store)
	w, err := Open(b.Context(), store, m.name+".lance", Options{Shard: shard.Options{MaxRows: 20_000}})
	must(b, err)
	defer func() { must(b, w.Close(b.Context())) }()
	table, err := lsm.Open(b.Context(), store, m.name+".lance", lsm.Options{Recent: w})
	must(b, err)
	defer func() { must(b, table.Close()) }()
	var batches []arrow.RecordBatch
	for i := range m.keys / size {
		var rows []values
		for k := range size {
			rows = append(rows, m.row(r, i*size+k))
		}
		batches = append(batches, m.batch(b, w.Schema(), rows))
	}
	ctx, stop := context.WithCancel(b.Context())
	var reader sync.WaitGroup
	refreshes := 0
	if pause > 0 {
		reader.Go(func() {
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if _, err := table.Refresh(ctx); err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
				refreshes++
			}
		})
	}
	defer func() {
		stop()
		reader.Wait()
	}()
	b.ResetTimer()
	for n := range b.N {
		must(b, w.Put(b.Context(), batches[n%len(batches)]))
	}
	must(b, w.Flush(b.Context()))
	b.StopTimer()
	stop()
	reader.Wait()
	stats := w.Stats()
	b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(stats.EncodedRows)/float64(b.N*size), "encoded/row")
	b.ReportMetric(float64(refreshes), "refreshes")
}
