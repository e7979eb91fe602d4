package warm

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/publication"
)

// A plan is what a job will make resident, and what of it is.
type plan struct {
	path      Path
	published bool
	more      bool // the listing was cut
	chosen    []publication.Entry
	receipt   Receipt
}

// plan chooses among entries, smallest first, what the budget and the cache allow, and
// looks up what is resident. Entries whose class is never are skipped: the cache would
// not be asked for them. The caller keeps entries.
func (w *Warmer) plan(path Path, entries []publication.Entry, budget int64, more bool) *plan {
	p := &plan{path: path, published: w.published(path), more: more}
	p.chosen = make([]publication.Entry, 0, len(entries))
	for _, e := range entries {
		if w.objects.Classify(path.Bucket, e.Key) == class.Never {
			p.receipt.SkippedObjects++
			continue
		}
		e.Raw = nil // of no use here, and most of an entry's memory
		p.chosen = append(p.chosen, e)
	}
	slices.SortFunc(p.chosen, func(a, b publication.Entry) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), strings.Compare(a.Key, b.Key))
	})
	if budget == 0 {
		budget = 1<<63 - 1
	}
	room := w.room(path)
	take := 0
	for _, e := range p.chosen {
		if budget -= e.Size; budget < 0 {
			break
		}
		if room -= memoryBytes(e.Size, int64(w.pages.PageBytes())); room < 0 {
			break
		}
		p.receipt.Bytes += e.Size
		take++
	}
	for _, e := range p.chosen[take:] {
		p.receipt.CutObjects++
		p.receipt.CutBytes += e.Size
	}
	p.chosen = slices.Clip(p.chosen[:take])
	p.receipt.Objects = take
	w.look(p)
	p.receipt.Source.AlreadyBytes = p.receipt.ResidentBytes
	return p
}

// look counts what of the plan is resident now.
func (w *Warmer) look(p *plan) {
	r := &p.receipt
	r.Pages, r.ResidentObjects, r.ResidentPages, r.ResidentBytes = 0, 0, 0, 0
	for _, e := range p.chosen {
		l := w.objects.Resident(p.path.Bucket, e)
		r.Pages += l.Pages
		r.ResidentPages += max(l.ResidentPages, 0)
		r.ResidentBytes += l.ResidentBytes
		if l.Complete() {
			r.ResidentObjects++
		}
	}
}

// room is the memory that a path may take: the cache's, but for a sixteenth that its
// readers need while it is full, and for what is pinned elsewhere.
func (w *Warmer) room(path Path) int64 {
	s := w.pages.Stats()
	room := s.MemoryBytes - s.MemoryBytes/16
	if s.PinnedBytes > 0 {
		pinned := s.PinnedBytes
		w.pages.Objects(path.Bucket, path.Key, func(o pagecache.ObjectInfo) bool {
			if o.Pinned {
				pinned -= o.ResidentBytes
			}
			return true
		})
		room -= max(pinned, 0)
	}
	return room
}

// memoryBytes is the memory that an object takes in the page cache: whole pages, and a
// power of two for the last one.
func memoryBytes(size, pageBytes int64) int64 {
	tail := size % pageBytes
	if tail > 0 {
		tail = max(int64(1)<<bits.Len64(uint64(tail-1)), pagecache.MinPageBytes)
	}
	return size - size%pageBytes + tail
}

// complete reports whether there is nothing to fetch.
func (p *plan) complete() bool { return p.receipt.ResidentObjects == p.receipt.Objects }

func (p *plan) found() Found {
	switch {
	case p.complete() && (p.receipt.Objects > 0 || p.receipt.CutObjects == 0):
		return FoundWarm
	case p.receipt.ResidentPages > 0 || p.receipt.ResidentObjects > 0:
		return FoundPartial
	default:
		return FoundCold
	}
}

// state is what residency alone says.
func (p *plan) state() outcome {
	switch {
	case p.more:
		return outcome{state: Partial, reason: ReasonListing}
	case p.receipt.CutObjects > 0:
		return outcome{state: Partial, reason: ReasonBudget}
	case !p.complete():
		return outcome{state: Partial, reason: ReasonEvicted}
	default:
		return outcome{state: Warm}
	}
}

// answer is the answer without a job.
func (p *plan) answer(r Request, took time.Duration) *Answer {
	out := p.state()
	a := &Answer{
		Path: p.path.String(), State: out.state, Reason: out.reason, Found: p.found(), Published: p.published,
		Pinned: r.Pin != nil && *r.Pin, Receipt: p.receipt,
	}
	a.Receipt.Elapsed = Duration(took)
	return a
}
