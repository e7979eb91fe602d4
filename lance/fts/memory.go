package fts

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

// maxMemoryBytes is how large a Memory may grow: offsets within one term's positions have 32 bits in the files.
const maxMemoryBytes = 2 << 30

// Memory is a full-text index that grows: documents are added in batches, can be searched at once, and are written as the
// partition of an index. What it holds is encoded as in the files, but for up to 127 documents of each term.
//
// It is safe for concurrent use. A batch becomes visible as a whole; searches hold nobody up but for the time it takes
// to look at the lists of their terms.
type Memory struct {
	params   Params
	analyzer *analyzer.Analyzer

	mu      sync.RWMutex
	numbers map[string]uint32 // of terms. Guarded by mu
	terms   []string          // by number. Guarded by mu
	lists   *postings.Lists   // by number. Guarded by mu
	rowIDs  []uint64          // by document; append-only. Guarded by mu
	lengths []uint32          // by document; append-only. Guarded by mu
	tokens  uint64            // sum of lengths. Guarded by mu
	bytes   int64             // of numbers and terms, about. Guarded by mu
}

// NewMemory returns an index without documents. It fails with analyzer.ErrUnsupported for parameters whose terms cannot be
// produced.
func NewMemory(p Params) (*Memory, error) {
	p = p.withFormat()
	a, err := analyzer.New(p.Params)
	if err != nil {
		return nil, err
	}
	return &Memory{params: p, analyzer: a, numbers: map[string]uint32{}, lists: postings.NewLists(p.WithPosition)}, nil
}

// Add adds the texts of an array of utf8 or large utf8 with the ids of their rows, cutting them into terms on up to
// parallel processors, 0 meaning all. Nulls and texts without any term are no documents. It borrows both until return. It
// fails with ErrUnsupported for other types and with ErrTooLarge where the index would outgrow its format; it has then,
// or when ctx ends, added nothing.
func (m *Memory) Add(ctx context.Context, docs arrow.Array, rowIDs []uint64, parallel int) error {
	values, err := textsOf(docs)
	if err != nil {
		return err
	}
	if docs.Len() != len(rowIDs) {
		return fmt.Errorf("%w: %d texts with %d rows", ErrUnsupported, docs.Len(), len(rowIDs))
	}
	parts, err := tokenize(ctx, m.analyzer, values, m.params.WithPosition, parallel)
	if err != nil {
		return err
	}
	more, moreBytes := int64(0), int64(0)
	for _, p := range parts {
		more += int64(len(p.docs))
		moreBytes += p.sizeBytes()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if int64(len(m.rowIDs))+more >= math.MaxUint32 || m.sizeLocked()+moreBytes > maxMemoryBytes {
		return fmt.Errorf("%w: %d documents, %d bytes", ErrTooLarge, len(m.rowIDs), m.sizeLocked())
	}
	var local []uint32 // local numbers to ours
	for _, p := range parts {
		local = m.mergeLocked(p, rowIDs, local)
	}
	return nil
}

// mergeLocked adds what a part holds. It returns local for use with the next.
func (m *Memory) mergeLocked(p *tokenized, rowIDs []uint64, local []uint32) []uint32 {
	const termBytes = 64 // in the map and the slice, beside the text
	local = local[:0]
	for _, term := range p.terms {
		n, known := m.numbers[string(term)]
		if !known {
			n = uint32(m.lists.New())
			text := string(term)
			m.numbers[text] = n
			m.terms = append(m.terms, text)
			m.bytes += int64(len(text)) + termBytes
		}
		local = append(local, n)
	}
	uses, positions := p.uses, p.positions
	for _, d := range p.docs {
		doc := uint32(len(m.rowIDs))
		for _, u := range uses[:d.uses] {
			posting := postings.Posting{Doc: doc, Frequency: u.frequency}
			if m.params.WithPosition {
				posting.Positions, positions = positions[:u.frequency], positions[u.frequency:]
			}
			m.lists.Append(int(local[u.term]), posting, d.length)
		}
		uses = uses[d.uses:]
		m.rowIDs = append(m.rowIDs, rowIDs[d.row])
		m.lengths = append(m.lengths, d.length)
		m.tokens += uint64(d.length)
	}
	return local
}

// Docs is the number of documents: rows with at least one term.
func (m *Memory) Docs() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.rowIDs)
}

// SizeBytes is about the memory that the index holds.
func (m *Memory) SizeBytes() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.sizeLocked()
}

