package object

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/facts"
)

// A Request asks for an object or a part of it.
type Request struct {
	Bucket, Key string
	Range       Range
	Conditions  Conditions
	// Checksums says that the checksums of the whole object are wanted with it.
	Checksums bool
	// DescribeOnly asks for facts alone: HEAD.
	DescribeOnly bool
}

// Outcome says where an answer came from.
type Outcome string

const (
	Hit         Outcome = "hit"         // facts and all bytes were here
	Miss        Outcome = "miss"        // none of the bytes were
	Partial     Outcome = "partial"     // some of them were
	Revalidated Outcome = "revalidated" // all were, and the origin confirmed them
	Bypass      Outcome = "bypass"      // the cache had no part in it
)

// An Object is the answer to a [Request].
type Object struct {
	Facts facts.Facts
	// Status is 200 or 206 with a body, 304, 412 or 416 without.
	Status int
	// Offset and Length say which bytes of the object the body is.
	Offset, Length int64
	// Body is nil if the request or the status has none. Close the object to close it.
	Body    *Body
	Outcome Outcome
	// Age is how old the answer may be, if it comes from a snapshot; else 0.
	Age time.Duration
}

// Close closes the body, if there is one.
func (o *Object) Close() error {
	if o.Body == nil {
		return nil
	}
	return o.Body.Close()
}

// Get answers q. An error is the origin's (see package origin; a *origin.StatusError
// in it can be relayed as it is), [ErrNotFound], [ErrChanged], [ErrForward], or ctx's.
func (s *Service) Get(ctx context.Context, q Request) (*Object, error) {
	if s.bypass.Load() {
		s.metrics.bypassed.Inc()
		return s.count(s.stream(ctx, q))
	}
	v := s.resolve(ctx, q.Bucket, q.Key)
	s.metrics.classes[v.Class].Inc()
	o, err := s.count(s.get(ctx, q, v))
	if err == nil && o.Status == http.StatusPreconditionFailed {
		s.snapshots.Conflict(q.Bucket, q.Key)
	}
	return o, err
}

// count records how a request ended.
func (s *Service) count(o *Object, err error) (*Object, error) {
	if err != nil {
		s.metrics.failures.Inc()
	} else {
		s.metrics.outcomes[o.Outcome].Inc()
	}
	return o, err
}

// get answers q by its class, starting over once if the object changes meanwhile.
func (s *Service) get(ctx context.Context, q Request, v verdict) (o *Object, err error) {
	for attempt := 0; ; attempt++ {
		switch v.Class {
		case class.Never:
			o, err = s.streamNever(ctx, q)
		case class.Immutable:
			o, err = s.getImmutable(ctx, q, v)
		default:
			o, err = s.getRevalidated(ctx, q, v)
		}
		if !errors.Is(err, ErrChanged) {
			return o, err
		}
		s.changed(q.Bucket, q.Key, v)
		if attempt == 1 {
			return o, err
		}
		v = s.resolve(ctx, q.Bucket, q.Key)
	}
}

// changed reacts to an object that was not what it was known to be.
func (s *Service) changed(bucket, key string, v verdict) {
	if v.Class == class.Immutable {
		s.metrics.violations.Inc()
		s.log.Warn("object of class immutable changed, revalidating it from now on", "bucket", bucket, "key", key)
		if v.generation != nil {
			v.generation.Violate()
		} else {
			s.demoted.add(bucket, key)
		}
	}
	s.invalidateKey(bucket, key)
}

// getImmutable answers from what is known, learning it first if need be.
func (s *Service) getImmutable(ctx context.Context, q Request, v verdict) (*Object, error) {
	want := expectation{}
	if v.inventory != nil {
		entry, ok := v.inventory.Find(q.Key)
		if !ok {
			return nil, fmt.Errorf("%w: %s/%s", ErrNotFound, q.Bucket, q.Key)
		}
		want = expectation{etag: entry.ETag, size: entry.Size, given: true}
	}
	since := s.epochs.Now()
	if f, ok := s.facts.Get(q.Bucket, q.Key); ok && want.met(&f) {
		if !q.Checksums || f.ChecksumsKnown {
			return s.open(ctx, q, f, since, nil, Hit)
		}
		if s.residentShare(q, &f) != none { // bytes are here: only the checksums are missing
			return s.describe(ctx, q, want, since, Hit)
		}
	}
	if want.given && want.size > 0 && !q.Conditions.Any() {
		if _, _, ok := q.Range.Resolve(want.size); !ok {
			return &Object{
				Facts: facts.Facts{ETag: want.etag, Size: want.size}, Status: http.StatusRequestedRangeNotSatisfiable, Outcome: Hit,
			}, nil
		}
	}
	return s.learnShared(ctx, q, want)
}

