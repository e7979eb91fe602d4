package objectstore

import (
	"context"
	"sync/atomic"

	"github.com/hearthcache/hearth/proxy/object"
)

// Counts say where the answers to one caller came from.
type Counts struct {
	// Hits came from the cache alone. Misses had to be fetched, in part at least; Revalidated were confirmed with the
	// origin, Passed come from it always.
	Hits        int64 `json:"hits"`
	Misses      int64 `json:"misses"`
	Revalidated int64 `json:"revalidated"`
	Passed      int64 `json:"passed"`
	// Lists is how often a folder was listed, from an inventory or by the origin.
	Lists int64 `json:"lists"`
	// Bytes is what reads by range returned.
	Bytes int64 `json:"bytes"`
}

// Origin is the number of answers that the origin had a part in, listings aside.
func (c Counts) Origin() int64 { return c.Misses + c.Revalidated + c.Passed }

// counter is Counts under way.
type counter struct{ hits, misses, revalidated, passed, lists, bytes atomic.Int64 }

type counterKey struct{}

// Count returns a context whose reads are counted, also those that others make for it, and what returns the counts so
// far.
func Count(ctx context.Context) (context.Context, func() Counts) {
	c := new(counter)
	return context.WithValue(ctx, counterKey{}, c), func() Counts {
		return Counts{
			Hits: c.hits.Load(), Misses: c.misses.Load(), Revalidated: c.revalidated.Load(), Passed: c.passed.Load(),
			Lists: c.lists.Load(), Bytes: c.bytes.Load(),
		}
	}
}

// countOf returns nil for callers that did not ask.
func countOf(ctx context.Context) *counter {
	c, _ := ctx.Value(counterKey{}).(*counter)
	return c
}

func (c *counter) listed() {
	if c != nil {
		c.lists.Add(1)
	}
}

func (c *counter) read(bytes int) {
	if c != nil {
		c.bytes.Add(int64(bytes))
	}
}

func (c *counter) answered(o object.Outcome) {
	if c == nil {
		return
	}
	switch o {
	case object.Hit:
		c.hits.Add(1)
	case object.Revalidated:
		c.revalidated.Add(1)
	case object.Bypass:
		c.passed.Add(1)
	default:
		c.misses.Add(1)
	}
}
