package filter

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Eval answers for every row of a batch, which has the columns of the schema that the filter was bound to, or at least
// Columns. It borrows the batch. The answer is put into dst if that is large enough.
func (p *Predicate) Eval(batch arrow.RecordBatch, dst []State) ([]State, error) {
	n := int(batch.NumRows())
	dst = slices.Grow(dst[:0], n)[:n]
	return dst, p.root.eval(batch, dst)
}

func (n *node) eval(batch arrow.RecordBatch, dst []State) error {
	switch n.op {
	case opConstant:
		fill(dst, n.is)
		return nil
	case opLeaf:
		at := batch.Schema().FieldIndices(n.leaf.column)
		if len(at) != 1 {
			return fmt.Errorf("%w: the batch has no %q", ErrColumn, n.leaf.column)
		}
		return n.leaf.eval(batch.Column(at[0]), dst)
	}
	if err := n.of[0].eval(batch, dst); err != nil {
		return err
	}
	other := make([]State, len(dst))
	for _, x := range n.of[1:] {
		if err := x.eval(batch, other); err != nil {
			return err
		}
		if n.op == opAnd {
			for i, v := range other {
				dst[i] = min(dst[i], v)
			}
		} else {
			for i, v := range other {
				dst[i] = max(dst[i], v)
			}
		}
	}
	return nil
}

func fill(dst []State, s State) {
	for i := range dst {
		dst[i] = s
	}
}

func (l *leaf) eval(arr arrow.Array, dst []State) error {
	if d, ok := arr.(*array.Dictionary); ok {
		return l.evalDictionary(d, dst)
	}
	if !arrow.TypeEqual(arr.DataType(), l.typ) && domainOf(l.typ) != domainNone {
		return fmt.Errorf("%w: column %s is %s in the batch, %s in the schema", ErrType, l.column, arr.DataType(), l.typ)
	}
	if l.inside == l.outside {
		fill(dst, l.inside)
	} else if err := l.evalValues(arr, dst); err != nil {
		return err
	}
	if arr.NullN() > 0 {
		for i := range dst {
			if arr.IsNull(i) {
				dst[i] = l.null
			}
		}
	}
	return nil
}

func (l *leaf) evalDictionary(d *array.Dictionary, dst []State) error {
	values := make([]State, d.Dictionary().Len())
	if err := l.eval(d.Dictionary(), values); err != nil {
		return err
	}
	for i := range dst {
		if d.IsNull(i) {
			dst[i] = l.null
		} else {
			dst[i] = values[d.GetValueIndex(i)]
		}
	}
	return nil
}

func (l *leaf) evalValues(arr arrow.Array, dst []State) error {
	switch a := arr.(type) {
	case *array.Int8:
		signed(l, a.Int8Values(), dst)
	case *array.Int16:
		signed(l, a.Int16Values(), dst)
	case *array.Int32:
		signed(l, a.Int32Values(), dst)
	case *array.Int64:
		signed(l, a.Int64Values(), dst)
	case *array.Date32:
		signed(l, a.Date32Values(), dst)
	case *array.Date64:
		signed(l, a.Date64Values(), dst)
	case *array.Timestamp:
		signed(l, a.TimestampValues(), dst)
	case *array.Uint8:
		unsigned(l, a.Uint8Values(), dst)
	case *array.Uint16:
		unsigned(l, a.Uint16Values(), dst)
	case *array.Uint32:
		unsigned(l, a.Uint32Values(), dst)
	case *array.Uint64:
		unsigned(l, a.Uint64Values(), dst)
	case *array.Float32:
		floats(l, a.Float32Values(), dst)
	case *array.Float64:
		floats(l, a.Float64Values(), dst)
	case *array.Float16:
		for i, v := range a.Values() {
			dst[i] = l.key(floatKey(float64(v.Float32())))
		}
	case *array.Boolean:
		no, yes := l.key(0), l.key(1)
		for i := range dst {
			dst[i] = no
			if a.Value(i) {
				dst[i] = yes
			}
		}
	case *array.String:
		l.eachText(dst, a.Value)
	case *array.LargeString:
		l.eachText(dst, a.Value)
	case *array.Binary:
		l.eachText(dst, func(i int) string { return view(a.Value(i)) })
	case *array.LargeBinary:
		l.eachText(dst, func(i int) string { return view(a.Value(i)) })
	default:
		return fmt.Errorf("%w: column %s has values of %s", ErrType, l.column, arr.DataType())
	}
	return nil
}

// view is bytes as text without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (l *leaf) key(k int64) State {
	if hasKey(l.keys, k) {
		return l.inside
	}
	return l.outside
}

// signed, unsigned and floats compare all values; a single range, which most tests are, without a search.
func signed[T ~int8 | ~int16 | ~int32 | ~int64](l *leaf, values []T, dst []State) {
	if len(l.keys) != 1 {
		for i, v := range values {
			dst[i] = l.key(int64(v))
		}
		return
	}
	lo, hi := l.keys[0].lo, l.keys[0].hi
	for i, v := range values {
		dst[i] = l.outside
		if k := int64(v); lo <= k && k <= hi {
			dst[i] = l.inside
		}
	}
}

func unsigned[T ~uint8 | ~uint16 | ~uint32 | ~uint64](l *leaf, values []T, dst []State) {
	if len(l.keys) != 1 {
		for i, v := range values {
			dst[i] = l.key(uintKey(uint64(v)))
		}
		return
	}
	lo, hi := uintOf(l.keys[0].lo), uintOf(l.keys[0].hi)
	for i, v := range values {
		dst[i] = l.outside
		if k := uint64(v); lo <= k && k <= hi {
			dst[i] = l.inside
		}
	}
}

func floats[T ~float32 | ~float64](l *leaf, values []T, dst []State) {
	if len(l.keys) != 1 {
		for i, v := range values {
			dst[i] = l.key(floatKey(float64(v)))
		}
		return
	}
	lo, hi := l.keys[0].lo, l.keys[0].hi
	for i, v := range values {
		dst[i] = l.outside
		if k := floatKey(float64(v)); lo <= k && k <= hi {
			dst[i] = l.inside
		}
	}
}

func (l *leaf) eachText(dst []State, value func(int) string) {
	for i := range dst {
		v := value(i)
		dst[i] = l.outside
		if hasText(l.texts, v) && (l.like == nil || l.like.match(v)) {
			dst[i] = l.inside
		}
	}
}