// getRevalidated confirms what is known with the origin before it is used.
func (s *Service) getRevalidated(ctx context.Context, q Request, v verdict) (*Object, error) {
	since := s.epochs.Now()
	f, known := s.facts.Get(q.Bucket, q.Key)
	if known && v.MaxAge > 0 && s.now().Sub(f.Confirmed) < v.MaxAge && (!q.Checksums || f.ChecksumsKnown) {
		return s.open(ctx, q, f, since, nil, Hit)
	}
	// With bytes here, HEAD confirms them at the price of If-None-Match, and brings
	// headers that changed without the bytes, which a 304 would hide. Without, one GET
	// brings facts and bytes together.
	if known && !q.DescribeOnly && s.residentShare(q, &f) == none {
		return s.learn(ctx, q, expectation{}, since)
	}
	if known || q.DescribeOnly {
		o, err := s.describe(ctx, q, expectation{}, since, Revalidated)
		var status *origin.StatusError
		if q.DescribeOnly || !errors.As(err, &status) || status.Status >= 500 || errors.Is(err, ErrChanged) {
			return o, err
		}
		// A HEAD cannot say what is wrong: let the GET's own error answer.
	}
	return s.learn(ctx, q, expectation{}, since)
}

// describe asks the origin for the facts, remembers them and answers q with them.
func (s *Service) describe(ctx context.Context, q Request, want expectation, since uint64, hit Outcome) (*Object, error) {
	f, err := s.head(ctx, q.Bucket, q.Key, since, pagecache.Demand)
	if err != nil {
		return nil, err
	}
	if !want.met(&f) {
		return nil, mismatch(q, want, &f)
	}
	return s.open(ctx, q, f, since, nil, hit)
}

// head asks the origin for the facts and remembers them.
func (s *Service) head(
	ctx context.Context, bucket, key string, since uint64, priority pagecache.Priority,
) (facts.Facts, error) {
	slot, err := s.scheduler.Acquire(ctx, priority)
	if err != nil {
		return facts.Facts{}, err
	}
	defer slot.Release()
	asked := s.now() // what is confirmed is the state from now on, however late the answer
	o, err := s.origin.Head(ctx, bucket, key, http.Header{"x-amz-checksum-mode": {"ENABLED"}})
	if err != nil {
		return facts.Facts{}, err
	}
	if o.Size < 0 {
		return facts.Facts{}, fmt.Errorf("%w: HEAD of %s/%s without a length", origin.ErrCorrupt, bucket, key)
	}
	f := facts.FromHeader(o.Header, o.Size, true, asked)
	s.remember(since, bucket, key, f)
	return f, nil
}

// remember stores facts unless they were overtaken by an invalidation. What was written is
// known by them then.
func (s *Service) remember(since uint64, bucket, key string, f facts.Facts) {
	s.epochs.Publish(since, bucket, key, func() {
		s.facts.Put(bucket, key, f)
		s.teed.forget(epoch.Scope{Bucket: bucket, Key: key})
	})
}

// rememberStrong is remember for facts that came with a body. A weak entity tag lets nobody
// use its pages, and would take the place of facts that do.
func (s *Service) rememberStrong(since uint64, bucket, key string, f facts.Facts) {
	if f.Strong() {
		s.remember(since, bucket, key, f)
	}
}

// remembering is rememberStrong, to be done once, later. It keeps the facts of hits, which
// nobody remembers, off the heap.
func (s *Service) remembering(since uint64, bucket, key string, f facts.Facts) func() {
	return sync.OnceFunc(func() { s.rememberStrong(since, bucket, key, f) })
}

// open answers q from facts and pages. opened, if given, is the origin body that came
// with the facts and covers some of the range; open takes ownership, and remembers the
// facts. all is the outcome when every page is resident.
func (s *Service) open(
	ctx context.Context, q Request, f facts.Facts, since uint64, opened *pagecache.Opened, all Outcome,
) (*Object, error) {
	both := new(struct {
		Object
		body Body
	})
	o := &both.Object
	o.Facts, o.Outcome = f, all
	var adopted func()
	if opened != nil {
		adopted = s.remembering(since, q.Bucket, q.Key, f)
		defer adopted() // if no page was to be read
	}
	if status := q.Conditions.Evaluate(&f); status != 0 {
		o.Status = status
		return o, closeOpened(opened)
	}
	if f.Size == 0 && q.Range.Kind != RangeAll {
		return nil, errors.Join(ErrForward, closeOpened(opened))
	}
	off, n, ok := q.Range.Resolve(f.Size)
	if !ok {
		o.Status = http.StatusRequestedRangeNotSatisfiable
		return o, closeOpened(opened)
	}
	o.Offset, o.Length = off, n
	o.Status = http.StatusOK
	if q.Range.Kind != RangeAll {
		o.Status = http.StatusPartialContent
	}
	if q.DescribeOnly {
		return o, closeOpened(opened)
	}
	if !f.Strong() {
		// Nothing ties pages to a version: hand the bytes through.
		if opened != nil {
			_ = closeOpened(opened)
		}
		return s.stream(ctx, q)
	}
	version := pagecache.Version{Bucket: q.Bucket, Key: q.Key, ETag: f.ETag, Size: f.Size}
	o.Body = &both.body
	o.Body.pages = s.pages.Read(ctx, version, off, n, pagecache.ReadOptions{Epoch: since, Body: opened, Adopted: adopted})
	switch shareOf(o.Body.pages.Resident()) {
	case none:
		o.Outcome = Miss
	case some:
		o.Outcome = Partial
	}
	if err := o.Body.prime(); err != nil {
		return nil, errors.Join(translate(err), o.Body.Close())
	}
	return o, nil
}

