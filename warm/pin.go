package warm

import (
	"fmt"
	"strings"
	"sync"
)

// pins are the paths that calls have pinned in the page cache.
type pins struct {
	mu    sync.Mutex
	paths map[Path]struct{} // Guarded by mu
}

func (p *pins) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.paths)
}

func (p *pins) has(path Path) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.paths[path]
	return ok
}

// in returns the pinned paths of a bucket, in no order.
func (p *pins) in(bucket string) []Path {
	p.mu.Lock()
	defer p.mu.Unlock()
	var paths []Path
	for path := range p.paths {
		if path.Bucket == bucket {
			paths = append(paths, path)
		}
	}
	return paths
}

// pin does what a request says of pins.
func (w *Warmer) pin(r Request) error {
	if r.Pin == nil {
		return nil
	}
	if !*r.Pin {
		w.Unpin(r.Path)
		return nil
	}
	w.pins.mu.Lock()
	defer w.pins.mu.Unlock()
	if _, ok := w.pins.paths[r.Path]; !ok && len(w.pins.paths) >= w.o.MaxPins {
		return fmt.Errorf("%w: the limit is %d", ErrTooManyPins, w.o.MaxPins)
	}
	if w.pins.paths == nil {
		w.pins.paths = make(map[Path]struct{})
	}
	w.pins.paths[r.Path] = struct{}{}
	w.pages.Pin(r.Path.Bucket, r.Path.Key)
	return nil
}

// Unpin takes back the pin of exactly one path, and reports whether it had one.
func (w *Warmer) Unpin(path Path) bool {
	path = path.directory() // as Warm takes it
	w.pins.mu.Lock()
	defer w.pins.mu.Unlock()
	_, ok := w.pins.paths[path]
	if ok {
		delete(w.pins.paths, path)
		w.pages.Unpin(path.Bucket, path.Key)
	}
	return ok
}

// Release takes back the pins of all paths at or below a key prefix, ends the decoding of
// generations there and forgets how their last jobs ended, and returns how many pins there
// were. A path above the prefix stays pinned. It goes with an invalidation of the prefix.
func (w *Warmer) Release(bucket, prefix string) int {
	w.mu.Lock()
	w.forgetDecodingsLocked(bucket, prefix)
	for path := range w.tracked {
		if path.Bucket == bucket && strings.HasPrefix(path.Key, prefix) && len(w.live[path]) == 0 {
			w.untrackLocked(path)
		}
	}
	w.mu.Unlock()
	w.pins.mu.Lock()
	defer w.pins.mu.Unlock()
	n := 0
	for path := range w.pins.paths {
		if path.Bucket == bucket && strings.HasPrefix(path.Key, prefix) {
			delete(w.pins.paths, path)
			w.pages.Unpin(path.Bucket, path.Key)
			n++
		}
	}
	return n
}
