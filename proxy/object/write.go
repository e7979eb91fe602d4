package object

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/class"
)

// An Effect is what a forwarded request may change. The zero value is nothing.
type Effect struct {
	// Bucket and Keys name objects that may be written or deleted.
	Bucket string
	Keys   []string
	// WholeBucket says that any object of Bucket may be.
	WholeBucket bool
	// Replaces says that the keys get new contents (PUT, POST, COPY) rather than
	// being deleted.
	Replaces bool
	// Attributes says that only what is said about the keys changes, not their bytes.
	Attributes bool
}

// Forward sends a request to the origin as it is and returns its answer, whose body
// the caller closes. What effect names is invalidated before the request is sent and
// before the answer is returned, so that whoever learns that a write happened reads the
// new state, and no fill that began earlier can bring the old one back. An answer that
// may begin before the write is done (one without a length) invalidates with each piece.
//
// It waits for one of the slots that there are for requests of its kind, which is given
// back when the body is closed; with too many waiting it fails with [ErrBusy].
//
// The body of a PUT that is likely to be read again is kept on its way; see [Options.WriteThroughOff].
//
// If the outcome stays unknown, because no answer came or nobody waited for its end, the
// write may still land at any time: the keys are revalidated from then on.
func (s *Service) Forward(ctx context.Context, r *origin.Request, effect Effect) (*http.Response, error) {
	if err := s.poolOf(r.Method).enter(ctx); err != nil {
		return nil, err
	}
	if effect.Bucket == "" {
		response, err := s.forwardRead(ctx, r)
		if err == nil {
			s.passed(r, response)
		}
		return response, err
	}
	leave := s.writing.enter(effect.Bucket, effect.Keys)
	answered := false
	defer func() {
		if !answered { // nobody else is going to
			leave()
		}
	}()
	rewritten := s.rewritten(effect)
	s.invalidateEffect(effect)
	r, t := s.tee(r, effect)
	defer t.close()
	response, err := s.do(ctx, r)
	if err != nil {
		if !errors.Is(err, origin.ErrInvalid) && !errors.Is(err, origin.ErrBucketNotAllowed) { // else nothing was sent
			s.uncertain(effect)
		}
		return nil, err
	}
	if response.StatusCode < 300 {
		s.watchWrites(effect, rewritten)
	}
	t.overtaken()
	s.invalidateEffect(effect)
	t.admit(response)
	answered = true
	if response.ContentLength < 0 {
		response.Body = &lateBody{ReadCloser: response.Body, s: s, effect: effect, leave: leave}
	} else {
		leave()
	}
	return response, nil
}

// rewritten returns the keys of class immutable that are known, and so were written
// before, be it by somebody else.
func (s *Service) rewritten(e Effect) map[string]bool {
	var known map[string]bool
	if !e.Replaces {
		return nil
	}
	for _, key := range e.Keys {
		if s.rules.Load().Classify(e.Bucket, key).Class != class.Immutable {
			continue
		}
		if _, ok := s.facts.Get(e.Bucket, key); ok {
			if known == nil {
				known = make(map[string]bool)
			}
			known[key] = true
		}
	}
	return known
}

// uncertain deals with a write of which nobody knows whether and when it happens.
func (s *Service) uncertain(e Effect) {
	for _, key := range e.Keys {
		if !e.Attributes {
			s.demoted.add(e.Bucket, key)
		}
	}
	s.invalidateEffect(e)
}

