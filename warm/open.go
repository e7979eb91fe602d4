package warm

import (
	"sync"

	"github.com/hearthcache/hearth/proxy/publication"
)

const (
	// maxOpenings bounds the generations that were opened and are not looked at yet; more
	// are not warmed until they are opened again.
	maxOpenings = 256
	// maxOpened bounds the unpublished generations that are remembered to have been opened.
	maxOpened = 8192
)

// openings are the generations that clients began to read.
type openings struct {
	queue chan generation

	mu   sync.Mutex
	seen map[Path]struct{} // not known to be published, and looked at. Guarded by mu
}

// first reports whether a generation was not opened before. All are forgotten now and
// then, so that there is a bound.
func (o *openings) first(path Path) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.seen[path]; ok {
		return false
	}
	if o.seen == nil || len(o.seen) >= maxOpened {
		o.seen = make(map[Path]struct{})
	}
	o.seen[path] = struct{}{}
	return true
}

// opened is told of reads below generations: the first of each that is published, and all
// while it is not known to be. It is on the way of clients.
func (w *Warmer) opened(bucket, key string, published *publication.Generation) {
	g, ok := generationOf(Path{bucket, key})
	if !ok || published == nil && !w.openings.first(g.path) {
		return
	}
	select {
	case w.openings.queue <- g:
	default:
		w.metrics.openingsDropped.Inc()
	}
}

// runOpenings warms what is opened: at once if it is published, and when it is published
// if it is not. What is retired stays gone, whoever still reads it.
func (w *Warmer) runOpenings() {
	for {
		select {
		case <-w.ctx.Done():
			return
		case g := <-w.openings.queue:
			_ = w.survive(func() { w.open(g) })
		}
	}
}

func (w *Warmer) open(g generation) {
	if w.objects.Bypassed() || w.objects.Generations().Retired(g.path.Bucket, g.path.Key) {
		return
	}
	if w.registered(g) == nil {
		if err := w.look(w.ctx, g.shard, false); err != nil {
			w.log.Debug("shard not read", "table", g.shard.Table, "shard", g.shard.ID, "err", err)
		}
	}
	r := Request{Path: g.path, Priority: PriorityLow}
	published := w.registered(g)
	if published == nil {
		w.awaitPublication(g, r)
		return
	}
	published.Open() // its first read was this one
	if state, _ := published.State(); state == publication.Violated {
		return
	}
	if p, err := w.known(r); err == nil && p != nil && p.complete() {
		return // somebody has warmed it
	}
	w.background(r)
}
