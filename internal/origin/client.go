package origin

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// A Client speaks to one origin. Make one with [New]; it is safe for concurrent
// use and starts no goroutine of its own beyond its connections.
type Client struct {
	cfg       Config
	log       *slog.Logger
	identity  string
	allowed   map[string]bool // nil allows all
	resolver  resolver
	creds     aws.CredentialsProvider
	signer    *v4.Signer
	transport http.RoundTripper
	metrics   *metrics
	// bucketRegion is where CreateBucket says to; empty says nothing. AWS wants it
	// said, except in the region that is its default.
	bucketRegion string
}

// New makes a client. It reads the SDK's environment and files where needed, and
// sends nothing: credentials are fetched by the first request.
func New(ctx context.Context, cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg,
		log: cfg.Logger,
		signer: v4.NewSigner(func(o *v4.SignerOptions) {
			o.DisableURIPathEscaping = true // targets are escaped already
		}),
	}
	if len(cfg.Buckets) > 0 {
		c.allowed = make(map[string]bool, len(cfg.Buckets))
		for _, b := range cfg.Buckets {
			c.allowed[b] = true
		}
	}
	socket := ""
	if cfg.Endpoint == AWS {
		if err := c.useAWS(ctx); err != nil {
			return nil, err
		}
	} else {
		var err error
		if socket, err = c.useURL(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.Identity != "" {
		c.identity = cfg.Identity
	}
	c.transport = cfg.Transport
	if c.transport == nil {
		c.transport = newTransport(cfg, socket)
	}
	var err error
	if c.metrics, err = newMetrics(cfg.Registerer); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Client) useAWS(ctx context.Context) error {
	sdk, err := c.loadSDK(ctx)
	if err != nil {
		return err
	}
	if sdk.Region == "" {
		return fmt.Errorf("%w: no region configured for AWS", ErrInvalid)
	}
	c.creds = sdk.Credentials
	r := newResolved(sdk, c.cfg.PathStyle)
	service, err := r.resolve(ctx, "")
	if err != nil {
		return err
	}
	c.resolver = r
	if sdk.Region != "us-east-1" {
		c.bucketRegion = sdk.Region
	}
	c.identity = service.scheme + "://" + service.host + "?region=" + sdk.Region
	return nil
}

func (c *Client) useURL(ctx context.Context) (socket string, err error) {
	scheme, host, socket, err := parseEndpoint(c.cfg.Endpoint)
	if err != nil {
		return "", err
	}
	region := c.cfg.Region
	if c.cfg.AccessKey != "" {
		c.creds = c.staticCredentials()
	} else {
		sdk, err := c.loadSDK(ctx)
		if err != nil {
			return "", err
		}
		c.creds = sdk.Credentials
		if region == "" {
			region = sdk.Region
		}
	}
	if region == "" {
		region = "us-east-1"
	}
	pathStyle := c.cfg.PathStyle == nil || *c.cfg.PathStyle
	c.resolver = fixed{scheme: scheme, host: host, region: region, pathStyle: pathStyle}
	c.identity = scheme + "://" + host
	if socket != "" {
		c.identity = "unix://" + socket
	}
	return socket, nil
}

func (c *Client) staticCredentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(c.cfg.AccessKey, c.cfg.SecretKey, c.cfg.SessionToken)
}

// loadSDK reads environment and files; providers that need the network are only
// made here, and asked by the first request.
func (c *Client) loadSDK(ctx context.Context) (aws.Config, error) {
	var opts []func(*config.LoadOptions) error
	if c.cfg.Region != "" {
		opts = append(opts, config.WithRegion(c.cfg.Region))
	}
	if c.cfg.AccessKey != "" {
		opts = append(opts, config.WithCredentialsProvider(c.staticCredentials()))
	}
	sdk, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("origin: SDK configuration: %w", err)
	}
	return sdk, nil
}

// newTransport is HTTP/1.1: one request a connection, so that a slow answer
// holds up no other, and an aborted one costs its own connection only.
func newTransport(cfg Config, socket string) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 30 * time.Second}
	dial := dialer.DialContext
	proxy := http.ProxyFromEnvironment
	if socket != "" {
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
		proxy = nil
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:               proxy,
		DialContext:         dial,
		TLSHandshakeTimeout: cfg.DialTimeout,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		Protocols:           protocols,
		DisableCompression:  true,
		// One query opens up to 100 connections of a client; several clients of
		// one pod share these.
		MaxIdleConnsPerHost: 256,
		MaxIdleConns:        1024,
		// Below what stores allow an idle connection, so that a PUT, which cannot
		// be repeated, seldom meets one that is being closed.
		IdleConnTimeout:        30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		// Large reads bypass the read buffer; these sizes are per connection.
		ReadBufferSize:  16 << 10,
		WriteBufferSize: 32 << 10,
	}
}

// Identity names the origin: stable over restarts, and different for two origins
// that may hold different bytes under one bucket and key.
func (c *Client) Identity() string { return c.identity }

// Allowed reports whether the allow-list admits bucket. The empty bucket, the
// service itself, is admitted only without a list.
func (c *Client) Allowed(bucket string) bool {
	return c.allowed == nil || c.allowed[bucket]
}

// Close closes idle connections. Requests in flight are not disturbed, and the
// client stays usable.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
