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

	// WriteThroughBytes were kept when the object was written, and are now known to be its.
	WriteThroughBytes int64

	unknown bool // the facts: without them even an empty object is not there
}

// Complete reports whether the whole object is resident.
func (l Loaded) Complete() bool { return l.Pages == l.ResidentPages && !l.unknown }

// Resident says how much of a listed object is in the cache, without asking the
// origin. Facts that differ from the listing count as nothing resident.
func (s *Service) Resident(bucket string, e publication.Entry) Loaded {
	return s.ResidentRange(bucket, e, 0, e.Size)
}

// ResidentRange is Resident for n bytes at off, which lie inside the object. Pages at its
// ends count whole.
func (s *Service) ResidentRange(bucket string, e publication.Entry, off, n int64) Loaded {
	f, ok := s.facts.Get(bucket, e.Key)
	if !ok || !sameTag(f.ETag, e.ETag) || f.Size != e.Size {
		return Loaded{Pages: s.pagesOf(off, n), unknown: true}
	}
	r := s.pages.Resident(pagecache.Version{Bucket: bucket, Key: e.Key, ETag: f.ETag, Size: f.Size}, off, n)
	return Loaded{Pages: r.Pages, ResidentPages: r.ResidentPages, ResidentBytes: r.ResidentBytes, AlreadyBytes: r.ResidentBytes}
}

func (s *Service) pageCount(size int64) int64 { return (size + s.pageBytes - 1) / s.pageBytes }

// pagesOf counts the pages that n bytes at off touch.
func (s *Service) pagesOf(off, n int64) int64 {
	if n == 0 {
		return 0
	}
	return (off+n-1)/s.pageBytes - off/s.pageBytes + 1
}

// ErrBypassed says that nothing is loaded while the cache is switched off.
var ErrBypassed = errors.New("object: the cache is switched off")

// Load makes a listed object resident at prefetch priority. It returns when that is
// done or failed; what was done before a failure is in the result. Only what is
// missing is fetched.
func (s *Service) Load(ctx context.Context, bucket string, e publication.Entry) (Loaded, error) {
	return s.LoadRange(ctx, bucket, e, 0, e.Size)
}

// LoadRange is Load for n bytes at off, which lie inside the object, and the rest of the
// pages that they touch.
func (s *Service) LoadRange(ctx context.Context, bucket string, e publication.Entry, off, n int64) (Loaded, error) {
	before := s.ResidentRange(bucket, e, off, n)
	if before.Complete() {
		return before, nil
	}
	if s.bypass.Load() {
		return before, fmt.Errorf("load %s/%s: %w", bucket, e.Key, ErrBypassed)
	}
	l := Loaded{Pages: before.Pages, AlreadyBytes: before.ResidentBytes, unknown: before.unknown}
	// Together with their checksums, which SDKs ask for, if one request brings it all.
	q := Request{Bucket: bucket, Key: e.Key, Checksums: e.Size <= s.runBytes}
	if off > 0 || n < e.Size {
		q.Range, q.Checksums = Range{Kind: RangeClosed, First: off, Last: off + n - 1}, false
	}
	want := expectation{etag: e.ETag, size: e.Size, given: true}

	f, since, done, err := s.awaitFacts(ctx, bucket, e.Key, want)
	defer done()
	var opened *pagecache.Opened
	switch {
	case err != nil:
	case want.met(&f) && f.ETag != "":
	case s.teedWhole(bucket, e.Key, want, q.Range):
		l.Heads++
		if f, err = s.head(ctx, bucket, e.Key, since, pagecache.Prefetch); err == nil { // pages may have gone while the origin was asked
			v := pagecache.Version{Bucket: bucket, Key: e.Key, ETag: f.ETag, Size: f.Size}
			l.WriteThroughBytes = s.pages.Resident(v, off, n).ResidentBytes
		}
	case e.Size == 0:
		l.Heads++
		f, err = s.head(ctx, bucket, e.Key, since, pagecache.Prefetch)
	default:
		l.Gets++
		f, opened, err = s.fetch(ctx, q, want, pagecache.Prefetch)
	}
	if err == nil && !want.met(&f) {
		_ = closeOpened(opened)
		err = mismatch(q, want, &f)
	}
	if err != nil {
		return l, fmt.Errorf("load %s/%s: %w", bucket, e.Key, err)
	}
	adopted := func() {
		if opened != nil {
			s.rememberStrong(since, bucket, e.Key, f)
		}
		done()
	}
	return s.prefetch(ctx, bucket, e, f, off, n, pagecache.ReadOptions{Epoch: since, Body: opened, Adopted: adopted}, l)
}

