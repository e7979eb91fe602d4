package admin

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/hearthcache/hearth/warm"
)

const (
	// defaultRuns and maxRuns bound the runs of one version in an answer of /residency.
	defaultRuns = 1000
	maxRuns     = 10_000
	// defaultObjects and maxObjects bound one answer of /objects.
	defaultObjects = 1000
	maxObjects     = 10_000
)

// residencyAnswer says which pages of an object are in memory. ETag and Size are what the
// origin is known to hold; absent if that is not known.
type residencyAnswer struct {
	Bucket    string            `json:"bucket"`
	Key       string            `json:"key"`
	ETag      string            `json:"etag,omitempty"`
	Size      *int64            `json:"size,omitempty"`
	PageBytes int               `json:"page_bytes"`
	Roles     []warm.RoleRange  `json:"roles,omitempty"`
	Versions  []residentVersion `json:"versions"`
}

// residentVersion describes the resident pages of one version.
type residentVersion struct {
	ETag          string     `json:"etag"`
	Size          int64      `json:"size"`
	Pages         int64      `json:"pages"`
	ResidentPages int64      `json:"resident_pages"`
	Pinned        bool       `json:"pinned,omitempty"`
	Runs          [][2]int64 `json:"runs"` // numbers of the first and the last page
	Cut           bool       `json:"cut,omitempty"`
}

// residency says which pages of an object are in memory, in runs, for each version of which
// there is anything, newest first. The origin is not asked.
//
//	GET /residency?path=s3://bucket/key&runs=1000
//
// runs is optional and bounds the runs of each version; "cut" says that there are more.
func (a *api) residency(w http.ResponseWriter, r *http.Request) error {
	var path, runs string
	if err := readQuery(r, map[string]*string{"path": &path, "runs": &runs}); err != nil {
		return err
	}
	p, err := a.pathIn("path", path)
	if err != nil {
		return err
	}
	if p.Key == "" {
		return faultIn("path", "names no object")
	}
	most, err := numberIn("runs", runs, defaultRuns, maxRuns)
	if err != nil {
		return err
	}
	strips := a.Objects.Pages().Strips(p.Bucket, p.Key, most)
	contents, ok := a.Warmer.Contents(p.Bucket, p.Key)
	if !ok && len(strips) == 0 {
		return fault(http.StatusNotFound, "not_found", "its generation has no such object")
	}
	answer := residencyAnswer{
		Bucket: p.Bucket, Key: p.Key, PageBytes: a.Objects.Pages().PageBytes(), Roles: contents.Ranges,
		Versions: make([]residentVersion, 0, len(strips)),
	}
	if contents.ETag != "" {
		answer.ETag, answer.Size = contents.ETag, &contents.Size
	} else if known := a.Objects.Explain(p.Bucket, p.Key).Facts; known != nil {
		answer.ETag, answer.Size = known.ETag, &known.Size
	}
	for _, s := range strips {
		v := residentVersion{
			ETag: s.Version.ETag, Size: s.Version.Size, Pages: s.Pages, ResidentPages: s.Resident, Pinned: s.Pinned, Cut: s.Cut,
			Runs: make([][2]int64, 0, len(s.Runs)),
		}
		for _, run := range s.Runs {
			v.Runs = append(v.Runs, [2]int64{run.First, run.Last})
		}
		answer.Versions = append(answer.Versions, v)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// objects lists the objects below a prefix that are known, by key, with what of each is
// resident: below a confirmed generation all of them ("known" is true), elsewhere those that
// have pages. The origin is not asked. The answer's elements are warm.ObjectInfo.
//
//	GET /objects?prefix=s3://bucket/dir/&after=s3://bucket/dir/key&limit=1000
//
// after and limit are optional; after is the path of the last object of the answer before,
// if that said "more".
func (a *api) objects(w http.ResponseWriter, r *http.Request) error {
	var prefix, after, limit string
	if err := readQuery(r, map[string]*string{"prefix": &prefix, "after": &after, "limit": &limit}); err != nil {
		return err
	}
	p, err := a.pathIn("prefix", prefix)
	if err != nil {
		return err
	}
	var last warm.Path
	if after != "" {
		if last, err = a.pathIn("after", after); err != nil {
			return err
		}
		if last.Bucket != p.Bucket {
			return faultIn("after", "is of another bucket than prefix")
		}
	}
	most, err := numberIn("limit", limit, defaultObjects, maxObjects)
	if err != nil {
		return err
	}
	answer := struct {
		Bucket  string            `json:"bucket"`
		Prefix  string            `json:"prefix"`
		Known   bool              `json:"known"`
		More    bool              `json:"more"`
		Objects []warm.ObjectInfo `json:"objects"`
	}{Bucket: p.Bucket, Prefix: p.Key}
	answer.Objects, answer.Known, answer.More = a.Warmer.Inside(p.Bucket, p.Key, last.Key, most)
	if answer.Objects == nil {
		answer.Objects = []warm.ObjectInfo{}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// numberIn reads a count from the named parameter; empty means otherwise.
func numberIn(name, value string, otherwise, most int) (int, error) {
	if value == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return 0, faultIn(name, fmt.Sprintf("not a number from 1 to %d", most))
	}
	return n, nil
}
