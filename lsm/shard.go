package lsm

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/wal"
)

// maxManifestBytes is the largest shard manifest that is read; a generation takes some 40 bytes.
const maxManifestBytes = 64 << 20

// shards reads the newest manifest of every shard of the table at the root of a store, in the order of their ids. Those
// that are known from before are looked at beside the listing.
func shards(ctx context.Context, s storage.Store, parallel int, known []*memwal.ShardManifest) ([]*memwal.ShardManifest, error) {
	type outcome struct {
		manifest *memwal.ShardManifest
		err      error
		done     chan struct{}
	}
	look, stop := context.WithCancel(ctx)
	var looks sync.WaitGroup
	defer looks.Wait()
	defer stop() // those of shards that are gone
	slots := make(chan struct{}, max(parallel, 8))
	again := map[string]*outcome{}
	for _, m := range known {
		o := &outcome{done: make(chan struct{})}
		again[m.ShardID.String()] = o
		looks.Go(func() {
			defer close(o.done)
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				o.manifest, o.err = follow(look, s, m)
			case <-look.Done():
				o.err = look.Err()
			}
		})
	}
	entries, err := s.List(ctx, memwal.Dir)
	if errors.Is(err, storage.ErrNotFound) { // not even what the table would lie in
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("list shards: %w", err)
	}
	var names []string
	for _, e := range entries {
		if id, err := uuid.Parse(e.Name()); e.Dir && err == nil && id.String() == e.Name() {
			names = append(names, e.Name())
		}
	}
	found := make([]*memwal.ShardManifest, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(slots))
	for i, name := range names {
		g.Go(func() (err error) {
			if o := again[name]; o != nil {
				<-o.done
				found[i], err = o.manifest, o.err
			} else {
				found[i], err = newest(gctx, s, name)
			}
			if err != nil {
				return fmt.Errorf("shard %s: %w", name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(m *memwal.ShardManifest) bool { return m == nil }), nil
}

// newest finds the newest manifest of a shard that nothing is known of.
func newest(ctx context.Context, s storage.Store, shard string) (*memwal.ShardManifest, error) {
	m, err := wal.Newest(ctx, s, shard)
	if m == nil || err != nil {
		return nil, err
	}
	return m, checkShard(m, shard)
}

// checkShard holds a manifest against the shard that it lies in, and notes it where the manifest does not say.
func checkShard(m *memwal.ShardManifest, shard string) error {
	if m.ShardID == uuid.Nil {
		m.ShardID = uuid.MustParse(shard)
	}
	if m.ShardID.String() != shard {
		return fmt.Errorf("%w: its manifest is of shard %s", memwal.ErrCorrupt, m.ShardID)
	}
	return nil
}

// follow finds the newest manifest of a shard from the one that was the newest a while ago. Mostly it still is, and one
// round of two requests shows that: it is there as it was, and its successor is not. If it is not there as it was, the
// table was made anew under its old name.
func follow(ctx context.Context, s storage.Store, known *memwal.ShardManifest) (*memwal.ShardManifest, error) {
	shard := known.ShardID.String()
	var same, superseded bool
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		data, err := storage.ReadFile(gctx, s, memwal.ManifestPath("", shard, known.Version), maxManifestBytes)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := memwal.DecodeShardManifest(data)
		same = err == nil && checkShard(m, shard) == nil && reflect.DeepEqual(m, known)
		return nil
	})
	g.Go(func() error {
		o, err := s.Open(gctx, memwal.ManifestPath("", shard, known.Version+1))
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		superseded = true
		return o.Close()
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if same && !superseded {
		return known, nil
	}
	return newest(ctx, s, shard)
}

// newestBase reads the manifest of the base's latest version. The one that was the latest before, if that is not 0, is
// read again beside the listing: mostly it still is, and then that is one round of requests.
func newestBase(ctx context.Context, s storage.Store, known uint64) (*dataset.Manifest, error) {
	if known == 0 {
		return dataset.LoadLatest(ctx, s)
	}
	var versions []dataset.VersionEntry
	var again *dataset.Manifest
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		versions, err = dataset.Versions(gctx, s)
		return err
	})
	g.Go(func() (err error) {
		if again, err = dataset.LoadVersion(gctx, s, known); errors.Is(err, storage.ErrNotFound) {
			again, err = nil, nil // collected, or the table is another one
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(versions) > 0 && versions[0].Version == known && again != nil {
		return again, nil
	}
	return dataset.LoadLatest(ctx, s)
}
