package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/warm"
)

const (
	// defaultGenerations and maxGenerations bound one answer of /generations: each of its
	// entries looks at every object of a generation.
	defaultGenerations = 1000
	maxGenerations     = 10_000
)

// explain says how a key is treated, why, and what of it is resident. The origin is not
// asked. The answer is an object.Explanation.
//
//	GET /explain?path=s3://bucket/key
func (a *api) explain(w http.ResponseWriter, r *http.Request) error {
	var path string
	if err := readQuery(r, map[string]*string{"path": &path}); err != nil {
		return err
	}
	p, err := a.pathIn("path", path)
	if err != nil {
		return err
	}
	if p.Key == "" {
		return faultIn("path", "names no object")
	}
	writeJSON(w, http.StatusOK, a.Objects.Explain(p.Bucket, p.Key))
	return nil
}

// generation is one element of the answer of /generations.
type generation struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
	Table  string `json:"table"`
	Shard  string `json:"shard"`
	Number uint64 `json:"generation"`
	State  string `json:"state"`
	// Known once the generation is confirmed.
	Objects         int   `json:"objects,omitempty"`
	Bytes           int64 `json:"bytes,omitempty"`
	ResidentObjects int   `json:"resident_objects,omitempty"`
	ResidentBytes   int64 `json:"resident_bytes,omitempty"`
}

// generations lists the published generations that are known, by bucket, table, shard
// and number.
//
//	GET /generations?prefix=s3://bucket/table/&limit=1000
//
// Both parameters are optional. "total" counts those that match, "generations" holds the
// first of them.
func (a *api) generations(w http.ResponseWriter, r *http.Request) error {
	var prefix, limit string
	if err := readQuery(r, map[string]*string{"prefix": &prefix, "limit": &limit}); err != nil {
		return err
	}
	most := defaultGenerations
	if limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > maxGenerations {
			return faultIn("limit", fmt.Sprintf("not a number from 1 to %d", maxGenerations))
		}
		most = n
	}
	var below warm.Path
	if prefix != "" {
		p, err := a.pathIn("prefix", prefix)
		if err != nil {
			return err
		}
		below = p
	}
	all := a.Objects.Generations().All()
	all = slices.DeleteFunc(all, func(g *publication.Generation) bool {
		return !a.Allowed(g.Bucket) ||
			below.Bucket != "" && (g.Bucket != below.Bucket || !strings.HasPrefix(g.Prefix, below.Key))
	})
	slices.SortFunc(all, func(a, b *publication.Generation) int {
		return cmp.Or(strings.Compare(a.Bucket, b.Bucket), strings.Compare(a.Table, b.Table),
			strings.Compare(a.Shard, b.Shard), cmp.Compare(a.Number, b.Number), strings.Compare(a.Dir, b.Dir))
	})
	answer := struct {
		Total       int          `json:"total"`
		Generations []generation `json:"generations"`
	}{Total: len(all), Generations: []generation{}}
	for _, g := range all[:min(len(all), most)] {
		answer.Generations = append(answer.Generations, a.generation(g))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (a *api) generation(g *publication.Generation) generation {
	state, inventory := g.State()
	d := generation{
		Bucket: g.Bucket, Prefix: g.Prefix, Table: g.Table, Shard: g.Shard, Number: g.Number, State: state.String(),
	}
	if inventory == nil {
		return d
	}
	d.Objects, d.Bytes = inventory.Len(), inventory.Bytes()
	for _, e := range inventory.Below(g.Prefix) {
		l := a.Objects.Resident(g.Bucket, e)
		d.ResidentBytes += l.ResidentBytes
		if l.Complete() {
			d.ResidentObjects++
		}
	}
	return d
}

// stats returns the present numbers.
//
//	GET /stats
func (a *api) stats(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Version     string          `json:"version"`
		Uptime      warm.Duration   `json:"uptime"`
		Bypassed    bool            `json:"bypassed"`
		Generations int             `json:"generations"`
		Pages       pagecache.Stats `json:"pages"`
		Warm        warm.Stats      `json:"warm"`
	}{
		Version: a.Version, Uptime: warm.Duration(time.Since(a.started).Round(time.Second)), Bypassed: a.Objects.Bypassed(),
		Generations: a.Objects.Generations().Len(), Pages: a.Objects.Pages().Stats(), Warm: a.Warmer.Stats(),
	})
	return nil
}

// config returns the resolved settings, without secrets.
//
//	GET /config
func (a *api) config(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, a.Config())
	return nil
}
