package object

import (
	"context"
	"strings"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/publication"
)

// A verdict is a key's class after publication and demotion were considered.
type verdict struct {
	class.Verdict
	// generation is the published generation that the key lies below, if any.
	generation *publication.Generation
	// inventory is set if that generation is confirmed: the class is then Immutable.
	inventory *publication.Inventory
}

// resolve classifies bucket/key for a read. If the key lies below a generation that
// is published but not confirmed, it waits for the one listing that confirms it; if
// that fails the key is revalidated, which is always right.
func (s *Service) resolve(ctx context.Context, bucket, key string) verdict {
	v := verdict{Verdict: s.rules.Load().Classify(bucket, key)}
	if v.Rule == class.RuleGeneration {
		v.generation = s.generations.Lookup(bucket, key)
		s.tellOpened(bucket, key, v.generation)
		if v.generation == nil {
			return v
		}
		v.inventory = s.confirm(ctx, v.generation)
		if v.inventory != nil {
			v.Class = class.Immutable
		}
		return v
	}
	if v.Class == class.Immutable && s.demoted.has(bucket, key) {
		v.Class = class.Revalidate
	}
	return v
}

// Classify returns the class that the rules give a key, publication aside.
func (s *Service) Classify(bucket, key string) class.Class {
	return s.rules.Load().Classify(bucket, key).Class
}

// confirm returns the inventory of a published generation, listing it if nobody did
// yet, or nil if it is violated or cannot be listed.
func (s *Service) confirm(ctx context.Context, g *publication.Generation) *publication.Inventory {
	inventory, err := g.Confirm(ctx, func(ctx context.Context) (*publication.Inventory, error) {
		var entries []publication.Entry
		err := s.origin.List(ctx, g.Bucket, g.Prefix, func(e origin.Entry) error {
			entries = append(entries, publication.Entry{
				Key: e.Key, Size: e.Size, ETag: e.ETag, LastModified: e.LastModified, Raw: e.Raw,
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
		return s.confirmed(g, entries), nil
	})
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("generation not confirmed, revalidating", "bucket", g.Bucket, "prefix", g.Prefix, "err", err)
		}
		return nil
	}
	return inventory
}

// sameTag compares entity tags of a listing and of an object; some stores leave the
// quotes out of one of them.
func sameTag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }
