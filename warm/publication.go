package warm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/publication"
)

const (
	// maxForward bounds the manifests that are read one after another to reach the newest.
	maxForward = 64
	// maxParallelShards bounds the shards that one job asks about at once.
	maxParallelShards = 16
)

// A generation is where a path lies that is at or below one.
type generation struct {
	path  Path // of its directory
	shard publication.Shard
	dir   string
}

// generationOf returns the generation that a path lies at or below, judged by the path
// alone.
func generationOf(p Path) (generation, bool) {
	table, shard, rest, ok := memwal.ParseShardPath(p.Key)
	if !ok || table == "" {
		return generation{}, false
	}
	dir, _, _ := strings.Cut(rest, "/")
	if !memwal.ValidGenerationDir(dir) {
		return generation{}, false
	}
	return generation{
		path:  Path{p.Bucket, memwal.GenerationPath(table, shard, dir) + "/"},
		shard: publication.Shard{Bucket: p.Bucket, Table: table, ID: shard},
		dir:   dir,
	}, true
}

// known returns what the registry has of a generation; nil if it is not known to be
// published.
func (w *Warmer) registered(g generation) *publication.Generation {
	return w.objects.Generations().Lookup(g.path.Bucket, g.path.Key)
}

// listGeneration lists a generation for a job, having found out whether it is published.
//
// If nothing is known of its shard yet, the hint beside the manifests is read first: the
// version it names was committed before. So a listing that runs while that manifest is
// read began after the generation was published, if that manifest names it, and is its
// inventory. Otherwise the manifests after the newest known one are tried, and the listing
// follows.
//
//	shard not seen yet    hint -> manifest, LIST -> loads
//	shard seen before     next manifest -> LIST -> loads
//	known to be published LIST -> loads
func (w *Warmer) listGeneration(j *job, g generation) (entries []publication.Entry, more bool, err error) {
	defer w.touch(j.ctx, Path{g.shard.Bucket, g.shard.Table})()
	if w.registered(g) == nil {
		newest, seen := w.objects.Generations().Newest(g.shard)
		if !seen {
			return w.listUnseen(j, g)
		}
		from := newest.Version + 1
		if w.objects.Generations().Retired(g.path.Bucket, g.path.Key) {
			from = newest.Version // it may name the generation: whoever retired it was wrong
		}
		reads := w.forward(j.ctx, g.shard, from, func() bool { return w.registered(g) != nil })
		j.asked(Requests{Get: reads}, int(reads))
	}
	return w.enumerate(j, g.path, 1) // through the service, which confirms it if it is published
}

// listUnseen is listGeneration for a shard of which no manifest is known.
func (w *Warmer) listUnseen(j *job, g generation) (entries []publication.Entry, more bool, err error) {
	version, hintErr := w.objects.ReadVersionHint(j.ctx, g.shard)
	j.asked(Requests{Get: 1}, 1)
	if hintErr != nil {
		version = 1
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		// Whatever keeps it from being read, the generation is then provisional.
		_ = w.survive(func() { _ = w.objects.ReadShardManifest(j.ctx, g.shard, version) })
	})
	entries, more, err = w.enumerate(j, g.path, 1)
	reading.Wait()
	j.asked(Requests{Get: 1}, 0)
	if err != nil || more {
		return entries, more, err
	}
	published := w.registered(g)
	switch {
	case published == nil:
		return entries, false, nil
	case hintErr == nil && published.Since() <= version:
		if _, err := w.objects.Confirm(j.ctx, published, entries); err != nil {
			return nil, false, err
		}
		return entries, false, nil
	default: // it may have been published while it was listed
		return w.enumerate(j, g.path, 1)
	}
}

// forward reads manifests from a version on until one does not exist or enough says so,
// and returns how many requests that took.
func (w *Warmer) forward(ctx context.Context, shard publication.Shard, version uint64, enough func() bool) (requests int64) {
	for requests < maxForward && !enough() {
		requests++
		if err := w.objects.ReadShardManifest(ctx, shard, version); err != nil {
			return requests
		}
		version++
	}
	return requests
}

// enumerate lists what lies below a prefix, Entry.Raw included.
func (w *Warmer) enumerate(j *job, path Path, rounds int) (entries []publication.Entry, more bool, err error) {
	if _, ok := w.inventory(path); ok {
		rounds = 0 // nobody will be asked
	}
	err = w.objects.List(j.ctx, path.Bucket, path.Key, func(e publication.Entry) error {
		if len(entries) == w.o.MaxObjects {
			more = true
			return errEnough
		}
		entries = append(entries, e)
		return nil
	})
	if rounds > 0 {
		j.asked(Requests{List: max(1, (int64(len(entries))+listPageEntries-1)/listPageEntries)}, rounds)
	}
	if err != nil && !errors.Is(err, errEnough) {
		return nil, false, listError(j.ctx, path, err)
	}
	return entries, more, nil
}

