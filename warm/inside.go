package warm

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/publication"
)

// RoleResidency says what there is of one role below a generation and what of it is
// resident. Bytes are those of the role alone; pages at its ends hold other roles too.
type RoleResidency struct {
	Objects       int   `json:"objects"` // that have bytes of the role
	Bytes         int64 `json:"bytes"`
	ResidentBytes int64 `json:"resident_bytes"`
	Pages         int64 `json:"pages"`
	ResidentPages int64 `json:"resident_pages"`
}

// DescribeRoles has generations, as [Warmer.Generations] returned them, say what of each
// role is resident. The origin is not asked, so it is left out where it cannot be told:
// the generation is not confirmed, or the ends of its data files have not been in the cache
// since it was.
func (w *Warmer) DescribeRoles(of []GenerationInfo) {
	for i := range of {
		g := &of[i]
		entries, l := w.layoutInside(Path{g.Bucket, g.Prefix})
		if l == nil {
			continue
		}
		g.Roles = make(map[Role]RoleResidency)
		for _, e := range entries {
			if idle(e.Key) {
				continue
			}
			seen := make(map[Role]bool)
			for _, s := range l[e.Key] {
				r := g.Roles[s.role]
				if !seen[s.role] {
					seen[s.role] = true
					r.Objects++
				}
				found := w.objects.ResidentRange(g.Bucket, e, s.off, s.n)
				r.Bytes += s.n
				r.ResidentBytes += found.ResidentBytes
				r.Pages += found.Pages
				r.ResidentPages += max(found.ResidentPages, 0)
				g.Roles[s.role] = r
			}
		}
	}
}

// layoutInside returns what lies below a confirmed generation and its layout, which is nil
// if it cannot be told from what is resident.
func (w *Warmer) layoutInside(generation Path) ([]publication.Entry, layout) {
	entries, ok := w.inventory(generation)
	if !ok || !lance(entries) {
		return entries, nil
	}
	l, err := w.layoutOf(nil, generation, entries, nil)
	if err != nil {
		return entries, nil
	}
	return entries, l
}

// RoleRange is bytes of an object that have one role.
type RoleRange struct {
	Role   Role  `json:"role"`
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
}

// Contents says what is known of one object, asking nobody: how large it is, and which of
// its bytes have which role. Size and ETag come from the inventory of its generation; they
// are zero outside of one that is confirmed. Ranges are in order and cover the object;
// there are none where roles are not known.
type Contents struct {
	ETag   string
	Size   int64
	Ranges []RoleRange
}

// Contents returns what is known of an object. ok is false if its generation is confirmed
// and has no such object.
func (w *Warmer) Contents(bucket, key string) (c Contents, ok bool) {
	g := w.objects.Generations().Lookup(bucket, key)
	if g == nil {
		return c, true
	}
	_, inventory := g.State()
	if inventory == nil {
		return c, true
	}
	e, found := inventory.Find(key)
	if !found {
		return c, false
	}
	c.ETag, c.Size = e.ETag, e.Size
	_, l := w.layoutInside(Path{g.Bucket, g.Prefix})
	for _, s := range l[key] {
		c.Ranges = append(c.Ranges, RoleRange{s.role, s.off, s.n})
	}
	return c, true
}

// ObjectInfo describes one object below a path.
type ObjectInfo struct {
	Key           string `json:"key"`
	Size          int64  `json:"size"`
	Pages         int64  `json:"pages"`
	ResidentPages int64  `json:"resident_pages"`
	ResidentBytes int64  `json:"resident_bytes"`
	Pinned        bool   `json:"pinned,omitempty"`
	// Roles are those of its bytes, in the order of [Roles]; absent outside of tables.
	Roles []Role `json:"roles,omitempty"`
}

// Inside lists what is known of the objects below a prefix whose keys come after a key, by
// key, at most limit of them; more says that others follow. At or below a confirmed
// generation, that is every object; elsewhere it is what has pages, in its largest version.
// The origin is not asked. known is false if it is not a generation's inventory that says so.
func (w *Warmer) Inside(bucket, prefix, after string, limit int) (objects []ObjectInfo, known, more bool) {
	if g := w.objects.Generations().Lookup(bucket, prefix); g != nil {
		if _, inventory := g.State(); inventory != nil {
			objects, more = w.insideGeneration(g, inventory, prefix, after, limit)
			return objects, true, more
		}
	}
	objects, more = w.insidePages(bucket, prefix, after, limit)
	return objects, false, more
}

func (w *Warmer) insideGeneration(
	g *publication.Generation, inventory *publication.Inventory, prefix, after string, limit int,
) (objects []ObjectInfo, more bool) {
	entries := inventory.Below(prefix)
	from, found := slices.BinarySearchFunc(entries, after, func(e publication.Entry, key string) int { return strings.Compare(e.Key, key) })
	if found {
		from++
	}
	entries = entries[from:]
	more = len(entries) > limit
	_, l := w.layoutInside(Path{g.Bucket, g.Prefix})
	pinned := w.pins.in(g.Bucket)
	for _, e := range entries[:min(limit, len(entries))] {
		at := w.objects.ResidentRange(g.Bucket, e, 0, e.Size)
		o := ObjectInfo{
			Key: e.Key, Size: e.Size, Pages: at.Pages, ResidentPages: max(at.ResidentPages, 0), ResidentBytes: at.ResidentBytes,
			Pinned: slices.ContainsFunc(pinned, func(p Path) bool { return e.Key == p.object() || strings.HasPrefix(e.Key, p.Prefix()) }),
		}
		segments, known := l[e.Key]
		if !known {
			segments = []segment{{role: roleOf(insideTable(e.Key))}}
		}
		for _, role := range Roles() {
			if slices.ContainsFunc(segments, func(s segment) bool { return s.role == role }) {
				o.Roles = append(o.Roles, role)
			}
		}
		objects = append(objects, o)
	}
	return objects, more
}

// insidePages keeps no more than twice what is asked for, whatever the cache holds.
func (w *Warmer) insidePages(bucket, prefix, after string, limit int) (objects []ObjectInfo, more bool) {
	trim := func() {
		slices.SortFunc(objects, func(a, b ObjectInfo) int {
			return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(b.ResidentBytes, a.ResidentBytes), cmp.Compare(b.Size, a.Size))
		})
		objects = slices.CompactFunc(objects, func(a, b ObjectInfo) bool { return a.Key == b.Key })
		if len(objects) > limit {
			objects, more = objects[:limit], true
		}
	}
	w.pages.Objects(bucket, prefix, func(o pagecache.ObjectInfo) bool {
		if o.Version.Key <= after || o.ResidentPages == 0 {
			return true
		}
		info := ObjectInfo{
			Key: o.Version.Key, Size: o.Version.Size, Pages: o.Pages, ResidentPages: o.ResidentPages, ResidentBytes: o.ResidentBytes, Pinned: o.Pinned,
		}
		if inside := insideTable(o.Version.Key); inside != "" {
			info.Roles = []Role{roleOf(inside)}
		}
		if objects = append(objects, info); len(objects) >= 2*limit+2 {
			trim()
		}
		return true
	})
	trim()
	return objects, more
}
