package wal

import (
	"context"
	"errors"
	"fmt"
	"path"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	maxManifestBytes = 64 << 20 // a generation takes some 40 bytes
	maxHintBytes     = 4 << 10
	maxProbes        = 64 // versions looked for at once
)

// Newest finds the manifest of a shard with the highest version, in the folder of a table: from the hint on upwards, since
// versions have no gaps. nil says that the shard has none yet.
func Newest(ctx context.Context, s storage.Store, shard string) (*memwal.ShardManifest, error) {
	hint := uint64(1)
	b, err := storage.ReadFile(ctx, s, memwal.VersionHintPath("", shard), maxHintBytes)
	switch {
	case err == nil:
		if v, err := memwal.DecodeVersionHint(b); err == nil {
			hint = v
		}
	case !errors.Is(err, storage.ErrNotFound):
		return nil, err
	}
	var newest storage.Object
	defer func() {
		if newest != nil {
			_ = newest.Close()
		}
	}()
	version := uint64(0)
	for next, n := hint, uint64(3); ; n = min(2*(n-n%2), maxProbes) {
		objs, err := probe(ctx, s, shard, next, n)
		if err != nil {
			return nil, err
		}
		last := -1
		for i, o := range objs {
			if o != nil {
				last = i
			}
		}
		for i, o := range objs {
			switch {
			case i == last:
				if newest != nil {
					_ = newest.Close()
				}
				newest, version = o, next+uint64(i)
			case o != nil:
				_ = o.Close()
			}
		}
		if last < 0 || last+1 < len(objs) {
			break
		}
		next += n
	}
	if newest == nil { // the hint leads nowhere
		if newest, version, err = listNewest(ctx, s, shard); newest == nil || err != nil {
			return nil, err
		}
	}
	data, err := storage.ReadAll(ctx, newest, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	m, err := memwal.DecodeShardManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", newest.Path(), err)
	}
	if m.Version != version {
		return nil, fmt.Errorf("%s: %w: it holds version %d", newest.Path(), memwal.ErrCorrupt, m.Version)
	}
	return m, nil
}

// probe opens n versions at once; those that are not there stay nil. The caller closes them.
func probe(ctx context.Context, s storage.Store, shard string, from, n uint64) ([]storage.Object, error) {
	objs := make([]storage.Object, n)
	var g errgroup.Group
	for i := range objs {
		g.Go(func() error {
			o, err := s.Open(ctx, memwal.ManifestPath("", shard, from+uint64(i)))
			if err == nil {
				objs[i] = o
			} else if !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		for _, o := range objs {
			if o != nil {
				_ = o.Close()
			}
		}
		return nil, err
	}
	return objs, nil
}

// listNewest finds the newest manifest in a listing.
func listNewest(ctx context.Context, s storage.Store, shard string) (storage.Object, uint64, error) {
	entries, err := s.List(ctx, memwal.ManifestDirPath("", shard))
	if err != nil {
		return nil, 0, err
	}
	var version uint64
	for _, e := range entries {
		if _, _, v, ok := memwal.ParseManifestPath(path.Join(memwal.ManifestDirPath("", shard), e.Name())); ok {
			version = max(version, v)
		}
	}
	if version == 0 {
		return nil, 0, nil
	}
	o, err := s.Open(ctx, memwal.ManifestPath("", shard, version))
	return o, version, err
}
