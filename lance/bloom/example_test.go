package bloom_test

import (
	"fmt"

	"github.com/hearthcache/hearth/lance/bloom"
)

// A filter answers "no" for certain and "yes" perhaps.
func Example() {
	f := bloom.New(bloom.LanceBytes)
	var k bloom.Key
	k.String("id-000001")
	f.Add(k.Hash())
	fmt.Println(f.MayContain(k.Hash()))
	k.Reset()
	k.String("id-000002")
	fmt.Println(f.MayContain(k.Hash()))
	// Output:
	// true
	// false
}
