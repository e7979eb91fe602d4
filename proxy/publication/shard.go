package publication

import (
	"github.com/hearthcache/hearth/lance/memwal"
)

// A Shard names one shard of a table.
type Shard struct {
	Bucket string
	Table  string // key prefix, without a slash at its end
	ID     string // the directory below _mem_wal
}

// newest is what the newest manifest of a shard that was seen says.
type newest struct {
	version uint64
	next    uint64 // number that the next generation gets
	live    map[string]struct{}
}

// names reports whether a manifest's word that a generation is live counts: if a newer
// one is known, that one decides.
func (n *newest) names(version uint64, dir string) bool {
	if n == nil || version >= n.version {
		return true
	}
	_, live := n.live[dir]
	return live
}

// newestLocked remembers m if it is the newest manifest of its shard, and returns the one
// that is; nil if there is no room to remember it. A manifest is written once: one that
// says something else than before under the same number is of another table, made again
// under the name of the old one.
func (r *Registry) newestLocked(shard Shard, m *memwal.ShardManifest) *newest {
	n := r.shards[shard]
	if n != nil && m.Version == n.version && !n.says(m) {
		r.forgetShardLocked(shard)
		n = nil
	}
	if n != nil && m.Version <= n.version {
		return n
	}
	if n == nil && len(r.shards) >= r.max {
		return nil
	}
	n = &newest{version: m.Version, next: m.CurrentGeneration, live: make(map[string]struct{}, len(m.SSTables))}
	for _, t := range m.SSTables {
		n.live[t.Path] = struct{}{}
	}
	r.shards[shard] = n
	return n
}

// says reports whether n is what m says.
func (n *newest) says(m *memwal.ShardManifest) bool {
	for _, t := range m.SSTables {
		if _, live := n.live[t.Path]; !live {
			return false
		}
	}
	return len(n.live) == len(m.SSTables) && n.next == m.CurrentGeneration
}

// Newest describes the newest manifest of a shard that was seen.
type Newest struct {
	Version uint64
	// NextGeneration is the number that the next generation gets.
	NextGeneration uint64
}

// Newest returns the newest manifest of a shard that was seen, by whomever it was read.
func (r *Registry) Newest(shard Shard) (Newest, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := r.shards[shard]
	if n == nil {
		return Newest{}, false
	}
	return Newest{Version: n.version, NextGeneration: n.next}, true
}

// Dropped returns the known generations of a shard that its newest manifest does not
// name any more.
func (r *Registry) Dropped(shard Shard) []*Generation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := r.shards[shard]
	if n == nil {
		return nil
	}
	var gone []*Generation
	for _, g := range r.gens {
		if g.Bucket != shard.Bucket || g.Table != shard.Table || g.Shard != shard.ID {
			continue
		}
		if _, live := n.live[g.Dir]; !live {
			gone = append(gone, g)
		}
	}
	return gone
}

// ForgetShard forgets which manifest of a shard is the newest: its table was dropped, and
// if it is made again, versions begin anew. What was published of the old table is
// violated: it is gone, or about to go.
func (r *Registry) ForgetShard(shard Shard) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetShardLocked(shard)
}

func (r *Registry) forgetShardLocked(shard Shard) {
	delete(r.shards, shard)
	for _, g := range r.gens {
		if g.Bucket == shard.Bucket && g.Table == shard.Table && g.Shard == shard.ID {
			g.Violate()
		}
	}
}

// Retire forgets a generation for good: manifests up to a version, which dropped it, do
// not bring it back. Version 0 says that only the next manifest to name it decides.
// prefix ends with a slash.
func (r *Registry) Retire(bucket, prefix string, version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := id{bucket, prefix}
	r.forgetLocked(name)
	r.retired.add(name, version)
}

// Retired reports whether a key lies below a generation that was retired and not named
// by a manifest since.
func (r *Registry) Retired(bucket, key string) bool {
	prefix, ok := PrefixOf(key)
	if !ok {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok = r.retired.versions[id{bucket, prefix}]
	return ok
}

// RetiredPrefixes returns bucket and prefix of the retired generations that are
// remembered, oldest first.
func (r *Registry) RetiredPrefixes() [][2]string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([][2]string, len(r.retired.order))
	for i, name := range r.retired.order {
		all[i] = [2]string{name.bucket, name.prefix}
	}
	return all
}

// maxRetired bounds the retired generations that are remembered. One that is forgotten
// is unknown again, as if it had never been read.
const maxRetired = 4096

// retirements remember what was retired. The zero value is empty.
type retirements struct {
	versions map[id]uint64
	order    []id // oldest first
}

func (t *retirements) add(name id, version uint64) {
	t.lift(name)
	if t.versions == nil {
		t.versions = make(map[id]uint64)
	}
	if len(t.order) == maxRetired {
		delete(t.versions, t.order[0])
		t.order = append(t.order[:0], t.order[1:]...)
	}
	t.versions[name] = version
	t.order = append(t.order, name)
}

// bars reports whether a manifest is too old to bring a generation back.
func (t *retirements) bars(name id, version uint64) bool {
	at, ok := t.versions[name]
	return ok && version <= at
}

func (t *retirements) lift(name id) {
	if _, ok := t.versions[name]; !ok {
		return
	}
	delete(t.versions, name)
	for i := range t.order {
		if t.order[i] == name {
			t.order = append(t.order[:i], t.order[i+1:]...)
			return
		}
	}
}
