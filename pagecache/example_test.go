package pagecache_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"

	"github.com/hearthcache/hearth/pagecache"
)

// origin serves one object, and says when it is asked.
type origin struct{ data []byte }

func (o origin) ReadRange(_ context.Context, v pagecache.Version, off, n int64) (io.ReadCloser, error) {
	fmt.Printf("origin: %s bytes %d to %d\n", v.Key, off, off+n-1)
	return io.NopCloser(bytes.NewReader(o.data[off : off+n])), nil
}

func Example() {
	cache, err := pagecache.New(origin{[]byte("pages are kept, not asked for again")}, pagecache.Options{
		MemoryBytes: 1 << 20, PageBytes: 4 << 10,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()

	v := pagecache.Version{Bucket: "b", Key: "k", ETag: `"1"`, Size: 35}
	for range 2 {
		r := cache.Read(context.Background(), v, 0, 14, pagecache.ReadOptions{})
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s", b)
		}
		fmt.Printf(" (%d filled, %d hit)\n", r.Stats().Filled.Pages, r.Stats().Hit.Pages)
		_ = r.Close()
	}
	// Output:
	// origin: k bytes 0 to 34
	// pages are kept (1 filled, 0 hit)
	// pages are kept (0 filled, 1 hit)
}