// watchWrites notices writes that break the promise of immutability.
func (s *Service) watchWrites(e Effect, rewritten map[string]bool) {
	if e.Attributes {
		return
	}
	for _, key := range e.Keys {
		if a := s.await(e.Bucket, key); !e.Replaces && a.version > 0 && a.version == a.newest {
			// The table is being dropped: under its name, versions begin anew.
			s.generations.ForgetShard(a.shard)
		}
		if g := s.generations.Lookup(e.Bucket, key); g != nil {
			if g.Violate() {
				s.metrics.violations.Inc()
				s.log.Warn("write below a published generation, revalidating it from now on", "bucket", e.Bucket, "key", key)
			}
			continue
		}
		first := !e.Replaces || s.rules.Load().Classify(e.Bucket, key).Class != class.Immutable || !s.written.again(e.Bucket, key)
		if rewritten[key] || !first {
			s.metrics.violations.Inc()
			s.log.Warn("second write of a key of class immutable, revalidating it from now on", "bucket", e.Bucket, "key", key)
			s.demoted.add(e.Bucket, key)
		}
	}
}

func (s *Service) invalidateEffect(e Effect) {
	s.wrote(e)
	if e.WholeBucket {
		scope := epoch.Scope{Bucket: e.Bucket, Prefix: true}
		s.generations.Forget(scope) // until a shard manifest names them again
		s.drop(scope)
		return
	}
	for _, key := range e.Keys {
		s.invalidateKey(e.Bucket, key)
	}
}

func (s *Service) invalidateKey(bucket, key string) {
	s.drop(epoch.Scope{Bucket: bucket, Key: key})
}

// Dropped counts what an invalidation removed.
type Dropped struct {
	Objects     int   `json:"objects"`     // with resident pages
	Facts       int   `json:"facts"`       // whose facts were known
	Pages       int64 `json:"pages"`       // resident
	Bytes       int64 `json:"bytes"`       // resident
	Generations int   `json:"generations"` // forgotten

	// Decoded are objects above the bytes that went with them; see [Service.OnDrop].
	Decoded      int   `json:"decoded"`
	DecodedBytes int64 `json:"decoded_bytes"`
}

// A DropFunc drops what was derived from the objects that scope covers, and returns how
// much that was.
type DropFunc func(scope epoch.Scope) (objects int, bytes int64)

// OnDrop has f called whenever objects stop being what they were: they are written or
// invalidated, or were seen to have changed, or their generation has just been found to
// be published, before which they were provisional. Their pages and facts have gone then,
// and a generation that was written to is violated already. f must be quick and must not
// block: it is on the way of writes. It replaces the function given before; nil takes it
// away.
func (s *Service) OnDrop(f DropFunc) {
	if f == nil {
		s.dropping.Store(nil)
		return
	}
	s.dropping.Store(&f)
}

// tellDropped calls what OnDrop was given.
func (s *Service) tellDropped(scope epoch.Scope) (objects int, bytes int64) {
	if f := s.dropping.Load(); f != nil {
		return (*f)(scope)
	}
	return 0, 0
}

// drop removes what scope covers from pages and facts, and then what was derived from
// them; what is on its way from the origin loses.
func (s *Service) drop(scope epoch.Scope) Dropped {
	s.epochs.Add(scope)
	s.teed.forget(scope)
	d := Dropped{Facts: s.facts.Delete(scope)}
	evicted := s.pages.Invalidate(scope)
	d.Objects, d.Pages, d.Bytes = evicted.Objects, evicted.Pages, evicted.Bytes
	d.Decoded, d.DecodedBytes = s.tellDropped(scope)
	return d
}

// Invalidate drops everything known of what scope covers: pages, facts, and what is
// known of generations. They become known again when they are read again.
func (s *Service) Invalidate(scope epoch.Scope) Dropped {
	forgotten := s.generations.Forget(scope)
	d := s.drop(scope)
	s.snapshots.Drop(scope)
	d.Generations = forgotten
	s.metrics.invalidations.Inc()
	return d
}

// A lateBody is an answer that began before its outcome was known: the origin keeps the
// connection alive while it completes an upload.
type lateBody struct {
	io.ReadCloser
	s      *Service
	effect Effect
	leave  func()
	ended  bool
}

func (b *lateBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	b.s.invalidateEffect(b.effect)
	return n, err
}

func (b *lateBody) Close() error {
	err := b.ReadCloser.Close()
	if !b.ended {
		b.s.uncertain(b.effect)
	}
	b.leave()
	return err
}
