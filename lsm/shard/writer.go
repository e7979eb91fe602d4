package shard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/wal"
)

// Writer is the writer of a shard.
type Writer struct {
	store  storage.Writer // the table's folder
	layout *generation.Layout
	log    *wal.Log
	opts   Options

	life context.Context // of what goes on in the background; ends with Close
	stop context.CancelFunc
	work sync.WaitGroup
	done chan struct{} // closed when Close is done

	queue chan struct{} // one token: there is something in mu.queue
	flush chan struct{} // one token: look whether something is to be flushed

	reading chan struct{} // one token: who encodes rows for readers

	mu struct {
		sync.Mutex
		active  *memTable
		frozen  []*memTable // oldest first
		queue   []*put
		queued  int64         // bytes
		held    int64         // bytes in active and frozen
		waiting map[*put]bool // for room
		encoded int64         // bytes in runs
		changed chan struct{} // closed at the next change of any of this
		closing bool          // takes no more rows
		ended   error         // why nothing more can be written
		left    bool          // Close has left rows in the log that are in no generation
		stats   Stats
	}
}

// put is one caller's rows on their way into the log.
type put struct {
	batch arrow.RecordBatch // owned
	bytes int64
	done  chan error // one element
}

// Open claims a shard of the table in a folder, which fences its writer, and replays its log.
func Open(ctx context.Context, s storage.Writer, layout *generation.Layout, id string, opts Options) (*Writer, error) {
	w := &Writer{store: s, layout: layout, opts: opts.withDefaults(), queue: make(chan struct{}, 1), flush: make(chan struct{}, 1), done: make(chan struct{})}
	w.reading = make(chan struct{}, 1)
	w.reading <- struct{}{}
	w.life, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	w.mu.active, w.mu.changed, w.mu.waiting = &memTable{}, make(chan struct{}), map[*put]bool{}
	log, err := wal.Claim(ctx, s, id, w.opts.Log, w.replay)
	if err != nil {
		w.stop()
		w.mu.active.release()
		return nil, fmt.Errorf("shard: %w", err)
	}
	w.log = log
	w.mu.active.generation = log.Manifest().CurrentGeneration
	w.work.Go(w.appendAll)
	w.work.Go(w.flushAll)
	w.wakeFlush()
	return w, nil
}

// replay takes over the rows of an entry that an earlier writer left in the log.
func (w *Writer) replay(position uint64, e *memwal.Entry) error {
	defer e.Release()
	for _, b := range e.Batches {
		rows, err := w.layout.Conform(b, w.opts.Allocator)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.mu.active.add(rows, position, w.now())
		w.mu.held += sizeOf(rows)
		w.mu.stats.Replayed += rows.NumRows()
		w.mu.Unlock()
	}
	return nil
}

func (w *Writer) now() time.Time {
	if w.opts.Log.Now != nil {
		return w.opts.Log.Now()
	}
	return time.Now()
}

// Epoch is the epoch of the claim, Shard the shard's id.
func (w *Writer) Epoch() uint64 { return w.log.Epoch() }

// Shard is the shard's id.
func (w *Writer) Shard() string { return w.log.Shard() }

// Put writes rows, which replace those with the same keys. It returns when they are durable: nil says that every reader of
// a later flush sees them, whatever happens to this process. Columns are found by name, and those that are missing are null.
//
// With generation.ErrRows, ErrTooLarge and ErrBusy, and with ctx's error while the rows still waited, nothing was written.
// With any other error the rows may be there or not.
func (w *Writer) Put(ctx context.Context, rows arrow.RecordBatch) error {
	b, err := w.layout.Conform(rows, w.opts.Allocator)
	if err != nil {
		return err
	}
	return w.enqueue(ctx, b)
}

// Delete deletes the rows with some keys: an array for each column of the key. It is durable as Put is.
func (w *Writer) Delete(ctx context.Context, key ...arrow.Array) error {
	b, err := w.layout.Tombstones(key, w.opts.Allocator)
	if err != nil {
		return err
	}
	return w.enqueue(ctx, b)
}

// enqueue takes over b and waits for its acknowledgement.
func (w *Writer) enqueue(ctx context.Context, b arrow.RecordBatch) error {
	if err := generation.CheckRows(b); err != nil {
		b.Release()
		return err
	}
	p := &put{batch: b, bytes: sizeOf(b), done: make(chan error, 1)}
	if b.NumRows() == 0 {
		b.Release()
		return w.Err()
	}
	if p.bytes > w.opts.MemoryBytes {
		b.Release()
		return fmt.Errorf("%w: %d bytes, at most %d may lie in memory", ErrTooLarge, p.bytes, w.opts.MemoryBytes)
	}
	if err := w.admit(ctx, p); err != nil {
		b.Release()
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return w.withdraw(ctx, p)
	}
}

// admit waits for room, and puts p into the queue.
func (w *Writer) admit(ctx context.Context, p *put) error {
	for {
		w.mu.Lock()
		delete(w.mu.waiting, p)
		switch {
		case w.mu.ended != nil:
			defer w.mu.Unlock()
			return w.mu.ended
		case w.mu.closing:
			defer w.mu.Unlock()
			return ErrClosed
		case w.mu.held+w.mu.queued+p.bytes <= w.opts.MemoryBytes:
			defer w.mu.Unlock()
			w.mu.queue = append(w.mu.queue, p)
			w.mu.queued += p.bytes
			signal(w.queue)
			return nil
		}
		w.mu.waiting[p] = true
		changed := w.mu.changed
		w.mu.Unlock()
		w.wakeFlush()
		select {
		case <-changed:
		case <-ctx.Done():
			w.mu.Lock()
			delete(w.mu.waiting, p)
			w.mu.stats.Busy++
			w.mu.Unlock()
			return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
		}
	}
}

// withdraw takes p out of the queue when its caller has gone; if it is under way already, its outcome is waited for: an
// entry that was begun is settled in any case.
func (w *Writer) withdraw(ctx context.Context, p *put) error {
	w.mu.Lock()
	for i, q := range w.mu.queue {
		if q == p {
			w.mu.queue = append(w.mu.queue[:i:i], w.mu.queue[i+1:]...)
			w.mu.queued -= p.bytes
			w.changedLocked()
			w.mu.Unlock()
			p.batch.Release()
			return context.Cause(ctx)
		}
	}
	w.mu.Unlock()
	return <-p.done
}

// Err says why nothing more can be written; nil while it can.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.ended == nil && w.mu.closing {
		return ErrClosed
	}
	return w.mu.ended
}

// fail ends the writer: what is queued is refused, and nothing more is taken.
func (w *Writer) fail(err error) {
	w.mu.Lock()
	if w.mu.ended == nil {
		w.mu.ended = err
	}
	refused := w.mu.queue
	w.mu.queue, w.mu.queued = nil, 0
	w.changedLocked()
	w.mu.Unlock()
	for _, p := range refused {
		p.batch.Release()
		p.done <- err
	}
}

// changedLocked wakes those who wait for a change.
func (w *Writer) changedLocked() {
	close(w.mu.changed)
	w.mu.changed = make(chan struct{})
}

func (w *Writer) wakeFlush() { signal(w.flush) }

// signal leaves a token, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close flushes what is in memory, for as long as ctx lives, and ends the writer. What could not be flushed stays in the
// log. It waits for a Warm that is under way, whose context has ended. Later calls wait for the first, and return nil.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	already := w.mu.closing
	w.mu.closing = true
	w.changedLocked()
	w.mu.Unlock()
	if already {
		select {
		case <-w.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer close(w.done)
	err := w.drain(ctx)
	if err == nil {
		err = w.Flush(ctx)
	}
	w.fail(ErrClosed)
	w.stop()
	w.work.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range append(w.mu.frozen, w.mu.active) {
		w.mu.left = w.mu.left || m.rows > 0
		w.dropRunsLocked(m)
		m.release()
	}
	w.mu.frozen, w.mu.active, w.mu.held = nil, &memTable{}, 0
	if errors.Is(err, ErrClosed) {
		err = nil
	}
	return err
}

// drain waits until the queue is empty.
func (w *Writer) drain(ctx context.Context) error {
	for {
		w.mu.Lock()
		empty, changed, ended := w.mu.queued == 0, w.mu.changed, w.mu.ended
		w.mu.Unlock()
		if empty || ended != nil {
			return ended
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
