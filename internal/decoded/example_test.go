package decoded_test

import (
	"context"
	"fmt"

	"github.com/hearthcache/hearth/internal/decoded"
)

type number int

func (number) SizeBytes() int64 { return 8 }
func (n number) Close() error   { fmt.Println("closed", int(n)); return nil }

func Example() {
	c := decoded.New(decoded.Options{MaxBytes: 1 << 10})
	obj, release, err := c.Get(context.Background(), decoded.Key{Path: "a/b", Role: "answer"},
		func(context.Context) (decoded.Object, error) { return number(42), nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("evicted", c.EvictPrefix("a/").Objects, "in use")
	fmt.Println(obj)
	release()
	_ = c.Close()
	// Output:
	// evicted 1 in use
	// 42
	// closed 42
}
