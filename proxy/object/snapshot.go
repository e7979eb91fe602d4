package object

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/facts"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/proxy/snapshot"
)

// Remembered is an answer out of a snapshot of a table's mutable state; see package
// snapshot.
type Remembered struct {
	// Object is the answer if there is such an object, and nil for a listing or a 404,
	// which the fields below are. The caller closes it.
	Object *Object

	Status int
	Fields []facts.Field // headers
	Body   []byte        // borrowed
	// Age is how old the answer may be, more than 0.
	Age time.Duration
}

// openSnapshots makes the store of snapshots.
func (s *Service) openSnapshots(o snapshot.Options) (err error) {
	o.Observe = func(bucket, key string, contents []byte) {
		if IsShardManifest(key) {
			s.Observe(bucket, key, contents)
		}
	}
	o.Load = func(ctx context.Context, bucket, key string, f *facts.Facts) error {
		_, err := s.Load(ctx, bucket, publication.Entry{Key: key, Size: f.Size, ETag: f.ETag})
		return err
	}
	s.snapshots, err = snapshot.New(taken{s}, o)
	return err
}

// taken is the origin for snapshots. What they find missing tells as what clients do.
type taken struct{ s *Service }

// Do implements snapshot.Origin.
func (t taken) Do(ctx context.Context, r *origin.Request) (*http.Response, error) {
	a := t.s.await(r.Bucket, r.Key)
	response, err := t.s.origin.Do(ctx, r)
	if err == nil && response.StatusCode == http.StatusNotFound {
		t.s.missed(ctx, a)
	}
	return response, err
}

// SetTables replaces the tables whose mutable state may be out of date.
func (s *Service) SetTables(tables []snapshot.Table) error { return s.snapshots.SetTables(tables) }

// Touch has snapshots taken of the table that a path is or lies below, if its mutable state
// may be out of date, and returns when they are there or cannot be had.
func (s *Service) Touch(ctx context.Context, bucket, path string) {
	if !s.bypass.Load() {
		s.snapshots.Touch(ctx, bucket, path)
	}
}

// Remembered answers q from a snapshot, or returns nil if the origin has to. It may wait for
// a snapshot. It is for clients that said they can live with it; what Hearth decides upon
// comes from Get.
func (s *Service) Remembered(ctx context.Context, q Request) *Remembered {
	if !s.snapshots.MayHold(q.Key) || s.bypass.Load() {
		return nil
	}
	v := s.rules.Load().Classify(q.Bucket, q.Key)
	if v.Class == class.Immutable || v.Rule == class.RuleGeneration || v.Class == class.Never && !strings.HasPrefix(v.Rule, class.Builtin) {
		return nil
	}
	a, age, ok := s.snapshots.Ask(ctx, snapshot.Object(q.Bucket, q.Key, q.DescribeOnly))
	if !ok {
		return nil
	}
	r := &Remembered{Status: a.Status, Age: max(age, 1)}
	if a.Status != http.StatusOK {
		s.metrics.classes[v.Class].Inc()
		s.metrics.failures.Inc()
		s.metrics.absent.Inc()
		r.Fields, r.Body = a.Facts.Fields, a.Body
		return r
	}
	o, err := s.openRemembered(ctx, q, a)
	switch {
	case errors.Is(err, ErrChanged):
		s.snapshots.Changed(q.Bucket, q.Key)
		return nil
	case err != nil: // of the origin, which was asked for the bytes
		return nil
	case o.Status == http.StatusPreconditionFailed:
		// Whoever wants another version may know of a newer one.
		s.snapshots.Conflict(q.Bucket, q.Key)
		return nil
	}
	s.metrics.classes[v.Class].Inc()
	s.metrics.outcomes[o.Outcome].Inc()
	r.Object, o.Age = o, r.Age
	return r
}

// openRemembered answers q with an object of a snapshot, whose bytes are in the snapshot or
// else in pages.
func (s *Service) openRemembered(ctx context.Context, q Request, a *snapshot.Answer) (*Object, error) {
	since := s.epochs.Now()
	if !a.Whole {
		return s.open(ctx, q, a.Facts, since, nil, Hit)
	}
	description := q
	description.DescribeOnly = true
	o, err := s.open(ctx, description, a.Facts, since, nil, Hit)
	if err != nil || q.DescribeOnly || o.Status != http.StatusOK && o.Status != http.StatusPartialContent {
		return o, err
	}
	o.Body = &Body{stream: io.NopCloser(bytes.NewReader(a.Body[o.Offset : o.Offset+o.Length]))}
	return o, nil
}

// RememberedListing is Remembered for a ListObjectsV2, given by its parameters as sent.
func (s *Service) RememberedListing(ctx context.Context, bucket, rawQuery string) *Remembered {
	if !s.snapshots.Active() || s.bypass.Load() {
		return nil
	}
	q, ok := snapshot.Listing(bucket, rawQuery)
	if !ok {
		return nil
	}
	a, age, ok := s.snapshots.Ask(ctx, q)
	if !ok {
		return nil
	}
	s.metrics.remembered.Inc()
	return &Remembered{Status: a.Status, Fields: a.Facts.Fields, Body: a.Body, Age: max(age, 1)}
}

// passed tells the snapshots of what the origin has answered to a read that was forwarded.
func (s *Service) passed(r *origin.Request, response *http.Response) {
	if r.Method != http.MethodOptions {
		s.snapshots.Passed(r.Method, r.Bucket, r.Key, r.RawQuery, response.StatusCode)
	}
}

// wrote tells the snapshots of a write, before and after it.
func (s *Service) wrote(e Effect) {
	if e.WholeBucket {
		s.snapshots.WroteBucket(e.Bucket)
	}
	for _, key := range e.Keys {
		s.snapshots.Wrote(e.Bucket, key)
	}
}
