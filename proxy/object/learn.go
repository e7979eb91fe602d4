package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/facts"
)

// An expectation is what an inventory says an object must be.
type expectation struct {
	etag  string
	size  int64
	given bool
}

func (e expectation) met(f *facts.Facts) bool {
	return !e.given || (sameTag(e.etag, f.ETag) && e.size == f.Size)
}

// flights joins those who learn the same immutable object at the same time. The
// zero value is ready for use.
type flights struct {
	mu      sync.Mutex
	running map[[2]string]chan struct{} // closed when the leader is done. Guarded by mu
}

// join makes the caller the leader of a flight (done is not nil, and counts once) or gives
// it the flight to wait for.
func (f *flights) join(bucket, key string) (wait <-chan struct{}, done func()) {
	name := [2]string{bucket, key}
	f.mu.Lock()
	defer f.mu.Unlock()
	if running, ok := f.running[name]; ok {
		return running, nil
	}
	if f.running == nil {
		f.running = make(map[[2]string]chan struct{})
	}
	ended := make(chan struct{})
	f.running[name] = ended
	return nil, sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.running, name)
		f.mu.Unlock()
		close(ended)
	})
}

// under returns what is closed when the flight of an object is over; nil if there is none.
func (f *flights) under(bucket, key string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ended, ok := f.running[[2]string{bucket, key}]; ok {
		return ended
	}
	return nil
}

