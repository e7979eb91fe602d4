package fts

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

func TestByteStringsAreCopiedFromEveryKindOfColumnAndFromSlices(t *testing.T) {
	values := []string{"", "a", "bcd", "", "ef"}
	for _, kind := range []arrow.DataType{
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary,
	} {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		b := array.NewBuilder(mem, kind)
		for _, v := range values {
			switch b := b.(type) {
			case *array.BinaryBuilder:
				b.Append([]byte(v))
			case array.StringLikeBuilder:
				b.Append(v)
			default:
				t.Fatalf("%T", b)
			}
		}
		a := b.NewArray()
		none := b.NewArray()
		if got, err := copyBlobs(none); err != nil || got.Len() != 0 {
			t.Errorf("nothing gives %v (%v)", got, err)
		}
		none.Release()
		for from := range values {
			for to := from; to <= len(values); to++ {
				s := array.NewSlice(a, int64(from), int64(to))
				got, err := copyBlobs(s)
				s.Release()
				if err != nil {
					t.Fatal(err)
				}
				texts := []string{}
				for i := range got.Len() {
					texts = append(texts, string(got.At(i)))
				}
				if diff := cmp.Diff(values[from:to:to], texts, cmp.Transformer("", func(s []string) []string {
					return append([]string{}, s...)
				})); diff != "" && to > from {
					t.Errorf("%s from %d to %d (-want +got):\n%s", kind, from, to, diff)
				}
				if got.Len() != to-from {
					t.Errorf("%s from %d to %d: %d values", kind, from, to, got.Len())
				}
			}
		}
		a.Release()
		b.Release()
		mem.AssertSize(t, 0)
	}
}
