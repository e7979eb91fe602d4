package file

import "github.com/hearthcache/hearth/lance/storage"

// What the parts of an open file take in memory beside what can be counted, measured on files of one to some hundred
// columns: structures, allocator's rounding, pointers.
const (
	readerBytes = 3 << 10
	columnBytes = 900
	pageBytes   = 600
)

// SizeBytes is the memory that the open file holds, about: its metadata, what was read of pages since so that reading
// them again takes less, and what its object holds. It grows with use and takes no time.
func (r *Reader) SizeBytes() int64 {
	pages := 0
	for _, c := range r.columns {
		pages += len(c.pages)
	}
	return readerBytes + columnBytes*int64(len(r.columns)) + pageBytes*int64(pages) + r.madeBytes.Load() + storage.HeldBytes(r.obj)
}

func (p *prepared) sizeBytes() int64 {
	n := int64(8 * (cap(p.chunkAt) + cap(p.valueAt) + cap(p.started) + cap(p.ended)))
	if p.dict != nil {
		n += p.dict.SizeBytes()
	}
	return n
}
