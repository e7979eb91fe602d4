package warm

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
)

var errRetired = errors.New("warm: retired")

// Retain says which generations of a table are live.
type Retain struct {
	// Table is the table's path.
	Table Path
	// Shard limits the call to one shard; empty means all.
	Shard string
	// Live are the generations that stay: directory names, or their paths.
	Live []string
	// Version of the shard's manifest that Live comes from; 0 if it is not known.
	// Generations first seen in a newer one stay.
	Version uint64
}

// Retained says what a Retain did.
type Retained struct {
	// Retired are the prefixes of what went, Live how many known generations stay because
	// they are live, Spared how many because they are newer or not published.
	Retired []string `json:"retired"`
	Live    int      `json:"live"`
	Spared  int      `json:"spared"`
	object.Dropped
	Pins int `json:"pins"` // taken back
}

// Retain drops everything of every known generation of a table that is not live: pages,
// facts, inventory, pins and jobs. What is on its way from the origin does not enter.
// Generations that are not known to be published, and those newer than r.Version, stay:
// a flush may have just written them. Only a manifest newer than r.Version (any, if that
// is 0) makes a dropped generation known again.
func (w *Warmer) Retain(ctx context.Context, r Retain) (Retained, error) {
	live, err := r.live()
	if err != nil {
		return Retained{}, err
	}
	table := strings.TrimSuffix(r.Table.Key, "/")
	out := Retained{Retired: []string{}}
	var gone []*publication.Generation
	for _, g := range w.objects.Generations().All() {
		if g.Bucket != r.Table.Bucket || g.Table != table || r.Shard != "" && g.Shard != r.Shard {
			continue
		}
		switch {
		case live[g.Dir] || live[g.Shard+"/"+g.Dir]:
			out.Live++
		case r.Version > 0 && g.Since() > r.Version:
			out.Spared++
		default:
			gone = append(gone, g)
		}
	}
	out.Spared += w.provisional(r.Table.Bucket, table, r.Shard)
	for _, g := range gone {
		dropped, pins, err := w.retire(ctx, Path{g.Bucket, g.Prefix}, r.Version)
		if err != nil {
			return out, err
		}
		out.Retired = append(out.Retired, g.Prefix)
		out.Pins += pins
		out.Objects += dropped.Objects
		out.Facts += dropped.Facts
		out.Pages += dropped.Pages
		out.Bytes += dropped.Bytes
		out.Decoded += dropped.Decoded
		out.DecodedBytes += dropped.DecodedBytes
		out.Generations++
	}
	slices.Sort(out.Retired)
	return out, nil
}

// live returns the live generations by directory, or shard and directory.
func (r Retain) live() (map[string]bool, error) {
	if r.Table.Bucket == "" || strings.Trim(r.Table.Key, "/") == "" {
		return nil, &FieldError{Field: "table", Message: "names no table"}
	}
	live := make(map[string]bool, len(r.Live))
	for _, name := range r.Live {
		key := name
		if strings.HasPrefix(name, scheme) {
			p, err := ParsePath(name)
			if err != nil {
				return nil, &FieldError{Field: "live", Message: err.Error()}
			}
			key = p.Key
		}
		key = strings.TrimSuffix(key, "/")
		if g, ok := generationOf(Path{r.Table.Bucket, key}); ok {
			live[g.shard.ID+"/"+g.dir] = true
			continue
		}
		if !memwal.ValidGenerationDir(key) {
			return nil, &FieldError{Field: "live", Message: "neither a generation's directory nor its path: " + name}
		}
		live[key] = true
	}
	return live, nil
}

// provisional counts the generations of a table that were warmed and are not known to be
// published.
func (w *Warmer) provisional(bucket, table, shard string) (n int) {
	last, _ := w.jobsOfGenerations()
	for path := range last {
		g, ok := generationOf(path)
		if ok && path.Bucket == bucket && g.shard.Table == table && (shard == "" || g.shard.ID == shard) &&
			w.registered(g) == nil && !w.objects.Generations().Retired(path.Bucket, path.Key) {
			n++
		}
	}
	return n
}

// retire forgets a generation for good. Its jobs end before its pages go, so that none
// brings them back; jobs of a path above it skip what is retired.
func (w *Warmer) retire(ctx context.Context, path Path, version uint64) (object.Dropped, int, error) {
	w.objects.Generations().Retire(path.Bucket, path.Key, version)
	w.mu.Lock()
	var jobs []*job
	for at, of := range w.live {
		if at.Bucket == path.Bucket && strings.HasPrefix(at.Key, path.Key) {
			jobs = append(jobs, of...)
		}
	}
	for _, j := range jobs {
		w.stopLocked(j, errRetired, ReasonRetired)
	}
	w.untrackLocked(path)
	decodings := w.forgetDecodingsLocked(path.Bucket, path.Key)
	if g, ok := generationOf(path); ok {
		w.wakePollLocked(g.shard)
	}
	w.mu.Unlock()
	for _, j := range jobs {
		select {
		case <-j.done:
		case <-ctx.Done():
			return object.Dropped{}, 0, ctx.Err()
		}
	}
	for _, d := range decodings {
		select {
		case <-d.done:
		case <-ctx.Done():
			return object.Dropped{}, 0, ctx.Err()
		}
	}
	pins := w.Release(path.Bucket, path.Key)
	dropped := w.objects.Invalidate(epoch.Scope{Bucket: path.Bucket, Key: path.Key, Prefix: true})
	w.log.Info("generation retired", "bucket", path.Bucket, "prefix", path.Key, "pages", dropped.Pages, "bytes", dropped.Bytes)
	w.metrics.retired.Inc()
	return dropped, pins, nil
}