func closeOpened(opened *pagecache.Opened) error {
	if opened != nil {
		_ = opened.Body.Close() // what a body nobody reads has to say does not matter
	}
	return nil
}

// share says how much of a range is resident.
type share uint8

const (
	none share = iota
	some
	every
)

func (s *Service) share(v pagecache.Version, off, n int64) share {
	return shareOf(s.pages.Resident(v, off, n))
}

func shareOf(r pagecache.Residency) share {
	switch r.ResidentPages {
	case r.Pages:
		return every
	case 0:
		return none
	default:
		return some
	}
}

func (s *Service) residentShare(q Request, f *facts.Facts) share {
	off, n, ok := q.Range.Resolve(f.Size)
	if !ok || !f.Strong() {
		return every // no bytes are needed
	}
	return s.share(pagecache.Version{Bucket: q.Bucket, Key: q.Key, ETag: f.ETag, Size: f.Size}, off, n)
}

// stream answers q straight from the origin, keeping nothing.
func (s *Service) stream(ctx context.Context, q Request) (*Object, error) {
	slot, err := s.scheduler.Acquire(ctx, pagecache.Demand)
	if err != nil {
		return nil, err
	}
	// Once the headers are there the pace is the client's, which may not hold a slot.
	defer slot.Release()
	header, tag := http.Header{}, ""
	if q.Checksums {
		header["x-amz-checksum-mode"] = []string{"ENABLED"}
	}
	if q.DescribeOnly || q.Conditions.Any() {
		o, err := s.origin.Head(ctx, q.Bucket, q.Key, header)
		if err == nil && o.Size < 0 {
			err = fmt.Errorf("%w: HEAD of %s/%s without a length", origin.ErrCorrupt, q.Bucket, q.Key)
		}
		if err != nil {
			return nil, err
		}
		answer := &Object{Facts: facts.FromHeader(o.Header, o.Size, q.Checksums, s.now()), Outcome: Bypass}
		answer.Status = q.Conditions.Evaluate(&answer.Facts)
		if answer.Status != 0 || q.DescribeOnly {
			return finishDescription(answer, q), nil
		}
		if answer.Facts.Strong() {
			tag = answer.Facts.ETag
		}
	}
	o, err := s.origin.Get(ctx, origin.GetRequest{
		Bucket: q.Bucket, Key: q.Key, Range: originRange(q.Range), IfMatch: tag, WantSize: -1, Header: header,
	})
	if err != nil {
		if errors.Is(err, origin.ErrChanged) {
			err = fmt.Errorf("%w: %w", ErrChanged, err)
		}
		return nil, err
	}
	return &Object{
		Facts:  facts.FromHeader(o.Header, o.Size, q.Checksums && o.Status == http.StatusOK, s.now()),
		Status: o.Status, Offset: o.Offset, Length: o.Length, Outcome: Bypass,
		Body: &Body{stream: o.Body},
	}, nil
}

// finishDescription fills status, offset and length of an answer without a body.
func finishDescription(o *Object, q Request) *Object {
	if o.Status != 0 {
		return o
	}
	var ok bool
	o.Offset, o.Length, ok = q.Range.Resolve(o.Facts.Size)
	switch {
	case !ok:
		o.Status = http.StatusRequestedRangeNotSatisfiable
	case q.Range.Kind == RangeAll:
		o.Status = http.StatusOK
	default:
		o.Status = http.StatusPartialContent
	}
	return o
}

func originRange(r Range) origin.Range {
	switch r.Kind {
	case RangeClosed:
		return origin.Closed(r.First, r.Last-r.First+1)
	case RangeFrom:
		return origin.From(r.First)
	case RangeSuffix:
		return origin.Suffix(r.First)
	default:
		return origin.All()
	}
}
