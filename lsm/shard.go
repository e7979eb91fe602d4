package lsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/wal"
)

// shards reads the newest manifest of every shard of the table at the root of a store, in the order of their ids.
func shards(ctx context.Context, s storage.Store, parallel int) ([]*memwal.ShardManifest, error) {
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
	g.SetLimit(max(parallel, 8))
	for i, name := range names {
		g.Go(func() error {
			m, err := wal.Newest(gctx, s, name)
			if err != nil {
				return fmt.Errorf("shard %s: %w", name, err)
			}
			if m != nil && m.ShardID == uuid.Nil {
				m.ShardID = uuid.MustParse(name)
			}
			if m != nil && m.ShardID.String() != name {
				return fmt.Errorf("shard %s: %w: its manifest is of shard %s", name, memwal.ErrCorrupt, m.ShardID)
			}
			found[i] = m
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := found[:0]
	for _, m := range found {
		if m != nil {
			out = append(out, m)
		}
	}
	return out, nil
}
