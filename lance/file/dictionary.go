package file

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/gather"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// storageType is the type that values of a field are decoded as: for a dictionary, that of its values. How Lance encodes
// values has nothing to do with how the Arrow array was made that they came from.
func storageType(t arrow.DataType) arrow.DataType {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return d.ValueType
	}
	return t
}

// finish makes the array of a leaf. Values of a dictionary field are numbered in order of first appearance.
func (rd *reading) finish(n *node, leaf sink.Leaf) (arrow.ArrayData, error) {
	data, err := leaf.Finish()
	t, ok := n.field.Type.(*arrow.DictionaryType)
	if err != nil || !ok {
		return data, err
	}
	defer data.Release()
	at := func(i int) (src, k int, ok bool) { return 0, i, true }
	return gather.Number(t, []arrow.ArrayData{data}, data.Len(), at, rd.lim)
}
