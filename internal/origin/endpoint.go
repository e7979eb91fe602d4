package origin

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A target is where requests for one bucket go and what they are signed for.
type target struct {
	scheme, host string
	// prefix is the escaped path before the key: "/bucket" or "".
	prefix string
	region string
	// service is the signing name, "s3" nearly always.
	service string
}

// A resolver finds the target of a bucket; the empty bucket is the service.
type resolver interface {
	resolve(ctx context.Context, bucket string) (target, error)
}

// fixed is an endpoint given by URL.
type fixed struct {
	scheme, host, region string
	pathStyle            bool
}

func (f fixed) resolve(_ context.Context, bucket string) (target, error) {
	t := target{scheme: f.scheme, host: f.host, region: f.region, service: "s3"}
	switch {
	case bucket == "":
	case f.pathStyle || !hostable(bucket, f.scheme):
		t.prefix = "/" + bucket
	default:
		t.host = bucket + "." + f.host
	}
	return t, nil
}

// parseEndpoint understands http(s)://host[:port] and unix:///path.
func parseEndpoint(s string) (scheme, host, socket string, err error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", "", "", fmt.Errorf("%w: endpoint: %w", ErrInvalid, err)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return "", "", "", fmt.Errorf("%w: endpoint has more than scheme, host and port", ErrInvalid)
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.Path == "/" {
			return "", "", "", fmt.Errorf("%w: endpoint %q: want unix:///path", ErrInvalid, s)
		}
		return "http", "localhost", u.Path, nil
	case "http", "https":
		if u.Hostname() == "" {
			return "", "", "", fmt.Errorf("%w: endpoint %q has no host", ErrInvalid, s)
		}
		if u.Path != "" && u.Path != "/" {
			return "", "", "", fmt.Errorf("%w: endpoint %q has a path", ErrInvalid, s)
		}
		return u.Scheme, strings.ToLower(trimDefaultPort(u.Scheme, u.Host)), "", nil
	}
	return "", "", "", fmt.Errorf("%w: endpoint %q: want %q, http://, https:// or unix://", ErrInvalid, s, AWS)
}

// trimDefaultPort keeps the brackets of an IPv6 address, which the SDK's signer
// loses when it does the same.
func trimDefaultPort(scheme, host string) string {
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	if trimmed, ok := strings.CutSuffix(host, port); ok && (!strings.Contains(trimmed, ":") || strings.HasSuffix(trimmed, "]")) {
		return trimmed
	}
	return strings.TrimSuffix(host, ":")
}

// validBucket accepts every name an S3 store has been seen to accept (old AWS
// names have capitals and underscores) and nothing that could change the meaning
// of a URL it is put into.
func validBucket(b string) bool {
	if len(b) < 1 || len(b) > 255 || b == "." || b == ".." {
		return false
	}
	for i := range len(b) {
		if c := b[i]; !unreserved(c) || c == '~' {
			return false
		}
	}
	return true
}

// hostable reports whether a bucket can be a host label: DNS letters only, and
// no dot under TLS, where no wildcard certificate covers it.
func hostable(bucket, scheme string) bool {
	if len(bucket) < 3 || len(bucket) > 63 || net.ParseIP(bucket) != nil {
		return false
	}
	for i := range len(bucket) {
		switch c := bucket[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && i > 0 && i < len(bucket)-1:
		case c == '.' && scheme == "http" && i > 0 && i < len(bucket)-1:
		default:
			return false
		}
	}
	return true
}

// maxTargets bounds the memory of resolved buckets; names come from clients.
const maxTargets = 1024

// resolved asks the SDK's endpoint rules (partitions, FIPS, dual stack,
// AWS_ENDPOINT_URL_S3, ...) and remembers the answers.
type resolved struct {
	options   s3.Options
	pathStyle *bool

	mu struct {
		sync.Mutex
		targets map[string]target
	}
}

func newResolved(cfg aws.Config, pathStyle *bool) *resolved {
	r := &resolved{options: s3.NewFromConfig(cfg).Options(), pathStyle: pathStyle}
	r.mu.targets = map[string]target{}
	return r
}

func (r *resolved) resolve(ctx context.Context, bucket string) (target, error) {
	r.mu.Lock()
	t, ok := r.mu.targets[bucket]
	r.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := r.ask(ctx, bucket)
	if err != nil {
		return target{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mu.targets) >= maxTargets {
		clear(r.mu.targets)
	}
	r.mu.targets[bucket] = t
	return t, nil
}

// endpointSigV4 is what the SDK's endpoint rules call Signature Version 4; the
// constants of smithy are names of another list.
const endpointSigV4 = "sigv4"

func (r *resolved) ask(ctx context.Context, bucket string) (target, error) {
	o := &r.options
	params := s3.EndpointParameters{
		Region:         aws.String(o.Region),
		UseFIPS:        aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack:   aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		Endpoint:       o.BaseEndpoint,
		ForcePathStyle: aws.Bool(o.UsePathStyle),
		Accelerate:     aws.Bool(o.UseAccelerate),
	}
	if r.pathStyle != nil {
		params.ForcePathStyle = r.pathStyle
	}
	if bucket != "" {
		params.Bucket = aws.String(bucket)
	}
	ep, err := o.EndpointResolverV2.ResolveEndpoint(ctx, params)
	if err != nil {
		return target{}, fmt.Errorf("%w: endpoint of bucket %q: %w", ErrInvalid, bucket, err)
	}
	t := target{
		scheme:  ep.URI.Scheme,
		host:    trimDefaultPort(ep.URI.Scheme, ep.URI.Host),
		prefix:  strings.TrimSuffix(ep.URI.EscapedPath(), "/"),
		region:  o.Region,
		service: "s3",
	}
	schemes, ok := smithyauth.GetAuthOptions(&ep.Properties)
	if !ok || len(schemes) == 0 {
		return t, nil
	}
	for _, scheme := range schemes {
		if scheme.SchemeID != endpointSigV4 {
			continue
		}
		if name, ok := smithyhttp.GetSigV4SigningName(&scheme.SignerProperties); ok && name != "" {
			t.service = name
		}
		if region, ok := smithyhttp.GetSigV4SigningRegion(&scheme.SignerProperties); ok && region != "" {
			t.region = region
		}
		return t, nil
	}
	return target{}, fmt.Errorf("%w: bucket %q wants authentication %q", ErrInvalid, bucket, schemes[0].SchemeID)
}
