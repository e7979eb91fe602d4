package sigv4_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/internal/sigv4"
)

// A seenRequest is what a recorder's handler found in a request.
type seenRequest struct {
	Method, Key, Query, Body string
	Payload, Proto           string
	Presigned                bool
	Trailer                  http.Header
}

// A recorder is a server that verifies everything and remembers it.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seenRequest
	errs []error
}

// The protocols that a recorder speaks.
const (
	plain = iota
	overTLS
	overHTTP2
)

func newRecorder(t *testing.T, protocol int) *recorder {
	t.Helper()
	v := newVerifier(t, sigv4.Options{Region: exampleRegion, Now: time.Now})
	rec := &recorder{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, err := look(v, r)
		rec.mu.Lock()
		defer rec.mu.Unlock()
		if err != nil {
			rec.errs = append(rec.errs, fmt.Errorf("%s %s: %w", r.Method, r.RequestURI, err))
			w.WriteHeader(http.StatusForbidden)
			return
		}
		rec.seen = append(rec.seen, seen)
		w.Header().Set("ETag", `"x"`)
	})
	rec.Server = httptest.NewUnstartedServer(handler)
	rec.EnableHTTP2 = protocol == overHTTP2
	if protocol == plain {
		rec.Start()
	} else {
		rec.StartTLS()
	}
	t.Cleanup(rec.Close)
	return rec
}

func look(v *sigv4.Verifier, r *http.Request) (seenRequest, error) {
	id, err := v.Verify(r)
	if err != nil {
		return seenRequest{}, err
	}
	rawPath, rawQuery, err := sigv4.Target(r)
	if err != nil {
		return seenRequest{}, err
	}
	key, err := sigv4.DecodePath(rawPath)
	if err != nil {
		return seenRequest{}, err
	}
	b, err := id.Body(r)
	if err != nil {
		return seenRequest{}, err
	}
	defer func() { _ = b.Close() }()
	body, err := io.ReadAll(b)
	if err != nil {
		return seenRequest{}, err
	}
	if b.Length() >= 0 && b.Length() != int64(len(body)) {
		return seenRequest{}, fmt.Errorf("announced %d bytes, got %d", b.Length(), len(body))
	}
	return seenRequest{
		Method: r.Method, Key: key, Query: sigv4.StripQuery(rawQuery), Body: string(body),
		Payload: id.Payload.String(), Proto: r.Proto, Presigned: id.Presigned, Trailer: b.Trailer(),
	}, nil
}

// take returns what was seen since the last call.
func (rec *recorder) take(t *testing.T) []seenRequest {
	t.Helper()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, err := range rec.errs {
		t.Error(err)
	}
	seen := rec.seen
	rec.seen, rec.errs = nil, nil
	return seen
}

func (rec *recorder) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint:               aws.String(rec.URL),
		UsePathStyle:               true,
		Region:                     exampleRegion,
		HTTPClient:                 rec.Client(),
		RetryMaxAttempts:           1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		Credentials:                credentials.NewStaticCredentialsProvider(exampleAccessKey, exampleSecret, ""),
	})
}

// awkwardKeys are object keys that cleaning, decoding twice or not at all would
// change.
var awkwardKeys = []string{
	"plain.txt", "a b", "a+b", "a%2Fb", "a%25b", "a%b", "%", "a//b", "//", "a/./b", "a/../b", "../x", "./x", ".", "..",
	"/leading", "trailing/", "ä/ö", "日本語/🔥", "a&b=c?d#e", "a;b:c@d,e$f!g*h'(i)j", "~tilde-_.", `back\slash "quote"`,
	"a\tb", "a[b]{c}|d^e`f<g>", "items.lance/_mem_wal/aa48498d/manifest/18446744073709551607.manifest",
}

