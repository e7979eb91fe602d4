package shred

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/schema"
)

// Leaf is one leaf below a top-level field, being collected.
type Leaf struct {
	Field *schema.Field
	Path  *Path
	Rows  int64
	Value *Values
	// Rep is nil without lists, Def while everything is a value.
	Rep, Def []uint16
	n        int   // levels
	children []int // the member of each struct on the path; -1 elsewhere
}

// NewLeaves returns the leaves of a top-level field, in the order of their columns.
func NewLeaves(top *schema.Field, mem memory.Allocator) ([]*Leaf, error) {
	var out []*Leaf
	var walk func(f *schema.Field, lists, nullable []bool, children []int) error
	walk = func(f *schema.Field, lists, nullable []bool, children []int) error {
		if f.Unsupported != nil {
			return f.Unsupported
		}
		if f.IsPacked() {
			return fault.Unsupportedf("packed struct %q", f.Name)
		}
		if f.Metadata[schema.KeyBlob] == "true" {
			return fault.Unsupportedf("blob column %q", f.Name)
		}
		list := isList(f.Type)
		here := append(lists[:len(lists):len(lists)], list)
		nullable = append(nullable[:len(nullable):len(nullable)], f.Nullable)
		if f.IsLeaf() {
			v, err := NewValues(f.Type, mem)
			if err != nil {
				return fmt.Errorf("field %q: %w", f.Name, err)
			}
			out = append(out, &Leaf{Field: f, Path: NewPath(here, nullable), Value: v, children: append(children[:len(children):len(children)], -1)})
			return nil
		}
		if len(here) > 32 {
			return fault.Unsupportedf("fields nested %d deep", len(here))
		}
		if len(f.Children) == 0 {
			return fault.Unsupportedf("struct %q without members", f.Name)
		}
		for i, c := range f.Children {
			k := i
			if list {
				k = -1
			}
			if err := walk(c, here, nullable, append(children[:len(children):len(children)], k)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(top, nil, nil, nil); err != nil {
		for _, l := range out {
			l.Release()
		}
		return nil, err
	}
	return out, nil
}

func isList(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.LIST, arrow.LARGE_LIST, arrow.MAP:
		return true
	}
	return false
}

// Levels is the number of levels: values, and absences that have none.
func (l *Leaf) Levels() int { return l.n }

// Bytes is about how much memory the leaf holds.
func (l *Leaf) Bytes() int { return l.Value.Bytes() + 2*len(l.Rep) + 2*len(l.Def) }

// Reset empties the leaf.
func (l *Leaf) Reset() {
	l.Value.Reset()
	l.Rows, l.n = 0, 0
	l.Rep, l.Def = l.Rep[:0], nil
}

// Release gives the memory back.
func (l *Leaf) Release() { l.Value.Release() }

// Append appends rows lo to hi of an array of the top-level field's type.
func (l *Leaf) Append(a arrow.Array, lo, hi int) {
	if lo == hi {
		return
	}
	l.Rows += int64(hi - lo)
	l.emit(0, a, lo, hi, l.Path.MaxRep())
}

// emit appends elements lo to hi at position p. The first has the repetition level first, the others the least that begins an
// element there.
func (l *Leaf) emit(p int, a arrow.Array, lo, hi int, first uint16) {
	if ext, ok := a.(array.ExtensionArray); ok {
		a = ext.Storage()
	}
	rest := l.Path.starts[p]
	switch {
	case p == len(l.Path.Lists)-1:
		l.values(p, a, lo, hi, first)
	case l.Path.Lists[p]:
		l.lists(p, a.(array.ListLike), lo, hi, first)
	default:
		s := a.(*array.Struct)
		member := s.Field(l.children[p])
		if a.NullN() == 0 {
			l.emit(p+1, member, lo, hi, first)
			return
		}
		for i := lo; i < hi; {
			j := i + 1
			null := a.IsNull(i)
			for j < hi && a.IsNull(j) == null {
				j++
			}
			if null {
				l.absent(l.Path.null[p], j-i, first, rest)
			} else {
				l.emit(p+1, member, i, j, first)
			}
			first, i = rest, j
		}
	}
}

func (l *Leaf) lists(p int, a array.ListLike, lo, hi int, first uint16) {
	rest := l.Path.starts[p]
	items := a.ListValues()
	nulls := a.NullN() > 0
	for i := lo; i < hi; i++ {
		s, e := a.ValueOffsets(i)
		switch {
		case nulls && a.IsNull(i):
			l.absent(l.Path.null[p], 1, first, rest)
		case s == e:
			l.absent(l.Path.empty[p], 1, first, rest)
		default:
			l.emit(p+1, items, int(s), int(e), first)
		}
		first = rest
	}
}

// absent appends n absences of one kind.
func (l *Leaf) absent(def uint16, n int, first, rest uint16) {
	l.defined(def, n)
	l.repeat(n, first, rest)
	l.n += n
	if l.Path.Visible(def) {
		l.Value.AppendEmpty(n)
	}
}

// values appends values and nulls of the leaf itself.
func (l *Leaf) values(p int, a arrow.Array, lo, hi int, first uint16) {
	n := hi - lo
	l.repeat(n, first, l.Path.starts[p])
	valid := validity(a)
	null := l.Path.null[p]
	for i := lo; i < hi; {
		// Whole stretches of values or nulls at once.
		j := i + 1
		is := valid == nil || valid(i)
		if valid == nil {
			j = hi
		} else {
			for j < hi && valid(j) == is {
				j++
			}
		}
		if is {
			l.defined(0, j-i)
		} else {
			l.defined(null, j-i)
		}
		l.n += j - i
		i = j
	}
	if l.Value.t.ID() == arrow.NULL {
		l.Value.AppendEmpty(n)
		return
	}
	l.Value.Append(a, lo, hi)
}

// validity returns what says which values of an array are no nulls, nil when none is.
func validity(a arrow.Array) func(i int) bool {
	switch a := a.(type) {
	case *array.Null:
		return func(int) bool { return false }
	case *array.Dictionary:
		items := a.Dictionary()
		if items.NullN() > 0 || items.DataType().ID() == arrow.NULL {
			return func(i int) bool { return a.IsValid(i) && items.IsValid(a.GetValueIndex(i)) }
		}
	}
	if a.NullN() == 0 {
		return nil
	}
	return a.IsValid
}

// defined appends n equal definition levels. Nothing is kept as long as everything is a value.
func (l *Leaf) defined(def uint16, n int) {
	if l.Def == nil {
		if def == 0 {
			return
		}
		l.Def = make([]uint16, l.n, max(2*(l.n+n), 1024))
	}
	l.Def = fill(l.Def, def, n)
}

// repeat appends n repetition levels.
func (l *Leaf) repeat(n int, first, rest uint16) {
	if l.Path.MaxRep() == 0 || n == 0 {
		return
	}
	l.Rep = append(l.Rep, first)
	l.Rep = fill(l.Rep, rest, n-1)
}

func fill(dst []uint16, v uint16, n int) []uint16 {
	for range n {
		dst = append(dst, v)
	}
	return dst
}
