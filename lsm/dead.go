package lsm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/fts/analyzer"
)

// deadText remembers, for the sources of a snapshot and their columns of text, the documents that indexes hold though
// nobody can see them: deleted rows and superseded ones.
type deadText struct{ by []*lazy[map[int32]*deadDocs] }

// deadDocs are the figures of such documents: what global statistics leave out.
type deadDocs struct {
	docs, tokens uint64
	df           map[string]uint64
}

func newDeadText(sources int) *deadText {
	d := &deadText{make([]*lazy[map[int32]*deadDocs], sources)}
	for i := range d.by {
		d.by[i] = newLazy[map[int32]*deadDocs]()
		d.by[i].value = map[int32]*deadDocs{}
	}
	return d
}

// liveStats are the figures of the visible rows of a source, whatever a filter says.
func (t *textSearch) liveStats(ctx context.Context, i int, src *source, o *opened, q fts.Query) (fts.Stats, error) {
	x := &t.sources[i]
	s := fts.Stats{DF: map[string]uint64{}}
	ghosts := false
	shown := func(addr uint64) bool { return !x.see.hidden.Contains(addr) }
	for n, index := range x.indexes {
		st, err := index.Stats(ctx, q)
		if err != nil {
			return s, err
		}
		s.Add(st)
		gone := x.covers[n].covers.Clone()
		gone.AndNot(o.fragments)
		ghosts = ghosts || !gone.IsEmpty()
	}
	if ghosts {
		// The index holds documents of fragments that are gone, and nothing says what was in them: count what there is.
		t.q.at[i].note("figures counted from the rows: the index holds rows of fragments that are gone")
		all, err := t.readFlat(ctx, src, o, o.fragments, x.indexes[0].Analyzer())
		if err != nil {
			return s, err
		}
		return all.stats(q, shown)
	}
	if len(x.indexes) > 0 {
		dead, err := t.deadDocs(ctx, i, src, o)
		if err != nil {
			return s, err
		}
		s.Docs -= min(dead.docs, s.Docs)
		s.Tokens -= min(dead.tokens, s.Tokens)
		for term, df := range s.DF {
			s.DF[term] = df - min(dead.df[term], df)
		}
	}
	if x.flat != nil {
		st, err := x.flat.stats(q, shown)
		if err != nil {
			return s, err
		}
		s.Add(st)
	}
	return s, nil
}

// deadDocs reads the documents that the indexes of a source hold though they are deleted or hidden.
func (t *textSearch) deadDocs(ctx context.Context, i int, src *source, o *opened) (*deadDocs, error) {
	lz := t.q.snap.dead.by[i]
	var out *deadDocs
	// The turn guards the map; the value never counts as made, so that every column gets its turn.
	select {
	case <-lz.turn:
		defer func() { lz.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if out = lz.value[t.field.ID]; out != nil {
		return out, nil
	}
	out = &deadDocs{df: map[string]uint64{}}
	name, ok := o.names[t.field.ID]
	if !ok {
		return out, nil
	}
	x := &t.sources[i]
	covered := roaring.New()
	for _, seg := range x.covers {
		covered.Or(seg.covers)
	}
	hidden, deleted := roaring64.New(), roaring64.New()
	it := x.see.hidden.Iterator()
	for it.HasNext() {
		if a := it.Next(); covered.Contains(uint32(a >> 32)) {
			hidden.Add(a)
		}
	}
	for _, f := range o.ds.Fragments() {
		gone, err := f.Deleted(ctx)
		if err != nil {
			return nil, err
		}
		if gone == nil || !covered.Contains(uint32(f.ID())) {
			continue
		}
		dt := gone.Iterator()
		for dt.HasNext() {
			deleted.Add(f.ID()<<32 | uint64(dt.Next()))
		}
	}
	hidden.AndNot(deleted)
	// A row that is only hidden was live when the index was made. One that is deleted may have been so before, and then
	// the index does not hold it: ask.
	docs := &flatText{analyzer: x.indexes[0].Analyzer()}
	if err := t.readDead(ctx, o, name, hidden, docs); err != nil {
		return nil, err
	}
	was := &flatText{analyzer: docs.analyzer}
	if err := t.readDead(ctx, o, name, deleted, was); err != nil {
		return nil, err
	}
	indexed, err := x.indexed(ctx, was)
	if err != nil {
		return nil, err
	}
	for _, d := range was.docs {
		if indexed.Contains(d.addr) {
			docs.docs = append(docs.docs, d)
		}
	}
	for _, d := range docs.docs {
		out.docs++
		out.tokens += uint64(len(d.terms))
		seen := map[string]bool{}
		for _, term := range d.terms {
			if !seen[term.Term] {
				seen[term.Term] = true
				out.df[term.Term]++
			}
		}
	}
	lz.value[t.field.ID] = out
	return out, nil
}

// readDead reads rows of a column of text, deleted ones too.
func (t *textSearch) readDead(ctx context.Context, o *opened, name string, rows *roaring64.Bitmap, into *flatText) error {
	for part := range chunks(rows, file.DefaultBatchRows) {
		b, err := o.ds.Take(ctx, part, dataset.TakeOptions{Columns: []string{name}, WithDeleted: true})
		if err != nil {
			return err
		}
		err = eachText(b.Column(0), func(row int, text string) {
			n := len(into.docs)
			if into.add(part[row], text); len(into.docs) > n {
				into.docs[n].probe = strings.Clone(into.probe(into.docs[n].terms, text))
			}
		})
		b.Release()
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
	return nil
}

// probe finds a word of a text that is enough to find it by: terms themselves would be cut again, and may come out
// otherwise.
func (f *flatText) probe(terms []analyzer.Token, text string) string {
	for word := range strings.FieldsSeq(text) {
		for _, t := range f.analyzer.Tokens(word) {
			if slices.ContainsFunc(terms, func(x analyzer.Token) bool { return x.Term == t.Term }) {
				return word
			}
		}
	}
	return text
}

// indexed returns those of some documents that the indexes of the source hold.
func (x *textSource) indexed(ctx context.Context, docs *flatText) (*roaring64.Bitmap, error) {
	out := roaring64.New()
	byProbe := map[string]*roaring64.Bitmap{}
	for _, d := range docs.docs {
		if byProbe[d.probe] == nil {
			byProbe[d.probe] = roaring64.New()
		}
		byProbe[d.probe].Add(d.addr)
	}
	for probe, rows := range byProbe {
		for _, index := range x.indexes {
			found, err := index.Search(ctx, fts.Match{Text: probe}, fts.SearchOptions{Filter: rows.Contains})
			if err != nil {
				return nil, err
			}
			for _, h := range found {
				out.Add(h.RowID)
			}
		}
	}
	return out, nil
}