func TestRealClient(t *testing.T) {
	for _, useTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%t", useTLS), func(t *testing.T) {
			protocol := plain
			if useTLS {
				protocol = overTLS
			}
			rec := newRecorder(t, protocol)
			c := rec.client()
			ctx := t.Context()

			t.Run("puts of every awkward key and size arrive", func(t *testing.T) {
				for i, key := range awkwardKeys {
					body := strings.Repeat("x", i*7000)
					_, err := c.PutObject(ctx, &s3.PutObjectInput{
						Bucket: aws.String("lake"), Key: aws.String(key), Body: strings.NewReader(body),
						Metadata: map[string]string{"note": "two  spaces, kept"},
					})
					if err != nil {
						t.Errorf("put %q: %v", key, err)
					}
					for _, s := range rec.take(t) {
						if s.Key != "/lake/"+key || s.Body != body {
							t.Errorf("got key %q and %d bytes, want %q and %d", s.Key, len(s.Body), key, len(body))
						}
						want := "SHA256"
						if useTLS && len(body) > 0 {
							want = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
							if s.Trailer.Get("X-Amz-Checksum-Crc32") == "" {
								t.Errorf("put %q: no checksum trailer: %v", key, s.Trailer)
							}
						} else if useTLS {
							want = "UNSIGNED-PAYLOAD"
						}
						if s.Payload != want {
							t.Errorf("put %q: payload is %s, want %s", key, s.Payload, want)
						}
					}
				}
			})
			t.Run("every checksum algorithm arrives", func(t *testing.T) {
				for _, a := range []types.ChecksumAlgorithm{
					types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
					types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256, types.ChecksumAlgorithmSha512,
				} {
					_, err := c.PutObject(ctx, &s3.PutObjectInput{
						Bucket: aws.String("lake"), Key: aws.String("sum"), Body: strings.NewReader("some bytes"), ChecksumAlgorithm: a,
					})
					if err != nil {
						t.Errorf("%s: %v", a, err)
					}
					for _, s := range rec.take(t) {
						if useTLS && s.Trailer.Get("x-amz-checksum-"+string(a)) == "" {
							t.Errorf("%s: trailers are %v", a, s.Trailer)
						}
					}
				}
			})
			t.Run("a part of an upload arrives", func(t *testing.T) {
				body := strings.Repeat("part", 1<<18)
				_, err := c.UploadPart(ctx, &s3.UploadPartInput{
					Bucket: aws.String("lake"), Key: aws.String("k"), UploadId: aws.String("a+b/c=="), PartNumber: aws.Int32(3),
					Body: strings.NewReader(body),
				})
				if err != nil {
					t.Error(err)
				}
				if seen := rec.take(t); len(seen) != 1 || seen[0].Body != body {
					t.Error("the part came out different")
				}
			})
			t.Run("reads, lists, copies and deletes are genuine", func(t *testing.T) {
				for _, key := range awkwardKeys {
					_, err := c.GetObject(ctx, &s3.GetObjectInput{
						Bucket: aws.String("lake"), Key: aws.String(key), Range: aws.String("bytes=0-65535"), IfMatch: aws.String(`"e"`),
					})
					if err != nil {
						t.Errorf("get %q: %v", key, err)
					}
					_, _ = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("lake"), Key: aws.String(key)})
					_, _ = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
						Bucket: aws.String("lake"), Prefix: aws.String(key), Delimiter: aws.String("/"), StartAfter: aws.String(key + "+ &"),
					})
					_, _ = c.CopyObject(ctx, &s3.CopyObjectInput{
						Bucket: aws.String("lake"), Key: aws.String(key), CopySource: aws.String("other/source"),
					})
					_, _ = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("lake"), Key: aws.String(key)})
					_, _ = c.DeleteObjects(ctx, &s3.DeleteObjectsInput{
						Bucket: aws.String("lake"),
						Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String(key)}}},
					})
				}
				seen := rec.take(t)
				if want := 6 * len(awkwardKeys); len(seen) != want {
					t.Errorf("got %d genuine requests, want %d", len(seen), want)
				}
			})
			t.Run("presigned requests are genuine", func(t *testing.T) {
				p := s3.NewPresignClient(c)
				for _, key := range awkwardKeys {
					get, err := p.PresignGetObject(ctx, &s3.GetObjectInput{
						Bucket: aws.String("lake"), Key: aws.String(key), ResponseContentType: aws.String("text/plain; x=+"),
					})
					if err != nil {
						t.Fatal(err)
					}
					send(t, rec.Client(), get, "")
					put, err := p.PresignPutObject(ctx, &s3.PutObjectInput{
						Bucket: aws.String("lake"), Key: aws.String(key), Metadata: map[string]string{"a": "b"},
					})
					if err != nil {
						t.Fatal(err)
					}
					send(t, rec.Client(), put, "the body")
					want := []seenRequest{
						{Method: "GET", Key: "/lake/" + key, Query: "response-content-type=text%2Fplain%3B%20x%3D%2B&x-id=GetObject", Payload: "UNSIGNED-PAYLOAD", Proto: "HTTP/1.1", Presigned: true},
						{Method: "PUT", Key: "/lake/" + key, Query: "x-id=PutObject", Body: "the body", Payload: "UNSIGNED-PAYLOAD", Proto: "HTTP/1.1", Presigned: true},
					}
					if diff := cmp.Diff(want, rec.take(t)); diff != "" {
						t.Errorf("%q (-want +got):\n%s", key, diff)
					}
				}
			})
		})
	}
}

