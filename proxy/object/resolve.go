package object

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/pagecache"
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
		if v.inventory = s.confirm(ctx, v.generation); v.inventory != nil {
			v.Class = class.Immutable
		}
	}
	if v.Class == class.Immutable && s.demoted.has(bucket, key) {
		v.Class, v.inventory = class.Revalidate, nil
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
	if state, inventory := g.State(); state != publication.Published {
		return inventory
	}
	if s.unconfirmed.lately(g, s.now()) {
		return nil
	}
	inventory, err := s.confirmWith(ctx, g, func(ctx context.Context) (*publication.Inventory, error) {
		if s.unconfirmed.lately(g, s.now()) { // by the one this reader has waited for
			return nil, errUnconfirmed
		}
		entries, err := s.listGeneration(ctx, g)
		if err != nil {
			if ctx.Err() == nil {
				s.unconfirmed.note(g, s.now().Add(confirmPause))
				if !errors.Is(err, errUnusable) {
					s.log.Warn("generation not confirmed, revalidating", "bucket", g.Bucket, "prefix", g.Prefix, "err", err)
				}
			}
			return nil, err
		}
		return s.confirmed(g, entries), nil
	})
	if err != nil {
		return nil
	}
	return inventory
}

// confirmWith is Confirm of a generation. What can never serve as its inventory is not
// asked for again for a while.
func (s *Service) confirmWith(
	ctx context.Context, g *publication.Generation, list func(context.Context) (*publication.Inventory, error),
) (*publication.Inventory, error) {
	inventory, err := g.Confirm(ctx, list)
	if errors.Is(err, errUnusable) || errors.Is(err, publication.ErrTooLarge) {
		s.log.Warn("listing of a generation cannot be kept, revalidating", "bucket", g.Bucket, "prefix", g.Prefix, "err", err)
		s.unconfirmed.note(g, s.now().Add(unusablePause))
	}
	return inventory, err
}

// maxInventory bounds the objects of a generation that is confirmed: one has a few dozen.
const maxInventory = 100_000

var (
	// errUnconfirmed says that a listing failed a moment ago.
	errUnconfirmed = errors.New("object: generation cannot be confirmed")
	// errUnusable says that a listing cannot serve as an inventory.
	errUnusable = errors.New("object: listing is no inventory")
)

// listGeneration lists what lies below g, as an inventory needs it.
func (s *Service) listGeneration(ctx context.Context, g *publication.Generation) ([]publication.Entry, error) {
	slot, err := s.scheduler.Acquire(ctx, pagecache.Demand)
	if err != nil {
		return nil, err
	}
	defer slot.Release()
	var entries []publication.Entry
	err = s.origin.List(ctx, g.Bucket, g.Prefix, func(e origin.Entry) error {
		entries = append(entries, entryOf(e))
		if len(entries) > maxInventory {
			return usable(entries)
		}
		return nil
	})
	if err == nil {
		err = usable(entries)
	}
	return entries, err
}

// usable reports why entries cannot serve as an inventory.
func usable(entries []publication.Entry) error {
	if len(entries) > maxInventory {
		return fmt.Errorf("%w: more than %d objects", errUnusable, maxInventory)
	}
	for i := range entries {
		if quoted(entries[i].ETag) == "" {
			return fmt.Errorf("%w: the origin lists no entity tags", errUnusable)
		}
	}
	return nil
}

// entryOf puts an origin's listing into this package's words.
func entryOf(e origin.Entry) publication.Entry {
	return publication.Entry{Key: e.Key, Size: e.Size, ETag: e.ETag, LastModified: e.LastModified, Raw: e.Raw}
}

const (
	// confirmPause is how long a generation whose listing failed is revalidated before it is
	// listed again: readers do not queue for an origin that is ill.
	confirmPause = time.Second
	// unusablePause is how long one is whose listing cannot serve as an inventory. It will
	// be the same the next time.
	unusablePause = 5 * time.Minute
)

// maxFailures bounds what is remembered; forgetting costs a listing.
const maxFailures = 4096

// failures remember until when generations are not to be listed. The zero value is empty.
type failures struct {
	mu    sync.Mutex
	until map[*publication.Generation]time.Time // Guarded by mu
}

func (f *failures) lately(g *publication.Generation, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	until, ok := f.until[g]
	if ok && !now.Before(until) {
		delete(f.until, g)
		ok = false
	}
	return ok
}

func (f *failures) note(g *publication.Generation, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil || len(f.until) == maxFailures {
		f.until = make(map[*publication.Generation]time.Time)
	}
	f.until[g] = until
}

// sameTag compares entity tags of a listing and of an object; some stores leave the
// quotes out of one of them.
func sameTag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }
