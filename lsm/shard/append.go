package shard

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lsm/wal"
)

// appendAll puts what is queued into the log, one entry after another, until the writer ends.
func (w *Writer) appendAll() {
	for {
		select {
		case <-w.queue:
		case <-w.life.Done():
			return
		}
		for {
			group := w.nextGroup()
			if group == nil {
				break
			}
			w.appendGroup(group)
		}
	}
}

// nextGroup takes what goes into the next entry together. Its bytes count as queued until the group is in the MemTable.
func (w *Writer) nextGroup() []*put {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, bytes := 0, int64(0)
	for n < len(w.mu.queue) && (n == 0 || bytes+w.mu.queue[n].bytes <= w.opts.EntryBytes) {
		bytes += w.mu.queue[n].bytes
		n++
	}
	group := w.mu.queue[:n:n]
	w.mu.queue = w.mu.queue[n:]
	if n == 0 {
		return nil
	}
	return group
}

// appendGroup makes a group durable, visible in the MemTable, and acknowledged, in this order.
func (w *Writer) appendGroup(group []*put) {
	e := &memwal.Entry{Schema: w.layout.Arrow()}
	for _, p := range group {
		e.Batches = append(e.Batches, p.batch)
	}
	position, err := w.log.Append(w.life, entrySchema(e))
	if errors.Is(err, wal.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	w.mu.Lock()
	for _, p := range group {
		w.mu.queued -= p.bytes
		if err == nil {
			w.mu.active.add(p.batch, position, w.now())
			w.mu.held += p.bytes
			w.mu.stats.Rows += p.batch.NumRows()
		} else {
			p.batch.Release()
		}
	}
	if err == nil {
		w.mu.stats.Puts += int64(len(group))
		w.mu.stats.Entries++
		if w.mu.active.full(&w.opts) {
			w.freezeLocked() // behind a whole entry, which belongs to one generation
		}
	}
	w.changedLocked()
	w.mu.Unlock()
	if err != nil && w.log.Err() != nil {
		w.fail(err) // before anybody hears of it, who may ask for the shard to be claimed again
	}
	for _, p := range group {
		p.done <- err
	}
	if err == nil {
		w.wakeFlush()
	}
}

// entrySchema keeps what an entry says of itself out of the layout's schema, which its batches have.
func entrySchema(e *memwal.Entry) *memwal.Entry {
	md := arrow.MetadataFrom(nil)
	e.Schema = arrow.NewSchema(e.Schema.Fields(), &md)
	return e
}
