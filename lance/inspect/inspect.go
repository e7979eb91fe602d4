package inspect

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

// ErrUnknown says that there is something at a path, but nothing that can be described.
var ErrUnknown = errors.New("inspect: not a table, generation, index or Lance file")

// parallel is how many parts of a table are looked at at the same time.
const parallel = 8

// Options of Inspect. The zero value describes the latest version without its pages.
type Options struct {
	// Version is the version of a table, 0 for the latest.
	Version uint64
	// Pages adds every page of every column to the description of files.
	Pages bool
	// File are the options that files are opened with.
	File file.Options
}

// Inspect describes what lies at a path of the store; "" is its root. The store may be rooted at a table or anywhere above
// it, but a generation's place in its table is found only where the store reaches up to the table.
func Inspect(ctx context.Context, s storage.Store, name string, o Options) (*Report, error) {
	c := &collector{s: s, o: o}
	r := &Report{Path: name}
	if table, rest, ok := cutVersionPath(name); ok {
		if v, ok := dataset.ParseVersionName(rest); ok {
			c.o.Version, name = v, table
		}
	}
	kind, err := Detect(ctx, s, name)
	if err != nil {
		return nil, err
	}
	switch r.Kind = kind; kind {
	case KindFile:
		r.File, err = c.file(ctx, name)
	case KindIndex:
		r.Index, err = c.indexFolder(ctx, name)
	default:
		r.Table, err = c.table(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	r.Problems = c.problems
	return r, nil
}

// cutVersionPath splits the path of a manifest.
func cutVersionPath(name string) (table, manifest string, ok bool) {
	dir, manifest := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	if path.Base(dir) != "_versions" {
		return "", "", false
	}
	if table = path.Dir(dir); table == "." {
		table = ""
	}
	return table, manifest, true
}

// Detect says which kind of thing lies at a path. It takes a listing, and for an object a further request.
func Detect(ctx context.Context, s storage.Store, name string) (kind string, err error) {
	entries, err := s.List(ctx, name)
	if err != nil {
		return "", err
	}
	if len(entries) == 0 {
		if name == "" {
			return "", fmt.Errorf("inspect: nothing here: %w", storage.ErrNotFound)
		}
		obj, err := s.Open(ctx, name)
		if errors.Is(err, storage.ErrNotFound) {
			return "", fmt.Errorf("inspect: nothing at %s: %w", name, storage.ErrNotFound)
		}
		if err != nil {
			return "", err
		}
		if err := obj.Close(); err != nil {
			return "", err
		}
		if what := otherObject(path.Base(name)); what != "" {
			return "", fmt.Errorf("%w: %s is %s", ErrUnknown, name, what)
		}
		return KindFile, nil
	}
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e storage.Entry) bool { return e.Name() == name })
	}
	switch {
	case has("_versions"):
		if _, _, _, _, rest, ok := memwal.ParseGenerationPath(name); ok && rest == "" {
			return KindGeneration, nil
		}
		return KindTable, nil
	case has("page_lookup.lance"), has("index.idx"), has("metadata.lance"):
		return KindIndex, nil
	}
	var tables, names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if e.Dir && strings.HasSuffix(e.Name(), ".lance") {
			tables = append(tables, e.Name())
		}
	}
	if len(tables) > 0 {
		return "", fmt.Errorf("%w: a folder with the %s", ErrUnknown, someOf("table", tables, 10))
	}
	return "", fmt.Errorf("%w: a folder with %s", ErrUnknown, someOf("", names, 3))
}

// someOf lists the first names of some things.
func someOf(what string, names []string, most int) string {
	more := ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], fmt.Sprintf(" and %s more", countText(int64(n)))
	}
	switch {
	case what == "":
	case len(names) == 1:
		what += " "
	default:
		what += "s "
	}
	return what + strings.Join(names, ", ") + more
}

// otherObject says what an object is that belongs to a table and is no Lance file, as its name tells; "" for others.
func otherObject(base string) string {
	name, ext, _ := strings.Cut(base, ".")
	bits := len(name) == 64 && strings.Trim(name, "01") == ""
	numbers := strings.Count(name, "-") == 2 && strings.Trim(name, "0123456789-") == ""
	switch {
	case bits && ext == "arrow":
		return "an entry of a shard's write-ahead log; the table's report has it while it is to be replayed"
	case bits && ext == "binpb":
		return "the manifest of a shard; the table's report has the newest"
	case numbers && (ext == "arrow" || ext == "bin"):
		return "the deleted rows of a fragment; the table's report counts them"
	case base == memwal.BloomFilterName:
		return "the bloom filter of a generation; the generation's report has its figures"
	case ext == "txn":
		return "the record of a transaction"
	case base == "latest_version_hint.json" || base == "version_hint.json":
		return "a hint at the latest version"
	}
	return ""
}

// collector gathers one report.
type collector struct {
	s storage.Store
	o Options

	mu       sync.Mutex
	problems []string // guarded by mu
}

// problem notes what could not be read.
func (c *collector) problem(what string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, strings.ReplaceAll(what+": "+err.Error(), "\n", "; "))
	slices.Sort(c.problems)
}

// each calls fn for 0 to n-1, several at a time, until the context ends. What fn returns becomes a problem of that name.
func (c *collector) each(ctx context.Context, n int, name func(i int) string, fn func(ctx context.Context, i int) error) error {
	var g errgroup.Group
	g.SetLimit(parallel)
	for i := range n {
		g.Go(func() error {
			if err := fn(ctx, i); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c.problem(name(i), err)
			}
			return nil
		})
	}
	return g.Wait()
}

// listAll lists every object below a folder.
func (c *collector) listAll(ctx context.Context, folder string) ([]storage.Entry, error) {
	if all, ok := c.s.(interface {
		ListAll(ctx context.Context, folder string) ([]storage.Entry, error)
	}); ok {
		return all.ListAll(ctx, folder)
	}
	const depth = 8 // tables nest four deep
	return c.walk(ctx, folder, depth)
}

func (c *collector) walk(ctx context.Context, folder string, depth int) ([]storage.Entry, error) {
	entries, err := c.s.List(ctx, folder)
	if err != nil || depth == 0 {
		return nil, err
	}
	var out []storage.Entry
	for _, e := range entries {
		if !e.Dir {
			out = append(out, e)
			continue
		}
		below, err := c.walk(ctx, e.Path, depth-1)
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}
