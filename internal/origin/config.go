package origin

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AWS as [Config.Endpoint] means the SDK's own endpoint resolution.
const AWS = "aws"

// Config says which origin to speak to, and how. The zero value of every field
// but Endpoint is a sound default.
type Config struct {
	// Endpoint is [AWS], or http(s)://host[:port] without a path, or
	// unix:///path of a socket on which a store speaks plain HTTP. Required.
	Endpoint string
	// Identity replaces the identity that follows from Endpoint, for a store whose
	// address is not the same after a restart (see [Client.Identity]).
	Identity string
	// Region to sign for. Default: what the SDK's configuration says; for an
	// Endpoint other than AWS, "us-east-1" after that.
	Region string
	// PathStyle puts the bucket into the path instead of the host name. Default:
	// true, except that AWS resolution decides for itself.
	PathStyle *bool
	// Buckets is the allow-list; empty allows all. With a list, requests that
	// name no bucket (ListBuckets) are refused too.
	Buckets []string

	// AccessKey, SecretKey and SessionToken are static credentials. Without them
	// the SDK's default chain is used, asked at the first request and refreshed
	// as it expires: New never waits for a credential service.
	AccessKey, SecretKey, SessionToken string

	// Transport replaces the HTTP transport, in tests. The dial settings below do
	// not apply to it.
	Transport http.RoundTripper
	// DialTimeout bounds connecting and the TLS handshake, each. Default 5 s.
	DialTimeout time.Duration
	// HeaderTimeout bounds the wait for the answer to a GET, HEAD or LIST.
	// Default 30 s.
	HeaderTimeout time.Duration
	// WriteTimeout bounds the wait for the answer to any other request, counted
	// from the last byte of its body. Default 5 min: completing a large multipart
	// upload may take minutes.
	WriteTimeout time.Duration
	// IdleTimeout is how long a body may make no progress, in either direction,
	// before its connection is cut. A slow reader of an answer does not count.
	// Default 15 s.
	IdleTimeout time.Duration

	// Tries bounds the attempts of one GET, HEAD or LIST, the first included.
	// Default 4. A Get earns one more with every MiB it has received.
	Tries int
	// Backoff is the pause before the second try; it doubles up to 5 s, and half
	// of it is random. Default 50 ms.
	Backoff time.Duration

	// Logger receives what was coped with; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// Now is the clock that signatures are dated with. Default [time.Now].
	Now func() time.Time

	random func() float64
}

func (c Config) withDefaults() Config {
	orDuration := func(p *time.Duration, d time.Duration) {
		if *p == 0 {
			*p = d
		}
	}
	orDuration(&c.DialTimeout, 5*time.Second)
	orDuration(&c.HeaderTimeout, 30*time.Second)
	orDuration(&c.WriteTimeout, 5*time.Minute)
	orDuration(&c.IdleTimeout, 15*time.Second)
	orDuration(&c.Backoff, 50*time.Millisecond)
	if c.Tries == 0 {
		c.Tries = 4
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.random == nil {
		c.random = rand.Float64
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Endpoint == "":
		return fmt.Errorf("%w: no endpoint", ErrInvalid)
	case (c.AccessKey == "") != (c.SecretKey == ""):
		return fmt.Errorf("%w: access key and secret key go together", ErrInvalid)
	case c.SessionToken != "" && c.AccessKey == "":
		return fmt.Errorf("%w: session token without keys", ErrInvalid)
	case c.Tries < 0:
		return fmt.Errorf("%w: negative tries", ErrInvalid)
	case c.DialTimeout < 0 || c.HeaderTimeout < 0 || c.WriteTimeout < 0 || c.IdleTimeout < 0 || c.Backoff < 0:
		return fmt.Errorf("%w: negative duration", ErrInvalid)
	}
	for _, b := range c.Buckets {
		if !validBucket(b) {
			return fmt.Errorf("%w: bucket name %q on the allow-list", ErrInvalid, b)
		}
	}
	return nil
}
