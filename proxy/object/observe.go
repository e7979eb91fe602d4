package object

import (
	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/lance/memwal"
)

// MaxManifestBytes bounds the shard manifests that are looked into. One names at most
// a few thousand generations, some 60 bytes each.
const MaxManifestBytes = 4 << 20

// IsShardManifest reports whether Observe wants the contents of key.
func IsShardManifest(key string) bool {
	_, _, _, ok := memwal.ParseManifestPath(key)
	return ok
}

// Observe takes the contents of a shard manifest that was read from, or written to,
// the origin: the generations it names are published. It returns how many of them were
// not known to be.
func (s *Service) Observe(bucket, key string, contents []byte) int {
	manifest, err := memwal.DecodeShardManifest(contents)
	if err != nil {
		s.metrics.malformed.Inc()
		s.log.Warn("shard manifest not understood", "bucket", bucket, "key", key, "err", err)
		return 0
	}
	fresh := s.generations.Observe(bucket, key, manifest)
	for _, g := range fresh {
		s.tellDropped(epoch.Scope{Bucket: g.Bucket, Key: g.Prefix, Prefix: true})
		s.log.Info("generation published", "bucket", g.Bucket, "prefix", g.Prefix, "generation", g.Number)
	}
	return len(fresh)
}
