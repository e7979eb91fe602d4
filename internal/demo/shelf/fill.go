package shelf

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"
)

// A Writer takes rows and makes them durable, and generations of them. It is safe for concurrent use.
type Writer interface {
	// Put writes rows, which replace those with the same keys; nil says that they are durable. It borrows them.
	Put(ctx context.Context, rows arrow.RecordBatch) error
	// Delete deletes the rows with some keys, a column for each of the primary key. It borrows them.
	Delete(ctx context.Context, keys arrow.RecordBatch) error
	// Flush publishes what was acknowledged before as a generation.
	Flush(ctx context.Context) error
}

const (
	// callers is how many put at the same time, putRows how many rows each puts at once.
	callers = 16
	putRows = 32
)

// Filled says what went into a table.
type Filled struct {
	// Rows are new ones, Revised were put over older ones, Removed deleted. Puts are the calls they came in.
	Rows, Revised, Removed, Puts int
	// Writing is the time until all of them were acknowledged, Flushing that of publishing them.
	Writing, Flushing time.Duration
}

// Fill writes what the table does not begin with: a novel at a time, each a generation, and then the revision of all of
// them, one more.
func (s *Shelf) Fill(ctx context.Context, w Writer) (f Filled, err error) {
	f = Filled{Revised: len(s.revised), Removed: len(s.removed)}
	var puts atomic.Int64
	write := func(rows []Row, more func(context.Context) error) error {
		start := time.Now()
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(callers)
		for part := range slices.Chunk(rows, putRows) {
			group.Go(func() error {
				b := batch(part)
				defer b.Release()
				puts.Add(1)
				return w.Put(ctx, b)
			})
		}
		if more != nil {
			group.Go(func() error { return more(ctx) })
		}
		err := group.Wait()
		f.Writing += time.Since(start)
		return err
	}
	flush := func() error {
		start := time.Now()
		err := w.Flush(ctx)
		f.Flushing += time.Since(start)
		return err
	}
	for _, novel := range s.added {
		f.Rows += len(novel)
		if err := write(novel, nil); err != nil {
			return f, err
		}
		if err := flush(); err != nil { // before the next is written, so that each novel is a generation
			return f, err
		}
	}
	err = write(s.revised, func(ctx context.Context) error {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(columns.Fields()[:1], nil))
		defer b.Release()
		b.Field(0).(*array.StringBuilder).AppendValues(s.removed, nil)
		keys := b.NewRecordBatch()
		defer keys.Release()
		puts.Add(1)
		return w.Delete(ctx, keys)
	})
	f.Puts = int(puts.Load())
	if err != nil {
		return f, err
	}
	return f, flush()
}
