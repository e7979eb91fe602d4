package object

import (
	"fmt"
	"time"

	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/proxy/snapshot"
)

// An Explanation says how a key is treated and what is known of it. Reading it asks
// the origin nothing and changes nothing.
type Explanation struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Class  string `json:"class"`
	Rule   string `json:"rule"`
	MaxAge string `json:"max_age,omitempty"`
	// Why is the class in a sentence.
	Why        string                 `json:"why"`
	Bypassed   bool                   `json:"bypassed,omitempty"`
	Generation *GenerationExplanation `json:"generation,omitempty"`
	// Snapshot says what mutable_max_age makes of it, if the key's table has one.
	Snapshot *snapshot.Explanation `json:"snapshot,omitempty"`
	Facts    *FactsExplanation     `json:"facts,omitempty"`
	Versions []VersionExplanation  `json:"versions,omitempty"`
}

// GenerationExplanation describes the published generation that a key lies below.
type GenerationExplanation struct {
	Prefix  string `json:"prefix"`
	Number  uint64 `json:"generation"`
	State   string `json:"state"`
	Objects int    `json:"objects,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
}

// FactsExplanation is what the origin said of the key.
type FactsExplanation struct {
	ETag         string    `json:"etag"`
	Size         int64     `json:"size"`
	LastModified string    `json:"last_modified"`
	Confirmed    time.Time `json:"confirmed"`
}

// VersionExplanation describes the resident pages of one version.
type VersionExplanation struct {
	ETag          string `json:"etag"`
	Size          int64  `json:"size"`
	Pages         int64  `json:"pages"`
	ResidentPages int64  `json:"resident_pages"`
	ResidentBytes int64  `json:"resident_bytes"`
	Pinned        bool   `json:"pinned,omitempty"`
}

// Explain describes bucket/key.
func (s *Service) Explain(bucket, key string) Explanation {
	v := s.rules.Load().Classify(bucket, key)
	e := Explanation{Bucket: bucket, Key: key, Rule: v.Rule, Bypassed: s.Bypassed()}
	e.Class, e.Why = v.Class.String(), reason(v)
	if v.MaxAge > 0 {
		e.MaxAge = v.MaxAge.String()
	}
	if g := s.generations.Lookup(bucket, key); g != nil {
		state, inventory := g.State()
		e.Generation = &GenerationExplanation{Prefix: g.Prefix, Number: g.Number, State: state.String()}
		if inventory != nil {
			e.Generation.Objects, e.Generation.Bytes = inventory.Len(), inventory.Bytes()
		}
		if v.Rule == class.RuleGeneration {
			e.Class, e.Why = explainGeneration(state)
		}
	} else if v.Class == class.Immutable && s.demoted.has(bucket, key) {
		e.Class, e.Why = class.Revalidate.String(), "it was written twice although its name says that it never changes"
	}
	e.Snapshot = s.snapshots.Explain(bucket, key)
	if f, ok := s.facts.Get(bucket, key); ok {
		e.Facts = &FactsExplanation{ETag: f.ETag, Size: f.Size, LastModified: f.LastModified, Confirmed: f.Confirmed}
	}
	s.pages.Objects(bucket, key, func(o pagecache.ObjectInfo) bool {
		if o.Version.Key == key {
			e.Versions = append(e.Versions, VersionExplanation{
				ETag: o.Version.ETag, Size: o.Version.Size, Pages: s.pageCount(o.Version.Size),
				ResidentPages: o.ResidentPages, ResidentBytes: o.ResidentBytes, Pinned: o.Pinned,
			})
		}
		return true
	})
	return e
}

func reason(v class.Verdict) string {
	switch {
	case v.Rule == class.RuleGeneration:
		return "it lies below a generation that is not known to be published: each use is confirmed with the origin"
	case v.Class == class.Immutable:
		return "its name says that it never changes: served without asking"
	case v.Class == class.Never:
		return "it is mutable and must be current: always the origin"
	case v.MaxAge > 0:
		return fmt.Sprintf("each use is confirmed with the origin unless the last confirmation is younger than %s", v.MaxAge)
	default:
		return "each use is confirmed with the origin"
	}
}

func explainGeneration(state publication.State) (name, why string) {
	switch state {
	case publication.Confirmed:
		return class.Immutable.String(), "its generation is published and one listing confirmed it: served without asking"
	case publication.Violated:
		return class.Revalidate.String(), "its generation is published, but a write was seen below it: each use is confirmed with the origin"
	default:
		return class.Immutable.String(), "its generation is published: one listing confirms it at the next read, then it is served without asking"
	}
}
