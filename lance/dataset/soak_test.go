//go:build soak

package dataset_test

import (
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/internal/randtable"
)

// A table of more than a million rows in three writes, with many pages to a column, deletions and a compaction.
func TestAMillionRowsReadAsLanceDBReadsThem(t *testing.T) {
	nodeModules(t)
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		t.Run(version, func(t *testing.T) {
			r := seedtest.Rand(t)
			dir := t.TempDir()
			s := spec{
				Name: "million", Dir: dir, Version: version, Out: filepath.Join(dir, "million.arrows"), Compact: true,
				Delete: []string{"rid % 1000 = 7", "rid >= 400000 AND rid < 410000"},
				columns: []randtable.Column{
					{Type: arrow.PrimitiveTypes.Int64, Shape: randtable.Random},
					{Type: arrow.PrimitiveTypes.Int32, Shape: randtable.Runs, Nulls: 0.1},
					{Type: arrow.PrimitiveTypes.Float64, Shape: randtable.Sorted, Nulls: 0.3},
					{Type: arrow.BinaryTypes.String, Shape: randtable.Random, Nulls: 0.01},
					{Type: arrow.BinaryTypes.String, Shape: randtable.Few},
					{Type: arrow.FixedWidthTypes.Boolean, Shape: randtable.Random},
					{Type: arrow.FixedSizeListOf(16, arrow.PrimitiveTypes.Float32), Shape: randtable.Random},
					{Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Shape: randtable.Small, Nulls: 0.05},
				},
			}
			first := 0
			for p := range 3 {
				var batches []arrow.RecordBatch
				for range 35 {
					batches = append(batches, randtable.Table(r, s.columns, first, 10000))
					first += 10000
				}
				path := filepath.Join(dir, string(rune('a'+p))+".arrow")
				writeIPC(t, path, false, batches)
				s.Parts = append(s.Parts, path)
			}
			writeTables(t, dir, []spec{s})
			checkTable(t, filepath.Join(dir, "million.lance"), readIPC(t, s.Out, false), r)
		})
	}
}
