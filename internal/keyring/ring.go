package keyring

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	// ErrInvalid says that a key, or the keys file, is not acceptable; the error
	// around it names line and field.
	ErrInvalid = errors.New("keyring: invalid keys")
	// ErrNoFile is returned by Reload of a ring without a keys file.
	ErrNoFile = errors.New("keyring: no keys file")
)

// Options configures a Ring.
type Options struct {
	// Keys are in the ring always, besides those of the file. An access key may
	// stand in one of the two places only.
	Keys []Key
	// File is the path of the keys file; empty means none.
	File string
	// Logger gets a line for each load and a warning for a file that others can
	// read; nil discards.
	Logger *slog.Logger
	// Metrics, if not nil, gets hearth_keyring_keys and hearth_keyring_reloads_total.
	Metrics prometheus.Registerer
}

// A Ring is a set of keys. It is safe for concurrent use.
type Ring struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	set     atomic.Pointer[set]

	reload sync.Mutex // one Reload at a time
}

// New returns a ring with the keys of the options and their file. A ring without
// any key is valid unless a file was named: it refuses everybody.
func New(o Options) (*Ring, error) {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	r := &Ring{opts: o, log: log, metrics: m}
	s, err := r.load()
	if err != nil {
		return nil, err
	}
	r.use(s)
	return r, nil
}

// Reload reads the keys file again and replaces the whole set, or on any error
// keeps the old one and returns the error, which is wrapped ErrInvalid for a bad
// file. Requests under way are not affected. The caller calls it on SIGHUP.
func (r *Ring) Reload() error {
	if r.opts.File == "" {
		return ErrNoFile
	}
	r.reload.Lock()
	defer r.reload.Unlock()
	s, err := r.load()
	r.metrics.reloaded(err)
	if err != nil {
		return fmt.Errorf("%w; the %d keys in use stay", err, r.Len())
	}
	r.use(s)
	return nil
}

func (r *Ring) use(s *set) {
	r.set.Store(s)
	r.metrics.keys(len(s.byHash))
	if r.opts.File != "" {
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "keys loaded",
			slog.String("file", r.opts.File), slog.Int("keys", r.Len()))
	}
}

func (r *Ring) load() (*set, error) {
	keys := r.opts.Keys
	for _, k := range keys {
		if err := k.validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	lines := make([]int, len(keys))
	if r.opts.File != "" {
		fromFile, err := readFile(r.opts.File, r.log)
		if err != nil {
			return nil, err
		}
		keys = append([]Key(nil), keys...)
		for _, k := range fromFile {
			keys = append(keys, k.Key)
			lines = append(lines, k.line)
		}
	}
	s := newSet(len(keys))
	for i, k := range keys {
		if !s.add(k) {
			if lines[i] > 0 {
				return nil, fmt.Errorf("%w: %s line %d: access_key: there is another key of this name", ErrInvalid, r.opts.File, lines[i])
			}
			return nil, fmt.Errorf("%w: access_key: there is another key of this name", ErrInvalid)
		}
	}
	return s, nil
}

// Secret returns the secret of an access key, and false if there is no such key.
// It makes a Ring the key store of a signature verifier.
func (r *Ring) Secret(accessKey string) (secret string, ok bool) {
	e := r.set.Load().find(accessKey)
	if e == nil {
		return "", false
	}
	return string(e.key.Secret), true
}

// Len returns how many keys there are.
func (r *Ring) Len() int { return r.set.Load().n }

// Keys returns the access keys and scopes, without secrets, in no order. The
// caller owns the result.
func (r *Ring) Keys() []Key {
	var keys []Key
	for _, chain := range r.set.Load().byHash {
		for _, e := range chain {
			k := e.key
			k.Secret = ""
			k.Scopes = append([]Scope(nil), k.Scopes...)
			keys = append(keys, k)
		}
	}
	return keys
}

// String says how many keys there are.
func (r *Ring) String() string { return fmt.Sprintf("keyring of %d keys", r.Len()) }

// LogValue implements slog.LogValuer without showing a secret.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// An entry is a key in a set.
type entry struct{ key Key }

// A set is an immutable set of keys. It is looked up by a seeded hash and then by
// a comparison in constant time, so that the time taken tells nothing of how much
// of a guessed access key is right.
type set struct {
	seed   maphash.Seed
	byHash map[uint64][]*entry
	n      int
}

func newSet(n int) *set {
	return &set{seed: maphash.MakeSeed(), byHash: make(map[uint64][]*entry, n)}
}

func (s *set) find(accessKey string) *entry {
	for _, e := range s.byHash[maphash.String(s.seed, accessKey)] {
		if subtle.ConstantTimeCompare([]byte(e.key.AccessKey), []byte(accessKey)) == 1 {
			return e
		}
	}
	return nil
}

// add takes a copy of k, or returns false if its access key is there already.
func (s *set) add(k Key) bool {
	if s.find(k.AccessKey) != nil {
		return false
	}
	k.Scopes = append([]Scope(nil), k.Scopes...)
	h := maphash.String(s.seed, k.AccessKey)
	s.byHash[h] = append(s.byHash[h], &entry{k})
	s.n++
	return true
}
