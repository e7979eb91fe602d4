package keyring_test

import (
	"fmt"

	"github.com/hearthcache/hearth/internal/keyring"
)

func Example() {
	ring, err := keyring.New(keyring.Options{Keys: []keyring.Key{{
		AccessKey: "READERS", Secret: "correct-horse-battery",
		Scopes: []keyring.Scope{{Bucket: "lake-*", Prefix: "tables/", Access: keyring.ReadOnly}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ring.Allow("READERS", "lake-1", "tables/items.lance/data/0.lance", keyring.Read))
	fmt.Println(ring.Allow("READERS", "lake-1", "tables/items.lance/data/0.lance", keyring.Write))
	fmt.Println(ring.Keys())
	// Output:
	// true
	// false
	// [READERS]
}
