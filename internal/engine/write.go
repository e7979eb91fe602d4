package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lsm/writer"
)

// Rows are what a request brings, batch by batch: rows of a schema, or keys. The consumer releases each batch. reserve is
// to be called with bytes before they are taken, and fails when there is no room for them.
type Rows func(schema *arrow.Schema, reserve func(bytes int64) error) iter.Seq2[arrow.RecordBatch, error]

// Written says what a request did, also one that failed.
type Written struct {
	// Rows are durable, those of Batches batches and of what was put of the next. A request is no unit: of one that failed,
	// what is counted here is written, and of the rows behind it some may be.
	Rows    int64 `json:"rows"`
	Batches int64 `json:"batches"`
	// Elapsed is the time from the request to its last row.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// BatchError is an error of one batch of a request.
type BatchError struct {
	// Batch is the number of the batch, counted from 0, and Row that of the first row in the request that is not counted as
	// written: a batch that leaves wide columns out is put in pieces.
	Batch, Row int64
	err        error
}

// Error implements error.
func (e *BatchError) Error() string {
	return fmt.Sprintf("batch %d, from row %d on: %v", e.Batch, e.Row, e.err)
}

// Unwrap returns the error of the batch.
func (e *BatchError) Unwrap() error { return e.err }

// RowsError is an error of what a request brings, or of the way it came.
type RowsError struct{ err error }

// Error implements error.
func (e *RowsError) Error() string { return e.err.Error() }

// Unwrap returns the error of the Rows.
func (e *RowsError) Unwrap() error { return e.err }

// Put writes rows to a table, one batch after another: the schema that rows are asked for is the table's. Rows replace
// those with the same keys, so that a request that failed may be sent again as it is. With nil all of them are durable.
//
// Errors are those of rows (with *RowsError in front), of the table's writer (with *BatchError in front), *Invalid, ErrNoRoom, ErrClosed.
func (s *Writers) Put(ctx context.Context, table string, rows Rows) (*Written, error) {
	return s.write(ctx, table, writePut, rows)
}

// Delete deletes the rows with some keys as Put writes rows: the schema is that of the columns of the primary key. That
// there is no row with a key is no error.
func (s *Writers) Delete(ctx context.Context, table string, keys Rows) (*Written, error) {
	return s.write(ctx, table, writeDelete, keys)
}

func (s *Writers) write(ctx context.Context, table string, op writeOp, rows Rows) (out *Written, err error) {
	began := time.Now()
	out = &Written{}
	defer func() {
		out.Elapsed = time.Since(began)
		s.metrics.ended(op, out, err)
	}()
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return out, err
	}
	defer done()
	defer func() { err = s.closedOr(err) }()
	t, release, err := s.table(ctx, table)
	if err != nil {
		return out, err
	}
	defer release()
	schema, put := t.w.Schema(), t.w.Put
	if op == writeDelete {
		schema, put = keySchema(t.w), t.w.Delete
	}
	held := s.hold(ctx)
	defer held.release()
	for b, err := range rows(schema, held.take) {
		if err != nil {
			return out, &RowsError{err}
		}
		err = s.putPieces(ctx, t, held, t.fillBytes(op, b.Schema()), put, b, out)
		b.Release()
		if err != nil {
			return out, &BatchError{out.Batches, out.Rows, err}
		}
		held.release()
		out.Batches++
	}
	return out, nil
}

// putFunc puts rows, or deletes those with some keys.
type putFunc func(context.Context, arrow.RecordBatch) error

// putBatch puts a batch. Where there is no room for it in time, it says so. Claims of shards take the time that they take: the
// log of one may be long, and is read again by each claim.
func (t *tableState) putBatch(ctx context.Context, wait time.Duration, put putFunc, b arrow.RecordBatch) error {
	for {
		within, cancel := context.WithTimeout(ctx, wait)
		err := put(within, b)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case isBusy(err):
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
		late := t.lateClaims(err)
		if len(late) == 0 {
			return err
		}
		if err := t.w.Claim(ctx, late...); err != nil {
			return err
		}
	}
}

// lateClaims are the shards whose claims took too long for a put.
func (t *tableState) lateClaims(err error) (shards []string) {
	partial, ok := errors.AsType[*writer.PartialError](err)
	if !ok {
		return nil
	}
	held := map[string]bool{}
	for _, s := range t.w.Shards() {
		held[s.Shard()] = true
	}
	for _, p := range partial.Parts {
		switch {
		case p.Err == nil || held[p.Shard]:
		case errors.Is(p.Err, context.DeadlineExceeded):
			shards = append(shards, p.Shard)
		default:
			return nil // to put it again would not help
		}
	}
	return shards
}

// closedOr makes the error of a request that was ended by Close say so.
func (s *Writers) closedOr(err error) error {
	if err != nil && s.life.Err() != nil && errors.Is(err, context.Canceled) {
		return ErrClosed
	}
	return err
}

// Flush publishes what was written to a table before the call, and waits for it. Of a table that nothing was written to
// through s it claims all shards, and publishes what other writers have left in their logs.
func (s *Writers) Flush(ctx context.Context, table string) (stats WriterStats, err error) {
	began := time.Now()
	defer func() { s.metrics.ended(writeFlush, &Written{Elapsed: time.Since(began)}, err) }()
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return stats, err
	}
	defer done()
	defer func() { err = s.closedOr(err) }()
	t, release, err := s.table(ctx, table)
	if err != nil {
		return stats, err
	}
	defer release()
	err = t.flush(ctx)
	return t.w.Stats(), err
}

// Stats are the figures of a table's writer. open is false, and no writer is opened, when the table has none.
func (s *Writers) Stats(table string) (stats WriterStats, open bool) {
	s.mu.Lock()
	t := s.mu.tables[table]
	s.mu.Unlock()
	if t == nil {
		return stats, false
	}
	select {
	case <-t.ready:
	default:
		return stats, false
	}
	if t.err != nil {
		return stats, false
	}
	return t.w.Stats(), true
}

// Create makes a table; see CreateTable.
func (s *Writers) Create(ctx context.Context, table string, n NewTable) (err error) {
	began := time.Now()
	defer func() { s.metrics.ended(writeCreate, &Written{Elapsed: time.Since(began)}, err) }()
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := s.forget(ctx, table); err != nil {
		return s.closedOr(err)
	}
	return s.closedOr(CreateTable(ctx, s.store, table, n))
}
