package gather_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/gather"
	"github.com/hearthcache/hearth/lance/internal/randtable"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// draw makes arrays of a type, one of them empty and one all null.
func draw(r *rand.Rand, t arrow.DataType) []arrow.Array {
	var out []arrow.Array
	for i, n := range []int{40, 0, 7, 1} {
		c := randtable.Column{Type: t, Shape: randtable.Shape(r.IntN(int(randtable.NumShapes))), Nulls: 0.3 * float64(i%2), ItemNulls: 0.1}
		b := array.NewBuilder(memory.DefaultAllocator, t)
		c.Fill(r, b, n)
		out = append(out, b.NewArray())
		b.Release()
	}
	nulls, err := gather.Nulls(t, 3, &sink.Limit{Mem: memory.DefaultAllocator, MaxBytes: 1 << 20})
	if err != nil {
		panic(err)
	}
	return append(out, array.MakeFromData(nulls))
}

func TestRowsOfSeveralArraysComeInTheOrderAsked(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	types := append(randtable.Types(), randtable.RareTypes()...)
	for _, x := range append(randtable.Types()[:14:14], randtable.RareTypes()...) {
		item := arrow.Field{Name: "item", Type: x, Nullable: true}
		types = append(types, arrow.ListOfField(item), arrow.LargeListOfField(item), arrow.StructOf(item), arrow.ListOf(arrow.StructOf(item, item)))
	}
	for range 15 {
		types = append(types, randtable.Type(r, 3))
	}
	for i, typ := range types {
		t.Run(fmt.Sprint(i, " ", typ), func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			lim := &sink.Limit{Mem: mem, MaxBytes: 1 << 30}
			srcs := draw(r, typ)
			for _, n := range []int{0, 1, 20} {
				for _, use := range [][]arrow.Array{srcs, srcs[:1]} {
					var runs []gather.Run
					var want [][2]int
					for range n {
						k := r.IntN(len(use))
						if use[k].Len() == 0 {
							continue
						}
						row := r.IntN(use[k].Len())
						for ; row < use[k].Len(); row++ {
							runs = gather.Add(runs, k, row)
							want = append(want, [2]int{k, row})
							if r.IntN(3) == 0 {
								break
							}
						}
					}
					got, err := gather.Arrays(use, runs, lim)
					if err != nil {
						t.Fatal(err)
					}
					if got.Len() != len(want) {
						t.Fatalf("got %d rows, want %d", got.Len(), len(want))
					}
					for i, w := range want {
						if d := randtable.DiffAt(randtable.Chunks{use[w[0]]}, randtable.Chunks{got}, w[1], i); d != "" {
							t.Errorf("row %d: %s", i, d)
						}
					}
					got.Release()
				}
			}
		})
	}
}

func TestMoreThanTheLimitIsTooLarge(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(make([]int64, 100), nil)
	a := b.NewArray()
	var runs []gather.Run
	for range 10 {
		runs = append(runs, gather.Run{Src: 0, Lo: 0, Hi: 100})
	}
	if _, err := gather.Arrays([]arrow.Array{a}, runs, &sink.Limit{Mem: mem, MaxBytes: 4000}); !errors.Is(err, fault.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}
