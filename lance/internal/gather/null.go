package gather

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/sink"
)

// Nulls makes an array of n nulls. arrow-go's own panics for types with a null type inside. The caller releases it.
func Nulls(t arrow.DataType, n int, lim *sink.Limit) (arrow.ArrayData, error) {
	switch t := t.(type) {
	case *arrow.StructType:
		members := make([]arrow.ArrayData, 0, t.NumFields())
		defer func() {
			for _, m := range members {
				m.Release()
			}
		}()
		for _, f := range t.Fields() {
			m, err := Nulls(f.Type, n, lim)
			if err != nil {
				return nil, err
			}
			members = append(members, m)
		}
		v := sink.NewValidity(lim)
		defer v.Release()
		if err := v.AppendRun(false, n); err != nil {
			return nil, err
		}
		return sink.Struct(t, n, v, members), nil
	case arrow.ListLikeType:
		if t.ID() == arrow.FIXED_SIZE_LIST {
			break
		}
		out := sink.NewList(t, lim)
		defer out.Release()
		for range n {
			if err := out.Append(false, 0); err != nil {
				return nil, err
			}
		}
		items, err := Nulls(t.Elem(), 0, lim)
		if err != nil {
			return nil, err
		}
		defer items.Release()
		return out.Finish(items)
	case *arrow.DictionaryType:
		items, err := Nulls(t.ValueType, 0, lim)
		if err != nil {
			return nil, err
		}
		defer items.Release()
		return Number(t, []arrow.ArrayData{items}, n, func(int) (src, k int, ok bool) { return 0, 0, false }, lim)
	}
	leaf, err := sink.New(t, lim)
	if err != nil {
		return nil, err
	}
	defer leaf.Release()
	if err := leaf.AppendEmpty(n); err != nil {
		return nil, err
	}
	if err := leaf.Valid().AppendRun(false, n); err != nil {
		return nil, err
	}
	return leaf.Finish()
}
