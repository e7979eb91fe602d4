package origin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
)

// A part of an object, read to its end.
func ExampleClient_Get() {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("bytes in a far away store"))
	}))
	defer store.Close()

	ctx := context.Background()
	client, err := origin.New(ctx, origin.Config{Endpoint: store.URL, AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	obj, err := client.Get(ctx, origin.GetRequest{
		Bucket: "tables", Key: "t.lance/data/a.lance",
		Range: origin.Closed(9, 100), IfMatch: `"v1"`, WantSize: -1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = obj.Body.Close() }()
	fmt.Printf("%d bytes at %d of %d: ", obj.Length, obj.Offset, obj.Size)
	if _, err := io.Copy(os.Stdout, obj.Body); err != nil {
		fmt.Println(err)
	}
	// Output: 16 bytes at 9 of 25: a far away store
}
