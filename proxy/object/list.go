package object

import (
	"context"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/publication"
)

// Inventory returns what lies below prefix, in order, if prefix lies at or below a
// published generation whose inventory is known or can be had; ok is false if the
// origin must list it. The entries are shared; do not change them.
func (s *Service) Inventory(ctx context.Context, bucket, prefix string) (entries []publication.Entry, ok bool) {
	if s.bypass.Load() || s.rules.Load().Classify(bucket, prefix).Rule != class.RuleGeneration {
		return nil, false
	}
	g := s.generations.Lookup(bucket, prefix)
	if g == nil {
		return nil, false
	}
	inventory := s.confirm(ctx, g)
	if inventory == nil {
		return nil, false
	}
	return inventory.Below(prefix), true
}

// List yields every object below prefix, in order: from the inventory of a published
// generation, else from the origin.
func (s *Service) List(ctx context.Context, bucket, prefix string, yield func(publication.Entry) error) error {
	if entries, ok := s.Inventory(ctx, bucket, prefix); ok {
		for _, e := range entries {
			if err := yield(e); err != nil {
				return err
			}
		}
		return nil
	}
	return s.origin.List(ctx, bucket, prefix, func(e origin.Entry) error {
		return yield(entryOf(e))
	})
}
