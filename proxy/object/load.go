package object

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/facts"
	"github.com/hearthcache/hearth/proxy/publication"
)

// Loaded is what [Service.Load] did and found.
type Loaded struct {
	Gets, Heads   int64 // origin requests
	OriginBytes   int64 // bytes that came from the origin
	Pages         int64 // pages of the object
	ResidentPages int64 // of which are in the cache now
	ResidentBytes int64
	AlreadyBytes  int64 // resident before
}

// Complete reports whether the whole object is resident.
func (l Loaded) Complete() bool { return l.Pages == l.ResidentPages }

// Resident says how much of a listed object is in the cache, without asking the
// origin. Facts that differ from the listing count as nothing resident.
func (s *Service) Resident(bucket string, e publication.Entry) Loaded {
	f, ok := s.facts.Get(bucket, e.Key)
	if !ok || !sameTag(f.ETag, e.ETag) || f.Size != e.Size {
		return Loaded{Pages: s.pageCount(e.Size), ResidentPages: missingFacts(e.Size)}
	}
	r := s.pages.Resident(pagecache.Version{Bucket: bucket, Key: e.Key, ETag: f.ETag, Size: f.Size}, 0, f.Size)
	return Loaded{Pages: r.Pages, ResidentPages: r.ResidentPages, ResidentBytes: r.ResidentBytes, AlreadyBytes: r.ResidentBytes}
}

// missingFacts makes an empty object whose facts are not known incomplete.
func missingFacts(size int64) int64 {
	if size == 0 {
		return -1
	}
	return 0
}

func (s *Service) pageCount(size int64) int64 { return (size + s.pageBytes - 1) / s.pageBytes }

// Load makes a listed object resident at prefetch priority. It returns when that is
// done or failed; what was done before a failure is in the result. Only what is
// missing is fetched.
func (s *Service) Load(ctx context.Context, bucket string, e publication.Entry) (Loaded, error) {
	before := s.Resident(bucket, e)
	if before.Complete() {
		return before, nil
	}
	since := s.epochs.Now()
	l := Loaded{Pages: before.Pages, AlreadyBytes: before.ResidentBytes}
	q := Request{Bucket: bucket, Key: e.Key}
	want := expectation{etag: e.ETag, size: e.Size, given: true}

	f, known := s.facts.Get(bucket, e.Key)
	var opened *pagecache.Opened
	var err error
	switch {
	case known && want.met(&f):
	case e.Size == 0:
		l.Heads++
		f, err = s.head(ctx, bucket, e.Key, since)
	default:
		l.Gets++
		f, opened, err = s.fetch(ctx, q, want, since, pagecache.Prefetch)
	}
	if err == nil && !want.met(&f) {
		_ = closeOpened(opened)
		err = mismatch(q, want, &f)
	}
	if err != nil {
		return l, fmt.Errorf("load %s/%s: %w", bucket, e.Key, err)
	}
	return s.prefetch(ctx, bucket, e, f, pagecache.ReadOptions{Epoch: since, Body: opened}, l)
}

func (s *Service) prefetch(
	ctx context.Context, bucket string, e publication.Entry, f facts.Facts, o pagecache.ReadOptions, l Loaded,
) (Loaded, error) {
	version := pagecache.Version{Bucket: bucket, Key: e.Key, ETag: f.ETag, Size: f.Size}
	var stats pagecache.ReadStats
	var err error
	if f.Size > 0 {
		stats, err = s.pages.Prefetch(ctx, version, 0, f.Size, o)
	}
	l.Gets += stats.Runs
	l.OriginBytes = stats.Filled.Bytes
	now := s.pages.Resident(version, 0, f.Size)
	l.ResidentPages, l.ResidentBytes = now.ResidentPages, now.ResidentBytes
	if err != nil {
		return l, errors.Join(fmt.Errorf("load %s/%s: %w", bucket, e.Key, translate(err)))
	}
	return l, nil
}
