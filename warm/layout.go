package warm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/proxy/publication"
)

// tailBytes of a data file hold its footer, and nearly always all of its metadata; Lance
// itself reads as much first.
const tailBytes = file.DefaultTailBytes

// maxLayouts bounds the remembered layouts: some 4 KiB each.
const maxLayouts = 1024

// layouts remembers the layouts of confirmed generations. The zero value is ready.
type layouts struct {
	mu sync.Mutex
	of map[layoutName]rememberedLayout // Guarded by mu
}

type layoutName struct {
	path Path
	pk   string
}

type rememberedLayout struct {
	inventory *publication.Inventory
	layout    layout
}

func (l *layouts) get(name layoutName, of *publication.Inventory) layout {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.of[name]; ok && at.inventory == of && of != nil {
		return at.layout
	}
	return nil
}

func (l *layouts) put(name layoutName, of *publication.Inventory, made layout) {
	if of == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = make(map[layoutName]rememberedLayout)
	}
	for other := range l.of {
		if len(l.of) < maxLayouts {
			break
		}
		delete(l.of, other) // any: it is made anew when it is needed
	}
	l.of[name] = rememberedLayout{of, made}
}

// errNotResident: what a layout is read from is not in the cache.
var errNotResident = errors.New("warm: not resident")

// layoutOf returns the layout of what lies below a path. With a job it fetches what it
// must read of data files and manifests; without one it fails with errNotResident if that
// is not in the cache. Data files that cannot be understood stay whole.
func (w *Warmer) layoutOf(j *job, at Path, entries []publication.Entry, pk []string) (layout, error) {
	name := layoutName{path: at, pk: strings.Join(pk, "\x00")}
	var inventory *publication.Inventory
	if g := w.objects.Generations().Lookup(at.Bucket, at.Key); g != nil {
		_, inventory = g.State()
	}
	if l := w.layouts.get(name, inventory); l != nil {
		return l, nil
	}
	l := layoutByName(entries)
	split := make(map[string][]publication.Entry) // manifest and data files, by generation
	for _, e := range entries {
		prefix, below := publication.PrefixOf(e.Key)
		if rest := e.Key[len(prefix):]; below && (strings.HasPrefix(rest, "_versions/") || strings.HasPrefix(rest, "data/")) {
			split[prefix] = append(split[prefix], e)
		}
	}
	if len(split) == 0 {
		w.layouts.put(name, inventory, l)
		return l, nil
	}
	if j != nil {
		w.fetchEnds(j, at, split)
	}
	ctx := w.ctx
	if j != nil {
		ctx = j.ctx
	}
	for prefix, files := range split {
		segments, err := w.splitData(ctx, at.Bucket, prefix, files, pk)
		if isField(err) || j == nil && errors.Is(err, errNotResident) {
			return nil, err
		}
		if err != nil {
			// An unknown version of the format, a manifest outside of the path.
			w.log.Debug("data files not split by role", "prefix", prefix, "err", err)
			continue
		}
		for key, s := range segments {
			l[key] = s
		}
	}
	w.layouts.put(name, inventory, l)
	return l, nil
}

// ends are the parts of manifests and data files that layouts are read from.
func (w *Warmer) ends(e publication.Entry) span {
	if strings.Contains(e.Key, "/_versions/") {
		return span{0, e.Size}
	}
	from := max(0, e.Size-tailBytes)
	return span{from, e.Size - from}
}

// fetchEnds loads them, all at once. What cannot be had shows when it is read.
func (w *Warmer) fetchEnds(j *job, at Path, split map[string][]publication.Entry) {
	var group errgroup.Group
	group.SetLimit(w.o.Parallel)
	var mu sync.Mutex
	asked := false
	for _, files := range split {
		for _, e := range files {
			end := w.ends(e)
			if w.objects.ResidentRange(at.Bucket, e, end.off, end.n).Complete() {
				continue
			}
			group.Go(func() error {
				name := flight{Path{at.Bucket, e.Key}, end.off / w.pages.RunBytes()}
				l, _ := w.loadAlone(j.ctx, name, unit{entry: e, span: end})
				j.change(func() { j.fetched(e.Key, end, l) })
				w.metrics.loaded(l)
				mu.Lock()
				defer mu.Unlock()
				asked = asked || l.Gets+l.Heads > 0
				return nil
			})
		}
	}
	_ = group.Wait() // always nil
	if asked {
		j.asked(Requests{}, 1)
	}
}

