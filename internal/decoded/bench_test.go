package decoded

import (
	"context"
	"fmt"
	"testing"
)

func BenchmarkHit(b *testing.B) {
	c := New(Options{MaxBytes: 1 << 30})
	defer c.Close()
	keys := make([]Key, 1000)
	for i := range keys {
		keys[i] = Key{fmt.Sprintf("tables/items.lance/_mem_wal/6ba7b810-9dad-11d1-80b4-00c04fd430c8/0a0b0c0d_gen_%d", i), "blocklist"}
		_, release, err := c.Get(b.Context(), keys[i], gives(newItem(b, "x", 100)))
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
	ctx := b.Context()
	load := func(context.Context) (Object, error) { return nil, nil }
	b.Run("goroutines=1", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			_, release, err := c.Get(ctx, keys[i%len(keys)], load)
			if err != nil {
				b.Fatal(err)
			}
			release()
			i++
		}
	})
	b.Run("goroutines=many", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				_, release, err := c.Get(ctx, keys[i%len(keys)], load)
				if err != nil {
					b.Error(err)
					return
				}
				release()
			}
		})
	})
}
