package object

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/publication"
)

// A tee keeps the body of a PUT on its way to the origin (write-through). Once the origin
// has answered, what was kept becomes pages of the version that the answer names.
//
// Those pages are provisional: they belong to an entity tag and a size, and nothing is
// said of the object. What its headers are, and that this version is the current one, an
// answer to a PUT does not tell, and so the first who needs it asks the origin, with one
// HEAD in place of a GET.
//
// A nil tee keeps nothing.
type tee struct {
	s           *Service
	bucket, key string
	since       uint64 // epoch after the write's first invalidation
	stage       *pagecache.Stage
	kept        bool // its pages were admitted
}

// tee returns what is to be sent in place of r, and the tee that listens to it; nil if
// the body is none to be kept.
func (s *Service) tee(r *origin.Request, e Effect) (*origin.Request, *tee) {
	if !s.teeable(r, e) {
		return r, nil
	}
	t := &tee{s: s, bucket: r.Bucket, key: r.Key, since: s.epochs.Now(), stage: s.pages.Stage(r.ContentLength)}
	if t.stage == nil {
		s.metrics.tees[teeNoRoom].Inc()
		return r, nil
	}
	listened := *r
	listened.Body = teeBody{r.Body, t.stage}
	return &listened, t
}

// teeable reports whether a request writes one whole object, exactly as its body is, that
// is worth keeping.
func (s *Service) teeable(r *origin.Request, e Effect) bool {
	return s.writeThrough && r.Method == http.MethodPut && r.Body != nil && r.ContentLength > 0 &&
		(r.RawQuery == "" || r.RawQuery == "x-id=PutObject") &&
		e.Replaces && !e.Attributes && !e.WholeBucket && e.Bucket == r.Bucket && len(e.Keys) == 1 && e.Keys[0] == r.Key &&
		plainBody(r) && s.keeps(r.Bucket, r.Key)
}

// plainBody reports whether the object is going to be the body, no more and no less, and
// to be read by everybody who may read it. Headers of stores that are not known here may say
// otherwise, and so they must be known.
func plainBody(r *origin.Request) bool {
	for name, values := range r.Header {
		switch name = strings.ToLower(name); {
		case strings.HasPrefix(name, "x-amz-"):
			if !plainHeader(name, values) {
				return false
			}
		case name == "content-encoding": // some stores take it off for those who do not ask for it
			for _, coding := range values {
				if coding != "" {
					return false
				}
			}
		case name == "content-range", // a part of the object
			strings.HasPrefix(name, "x-minio-"), strings.HasPrefix(name, "x-rgw-"), strings.HasPrefix(name, "x-goog-"),
			strings.HasPrefix(name, "x-oss-"), strings.HasPrefix(name, "x-obs-"), strings.HasPrefix(name, "x-cos-"):
			return false
		}
	}
	return true
}