// splitData gives the bytes of a generation's data files their roles: what opens them,
// the pages of the primary key, and the rest.
func (w *Warmer) splitData(ctx context.Context, bucket, prefix string, files []publication.Entry, pk []string) (map[string][]segment, error) {
	var manifest *dataset.Manifest
	var latest uint64
	objects := make(map[string]*listedObject)
	for _, e := range files {
		end := w.ends(e)
		if !w.objects.ResidentRange(bucket, e, end.off, end.n).Complete() {
			return nil, fmt.Errorf("%w: %s", errNotResident, e.Key)
		}
		objects[e.Key[len(prefix):]] = &listedObject{w.objects, bucket, e}
	}
	for name, object := range objects {
		version, ok := dataset.ParseVersionName(strings.TrimPrefix(name, "_versions/"))
		if !ok || version < latest {
			continue
		}
		m, err := dataset.ReadManifest(ctx, object)
		if err != nil {
			return nil, err
		}
		manifest, latest = m, version
	}
	if manifest == nil {
		return nil, fmt.Errorf("warm: no manifest below %s", prefix)
	}
	keys, err := keyFields(manifest, pk)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]segment)
	for _, fragment := range manifest.Fragments {
		for _, f := range fragment.Files {
			object := objects[dataset.DataPath(&f)]
			if object == nil || f.BaseID != nil {
				continue
			}
			segments, err := splitFile(ctx, object, &f, keys)
			if err != nil {
				return nil, err
			}
			out[object.entry.Key] = segments
		}
	}
	return out, nil
}

// keyFields returns the ids of the fields of the primary key, at any depth: those of the
// named columns, or else what the manifest says.
func keyFields(m *dataset.Manifest, pk []string) (map[int32]bool, error) {
	s, err := schema.New(m.Fields, m.SchemaMetadata)
	if err != nil {
		return nil, err
	}
	fields := s.PrimaryKey()
	if len(pk) > 0 {
		fields = nil
		for _, name := range pk {
			f := s.Field(name)
			if f == nil {
				return nil, &FieldError{Field: "pk_columns", Message: fmt.Sprintf("no column is called %q", name)}
			}
			fields = append(fields, f)
		}
	}
	ids := make(map[int32]bool)
	var add func(f *schema.Field)
	add = func(f *schema.Field) {
		ids[f.ID] = true
		for _, child := range f.Children {
			add(child)
		}
	}
	for _, f := range fields {
		add(f)
	}
	return ids, nil
}

// splitFile gives the bytes of a data file their roles.
func splitFile(ctx context.Context, object *listedObject, f *pb.DataFile, keys map[int32]bool) ([]segment, error) {
	r, err := file.Open(ctx, object, file.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // reads only
	var of []segment
	for i, field := range f.Fields {
		if !keys[field] || i >= len(f.ColumnIndices) {
			continue
		}
		column := int(f.ColumnIndices[i])
		if column < 0 || column >= r.NumColumns() {
			continue
		}
		for page := range r.Column(column).Pages {
			for _, b := range r.PageRanges(column, page) {
				of = append(of, segment{RolePK, span{b.Offset, b.Length}})
			}
		}
	}
	end := r.MetadataRange()
	of = append(of, segment{RoleOpen, span{end.Offset, end.Length}})
	return cover(of, object.entry.Size), nil
}

// cover cuts segments to a file of size bytes, lets the first that begins win where they
// overlap, and makes what lies between them RoleData.
func cover(of []segment, size int64) []segment {
	slices.SortStableFunc(of, func(a, b segment) int {
		switch {
		case a.off < b.off:
			return -1
		case a.off > b.off:
			return 1
		}
		return 0
	})
	var out []segment
	at := int64(0)
	put := func(role Role, end int64) {
		if end = min(end, size); end <= at {
			return
		}
		if n := len(out); n > 0 && out[n-1].role == role {
			out[n-1].n += end - at
		} else {
			out = append(out, segment{role, span{at, end - at}})
		}
		at = end
	}
	for _, s := range of {
		put(RoleData, s.off)
		put(s.role, s.end())
	}
	put(RoleData, size)
	if size == 0 {
		return []segment{{RoleData, span{}}}
	}
	return out
}

// A listedObject reads a listed object through the cache, for package lance.
type listedObject struct {
	objects Objects
	bucket  string
	entry   publication.Entry
}

var _ storage.Object = (*listedObject)(nil)

// Path implements storage.Object.
func (o *listedObject) Path() string { return o.bucket + "/" + o.entry.Key }

// Size implements storage.Object.
func (o *listedObject) Size() int64 { return o.entry.Size }

// ReadRange implements storage.Object.
func (o *listedObject) ReadRange(ctx context.Context, p []byte, off int64) error {
	if off < 0 || int64(len(p)) > o.entry.Size-off {
		return fmt.Errorf("read %d bytes at %d of %s: %w", len(p), off, o.Path(), storage.ErrRange)
	}
	return o.objects.ReadListed(ctx, o.bucket, o.entry, p, off)
}

// Close implements storage.Object.
func (o *listedObject) Close() error { return nil }
