package file

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/encode"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/shred"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
)

// field21 writes the leaves of a top-level field in version 2.1 or 2.2.
type field21 struct {
	leaves []*shred.Leaf
	first  int     // column of the first leaf
	done   []int64 // rows written of each
	opts   WriterOptions
}

func newField21(f *schema.Field, first int, opts WriterOptions) (fieldWriter, int, error) {
	if f.Type != nil && opts.Version == V21 {
		var err error
		f.Walk(func(f *schema.Field) {
			if f.Type.ID() == arrow.MAP {
				err = fault.Unsupportedf("map %q in a file of version 2.1", f.Name)
			}
		})
		if err != nil {
			return nil, 0, err
		}
	}
	leaves, err := shred.NewLeaves(f, opts.Allocator)
	if err != nil {
		return nil, 0, err
	}
	return &field21{leaves: leaves, first: first, done: make([]int64, len(leaves)), opts: opts}, len(leaves), nil
}

func (f *field21) append(a arrow.Array, lo, hi int) error {
	for _, l := range f.leaves {
		l.Append(a, lo, hi)
	}
	return nil
}

func (f *field21) buffered() (largest, total int) {
	for _, l := range f.leaves {
		n := l.Bytes()
		largest = max(largest, n)
		total += n
	}
	return largest, total
}

func (f *field21) encode(atLeast int) ([]columnPage, error) {
	var out []columnPage
	for i, l := range f.leaves {
		if l.Rows == 0 || l.Bytes() < atLeast {
			continue
		}
		pages, err := encodeLeaf(l, f.opts, atLeast == 0 && f.done[i] == 0)
		if err != nil {
			return nil, err
		}
		for _, p := range pages {
			out = append(out, columnPage{f.first + i, f.done[i], p})
			f.done[i] += p.rows
		}
		l.Reset()
	}
	return out, nil
}

func (f *field21) release() {
	for _, l := range f.leaves {
		l.Release()
	}
}

// leafPage is what a page is made of.
type leafPage struct {
	opts   WriterOptions
	field  *schema.Field
	path   *shred.Path
	rows   int64
	rep    []uint16 // nil without lists
	def    []uint16 // nil when everything is a value; in the numbering of the path
	values *encode.Values
	levels int  // of rep and def
	only   bool // the column has no other page

	// Of the page itself, made by number: what can be absent, innermost first; the definition levels as those are numbered, nil
	// when there are none, and the largest of them; and the largest that has a value.
	layers     []pb.Layer
	num        []uint16
	maxDef     uint16
	maxVisible uint16
}

// encodeLeaf encodes what a leaf has collected, as one page if that can be. only says that this is all there is of the column.
func encodeLeaf(l *shred.Leaf, opts WriterOptions, only bool) ([]*encodedPage, error) {
	return encodeRows(&leafPage{
		opts: opts, only: only, field: l.Field, path: l.Path, rows: l.Rows, rep: l.Rep, def: l.Def, values: l.Value.View(), levels: l.Levels(),
	})
}

// encodeRows encodes rows as one page, or as several when there is no page that can hold them all.
func encodeRows(p *leafPage) ([]*encodedPage, error) {
	out, err := p.encode()
	if err == nil {
		return []*encodedPage{out}, nil
	}
	if !errors.Is(err, errChunk) {
		return nil, err
	}
	if p.rows == 1 {
		if p.leafKind() == encode.Bits || p.isDictionary() {
			return nil, err
		}
		out, err := p.fullZip()
		return []*encodedPage{out}, err
	}
	// A page of fewer rows has fewer absences between two values.
	head, tail := p.split(p.rows / 2)
	first, err := encodeRows(head)
	if err != nil {
		return nil, err
	}
	rest, err := encodeRows(tail)
	return append(first, rest...), err
}

// split cuts a page in two after some rows.
func (p *leafPage) split(rows int64) (head, tail *leafPage) {
	at, visible := int(rows), int(rows)
	if p.rep != nil {
		max := p.path.MaxRep()
		row := int64(-1)
		for at = range p.rep {
			if p.rep[at] == max {
				if row++; row == rows {
					break
				}
			}
		}
		visible = at
	}
	if p.def != nil {
		visible = 0
		for _, d := range p.def[:at] {
			if p.path.Visible(d) {
				visible++
			}
		}
	}
	part := func(rows int64, a, b, va, vb int) *leafPage {
		q := &leafPage{opts: p.opts, field: p.field, path: p.path, rows: rows, levels: b - a, values: p.values.Slice(va, vb)}
		if p.rep != nil {
			q.rep = p.rep[a:b]
		}
		if p.def != nil {
			q.def = p.def[a:b]
		}
		return q
	}
	return part(rows, 0, at, 0, visible), part(p.rows-rows, at, p.levels, visible, p.values.N)
}

// encode chooses a layout.
func (p *leafPage) encode() (*encodedPage, error) {
	valid := p.number()
	if valid == 0 {
		return p.allNull(), nil
	}
	if p.opts.Version == V22 && p.num == nil && p.rep == nil && !p.opts.Plain && !p.isDictionary() {
		if out := p.constant(); out != nil {
			return out, nil
		}
	}
	if p.fullZipFits() {
		return p.fullZip()
	}
	return p.miniBlock()
}

// number finds what can be absent in the page and numbers the definition levels by that. It returns how many values there are.
func (p *leafPage) number() (valid int) {
	seen := make([]bool, p.path.DefLevels())
	counts := make([]int, len(seen))
	for _, d := range p.def {
		counts[d]++
	}
	for d, n := range counts {
		seen[d] = n > 0
	}
	valid = p.levels
	if p.def != nil {
		valid = counts[0]
	}
	var always []bool
	if !p.only {
		always = p.path.Uniform(p.fullZipFits())
	}
	layers, table := p.path.Layers(seen, always)
	p.layers, p.num, p.maxDef, p.maxVisible = layers, nil, 0, 0
	identity := true
	for d, t := range table {
		p.maxDef = max(p.maxDef, t)
		identity = identity && int(t) == d
		if p.path.Visible(uint16(d)) {
			p.maxVisible = max(p.maxVisible, t)
		}
	}
	switch {
	case p.maxDef == 0:
	case p.def == nil:
		p.num = make([]uint16, p.levels)
	case identity:
		p.num = p.def
	default:
		p.num = make([]uint16, len(p.def))
		for i, d := range p.def {
			p.num[i] = table[d]
		}
	}
	return valid
}
