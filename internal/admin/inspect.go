package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/warm"
)

const (
	// defaultGenerations and maxGenerations bound one answer of /generations.
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

// generations lists the generations that are known, with their state, by bucket, table,
// shard and number. The answer's elements are warm.GenerationInfo.
//
//	GET /generations?prefix=s3://bucket/table/&limit=1000&roles=true
//
// All parameters are optional. "total" counts those that match, "generations" holds the
// first of them. With roles=true each says by role what is resident, where that can be told.
func (a *api) generations(w http.ResponseWriter, r *http.Request) error {
	var prefix, limit, roles string
	if err := readQuery(r, map[string]*string{"prefix": &prefix, "limit": &limit, "roles": &roles}); err != nil {
		return err
	}
	most, err := numberIn("limit", limit, defaultGenerations, maxGenerations)
	if err != nil {
		return err
	}
	if roles != "" && roles != "true" && roles != "false" {
		return faultIn("roles", "not true or false")
	}
	var below warm.Path
	if prefix != "" {
		p, err := a.pathIn("prefix", prefix)
		if err != nil {
			return err
		}
		below = p
	}
	all := a.Warmer.Generations(func(bucket, prefix string) bool {
		return a.Allowed(bucket) && (below.Bucket == "" || bucket == below.Bucket && strings.HasPrefix(prefix, below.Key))
	})
	answer := struct {
		Total       int                   `json:"total"`
		Generations []warm.GenerationInfo `json:"generations"`
	}{Total: len(all), Generations: all[:min(len(all), most)]}
	if roles == "true" {
		a.Warmer.DescribeRoles(answer.Generations)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// stats returns the present numbers.
//
//	GET /stats
func (a *api) stats(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	var indexes *indexcache.Stats
	if a.Indexes != nil {
		s := a.Indexes()
		indexes = &s
	}
	writeJSON(w, http.StatusOK, struct {
		Version     string            `json:"version"`
		Uptime      warm.Duration     `json:"uptime"`
		Bypassed    bool              `json:"bypassed"`
		Generations int               `json:"generations"`
		Pages       pagecache.Stats   `json:"pages"`
		Indexes     *indexcache.Stats `json:"indexes,omitempty"`
		Warm        warm.Stats        `json:"warm"`
	}{
		Indexes: indexes,
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
