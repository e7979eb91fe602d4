package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	terminator = "aws4_request"
	// maxCachedKeys bounds the derived keys kept: access keys x regions x days in
	// use at once. One costs about 1 KiB; beyond the bound keys are derived again,
	// four HMACs each.
	maxCachedKeys = 256
)

// A keyID says what a signing key was derived for, besides the service.
type keyID struct{ accessKey, date, region string }

// A signingKey signs for one access key on one day in one region. It is safe for
// concurrent use and holds warmed-up HMAC states.
type signingKey struct {
	id     keyID
	secret string // to notice that the access key's secret was changed
	macs   sync.Pool
}

func deriveKey(id keyID, secret, service string) *signingKey {
	sum := func(key []byte, part string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		return h.Sum(nil)
	}
	key := sum([]byte("AWS4"+secret), id.date)
	key = sum(key, id.region)
	key = sum(key, service)
	key = sum(key, terminator)
	k := &signingKey{id: id, secret: secret}
	k.macs.New = func() any { return hmac.New(sha256.New, key) }
	return k
}

// appendSignature appends the 64 hexadecimal digits of message's signature.
// message may be dst.
func (k *signingKey) appendSignature(dst, message []byte) []byte {
	mac, _ := k.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(message)
	at := len(dst)
	dst = mac.Sum(dst) // an array of our own would escape through the interface
	k.macs.Put(mac)
	dst = append(dst, dst[at:]...)
	// From the end, so that no byte is overwritten before it was read: byte i
	// goes to 2i and 2i+1.
	for i := sha256.Size - 1; i >= 0; i-- {
		c := dst[at+i]
		dst[at+2*i], dst[at+2*i+1] = lowerHex[c>>4], lowerHex[c&15]
	}
	return dst
}

const lowerHex = "0123456789abcdef"

func appendHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, lowerHex[c>>4], lowerHex[c&15])
	}
	return dst
}

// A keyCache keeps signing keys that have proved themselves. Reading takes no
// lock; the map is replaced when a key is added, which is rare.
type keyCache struct {
	service string
	keys    atomic.Pointer[map[keyID]*signingKey]
	unknown atomic.Pointer[signingKey] // the last key made up for an unknown access key
	mu      sync.Mutex                 // serializes add
}

// known returns the signing key of an access key with the given secret, and
// whether it came from the cache.
func (c *keyCache) known(id keyID, secret string) (*signingKey, bool) {
	if m := c.keys.Load(); m != nil {
		if k := (*m)[id]; k != nil && constantTimeEqual(k.secret, secret) {
			return k, true
		}
	}
	return deriveKey(id, secret, c.service), false
}

// madeUp returns a signing key for an access key that does not exist, with a
// cache of its own, so that it takes as long as for one that does.
func (c *keyCache) madeUp(id keyID, secret string) *signingKey {
	id.accessKey = ""
	if k := c.unknown.Load(); k != nil && k.id == id && constantTimeEqual(k.secret, secret) {
		return k
	}
	id = keyID{date: strings.Clone(id.date), region: strings.Clone(id.region)}
	k := deriveKey(id, secret, c.service)
	c.unknown.Store(k)
	return k
}

// add keeps a key that has verified a request. At the bound, keys of other days
// go first, and then all: the next request of each derives again.
func (c *keyCache) add(k *signingKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var old map[keyID]*signingKey
	if m := c.keys.Load(); m != nil {
		old = *m
	}
	full := len(old) >= maxCachedKeys
	next := make(map[keyID]*signingKey, len(old)+1)
	for id, other := range old {
		if full && id.date != k.id.date {
			continue
		}
		next[id] = other
	}
	if len(next) >= maxCachedKeys {
		clear(next)
	}
	// The request's strings must not live on in the cache.
	k.id = keyID{
		accessKey: strings.Clone(k.id.accessKey),
		date:      strings.Clone(k.id.date),
		region:    strings.Clone(k.id.region),
	}
	next[k.id] = k
	c.keys.Store(&next)
}

func constantTimeEqual(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
