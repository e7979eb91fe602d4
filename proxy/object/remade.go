package object

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/publication"
)

// A table that is dropped and made again under its name has the same shards, whose
// manifests are numbered from 1 again. As long as a manifest of the old table counts as
// the newest, those of the new one say nothing. Shard manifests are never deleted while
// their table lives; so one that is known to have been there and is not any more tells.

// An awaited manifest is one that was seen, or an older one than was seen: it has to be
// there. The zero value is none.
type awaited struct {
	shard           publication.Shard
	version, newest uint64
}

// await returns what is known of a key before the origin is asked for it.
func (s *Service) await(bucket, key string) awaited {
	table, id, version, ok := memwal.ParseManifestPath(key)
	if !ok {
		return awaited{}
	}
	shard := publication.Shard{Bucket: bucket, Table: table, ID: id}
	newest, seen := s.generations.Newest(shard)
	if !seen || version > newest.Version {
		return awaited{}
	}
	return awaited{shard, version, newest.Version}
}

// missed reacts to the origin's word that there is no such object. Old manifests may have
// been cleaned up: it is the newest that counts.
func (s *Service) missed(ctx context.Context, a awaited) {
	if a.version == 0 || a.version < a.newest && !s.absent(ctx, a.shard, a.newest) {
		return
	}
	if newest, seen := s.generations.Newest(a.shard); !seen || newest.Version != a.newest {
		return // somebody has noticed, or it was made again already
	}
	s.log.Info("shard dropped behind this Hearth, forgetting its generations", "bucket", a.shard.Bucket, "table", a.shard.Table, "shard", a.shard.ID)
	s.generations.ForgetShard(a.shard)
	s.drop(epoch.Scope{Bucket: a.shard.Bucket, Key: memwal.ShardPath(a.shard.Table, a.shard.ID) + "/", Prefix: true})
}

// absent reports whether the origin says that there is no such manifest.
func (s *Service) absent(ctx context.Context, shard publication.Shard, version uint64) bool {
	slot, err := s.scheduler.Acquire(ctx, pagecache.Demand)
	if err != nil {
		return false
	}
	defer slot.Release()
	_, err = s.origin.Head(ctx, shard.Bucket, memwal.ManifestPath(shard.Table, shard.ID, version), nil)
	return errors.Is(err, origin.ErrNotFound)
}

// forwardRead sends a read on as it is.
func (s *Service) forwardRead(ctx context.Context, r *origin.Request) (*http.Response, error) {
	var a awaited
	if r.RawQuery == "" || strings.HasPrefix(r.RawQuery, "x-id=") && !strings.Contains(r.RawQuery, "&") {
		a = s.await(r.Bucket, r.Key)
	}
	response, err := s.do(ctx, r)
	if err == nil && response.StatusCode == http.StatusNotFound {
		s.missed(ctx, a)
	}
	return response, err
}

// streamNever answers a read of class never.
func (s *Service) streamNever(ctx context.Context, q Request) (*Object, error) {
	a := s.await(q.Bucket, q.Key)
	o, err := s.stream(ctx, q)
	if errors.Is(err, origin.ErrNotFound) {
		s.missed(ctx, a)
	}
	return o, err
}
