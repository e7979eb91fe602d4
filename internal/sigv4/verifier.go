package sigv4

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultMaxSkew is how far a request's time may be from the server's, as S3 has
// it.
const DefaultMaxSkew = 15 * time.Minute

// A KeyStore knows the secrets of access keys. It is called once per request,
// from many goroutines at once.
type KeyStore interface {
	// Secret returns the secret of an access key, and false if there is no such key.
	// An empty secret counts as no such key.
	Secret(accessKey string) (secret string, ok bool)
}

// Options configures a Verifier.
type Options struct {
	// Keys knows the access keys. Required.
	Keys KeyStore
	// MaxSkew is how far the time of a request signed in its headers may be from
	// now, either way, and how long before its date a presigned one is good. 0 means
	// DefaultMaxSkew. Raising it lengthens the time in which a recorded request can
	// be sent again.
	MaxSkew time.Duration
	// Region, if not empty, is the only region accepted in a credential. Empty
	// accepts whatever region the client signed for.
	Region string
	// Service is the only service accepted in a credential; empty means "s3".
	Service string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Metrics, if not nil, gets hearth_sigv4_requests_total.
	Metrics prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.MaxSkew == 0 {
		o.MaxSkew = DefaultMaxSkew
	}
	if o.Service == "" {
		o.Service = "s3"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Keys == nil:
		return errors.New("sigv4: Options.Keys is required")
	case o.MaxSkew < 0:
		return errors.New("sigv4: Options.MaxSkew is negative")
	}
	return nil
}

// A Verifier authenticates requests. It is safe for concurrent use.
type Verifier struct {
	opts      Options
	keys      keyCache
	scratches sync.Pool
	unknown   string // the secret that unknown access keys are tried with
	metrics   *metrics
}

// New returns a Verifier.
func New(o Options) (*Verifier, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	return &Verifier{
		opts:      o,
		keys:      keyCache{service: o.Service},
		scratches: sync.Pool{New: func() any { return new(scratch) }},
		unknown:   rand.Text() + rand.Text(),
		metrics:   m,
	}, nil
}

// Verify authenticates a request's line and headers, as net/http's server hands
// them over; it does not read the body, see [Identity.Body]. The error is of type
// [*Error].
func (v *Verifier) Verify(r *http.Request) (*Identity, error) {
	id, err := v.verify(r)
	if err != nil {
		v.metrics.count(err.Code)
		return nil, err
	}
	v.metrics.count(resultOK)
	return id, nil
}

func (v *Verifier) verify(r *http.Request) (*Identity, *Error) {
	rawPath, rawQuery, err := target(r)
	if err != nil {
		return nil, err
	}
	var c claim
	if err := c.parse(r, rawQuery); err != nil {
		return nil, err
	}
	if err := c.parseCredential(v.opts.Region, v.opts.Service); err != nil {
		return nil, err
	}
	if err := c.checkTime(v.opts.Now(), v.opts.MaxSkew); err != nil {
		return nil, err
	}
	payload, err := parsePayload(c.contentSHA256)
	if err != nil {
		return nil, err
	}
	key, err := v.checkSignature(r, &c, rawPath, rawQuery)
	if err != nil {
		return nil, err
	}
	if payload == PayloadSHA256 && r.ContentLength == 0 && len(r.TransferEncoding) == 0 &&
		!isEmptySHA256(c.contentSHA256) {
		return nil, contentMismatch(c.contentSHA256, emptySHA256)
	}
	return &Identity{
		AccessKey:     c.accessKey,
		Region:        c.region,
		Presigned:     c.presigned,
		Payload:       payload,
		ContentSHA256: c.contentSHA256,
		SignedHeaders: c.signedHeaders,
		Time:          c.time,
		key:           key,
		scope:         c.scope,
		timestamp:     c.timestamp,
		signature:     c.signature,
	}, nil
}

// checkSignature compares the request's signature with the right one and returns
// the key that made it.
func (v *Verifier) checkSignature(r *http.Request, c *claim, rawPath, rawQuery string) (*signingKey, *Error) {
	s, _ := v.scratches.Get().(*scratch)
	defer func() {
		if cap(s.buf)+cap(s.query) <= maxScratchBytes {
			v.scratches.Put(s)
		}
	}()
	if err := s.stringToSign(r, c, rawPath, rawQuery); err != nil {
		return nil, err
	}
	key, known, cached := v.signingKey(c)
	end := len(s.buf)
	s.buf = key.appendSignature(s.buf, s.buf)
	match := subtle.ConstantTimeCompare(s.buf[end:], []byte(c.signature)) == 1
	switch {
	case !known:
		return nil, unknownKey(c.accessKey)
	case !match:
		return nil, signatureMismatch(c.accessKey)
	}
	if !cached {
		v.keys.add(key)
	}
	return key, nil
}

// signingKey returns the key that has to have signed c. For an access key that is not known
// it is one made up, which takes as long. cached says that it has proved itself before.
func (v *Verifier) signingKey(c *claim) (key *signingKey, known, cached bool) {
	id := keyID{c.accessKey, c.date, c.region}
	secret, ok := v.opts.Keys.Secret(c.accessKey)
	if !ok || secret == "" {
		return v.keys.madeUp(id, v.unknown), false, false
	}
	key, cached = v.keys.known(id, secret)
	return key, true, cached
}

// parse finds out how r is signed and reads what it says.
func (c *claim) parse(r *http.Request, rawQuery string) *Error {
	query := scanQuery(rawQuery)
	authorization := r.Header["Authorization"]
	switch {
	case query.token || len(r.Header["X-Amz-Security-Token"]) > 0:
		return bad(CodeInvalidToken, messageToken).with(hint, hintSessionToken)
	case len(authorization) > 1 || len(authorization) == 1 && (query.any || query.v2):
		return invalidArgument("Only one auth mechanism allowed", "Authorization", "").with(hint, hintSeveral)
	case query.v2:
		return unsupported(hintV2)
	case len(authorization) == 0 && !query.any:
		return denied(CodeAccessDenied, messageAnonymous).with(hint, hintAnonymous)
	}
	values := r.Header["X-Amz-Content-Sha256"]
	if len(values) > 1 {
		return bad(CodeInvalidRequest, "The x-amz-content-sha256 header is there more than once.")
	}
	if query.any {
		if err := c.parsePresigned(&query); err != nil {
			return err
		}
		switch {
		case len(values) == 1 && query.contentSHA256.seen && values[0] != query.contentSHA256.string:
			return c.malformed("X-Amz-Content-Sha256 differs between header and query.")
		case len(values) == 1:
			c.contentSHA256 = values[0]
		case query.contentSHA256.seen:
			c.contentSHA256 = query.contentSHA256.string
		default:
			c.contentSHA256 = unsignedPayload
		}
	} else {
		if err := c.parseAuthorization(authorization[0]); err != nil {
			return err
		}
		if err := c.headerTime(r.Header); err != nil {
			return err
		}
		if len(values) == 0 {
			return bad(CodeInvalidRequest, "Missing required header for this request: x-amz-content-sha256")
		}
		c.contentSHA256 = values[0]
	}
	if !isLowerHex256(c.signature) {
		return c.malformed("Signature must be 64 lower-case hexadecimal digits.")
	}
	return nil
}