func (m *Memory) sizeLocked() int64 {
	return m.bytes + m.lists.SizeBytes() + 8*int64(cap(m.rowIDs)) + 4*int64(cap(m.lengths))
}

// Params returns how the index is built.
func (m *Memory) Params() Params { return m.params }

// Analyzer returns what turns text into the terms of this index.
func (m *Memory) Analyzer() *analyzer.Analyzer { return m.analyzer }

// Search returns the best matches of q among the documents added so far. See Index.Search.
func (m *Memory) Search(ctx context.Context, q Query, opts SearchOptions) ([]Hit, error) {
	x, err := m.Snapshot(q)
	if err != nil {
		return nil, err
	}
	return x.Search(ctx, q, opts)
}

// Stats returns the figures of the documents added so far that matter to q. See Index.Stats.
func (m *Memory) Stats(ctx context.Context, q Query) (Stats, error) {
	x, err := m.Snapshot(q)
	if err != nil {
		return Stats{}, err
	}
	return x.Stats(ctx, q)
}

// Snapshot returns what the index holds now as far as the given queries need it, for figures and hits that agree: an Index
// that knows no other terms, and positions only if one of the queries looks for a phrase. It keeps answering the same
// while documents are added.
func (m *Memory) Snapshot(queries ...Query) (*Index, error) {
	wanted := map[string]struct{}{}
	phrase := false
	for _, q := range queries {
		if err := validate(q); err != nil {
			return nil, err
		}
		phrase = phrase || holdsPhrase(q)
		q.eachText(func(text string) {
			m.analyzer.Each(text, func(term []byte, _ uint32) { wanted[string(term)] = struct{}{} })
		})
	}
	lists := &someLists{positioned: m.params.WithPosition && phrase}
	tokens := mapTokens{}
	m.mu.RLock()
	p := &partition{tokens: tokens, rowIDs: m.rowIDs, lengths: m.lengths, total: m.tokens, lists: lists}
	for term := range wanted {
		n, known := m.numbers[term]
		if !known {
			continue
		}
		parts := new(postings.Parts)
		m.lists.Parts(int(n), parts, postings.PartsOptions{NoPositions: !phrase})
		tokens[term] = uint64(len(lists.all))
		lists.all = append(lists.all, parts.List(len(m.rowIDs)))
	}
	m.mu.RUnlock()
	return newIndexWith(m.params, m.analyzer, []*partition{p}, nil)
}

func holdsPhrase(q Query) bool {
	switch q := q.(type) {
	case Phrase:
		return true
	case Boost:
		return holdsPhrase(q.Positive) || holdsPhrase(q.Negative)
	case Boolean:
		return slices.ContainsFunc(slices.Concat(q.Must, q.Should, q.MustNot), holdsPhrase)
	default:
		return false
	}
}

// mapTokens is the dictionary of a snapshot.
type mapTokens map[string]uint64

func (t mapTokens) get(term []byte) (uint64, bool, error) {
	n, found := t[string(term)]
	return n, found, nil
}

func (t mapTokens) walk(fn func([]byte, uint64) bool) error {
	for _, term := range slices.Sorted(maps.Keys(t)) {
		if !fn(view(term), t[term]) {
			return nil
		}
	}
	return nil
}

func (t mapTokens) len() uint64      { return uint64(len(t)) }
func (t mapTokens) sizeBytes() int64 { return 64 * int64(len(t)) }

// someLists are posting lists in memory, one by one.
type someLists struct {
	all        []*postings.List
	positioned bool
}

func (s *someLists) docs(id uint64) uint32 { return uint32(s.all[id].Docs) }
func (s *someLists) len() uint64           { return uint64(len(s.all)) }
func (s *someLists) positions() bool       { return s.positioned }
func (s *someLists) setMaxDoc(int)         {}

func (s *someLists) lists(_ context.Context, ids []uint64, _ bool) ([]*postings.List, error) {
	out := make([]*postings.List, len(ids))
	for i, id := range ids {
		out[i] = s.all[id]
	}
	return out, nil
}

func (s *someLists) sizeBytes() (n int64) {
	for _, l := range s.all {
		n += blobBytes(l.Blocks) + blobBytes(l.Impacts) + int64(len(l.Positions)+4*len(l.PositionOffsets))
	}
	return n
}

// view is a string's bytes without a copy. Nobody may change them.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
