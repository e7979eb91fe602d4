package btree

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// sortItem stands for one row: the first eight bytes that tell values apart, as a number, and where the value is.
type sortItem struct {
	prefix uint64
	row    uint32
}

// sortOrder returns the rows of an array in the order of a BTree index: nulls first, then by value, floats in IEEE total
// order with both zeros apart, and rows of one value by id.
func sortOrder(arr arrow.Array, ids []uint64) ([]int, error) {
	if arr.Len() > math.MaxUint32 {
		return nil, fmt.Errorf("%w: %d rows in one index", ErrUnsupported, arr.Len())
	}
	order := make([]int, 0, arr.Len())
	items := make([]sortItem, 0, arr.Len()-arr.NullN())
	for row := range arr.Len() {
		if arr.IsNull(row) {
			order = append(order, row)
		} else {
			items = append(items, sortItem{row: uint32(row)})
		}
	}
	byID(order, ids)
	tie, err := setPrefixes(arr, items)
	if err != nil {
		return nil, err
	}
	items = sortByPrefix(items)
	for from := 0; from < len(items); {
		to := from + 1
		for to < len(items) && items[to].prefix == items[from].prefix {
			to++
		}
		if to-from > 1 {
			sortTies(items[from:to], tie, ids)
		}
		from = to
	}
	for _, it := range items {
		order = append(order, int(it.row))
	}
	return order, nil
}

// sortTies sorts rows whose prefixes are equal.
func sortTies(items []sortItem, tie func(a, b uint32) int, ids []uint64) {
	byRowID := func(a, b sortItem) int { return cmp.Compare(ids[a.row], ids[b.row]) }
	if tie == nil {
		if !slices.IsSortedFunc(items, byRowID) {
			slices.SortFunc(items, byRowID)
		}
		return
	}
	slices.SortFunc(items, func(a, b sortItem) int { return cmp.Or(tie(a.row, b.row), byRowID(a, b)) })
}

func byID(rows []int, ids []uint64) {
	compare := func(a, b int) int { return cmp.Compare(ids[a], ids[b]) }
	if !slices.IsSortedFunc(rows, compare) {
		slices.SortFunc(rows, compare)
	}
}

// setPrefixes gives every item its prefix. tie tells values of one prefix apart; nil where prefixes do that.
func setPrefixes(arr arrow.Array, items []sortItem) (tie func(a, b uint32) int, err error) {
	if get, ok := bytesOf(arr); ok {
		return setBytePrefixes(get, items), nil
	}
	const sign = 1 << 63
	switch a := arr.(type) {
	case *array.Float32:
		for i := range items {
			items[i].prefix = totalOrder(float64(a.Value(int(items[i].row))))
		}
		return nil, nil
	case *array.Float64:
		for i := range items {
			items[i].prefix = totalOrder(a.Value(int(items[i].row)))
		}
		return nil, nil
	case *array.Decimal128:
		for i := range items {
			items[i].prefix = uint64(a.Value(int(items[i].row)).HighBits()) ^ sign
		}
		return func(x, y uint32) int {
			return cmp.Compare(a.Value(int(x)).LowBits(), a.Value(int(y)).LowBits())
		}, nil
	}
	c, err := newColumn(arr)
	if err != nil {
		return nil, err
	}
	flip := uint64(0)
	if c.kind == kindInt {
		flip = sign
	}
	for i := range items {
		items[i].prefix = c.value(int(items[i].row)).bits ^ flip
	}
	return nil, nil
}

// totalOrder maps a float to a number that sorts as IEEE total order says.
func totalOrder(v float64) uint64 {
	b := math.Float64bits(v)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// setBytePrefixes takes prefixes from where the values begin to differ.
func setBytePrefixes(get func(row int) []byte, items []sortItem) (tie func(a, b uint32) int) {
	if len(items) == 0 {
		return nil
	}
	common := get(int(items[0].row))
	for _, it := range items {
		v := get(int(it.row))
		n := 0
		for n < len(v) && n < len(common) && v[n] == common[n] {
			n++
		}
		if common = common[:n]; n == 0 {
			break
		}
	}
	skip := len(common)
	for i := range items {
		v := get(int(items[i].row))[skip:]
		if len(v) >= 8 {
			items[i].prefix = binary.BigEndian.Uint64(v)
			continue
		}
		var p [8]byte
		copy(p[:], v)
		items[i].prefix = binary.BigEndian.Uint64(p[:])
	}
	return func(a, b uint32) int { return bytes.Compare(get(int(a))[skip:], get(int(b))[skip:]) }
}

// sortByPrefix sorts items by prefix, those of one prefix as they stand, and may use their memory. Bytes of the prefix
// that are the same everywhere cost nothing.
func sortByPrefix(items []sortItem) []sortItem {
	const few = 256
	if len(items) <= few {
		slices.SortStableFunc(items, func(a, b sortItem) int { return cmp.Compare(a.prefix, b.prefix) })
		return items
	}
	var counts [8][256]uint32
	for _, it := range items {
		for d := range counts {
			counts[d][byte(it.prefix>>(8*d))]++
		}
	}
	other := make([]sortItem, len(items))
	for d := range counts {
		count := &counts[d]
		if int(count[byte(items[0].prefix>>(8*d))]) == len(items) {
			continue
		}
		at := uint32(0)
		for i, n := range count {
			count[i], at = at, at+n
		}
		for _, it := range items {
			to := &count[byte(it.prefix>>(8*d))]
			other[*to] = it
			*to++
		}
		items, other = other, items
	}
	return items
}
