package shard

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// memTable holds rows that are durable in the log and in no generation yet, in the order of the log.
type memTable struct {
	generation uint64
	batches    []arrow.RecordBatch // owned
	rows       int64
	bytes      int64
	last       uint64    // position of the last entry
	since      time.Time // of the first row
	published  bool      // guarded by the writer's mu
	runs       []*run    // for readers, in the order of the rows; changed by who has Writer.reading, or when gone
	gone       bool      // published or given up: runs are not kept any more
}

// add takes over rows from the entry at a position.
func (m *memTable) add(b arrow.RecordBatch, position uint64, now time.Time) {
	if m.rows == 0 {
		m.since = now
	}
	m.batches = append(m.batches, b)
	m.rows += b.NumRows()
	m.bytes += sizeOf(b)
	m.last = position
}

// full reports whether it is to be flushed for its size.
func (m *memTable) full(o *Options) bool { return m.rows >= o.MaxRows || m.bytes >= o.MaxBytes }

func (m *memTable) release() {
	for _, b := range m.batches {
		b.Release()
	}
	m.batches = nil
}

// sizeOf is about the memory of a batch. Slices of one array count for the whole of it each.
func sizeOf(b arrow.RecordBatch) int64 {
	size := int64(256)
	for _, c := range b.Columns() {
		size += sizeOfData(c.Data())
	}
	return size
}

func sizeOfData(d arrow.ArrayData) int64 {
	size := int64(0)
	for _, b := range d.Buffers() {
		if b != nil {
			size += int64(b.Len())
		}
	}
	for _, c := range d.Children() {
		size += sizeOfData(c)
	}
	if dict, ok := d.Dictionary().(*array.Data); ok && dict != nil {
		size += sizeOfData(dict)
	}
	return size
}
