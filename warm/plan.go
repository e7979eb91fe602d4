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

// A want is what a request asks for below its path. Calls that want the same share a job.
type want struct {
	budget int64
	roles  string // in the order of Roles, comma-separated; empty means all
	pk     string // columns, NUL-separated
	decode decodeMode
}

// want puts what r asks for into a form that can be compared.
func (w *Warmer) want(r Request) want {
	var roles []string
	for _, role := range Roles() {
		if slices.Contains(r.Roles, role) {
			roles = append(roles, string(role))
		}
	}
	if len(roles) == roleCount {
		roles = nil
	}
	return want{
		budget: r.BudgetBytes, roles: strings.Join(roles, ","), pk: strings.Join(r.PKColumns, "\x00"),
		decode: w.decodeMode(r),
	}
}

// has reports whether a role is wanted.
func (t want) has(r Role) bool {
	return t.roles == "" || slices.Contains(strings.Split(t.roles, ","), string(r))
}

func (t want) pkColumns() []string {
	if t.pk == "" {
		return nil
	}
	return strings.Split(t.pk, "\x00")
}

// A plan is what a job will make resident, and what of it is.
type plan struct {
	path      Path
	published bool
	more      bool // the listing was cut
	want      want
	entries   []publication.Entry // all that can be cached
	layout    layout              // nil if roles are not known
	chosen    []portion
	receipt   Receipt
}

// plan chooses among entries what is wanted and what the budget and the cache allow, and
// looks up what is resident.
//
// Everything, if it fits, goes by whole objects, smallest first. A choice of roles, or
// what exceeds the budget, goes by role, and within a role by size. Without a job, roles
// come from what is resident or from names. Entries whose class is never are skipped: the
// cache would not be asked for them. So are transactions, unless they are asked for. The
// caller keeps entries.
func (w *Warmer) plan(j *job, path Path, entries []publication.Entry, t want, more bool) (*plan, error) {
	p := &plan{path: path, published: w.published(path), more: more, want: t}
	p.entries = make([]publication.Entry, 0, len(entries))
	var total int64
	queries := t.roles == "" && ofTable(path)
	for _, e := range entries {
		if w.objects.Classify(path.Bucket, e.Key) == class.Never || queries && idle(e.Key) {
			p.receipt.SkippedObjects++
			continue
		}
		e.Raw = nil // of no use here, and most of an entry's memory
		p.entries = append(p.entries, e)
		total += memoryBytes(e.Size, int64(w.pages.PageBytes()))
	}
	slices.SortFunc(p.entries, func(a, b publication.Entry) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), strings.Compare(a.Key, b.Key))
	})
	budget := t.budget
	if budget == 0 {
		budget = 1<<63 - 1
	}
	room := w.room(path)
	_, generation := generationOf(path)
	if t.roles == "" && (!generation || total <= room && sizes(p.entries) <= budget) {
		w.takeWhole(p, budget, room)
	} else if err := w.takeByRole(j, p, budget, room); err != nil {
		return nil, err
	}
	p.receipt.Objects = len(p.chosen)
	w.measure(p)
	p.receipt.Source.AlreadyBytes = p.receipt.ResidentBytes
	return p, nil
}

func sizes(entries []publication.Entry) int64 {
	var n int64
	for i := range entries {
		n += entries[i].Size
	}
	return n
}

// takeWhole chooses objects, smallest first.
func (w *Warmer) takeWhole(p *plan, budget, room int64) {
	take := 0
	for _, e := range p.entries {
		if budget -= e.Size; budget < 0 {
			break
		}
		if room -= memoryBytes(e.Size, int64(w.pages.PageBytes())); room < 0 {
			break
		}
		p.receipt.Bytes += e.Size
		p.chosen = append(p.chosen, whole(e))
		take++
	}
	for _, e := range p.entries[take:] {
		p.receipt.CutObjects++
		p.receipt.CutBytes += e.Size
	}
}