// awaitFacts returns the facts of an object that is to be loaded, if they are known or
// become known while somebody else is at it: a client, or another load. Otherwise the facts
// are empty, and others wait until done is called, which is to be when their pages can be
// joined. A client does not wait for a load, whose requests come after those of clients.
// since is an epoch taken before.
func (s *Service) awaitFacts(
	ctx context.Context, bucket, key string, want expectation,
) (f facts.Facts, since uint64, done func(), err error) {
	nothing := func() {}
	var lead func()
	led := false
	defer func() {
		if lead != nil && !led { // there is nothing to do, or a panic on its way
			lead()
		}
	}()
	for try := 0; ; try++ {
		wait := s.learning.under(bucket, key)
		if wait == nil {
			wait, lead = s.loading.join(bucket, key)
		}
		since = s.epochs.Now()
		if f, known := s.facts.Get(bucket, key); known && want.met(&f) {
			return f, since, nothing, nil
		}
		if lead != nil {
			led = true
			return facts.Facts{}, since, lead, nil
		}
		if try == shareTries {
			return facts.Facts{}, since, nothing, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return facts.Facts{}, since, nothing, context.Cause(ctx)
		}
	}
}

// ReadListed fills p with the bytes of a listed object from off on: from pages, and from
// the origin, under the listed entity tag, where they are missing. It fails with
// [ErrChanged] if the object is not what was listed any more.
func (s *Service) ReadListed(ctx context.Context, bucket string, e publication.Entry, p []byte, off int64) error {
	since := s.epochs.Now()
	version := pagecache.Version{Bucket: bucket, Key: e.Key, ETag: quoted(e.ETag), Size: e.Size}
	if f, ok := s.facts.Get(bucket, e.Key); ok && sameTag(f.ETag, e.ETag) && f.Size == e.Size {
		version.ETag = f.ETag
	}
	r := s.pages.Read(ctx, version, off, int64(len(p)), pagecache.ReadOptions{Epoch: since})
	defer func() { _ = r.Close() }() // never fails
	for len(p) > 0 {
		part, err := r.Next()
		if err != nil {
			return fmt.Errorf("read %s/%s: %w", bucket, e.Key, translate(err))
		}
		p = p[copy(p, part):]
	}
	return nil
}

func (s *Service) prefetch(
	ctx context.Context, bucket string, e publication.Entry, f facts.Facts, off, n int64, o pagecache.ReadOptions, l Loaded,
) (Loaded, error) {
	version := pagecache.Version{Bucket: bucket, Key: e.Key, ETag: f.ETag, Size: f.Size}
	var stats pagecache.ReadStats
	var err error
	if f.Size > 0 {
		stats, err = s.pages.Prefetch(ctx, version, off, n, o)
	}
	l.unknown = false
	l.Gets += stats.Runs
	l.OriginBytes = stats.Filled.Bytes
	now := s.pages.Resident(version, off, n)
	l.ResidentPages, l.ResidentBytes = now.ResidentPages, now.ResidentBytes
	if err != nil {
		return l, fmt.Errorf("load %s/%s: %w", bucket, e.Key, translate(err))
	}
	return l, nil
}
