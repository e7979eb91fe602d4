package vector_test

import (
	"context"
	"fmt"

	"github.com/hearthcache/hearth/lance/vector"
)

// Without an index, vectors are compared one by one; the filter applies before the cut.
func ExampleScan() {
	src, err := vector.NewMemory(2, []uint64{0, 1, 2}, []float32{1, 0, 0.9, 0.1, 0, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := vector.Scan(context.Background(), src, vector.L2, []float32{1, 0}, vector.SearchOptions{
		K:    2,
		Keep: func(row uint64) bool { return row != 0 },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range res.Hits {
		fmt.Printf("row %d at %.2f\n", h.Row, h.Distance)
	}
	// Output:
	// row 1 at 0.02
	// row 2 at 2.00
}
