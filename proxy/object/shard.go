package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/publication"
)

// ErrTooLarge says that an object that was to be read whole is larger than allowed.
var ErrTooLarge = errors.New("object: too large to be read whole")

// ReadAll reads a whole object of at most limit bytes, as a client would: from the cache
// if its class allows it. It returns new memory, and the errors of Get or [ErrTooLarge].
func (s *Service) ReadAll(ctx context.Context, bucket, key string, limit int64) ([]byte, error) {
	o, err := s.Get(ctx, Request{Bucket: bucket, Key: key})
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }() // read to its end, or given up
	if o.Status != http.StatusOK || o.Body == nil {
		return nil, fmt.Errorf("read %s/%s: %w: status %d", bucket, key, origin.ErrCorrupt, o.Status)
	}
	if o.Length > limit {
		return nil, fmt.Errorf("read %s/%s: %w: %d bytes", bucket, key, ErrTooLarge, o.Length)
	}
	contents := make([]byte, 0, max(o.Length, 0))
	for {
		p, err := o.Body.Next()
		if err == io.EOF {
			return contents, nil
		}
		if err != nil {
			return nil, err
		}
		if int64(len(contents)+len(p)) > limit {
			return nil, fmt.Errorf("read %s/%s: %w", bucket, key, ErrTooLarge)
		}
		contents = append(contents, p...)
	}
}

// ReadShardManifest reads one version of a shard's manifest and takes it to Observe. It
// fails as ReadAll does: with [origin.ErrNotFound] if there is no such version.
func (s *Service) ReadShardManifest(ctx context.Context, shard publication.Shard, version uint64) error {
	key := memwal.ManifestPath(shard.Table, shard.ID, version)
	contents, err := s.ReadAll(ctx, shard.Bucket, key, MaxManifestBytes)
	if err != nil {
		return err
	}
	s.Observe(shard.Bucket, key, contents)
	return nil
}

// ReadVersionHint returns the version that the hint beside a shard's manifests names: it
// was committed before this call returned, and may not be the newest. It fails as ReadAll
// does, or because the hint is malformed.
func (s *Service) ReadVersionHint(ctx context.Context, shard publication.Shard) (uint64, error) {
	contents, err := s.ReadAll(ctx, shard.Bucket, memwal.VersionHintPath(shard.Table, shard.ID), 4<<10)
	if err != nil {
		return 0, err
	}
	return memwal.DecodeVersionHint(contents)
}

// Confirm gives a published generation the inventory that a listing of it yielded, unless
// it has one already, and returns the one it has then; nil if it is violated. The listing
// must have begun after the generation was published. Confirm takes ownership of entries.
func (s *Service) Confirm(ctx context.Context, g *publication.Generation, entries []publication.Entry) (*publication.Inventory, error) {
	return s.confirmWith(ctx, g, func(context.Context) (*publication.Inventory, error) {
		if err := usable(entries); err != nil {
			return nil, err
		}
		return s.confirmed(g, entries), nil
	})
}

// confirmed makes an inventory and drops what was learned of its objects before the
// writer replaced them.
func (s *Service) confirmed(g *publication.Generation, entries []publication.Entry) *publication.Inventory {
	inventory := publication.NewInventory(entries)
	for i := range entries {
		e := &entries[i]
		if f, ok := s.facts.Get(g.Bucket, e.Key); ok && (!sameTag(f.ETag, e.ETag) || f.Size != e.Size) {
			s.invalidateKey(g.Bucket, e.Key)
		}
	}
	return inventory
}

// OnOpen has f called when an object below a generation is read: for the first time since
// the generation was found to be published, or, while it is not known to be (g is nil),
// at each read. f must be quick and must not block. It replaces the function given
// before; nil takes it away.
func (s *Service) OnOpen(f func(bucket, key string, g *publication.Generation)) {
	if f == nil {
		s.opened.Store(nil)
		return
	}
	s.opened.Store(&f)
}

// tellOpened calls what OnOpen was given.
func (s *Service) tellOpened(bucket, key string, g *publication.Generation) {
	if f := s.opened.Load(); f != nil && (g == nil || g.Open()) {
		(*f)(bucket, key, g)
	}
}
