package warm

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/publication"
)

// GenerationState is how far Hearth is with a generation.
type GenerationState string

const (
	// GenerationUnknown: published, and nothing of it was warmed or is known to be resident.
	GenerationUnknown GenerationState = "unknown"
	// GenerationProvisional: warmed, and not known to be published.
	GenerationProvisional GenerationState = "provisional"
	// GenerationWarming: a job for it waits or runs.
	GenerationWarming GenerationState = "warming"
	// GenerationWarm: published, confirmed, and every page is resident.
	GenerationWarm GenerationState = "warm"
	// GenerationPartial: some of it is resident.
	GenerationPartial GenerationState = "partial"
	// GenerationFailed: the last job for it failed, and nothing of it is resident.
	GenerationFailed GenerationState = "failed"
	// GenerationRetired: it is no longer live, and everything of it was dropped.
	GenerationRetired GenerationState = "retired"
)

// GenerationStates returns all states.
func GenerationStates() []GenerationState {
	return []GenerationState{
		GenerationUnknown, GenerationProvisional, GenerationWarming, GenerationWarm, GenerationPartial, GenerationFailed,
		GenerationRetired,
	}
}

// GenerationInfo describes one generation.
type GenerationInfo struct {
	Bucket string          `json:"bucket"`
	Prefix string          `json:"prefix"`
	Table  string          `json:"table"`
	Shard  string          `json:"shard"`
	Number uint64          `json:"generation"`
	State  GenerationState `json:"state"`
	// Publication is how far that is known: published, confirmed or violated; empty if it
	// is not.
	Publication string `json:"publication,omitempty"`
	Pinned      bool   `json:"pinned,omitempty"`
	// Known once the generation is confirmed.
	Objects         int   `json:"objects,omitempty"`
	Bytes           int64 `json:"bytes,omitempty"`
	ResidentObjects int   `json:"resident_objects,omitempty"`
	ResidentBytes   int64 `json:"resident_bytes,omitempty"`
	// Roles say the same by role, if [Warmer.DescribeRoles] was asked and it can be told.
	Roles map[Role]RoleResidency `json:"roles,omitempty"`
	// Decoded objects that are kept of it, and their bytes.
	DecodedObjects int   `json:"decoded_objects,omitempty"`
	DecodedBytes   int64 `json:"decoded_bytes,omitempty"`
	// Error is what the last job failed of.
	Error string `json:"error,omitempty"`
}

// maxTracked bounds the generations whose last job is remembered.
const maxTracked = 8192

// tracked is what is remembered of a generation's last job. Guarded by Warmer.mu.
type tracked struct {
	ended bool
	state State
	err   string
}

// trackLocked remembers that a job for a generation was made, or how it ended. The oldest
// is forgotten if there are too many.
func (w *Warmer) trackLocked(path Path, t tracked) {
	g, ok := generationOf(path)
	if !ok || g.path != path {
		return
	}
	if _, known := w.tracked[path]; !known {
		if len(w.trackedOrder) == maxTracked {
			delete(w.tracked, w.trackedOrder[0])
			w.trackedOrder = slices.Delete(w.trackedOrder, 0, 1)
		}
		w.trackedOrder = append(w.trackedOrder, path)
	}
	w.tracked[path] = t
}

func (w *Warmer) untrackLocked(path Path) {
	if _, known := w.tracked[path]; known {
		delete(w.tracked, path)
		i := slices.Index(w.trackedOrder, path)
		w.trackedOrder = slices.Delete(w.trackedOrder, i, i+1)
	}
}

// Generations describes the generations that keep wants, which is asked with bucket and
// prefix (nil wants all), by bucket, table, shard and number. The origin is not asked.
func (w *Warmer) Generations(keep func(bucket, prefix string) bool) []GenerationInfo {
	found := make(map[Path]*publication.Generation)
	for _, g := range w.objects.Generations().All() {
		found[Path{g.Bucket, g.Prefix}] = g
	}
	last, live := w.jobsOfGenerations()
	for path := range last {
		if _, known := found[path]; !known {
			found[path] = nil
		}
	}
	for _, name := range w.objects.Generations().RetiredPrefixes() {
		path := Path{name[0], name[1]}
		if _, known := found[path]; !known {
			found[path] = nil
		}
	}
	all := make([]GenerationInfo, 0, len(found))
	for path, published := range found {
		if keep == nil || keep(path.Bucket, path.Key) {
			all = append(all, w.describe(path, published, last[path], live[path]))
		}
	}
	slices.SortFunc(all, func(a, b GenerationInfo) int {
		return cmp.Or(strings.Compare(a.Bucket, b.Bucket), strings.Compare(a.Table, b.Table),
			strings.Compare(a.Shard, b.Shard), cmp.Compare(a.Number, b.Number), strings.Compare(a.Prefix, b.Prefix))
	})
	return all
}

// jobsOfGenerations returns the last job of each generation, and which have one now.
func (w *Warmer) jobsOfGenerations() (last map[Path]tracked, live map[Path]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, live = make(map[Path]tracked, len(w.tracked)), make(map[Path]bool)
	for path, t := range w.tracked {
		last[path] = t
		live[path] = len(w.live[path]) > 0
	}
	return last, live
}

func (w *Warmer) describe(path Path, g *publication.Generation, last tracked, live bool) GenerationInfo {
	info := GenerationInfo{Bucket: path.Bucket, Prefix: path.Key, Error: last.err, Pinned: w.pins.has(path)}
	if at, ok := generationOf(path); ok {
		info.Table, info.Shard = at.shard.Table, at.shard.ID
		info.Number, _ = memwal.ParseGenerationDir(at.dir)
	}
	var inventory *publication.Inventory
	if g != nil {
		var state publication.State
		state, inventory = g.State()
		info.Number, info.Publication = g.Number, state.String()
	}
	if inventory != nil {
		for _, e := range inventory.Below(path.Key) {
			if idle(e.Key) {
				continue
			}
			info.Objects++
			info.Bytes += e.Size
			l := w.objects.ResidentRange(path.Bucket, e, 0, e.Size)
			info.ResidentBytes += l.ResidentBytes
			if l.Complete() {
				info.ResidentObjects++
			}
		}
	}
	if w.o.Decoder != nil {
		d := w.o.Decoder.Decoded(path)
		info.DecodedObjects, info.DecodedBytes = d.Objects, d.Bytes
	}
	switch {
	case live:
		info.State = GenerationWarming
	case g == nil && w.objects.Generations().Retired(path.Bucket, path.Key):
		info.State = GenerationRetired
	case inventory != nil && info.ResidentObjects == info.Objects:
		info.State = GenerationWarm
	case info.ResidentBytes > 0:
		info.State = GenerationPartial
	case last.state == Failed:
		info.State = GenerationFailed
	case g == nil:
		info.State = GenerationProvisional
	default:
		info.State = GenerationUnknown
	}
	return info
}

// countStates counts the generations by state.
func (w *Warmer) countStates() map[GenerationState]int {
	counts := make(map[GenerationState]int)
	for _, info := range w.Generations(nil) {
		counts[info.State]++
	}
	return counts
}
