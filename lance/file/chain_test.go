package file

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// The numbers of the chain: from the innermost outwards, one for a null item, null and empty for a list.
func TestPagesTranslateToOneNumbering(t *testing.T) {
	list := newChain([]bool{true, false})        // list<item>
	deep := newChain([]bool{true, false, false}) // list<struct<item>>
	twice := newChain([]bool{true, true, false}) // list<list<item>>
	member := newChain([]bool{false, false})     // struct<item>
	for name, c := range map[string]struct {
		chain  *chain
		layers []pb.Layer
		want   []uint16
	}{
		"an item that is always there":  {newChain([]bool{false}), []pb.Layer{1}, []uint16{0}},
		"an item that may be null":      {newChain([]bool{false}), []pb.Layer{3}, []uint16{0, 1}},
		"a list with null and empty":    {list, []pb.Layer{3, 6}, []uint16{0, 1, 2, 3}},
		"a list that may be empty":      {list, []pb.Layer{1, 5}, []uint16{0, 3}},
		"a list that may be null":       {list, []pb.Layer{3, 4}, []uint16{0, 1, 2}},
		"a list that is always there":   {list, []pb.Layer{1, 2}, []uint16{0}},
		"a struct that is always there": {member, []pb.Layer{3, 1}, []uint16{0, 1}},
		"a leaf that is always there":   {member, []pb.Layer{1, 3}, []uint16{0, 2}},
		"a list of structs":             {deep, []pb.Layer{3, 1, 6}, []uint16{0, 1, 3, 4}},
		"lists of lists, inner empty":   {twice, []pb.Layer{1, 5, 4}, []uint16{0, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.chain.translation(c.layers)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, layers := range map[string][]pb.Layer{"too few": {1}, "too many": {1, 2, 1}, "an item for a list": {1, 1}, "a list for an item": {2, 2}} {
		t.Run(name, func(t *testing.T) {
			if _, err := list.translation(layers); !errors.Is(err, fault.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestAbsentListsHaveNoValueSlot(t *testing.T) {
	c := newChain([]bool{false, true, false}) // struct<list<item>>
	// 0 value, 1 null item, 2 null list, 3 empty list, 4 null struct
	for def, want := range []bool{true, true, false, false, false} {
		if got := c.visible(uint16(def)); got != want {
			t.Errorf("level %d: got %v, want %v", def, got, want)
		}
	}
	if c.maxRep != 1 {
		t.Errorf("got %d lists, want 1", c.maxRep)
	}
}

func TestBatchesCutRangesEvenly(t *testing.T) {
	var got [][]span
	for b := range batches([]RowRange{{0, 3}, {5, 6}, {6, 6}, {7, 12}}, 4) {
		got = append(got, append([]span(nil), b...))
	}
	want := [][]span{{{0, 3}, {5, 6}}, {{7, 11}}, {{11, 12}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(span{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
