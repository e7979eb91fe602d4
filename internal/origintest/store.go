package origintest

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// An Object is what the store holds under a key. It is never changed, only
// replaced.
type Object struct {
	Data []byte
	// ETag with its quotes.
	ETag         string
	LastModified time.Time
	// Header holds Content-Type, x-amz-meta-* and the like, sent with the object.
	Header http.Header
}

type upload struct {
	bucket, key string
	header      http.Header
	parts       map[int]*Object
}

type store struct {
	buckets map[string]map[string]*Object
	uploads map[string]*upload
	nextID  int
}

// ETag returns the ETag the store gives to data put in one piece.
func ETag(data []byte) string {
	sum := md5.Sum(data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// CreateBucket makes a bucket.
func (s *Server) CreateBucket(bucket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bucketLocked(bucket)
}

func (s *Server) bucketLocked(bucket string) map[string]*Object {
	b := s.store.buckets[bucket]
	if b == nil {
		b = map[string]*Object{}
		s.store.buckets[bucket] = b
	}
	return b
}

// Put stores a copy of data, making the bucket, and returns the ETag.
func (s *Server) Put(bucket, key string, data []byte) string {
	return s.PutObject(bucket, key, Object{Data: bytes.Clone(data)})
}

// PutObject stores o, which the server owns from here on. An empty ETag becomes
// the MD5 of the data, a zero time becomes now.
func (s *Server) PutObject(bucket, key string, o Object) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putLocked(bucket, key, &o)
	return o.ETag
}

func (s *Server) putLocked(bucket, key string, o *Object) {
	if o.ETag == "" {
		o.ETag = ETag(o.Data)
	}
	if o.LastModified.IsZero() {
		o.LastModified = s.now()
	}
	s.bucketLocked(bucket)[key] = o
}

// Object returns what is stored under a key. Read only.
func (s *Server) Object(bucket, key string) (*Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.store.buckets[bucket][key]
	return o, ok
}

// Remove removes a key.
func (s *Server) Remove(bucket, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.store.buckets[bucket], key)
}

// Keys returns the keys of a bucket that have a prefix, sorted.
func (s *Server) Keys(bucket, prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keysLocked(bucket, prefix)
}

func (s *Server) keysLocked(bucket, prefix string) []string {
	var keys []string
	for key := range maps.Keys(s.store.buckets[bucket]) {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