// plainHeader reports whether an x-amz-* header leaves it to the body what is read, and to
// the origin's identity who reads it.
func plainHeader(name string, values []string) bool {
	switch name {
	case "x-amz-acl", "x-amz-date", "x-amz-expected-bucket-owner", "x-amz-sdk-checksum-algorithm",
		"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
		"x-amz-server-side-encryption-bucket-key-enabled", "x-amz-server-side-encryption-context",
		"x-amz-tagging", "x-amz-user-agent":
		return true
	case "x-amz-storage-class": // an archived object is refused until it is restored
		for _, value := range values {
			switch value {
			case "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "EXPRESS_ONEZONE":
			default:
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(name, "x-amz-meta-") || strings.HasPrefix(name, "x-amz-checksum-") || strings.HasPrefix(name, "x-amz-grant-")
}

// keeps reports whether what is written to a key is likely to stay: it is of class
// immutable, or below a generation that is not published yet.
func (s *Service) keeps(bucket, key string) bool {
	if s.bypass.Load() || s.demoted.has(bucket, key) || s.generations.Retired(bucket, key) {
		return false
	}
	v := s.rules.Load().Classify(bucket, key)
	if v.Rule != class.RuleGeneration {
		return v.Class == class.Immutable
	}
	g := s.generations.Lookup(bucket, key)
	if g == nil {
		return true
	}
	state, _ := g.State()
	return state != publication.Violated
}

// teeBody is a body that is read twice at once.
type teeBody struct {
	io.Reader
	stage *pagecache.Stage
}

func (b teeBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if n > 0 && n <= len(p) {
		b.stage.Write(p[:n])
	}
	return n, err
}

// overtaken gives up what was kept if the key was invalidated since the write began. It
// is to be asked before the write invalidates the key itself once more.
func (t *tee) overtaken() {
	if t != nil && t.s.epochs.Stale(t.since, t.bucket, t.key) {
		t.stage.Close()
	}
}

// admit makes pages of what was kept, if the origin took it as it was sent and nobody else
// was writing. The write has invalidated the key for the last time.
func (t *tee) admit(response *http.Response) {
	if t == nil {
		return
	}
	s := t.s
	since := s.epochs.Now() // before the look at other writers: one that comes later invalidates later
	version := pagecache.Version{Bucket: t.bucket, Key: t.key, ETag: response.Header.Get("Etag"), Size: t.stage.Size()}
	var kept int64
	if response.StatusCode == http.StatusOK && response.ContentLength == 0 && strongTag(version.ETag) &&
		s.writing.alone(t.bucket, t.key) && s.keeps(t.bucket, t.key) {
		kept = t.stage.Commit(version, since)
	}
	if kept > 0 {
		s.teed.put(version)
		if s.generations.Retired(t.bucket, t.key) { // meanwhile, and its pages dropped before these came
			s.pages.EvictRange(version, 0, version.Size)
			kept = 0
		}
	}
	if kept > 0 {
		t.kept = true
		s.metrics.tees[teeKept].Inc()
		s.metrics.teedBytes.Add(float64(kept))
	}
}

// close gives back what was not admitted.
func (t *tee) close() {
	if t == nil {
		return
	}
	t.stage.Close()
	if !t.kept {
		t.s.metrics.tees[teeDropped].Inc()
	}
}

func strongTag(etag string) bool {
	return len(etag) > 2 && etag[0] == '"' && etag[len(etag)-1] == '"'
}

// teedWhole reports whether the bytes [off, off+n) of an object that is known by its
// written version alone are all resident. want may say which version it has to be.
func (s *Service) teedWhole(bucket, key string, want expectation, r Range) bool {
	v, ok := s.teed.get(bucket, key)
	if !ok || want.given && (!sameTag(want.etag, v.ETag) || want.size != v.Size) {
		return false
	}
	off, n, ok := r.Resolve(v.Size)
	return ok && s.share(v, off, n) == every
}

// maxTeed bounds the versions that are remembered as written; one that is forgotten
// costs a GET.
const maxTeed = 16384

// written versions by key, whose headers nobody has asked for yet. The zero value is empty
// and ready for use, by many goroutines.
type teedVersions struct {
	mu    sync.Mutex
	byKey map[[2]string]pagecache.Version // Guarded by mu
}

func (t *teedVersions) put(v pagecache.Version) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey == nil {
		t.byKey = make(map[[2]string]pagecache.Version)
	}
	name := [2]string{v.Bucket, v.Key}
	if _, known := t.byKey[name]; !known && len(t.byKey) == maxTeed {
		for any := range t.byKey {
			delete(t.byKey, any)
			break
		}
	}
	t.byKey[name] = v
}

func (t *teedVersions) get(bucket, key string) (pagecache.Version, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.byKey[[2]string{bucket, key}]
	return v, ok
}

// forget forgets what scope covers.
func (t *teedVersions) forget(scope epoch.Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if scope.Bucket != "" && !scope.Prefix {
		delete(t.byKey, [2]string{scope.Bucket, scope.Key})
		return
	}
	maps.DeleteFunc(t.byKey, func(name [2]string, _ pagecache.Version) bool { return scope.Covers(name[0], name[1]) })
}

// writers counts the writes of each key that are under way. The zero value is empty and
// ready for use, by many goroutines.
type writers struct {
	mu    sync.Mutex
	byKey map[[2]string]*writer // Guarded by mu
}

type writer struct {
	under int
	met   bool // one another, since the key was last at rest
}

// enter begins a write of keys, which ends when leave is called.
func (w *writers) enter(bucket string, keys []string) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byKey == nil {
		w.byKey = make(map[[2]string]*writer)
	}
	for _, key := range keys {
		name := [2]string{bucket, key}
		k := w.byKey[name]
		if k == nil {
			k = new(writer)
			w.byKey[name] = k
		}
		k.under++
		k.met = k.met || k.under > 1
	}
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, key := range keys {
			name := [2]string{bucket, key}
			if k := w.byKey[name]; k.under == 1 {
				delete(w.byKey, name)
			} else {
				k.under--
			}
		}
	})
}

// alone reports whether the write of a key that is under way has met no other.
func (w *writers) alone(bucket, key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.byKey[[2]string{bucket, key}]
	return k != nil && !k.met
}