// narrow keeps what lies at or below a path.
func narrow(entries []publication.Entry, path Path) []publication.Entry {
	object := path.object()
	var below, exact []publication.Entry
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Key, path.Key):
			below = append(below, e)
		case e.Key == object:
			exact = append(exact, e)
		}
	}
	if len(below) == 0 {
		return exact
	}
	return below
}

// touch has the first query on the table at a path find its mutable state in a snapshot
// too, where the table's settings allow one. What it returns waits for that.
func (w *Warmer) touch(ctx context.Context, table Path) (wait func()) {
	var touching sync.WaitGroup
	touching.Go(func() { _ = w.survive(func() { w.objects.Touch(ctx, table.Bucket, table.Key) }) })
	return touching.Wait
}

// A family is what a listing shows of one shard.
type family struct {
	shard    publication.Shard
	manifest uint64 // the newest listed
	members  map[string]generation
}

// families finds the shards in a listing.
func families(bucket string, entries []publication.Entry) map[publication.Shard]*family {
	found := make(map[publication.Shard]*family)
	get := func(table, shard string) *family {
		id := publication.Shard{Bucket: bucket, Table: table, ID: shard}
		f := found[id]
		if f == nil {
			f = &family{shard: id, members: make(map[string]generation)}
			found[id] = f
		}
		return f
	}
	for i := range entries {
		key := entries[i].Key
		if !strings.Contains(key, "/"+memwal.Dir+"/") {
			continue
		}
		if table, shard, version, ok := memwal.ParseManifestPath(key); ok {
			f := get(table, shard)
			f.manifest = max(f.manifest, version)
		} else if g, ok := generationOf(Path{bucket, key}); ok {
			get(g.shard.Table, g.shard.ID).members[g.dir] = g
		}
	}
	return found
}

// learnBelow asks, for a listing of a table or of any prefix above generations, which of
// them are published, confirms those, and returns the listing without what belongs to
// generations that are none any more: those that the newest manifest does not name
// although it is past their number. Those that may still be published are returned too.
func (w *Warmer) learnBelow(j *job, entries []publication.Entry) (kept []publication.Entry, dead int, unpublished []generation) {
	defer w.touch(j.ctx, j.path)()
	found := families(j.path.Bucket, entries)
	if len(found) == 0 {
		return entries, 0, nil
	}
	registry := w.objects.Generations()
	var group errgroup.Group
	group.SetLimit(maxParallelShards)
	asked := false
	for _, f := range found {
		defer w.touch(j.ctx, Path{f.shard.Bucket, f.shard.Table})()
		newest, _ := registry.Newest(f.shard)
		if len(f.members) == 0 || f.manifest <= newest.Version {
			continue
		}
		asked = true
		group.Go(func() error {
			_ = w.survive(func() { _ = w.objects.ReadShardManifest(j.ctx, f.shard, f.manifest) })
			j.asked(Requests{Get: 1}, 0)
			return nil
		})
	}
	_ = group.Wait() // always nil
	if asked {
		j.asked(Requests{}, 1)
	}
	asked = false
	var mu sync.Mutex
	drop := make(map[string]bool) // prefixes whose listed entries do not count. Guarded by mu, as is kept
	for _, f := range found {
		newest, seen := registry.Newest(f.shard)
		for _, g := range f.members {
			published := w.registered(g)
			if published == nil {
				number, named := memwal.ParseGenerationDir(g.dir)
				if seen && named && number < newest.NextGeneration {
					mu.Lock()
					drop[g.path.Key] = true
					mu.Unlock()
				} else {
					unpublished = append(unpublished, g)
				}
				continue
			}
			if _, known := w.inventory(g.path); !known { // before the goroutine, which makes it known
				asked = true
				j.asked(Requests{List: 1}, 0)
			}
			group.Go(func() error {
				confirmed, _, err := w.enumerate(&job{ctx: j.ctx}, g.path, 0)
				_, known := w.inventory(g.path)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && known {
					drop[g.path.Key] = false
					kept = append(kept, confirmed...)
				}
				return nil
			})
		}
	}
	_ = group.Wait()
	if asked {
		j.asked(Requests{}, 1)
	}
	for _, e := range entries {
		prefix, below := publication.PrefixOf(e.Key)
		isDead, replaced := drop[prefix]
		switch {
		case !below || !replaced:
			kept = append(kept, e)
		case isDead:
			dead++
		}
	}
	slices.SortFunc(kept, func(a, b publication.Entry) int { return strings.Compare(a.Key, b.Key) })
	return kept, dead, unpublished
}

// missing reports whether err says that an object does not exist.
func missing(err error) bool { return errors.Is(err, origin.ErrNotFound) }
