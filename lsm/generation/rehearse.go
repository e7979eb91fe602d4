package generation

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/storage"
)

// rehearse refuses tables whose rows could be acknowledged but never flushed: it writes a generation of a tombstone and of
// a row of nulls into memory, and looks for what depends on more rows than these.
func (l *Layout) rehearse(ctx context.Context) error {
	for _, f := range l.arrow.Fields() {
		if err := checkDictionaries(f); err != nil {
			return err
		}
	}
	rows := array.NewRecordBuilder(memory.DefaultAllocator, l.arrow)
	defer rows.Release()
	key := make(map[int]bool, len(l.key))
	for _, c := range l.key {
		key[c] = true
	}
	tombstone := len(l.arrow.Fields()) - 1 // the last: see setSchema
	for i, b := range rows.Fields() {
		switch {
		case i == tombstone:
			b.(*array.BooleanBuilder).AppendValues([]bool{true, false}, nil)
		case key[i]:
			b.AppendEmptyValues(2)
		default:
			b.AppendNulls(2)
		}
	}
	batch := rows.NewRecordBatch()
	defer batch.Release()
	if _, err := l.Write(ctx, storage.NewMemStore(), []arrow.RecordBatch{batch}, WriteOptions{}); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w: no generation of it can be written: %w", ErrUnsupported, err)
	}
	return nil
}

// checkDictionaries refuses dictionaries that the rows of many puts together can outgrow.
func checkDictionaries(f arrow.Field) error {
	if d, ok := f.Type.(*arrow.DictionaryType); ok {
		if width := d.IndexType.(arrow.FixedWidthDataType).BitWidth(); width < 32 {
			return fmt.Errorf("%w: column %s: a dictionary with indices of %d bits may be too small for a generation", ErrUnsupported, f.Name, width)
		}
	}
	if n, ok := f.Type.(arrow.NestedType); ok {
		for _, c := range n.Fields() {
			if err := checkDictionaries(c); err != nil {
				return err
			}
		}
	}
	return nil
}