// takeByRole chooses pieces of objects, by role and then smallest object first, each
// piece at most a run.
func (w *Warmer) takeByRole(j *job, p *plan, budget, room int64) error {
	var err error
	if p.layout, err = w.layoutOf(j, p.path, p.entries, p.want.pkColumns()); err != nil {
		return err
	}
	runBytes, pageBytes := w.pages.RunBytes(), int64(w.pages.PageBytes())
	taken := make(map[string][]span)
	cut := make(map[string]bool)
	full := false
	for _, role := range Roles() {
		if !p.want.has(role) {
			continue
		}
		for _, e := range p.entries {
			for _, s := range p.layout[e.Key] {
				if s.role != role {
					continue
				}
				for _, u := range (portion{e, []span{s.span}}).units(runBytes) {
					full = full || u.n > budget || memoryBytes(u.n, pageBytes) > room
					if full {
						cut[e.Key] = true
						p.receipt.CutBytes += u.n
						continue
					}
					budget -= u.n
					room -= memoryBytes(u.n, pageBytes)
					taken[e.Key] = append(taken[e.Key], u.span)
				}
			}
		}
	}
	p.receipt.CutObjects = len(cut)
	for _, e := range p.entries {
		if spans := taken[e.Key]; spans != nil {
			part := portion{e, joined(spans, pageBytes)}
			p.receipt.Bytes += part.bytes()
			p.chosen = append(p.chosen, part)
		}
	}
	return nil
}

// measure counts what of the plan is resident now.
func (w *Warmer) measure(p *plan) {
	r := &p.receipt
	r.Pages, r.ResidentObjects, r.ResidentPages, r.ResidentBytes = 0, 0, 0, 0
	for _, part := range p.chosen {
		l := w.resident(p.path.Bucket, part)
		r.Pages += l.Pages
		r.ResidentPages += max(l.ResidentPages, 0)
		r.ResidentBytes += l.ResidentBytes
		if l.Complete() {
			r.ResidentObjects++
		}
	}
	w.measureRoles(p)
}

// measureRoles counts by role what lies below the path, if roles are known.
func (w *Warmer) measureRoles(p *plan) {
	p.receipt.Roles = RoleReceipts{}
	if p.layout == nil {
		return
	}
	for _, e := range p.entries {
		var seen [roleCount]bool
		for _, s := range p.layout[e.Key] {
			i := s.role.index()
			r := &p.receipt.Roles[i]
			if !seen[i] {
				seen[i] = true
				r.Objects++
			}
			l := w.objects.ResidentRange(p.path.Bucket, e, s.off, s.n)
			r.Bytes += s.n
			r.ResidentBytes += l.ResidentBytes
			r.Pages += l.Pages
			r.ResidentPages += max(l.ResidentPages, 0)
		}
	}
}

// charge counts what was asked of the origin by role, if roles are known.
func (p *plan) charge(fetches []fetch) {
	for _, f := range fetches {
		var of [roleCount]int64
		segments := p.layout[f.key]
		for _, s := range segments {
			of[s.role.index()] += max(min(s.end(), f.end())-max(s.off, f.off), 0)
		}
		most := slices.Index(of[:], slices.Max(of[:]))
		if len(segments) > 0 && of[most] == 0 { // an empty object
			most = segments[0].role.index()
		}
		if len(segments) > 0 {
			r := &p.receipt.Roles[most]
			r.Requests.Get += f.requests.Get
			r.Requests.Head += f.requests.Head
			r.OriginBytes += f.originBytes
		}
	}
}

// findRoles has the receipt of a plan of whole objects say the roles too, as far as they
// can be read from what is resident.
func (w *Warmer) findRoles(p *plan) {
	if p.layout != nil || !lance(p.entries) {
		return
	}
	if l, err := w.layoutOf(nil, p.path, p.entries, p.want.pkColumns()); err == nil {
		p.layout = l
		w.measureRoles(p)
	}
}

// lance reports whether anything in a listing has a role.
func lance(entries []publication.Entry) bool {
	return slices.ContainsFunc(entries, func(e publication.Entry) bool { return roleOf(insideTable(e.Key)) != RoleOther })
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