// learnShared learns an immutable object. Of many at once one asks the origin; the
// others wait for its facts and join its fill. If it fails, the next of them asks for
// itself: an error is nobody else's, least of all a 404 from before the object was
// written.
func (s *Service) learnShared(ctx context.Context, q Request, want expectation) (*Object, error) {
	for try := 0; ; try++ {
		wait, done := s.learning.join(q.Bucket, q.Key)
		if done != nil {
			defer done() // of the one turn of the loop that leads, which returns
		}
		since := s.epochs.Now()
		// A new leader looks too: the flight before may have ended after its caller found nothing.
		if f, ok := s.facts.Get(q.Bucket, q.Key); ok && want.met(&f) && (!q.Checksums || f.ChecksumsKnown) {
			if done != nil {
				done() // nobody waits for its bytes
			}
			return s.open(ctx, q, f, since, nil, Hit)
		}
		if done != nil || try == shareTries {
			return s.learn(ctx, q, want, since)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// shareTries is how many leaders a follower waits for in turn. One that fails, or whose
// client leaves, is followed by the next, not by all at once.
const shareTries = 3

// learn asks the origin for facts and, in the same request, the first bytes that q
// needs, rounded out to pages. since is an epoch taken before.
func (s *Service) learn(ctx context.Context, q Request, want expectation, since uint64) (*Object, error) {
	if q.DescribeOnly || q.Conditions.Any() {
		return s.describe(ctx, q, want, since, Miss)
	}
	if s.teedWhole(q.Bucket, q.Key, want, q.Range) { // the bytes are here: only the facts are missing
		o, err := s.describe(ctx, q, want, since, Revalidated)
		var status *origin.StatusError
		if err == nil || !errors.As(err, &status) || status.Status >= 500 {
			return o, err
		}
		s.teed.forget(epoch.Scope{Bucket: q.Bucket, Key: q.Key})
		// A HEAD cannot say what is wrong: let the GET's own error answer.
	}
	f, opened, err := s.fetch(ctx, q, want, pagecache.Demand)
	if beyond := errors.Is(err, origin.ErrRange); beyond || errors.Is(err, origin.ErrCorrupt) {
		// An empty object has no first byte to ask for, and stores disagree about how to
		// say so. Of another one the answer is about the range of the client, not about
		// the pages that the origin was asked for.
		if f, headErr := s.head(ctx, q.Bucket, q.Key, since, pagecache.Demand); headErr == nil && want.met(&f) && (beyond || f.Size == 0) {
			return s.open(ctx, q, f, since, nil, Miss)
		}
	}
	if err != nil {
		return nil, err
	}
	return s.open(ctx, q, f, since, opened, Miss)
}

// quoted puts an entity tag into the form that If-Match takes: some stores list it
// without quotes.
func quoted(etag string) string {
	if bare := strings.Trim(etag, `"`); bare != "" {
		return `"` + bare + `"`
	}
	return ""
}

func mismatch(q Request, want expectation, f *facts.Facts) error {
	return fmt.Errorf("%w: %s/%s is %s, %d bytes, published as %s, %d bytes",
		ErrChanged, q.Bucket, q.Key, f.ETag, f.Size, want.etag, want.size)
}

// fetch opens the first run that q needs. The caller owns the opened body, which holds a
// slot of the scheduler until it ends. The caller also remembers the facts, but only once
// the pages that the body feeds can be joined: who knew them earlier would ask for the same
// bytes again.
func (s *Service) fetch(
	ctx context.Context, q Request, want expectation, priority pagecache.Priority,
) (facts.Facts, *pagecache.Opened, error) {
	slot, err := s.scheduler.Acquire(ctx, priority)
	if err != nil {
		return facts.Facts{}, nil, err
	}
	asked := s.now()
	request := origin.GetRequest{Bucket: q.Bucket, Key: q.Key, Range: s.firstRun(q), WantSize: -1}
	if q.Checksums {
		request.Header = http.Header{"x-amz-checksum-mode": {"ENABLED"}}
	}
	if want.given {
		request.IfMatch, request.WantSize = quoted(want.etag), want.size
	}
	// The body outlives this request if others join its fill, so the fill decides when
	// it ends, by closing it.
	bodyCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	o, err := s.origin.Get(bodyCtx, request)
	if !stop() && err == nil { // the client left in that very moment: the body is dead
		_ = o.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		slot.Release()
		if ctx.Err() != nil {
			return facts.Facts{}, nil, context.Cause(ctx)
		}
		// A range behind the end is the client's mistake, not a change.
		if want.given && (errors.Is(err, origin.ErrChanged) || errors.Is(err, origin.ErrNotFound)) {
			return facts.Facts{}, nil, fmt.Errorf("%w: %w", ErrChanged, err)
		}
		return facts.Facts{}, nil, err
	}
	f := facts.FromHeader(o.Header, o.Size, q.Checksums && o.Status == http.StatusOK, asked)
	body := io.ReadCloser(&opening{body: changedBody{o.Body}, cancel: cancel, slot: slot})
	length := o.Length
	if length > s.runBytes {
		// A whole object asked for because of its checksum: the rest comes as runs.
		body, length = limited{io.LimitReader(body, s.runBytes), body}, s.runBytes
	}
	return f, &pagecache.Opened{Off: o.Offset, Length: length, Body: body}, nil
}

// firstRun widens the range of q to whole pages, at most one run.
func (s *Service) firstRun(q Request) origin.Range {
	switch q.Range.Kind {
	case RangeSuffix:
		// The start is not known to lie on a page: ask for one page more, so that every
		// page the suffix touches is complete.
		if n := q.Range.First; n > 0 && n <= s.runBytes-s.pageBytes {
			return origin.Suffix(n + s.pageBytes - 1)
		}
		return originRange(q.Range)
	case RangeAll:
		if q.Checksums {
			return origin.All() // answers to ranges carry no checksum
		}
		return origin.Closed(0, s.runBytes)
	default:
		first := q.Range.First - q.Range.First%s.pageBytes
		n := s.runBytes
		if q.Range.Kind == RangeClosed {
			// Offsets near the largest int64 are legal to ask for: no sum may overflow.
			if span := q.Range.Last - first; span < n {
				n = (span/s.pageBytes + 1) * s.pageBytes
			}
		}
		return origin.Closed(first, n)
	}
}

// opening is a body whose request ends, and whose slot is given back, when it is
// closed.
type opening struct {
	body   io.ReadCloser
	cancel context.CancelFunc
	slot   *pagecache.Slot
}

func (o *opening) Read(p []byte) (int, error) { return o.body.Read(p) }

// Close may be called while a Read is under way: ending the request first makes that
// Read return, which closing alone would wait for.
func (o *opening) Close() error {
	o.cancel()
	err := o.body.Close()
	o.slot.Release()
	return err
}

// limited reads only the beginning of a body.
type limited struct {
	io.Reader
	io.Closer
}
