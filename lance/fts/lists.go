package fts

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts/postings"
	"github.com/hearthcache/hearth/lance/internal/indexread"
	"github.com/hearthcache/hearth/lance/storage"
)

// Columns of a posting file.
const (
	colPosting   = "_posting"
	colLength    = "_length"
	colImpacts   = "_impacts"
	colPositions = "_compressed_position"
	colOffsets   = "_position_block_offset"
)

// openFiles are the posting files that stay open.
type openFiles struct {
	mu    sync.Mutex
	files []*file.Reader // guarded by mu
}

func (o *openFiles) add(r *file.Reader) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files = append(o.files, r)
}

func (o *openFiles) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	for _, r := range o.files {
		err = errors.Join(err, r.Close())
	}
	o.files = nil
	return err
}

// openLists opens a posting file. It either reads all of it or adds it to files.
func openLists(ctx context.Context, store storage.Store, name string, params Params, opts OpenOptions, files *openFiles) (_ listSource, err error) {
	r, err := indexread.Open(ctx, store, name, indexread.Small, opts.File)
	if err != nil {
		return nil, err
	}
	kept := false
	defer func() {
		if !kept {
			_ = r.Close()
		}
	}()
	names, err := listColumns(r, params)
	if err != nil {
		return nil, err
	}
	if r.Size() <= opts.ResidentBytes {
		all := &resident{}
		err := readBatch(ctx, r, names, func(b arrow.RecordBatch) (err error) {
			all.all, err = copyColumns(b)
			return err
		})
		return all, err
	}
	l := &onDemand{file: r, positioned: len(names) > 3, cache: listCache{limit: opts.CacheBytes}}
	if err := readBatch(ctx, r, []string{colLength}, func(b arrow.RecordBatch) (err error) {
		l.lengths, err = copyUint32(b.Column(0))
		return err
	}); err != nil {
		return nil, err
	}
	withoutPositions := names
	if l.positioned {
		withoutPositions = names[:len(names)-2]
	}
	if l.plain, err = r.Project(withoutPositions...); err != nil {
		return nil, err
	}
	if l.full, err = r.Project(names...); err != nil {
		return nil, err
	}
	files.add(r)
	kept = true
	return l, nil
}

// listColumns names the columns to read, those with positions last, or refuses the file.
func listColumns(r *file.Reader, params Params) ([]string, error) {
	m := r.Metadata()
	for _, x := range []struct{ key, want string }{
		{keyFormat, formatVersion},
		{keyBlockSize, blockSize},
		{keyTailCodec, tailCodec},
	} {
		if err := expect(m, x.key, x.want); err != nil {
			return nil, err
		}
	}
	names := []string{colPosting, colLength}
	if hasColumn(r, colImpacts) {
		names = append(names, colImpacts)
	}
	if !params.WithPosition {
		return names, nil
	}
	if err := expect(m, keyPositions, positionsLayout); err != nil {
		return nil, err
	}
	if err := expect(m, keyPositionCodec, positionsCodec); err != nil {
		return nil, err
	}
	return append(names, colPositions, colOffsets), nil
}

// resident is a listSource over columns that are all in memory.
type resident struct {
	all    columns
	maxDoc int
}

func (r *resident) setMaxDoc(n int)       { r.maxDoc = n }
func (r *resident) docs(id uint64) uint32 { return r.all.docs[id] }
func (r *resident) len() uint64           { return uint64(len(r.all.docs)) }
func (r *resident) positions() bool       { return r.all.offsetEnds != nil }
func (r *resident) sizeBytes() int64      { return r.all.sizeBytes() }

func (r *resident) lists(_ context.Context, ids []uint64, positions bool) ([]*postings.List, error) {
	out := make([]*postings.List, len(ids))
	for i, id := range ids {
		l, err := r.all.list(int(id), r.maxDoc, positions)
		if err != nil {
			return nil, err
		}
		out[i] = l
	}
	return out, nil
}

// onDemand is a listSource that reads a list when it is asked for.
type onDemand struct {
	file        *file.Reader
	plain, full *file.Projection // without and with positions
	positioned  bool
	lengths     []uint32
	maxDoc      int
	cache       listCache
}

func (o *onDemand) setMaxDoc(n int)       { o.maxDoc = n }
func (o *onDemand) docs(id uint64) uint32 { return o.lengths[id] }
func (o *onDemand) len() uint64           { return uint64(len(o.lengths)) }
func (o *onDemand) positions() bool       { return o.positioned }
func (o *onDemand) sizeBytes() int64      { return 4 * int64(cap(o.lengths)) }

// lists takes what it can from the cache and reads the rest in one go.
func (o *onDemand) lists(ctx context.Context, ids []uint64, positions bool) ([]*postings.List, error) {
	out := make([]*postings.List, len(ids))
	var rows []int64
	var places []int // of rows in out
	for i, id := range ids {
		if out[i] = o.cache.get(listKey{id, positions}); out[i] == nil {
			rows, places = append(rows, int64(id)), append(places, i)
		}
	}
	if len(rows) == 0 {
		return out, nil
	}
	p := o.plain
	if positions {
		p = o.full
	}
	b, err := o.file.Take(ctx, p, rows)
	if err != nil {
		return nil, err
	}
	defer b.Release()
	for i, at := range places {
		// Each list gets memory of its own, so that the cache can drop one without the others.
		row := b.NewSlice(int64(i), int64(i+1))
		c, err := copyColumns(row)
		row.Release()
		if err != nil {
			return nil, err
		}
		if len(c.docs) != 1 || c.docs[0] != o.lengths[ids[at]] {
			return nil, fmt.Errorf("%w: posting list %d", ErrCorrupt, ids[at])
		}
		if out[at], err = c.list(0, o.maxDoc, positions); err != nil {
			return nil, err
		}
		o.cache.put(listKey{ids[at], positions}, out[at], c.sizeBytes())
	}
	return out, nil
}

type listKey struct {
	id        uint64
	positions bool
}

// listCache keeps lists that were read lately. It is safe for concurrent use.
type listCache struct {
	limit int64

	mu    sync.Mutex
	bytes int64                   // guarded by mu
	lists map[listKey]*cachedList // guarded by mu
	clock uint64                  // guarded by mu
}

type cachedList struct {
	*postings.List
	bytes int64
	used  uint64
}

func (c *listCache) get(key listKey) *postings.List {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.lists[key]
	if e == nil {
		return nil
	}
	c.clock++
	e.used = c.clock
	return e.List
}

// put adds a list and drops those that were not used for longest. Finding them takes a pass over the cache, which is
// nothing beside the read that led here.
func (c *listCache) put(key listKey, l *postings.List, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if bytes > c.limit || c.lists[key] != nil {
		return
	}
	for c.bytes+bytes > c.limit {
		var oldest listKey
		at := ^uint64(0)
		for k, e := range c.lists {
			if e.used < at {
				oldest, at = k, e.used
			}
		}
		c.bytes -= c.lists[oldest].bytes
		delete(c.lists, oldest)
	}
	if c.lists == nil {
		c.lists = map[listKey]*cachedList{}
	}
	c.clock++
	c.lists[key] = &cachedList{l, bytes, c.clock}
	c.bytes += bytes
}
