//go:build !noembedded

package embedded_test

import (
	"context"
	"fmt"
	"os"

	"github.com/hearthcache/hearth/internal/embedded"
)

// A store over a directory, for as long as it is needed.
func ExampleStart() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := embedded.Start(context.Background(), embedded.Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.EnsureBucket("tables"))
	// Clients speak S3 to store.Endpoint with store.AccessKey and store.SecretKey.
	fmt.Println(store.Close())
	// Output:
	// <nil>
	// <nil>
}