// send sends a presigned request, with a Range that is not signed.
func send(t *testing.T, c *http.Client, p *v4.PresignedHTTPRequest, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), p.Method, p.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = p.SignedHeader.Clone()
	r.Header.Set("Range", "bytes=0-9")
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}

// TestRandomRequests signs random requests with the SDK's signer, in headers and
// in the query, sends them through net/http's parser and expects them accepted.
func TestRandomRequests(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	v := newVerifier(t, sigv4.Options{Now: func() time.Time { return exampleTime }})
	for i := range 600 {
		r := randomRequest(rng)
		presigned := i%2 == 1
		raw := signWire(t, r, presigned)
		got, err := http.ReadRequest(raw)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if _, err := v.Verify(got); err != nil {
			t.Fatalf("request %d (presigned %t) %s %s\n%v: %v", i, presigned, got.Method, got.RequestURI, got.Header, err)
		}
	}
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

func randomText(rng *rand.Rand, n int) string {
	const letters = "abcXYZ019-_.~ +/%&=?#;:@,$!*'()\"\\<>[]{}|^`äß日🔥"
	runes := []rune(letters)
	var b strings.Builder
	for range rng.IntN(n) {
		b.WriteRune(pick(rng, runes))
	}
	return b.String()
}

func randomRequest(rng *rand.Rand) *http.Request {
	key := pick(rng, awkwardKeys)
	if rng.IntN(2) == 0 {
		key = randomText(rng, 40)
	}
	var query []string
	for range rng.IntN(6) {
		name := pick(rng, []string{"prefix", "list-type", "acl", "a", "a-b", "A", "a.b", "delimiter", randomText(rng, 6)})
		query = append(query, escape(name)+pick(rng, []string{"", "=", "=" + escape(randomText(rng, 12))}))
	}
	host := pick(rng, []string{"localhost:9000", "lake.example.com", "127.0.0.1:1234", "[::1]:9000"})
	r, err := http.NewRequestWithContext(context.Background(),
		pick(rng, []string{"GET", "HEAD", "PUT", "DELETE", "POST"}), "http://"+host+"/", nil)
	if err != nil {
		panic(err)
	}
	path := "/" + strings.ReplaceAll(escape("lake/"+key), "%2F", "/")
	r.URL.Opaque = "//" + host + path
	r.URL.RawQuery = strings.Join(query, "&")
	for _, h := range []string{"Range", "If-None-Match", "Content-Type", "X-Amz-Meta-A", "X-Amz-Meta-B", "X-Amz-Request-Payer", "Cache-Control"} {
		switch rng.IntN(4) {
		case 0:
			r.Header.Set(h, pick(rng, []string{"bytes=0-65535", "a  b   c", "  padded  ", `"etag"`, "x,y , z"}))
		case 1:
			r.Header.Add(h, "one")
			r.Header.Add(h, "two  2")
		}
	}
	return r
}

// escape encodes all but unreserved bytes.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func TestRandomBodies(t *testing.T) {
	rec := newRecorder(t, overTLS)
	c := rec.client()
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range 30 {
		body := make([]byte, rng.IntN(300_000))
		for i := range body {
			body[i] = byte(rng.Uint32())
		}
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("b"), Key: aws.String(randomText(rng, 30) + "k"), Body: bytes.NewReader(body),
		}); err != nil {
			t.Fatal(err)
		}
		if seen := rec.take(t); len(seen) != 1 || seen[0].Body != string(body) {
			t.Fatalf("a body of %d bytes came out different", len(body))
		}
	}
}
