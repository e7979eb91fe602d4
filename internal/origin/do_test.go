package origin_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

func TestDoRelaysWhatTheOriginSays(t *testing.T) {
	srv, c := newOrigin(t, nil)
	srv.Put("b", "k", []byte("hello"))
	t.Run("an error answer whole", func(t *testing.T) {
		resp, body := do(t, c, &origin.Request{Method: http.MethodGet, Bucket: "b", Key: "missing"})
		if resp.StatusCode != 404 || !strings.Contains(string(body), "<Code>NoSuchKey</Code>") {
			t.Errorf("got %d %s", resp.StatusCode, body)
		}
	})
	t.Run("a redirect unfollowed", func(t *testing.T) {
		srv.Reset()
		srv.Inject(origintest.Rule{Nth: 1, Action: origintest.Status(307, "TemporaryRedirect").And(
			origintest.WithHeader(http.Header{"Location": {srv.URL() + "/b/k"}}))})
		resp, _ := do(t, c, &origin.Request{Method: http.MethodGet, Bucket: "b", Key: "k"})
		if resp.StatusCode != 307 || srv.Count("") != 1 {
			t.Errorf("got %d after %d requests", resp.StatusCode, srv.Count(""))
		}
	})
	t.Run("compressed bytes as they are", func(t *testing.T) {
		srv.PutObject("b", "z", origintest.Object{
			Data: []byte("not really gzip"), Header: http.Header{"Content-Encoding": {"gzip"}},
		})
		resp, body := do(t, c, &origin.Request{Method: http.MethodGet, Bucket: "b", Key: "z"})
		if string(body) != "not really gzip" || resp.Header.Get("Content-Encoding") != "gzip" || resp.ContentLength != 15 {
			t.Errorf("got %q, %v", body, resp.Header)
		}
	})
}

func TestDoSendsOnceWhateverHappens(t *testing.T) {
	faults := map[string]origintest.Action{
		"503":       origintest.Status(503, "SlowDown"),
		"500":       origintest.Status(500, "InternalError"),
		"a reset":   origintest.Reset(),
		"a cut":     origintest.Truncate(1),
		"not found": origintest.Status(404, "NoSuchKey"),
	}
	for name, fault := range faults {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPost, http.MethodGet} {
			t.Run(method+" with "+name, func(t *testing.T) {
				srv, c := newOrigin(t, nil)
				srv.Put("b", "k", []byte("hello"))
				srv.Inject(origintest.Rule{Action: fault})
				r := &origin.Request{Method: method, Bucket: "b", Key: "k"}
				if method == http.MethodPut {
					r.Body, r.ContentLength = strings.NewReader("data"), 4
				}
				resp, err := c.Do(t.Context(), r)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				} else if !errors.Is(err, origin.ErrUnavailable) {
					t.Errorf("error %v", err)
				}
				if n := srv.Count(""); n != 1 {
					t.Errorf("%d requests", n)
				}
			})
		}
	}
}

func TestPayloadHash(t *testing.T) {
	srv, c := newOrigin(t, nil)
	sum := sha256.Sum256([]byte("hello"))
	put := func(hash string) (int, error) {
		resp, err := c.Do(t.Context(), &origin.Request{
			Method: http.MethodPut, Bucket: "b", Key: "k",
			Body: strings.NewReader("hello"), ContentLength: 5, PayloadHash: hash,
		})
		if err != nil {
			return 0, err
		}
		_ = resp.Body.Close()
		return resp.StatusCode, nil
	}
	for name, hash := range map[string]string{
		"none": "", "the body's": hex.EncodeToString(sum[:]), "unsigned": "UNSIGNED-PAYLOAD",
	} {
		if status, err := put(hash); err != nil || status != 200 {
			t.Errorf("hash %s: %d %v", name, status, err)
		}
	}
	if status, err := put(strings.Repeat("00", 32)); err != nil || status != 403 {
		t.Errorf("wrong hash: %d %v", status, err)
	}
	if _, err := put("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"); !errors.Is(err, origin.ErrInvalid) {
		t.Errorf("streaming hash: %v", err)
	}
	if n := srv.Count("PUT"); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// settingReader writes the trailer when it reports EOF, as an HTTP server does.
type settingReader struct {
	r   io.Reader
	set func()
}

func (s *settingReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err == io.EOF {
		s.set()
	}
	return n, err
}

func TestAnAnonymousRequestCarriesNoCredentials(t *testing.T) {
	capture := origintest.StartCapture(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	_, c := newOrigin(t, func(cfg *origin.Config) { cfg.Endpoint = capture.URL() })
	resp, _ := do(t, c, &origin.Request{
		Method: http.MethodOptions, Bucket: "b", Key: "k", Anonymous: true,
		Header: http.Header{"Origin": {"https://example.com"}, "Authorization": {"a"}, "X-Amz-Security-Token": {"t"}, "x-amz-meta-a": {"1"}},
	})
	if resp.StatusCode != 200 {
		t.Fatalf("got %d", resp.StatusCode)
	}
	got := capture.Take()[0]
	if got.Method != "OPTIONS" || got.Target != "/b/k" || len(got.Values("Origin")) != 1 || len(got.Values("x-amz-meta-a")) != 1 {
		t.Errorf("sent %s %s %q", got.Method, got.Target, got.Headers)
	}
	for _, name := range []string{"Authorization", "X-Amz-Security-Token", "X-Amz-Date", "X-Amz-Content-Sha256"} {
		if values := got.Values(name); len(values) > 0 {
			t.Errorf("%s: %q", name, values)
		}
	}
	_, err := c.Do(t.Context(), &origin.Request{Method: http.MethodPut, Bucket: "b", Key: "k", Anonymous: true, Body: strings.NewReader("x"), ContentLength: 1})
	if !errors.Is(err, origin.ErrInvalid) {
		t.Errorf("with a body: %v", err)
	}
}

func TestATrailerTravelsBehindTheBody(t *testing.T) {
	for _, size := range []int{0, 1, 8191, 64 << 10, 64<<10 + 1, 200_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			srv, c := newOrigin(t, nil)
			data := randomBytes(size, 1)
			sum := crc32.ChecksumIEEE(data)
			crc := base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
			for _, name := range []string{"X-Amz-Checksum-Crc32", "x-amz-checksum-crc32"} {
				trailer := http.Header{name: nil}
				resp, body := do(t, c, &origin.Request{
					Method: http.MethodPut, Bucket: "b", Key: "k", ContentLength: int64(size),
					Header:  http.Header{"Content-Encoding": {"gzip"}},
					Trailer: trailer,
					Body: &settingReader{bytes.NewReader(data), func() {
						trailer[name] = []string{crc}
					}},
				})
				if resp.StatusCode != 200 {
					t.Fatalf("%s: %d %s", name, resp.StatusCode, body)
				}
				o, _ := srv.Object("b", "k")
				sameBytes(t, o.Data, data)
				reqs := srv.Requests()
				last := reqs[len(reqs)-1]
				if got := last.Trailer[strings.ToLower(name)]; got != crc {
					t.Errorf("trailer %q, want %q", got, crc)
				}
				if got := last.Header.Get("Content-Encoding"); got != "aws-chunked,gzip" {
					t.Errorf("Content-Encoding %q", got)
				}
			}
		})
	}
}

func TestATrailedBodyOfTheWrongLengthIsNotSentWhole(t *testing.T) {
	for name, body := range map[string]string{"shorter": "hell", "longer": "hello!"} {
		t.Run(name, func(t *testing.T) {
			srv, c := newOrigin(t, nil)
			_, err := c.Do(t.Context(), &origin.Request{
				Method: http.MethodPut, Bucket: "b", Key: "k", ContentLength: 5,
				Body: strings.NewReader(body), Trailer: http.Header{"X-Amz-Checksum-Crc32": {"AAAAAA=="}},
			})
			if err == nil {
				t.Error("no error")
			}
			if _, found := srv.Object("b", "k"); found {
				t.Error("object was written")
			}
		})
	}
}

func TestExpectContinueHoldsTheBodyBack(t *testing.T) {
	server := origintest.StartCapture(t, "")
	c := newClient(t, server.URL(), nil)
	data := randomBytes(1<<20, 3)
	do(t, c, &origin.Request{
		Method: http.MethodPut, Bucket: "b", Key: "k", Header: http.Header{"Expect": {"100-continue"}},
		Body: bytes.NewReader(data), ContentLength: int64(len(data)),
	})
	got := server.Take()[0]
	sameBytes(t, got.Body, data)
	if v := got.Values("Expect"); len(v) != 1 {
		t.Errorf("Expect %q", v)
	}

	refusing := origintest.StartCapture(t, "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	refusing.NoContinue()
	body := &countingReader{r: bytes.NewReader(data)}
	resp, _ := do(t, newClient(t, refusing.URL(), nil), &origin.Request{
		Method: http.MethodPut, Bucket: "b", Key: "k", Header: http.Header{"Expect": {"100-continue"}},
		Body: body, ContentLength: int64(len(data)),
	})
	if resp.StatusCode != 412 || body.n.Load() != 0 {
		t.Errorf("status %d after %d body bytes", resp.StatusCode, body.n.Load())
	}
}

func TestTheErrorOfARequestBodyIsTheCallers(t *testing.T) {
	srv, c := newOrigin(t, nil)
	broken := errors.New("client went away")
	_, err := c.Do(t.Context(), &origin.Request{
		Method: http.MethodPut, Bucket: "b", Key: "k", ContentLength: 10,
		Body: io.MultiReader(strings.NewReader("hello"), iotestErr{broken}),
	})
	if !errors.Is(err, broken) || errors.Is(err, origin.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if _, found := srv.Object("b", "k"); found {
		t.Error("object was written")
	}
}

type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }

func TestTheAllowListHoldsForBucketsAndCopySources(t *testing.T) {
	srv, c := newOrigin(t, func(c *origin.Config) { c.Buckets = []string{"b"} })
	srv.Put("other", "k", []byte("x"))
	srv.Put("b", "k", []byte("x"))
	tests := []struct {
		name    string
		r       origin.Request
		allowed bool
	}{
		{"a bucket on the list", origin.Request{Bucket: "b", Key: "k"}, true},
		{"another bucket", origin.Request{Bucket: "other", Key: "k"}, false},
		{"the service", origin.Request{}, false},
		{"a copy within", origin.Request{Method: "PUT", Bucket: "b", Key: "c", Header: http.Header{"X-Amz-Copy-Source": {"/b/k"}}}, true},
		{"a copy from another bucket", origin.Request{Method: "PUT", Bucket: "b", Key: "c", Header: http.Header{"x-amz-copy-source": {"/other/k"}}}, false},
		{"a copy without a slash", origin.Request{Method: "PUT", Bucket: "b", Key: "c", Header: http.Header{"X-Amz-Copy-Source": {"other/k"}}}, false},
		{"a copy with an escaped slash", origin.Request{Method: "PUT", Bucket: "b", Key: "c", Header: http.Header{"X-Amz-Copy-Source": {"%2Fother%2Fk"}}}, false},
		{"a copy with an escaped name", origin.Request{Method: "PUT", Bucket: "b", Key: "c", Header: http.Header{"X-Amz-Copy-Source": {"%6fther/k"}}}, false},
		{"a copy from an access point", origin.Request{Method: "PUT", Bucket: "b", Key: "c", Header: http.Header{"X-Amz-Copy-Source": {"arn:aws:s3:eu-west-1:1:accesspoint/p/object/k"}}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv.Reset()
			if tt.r.Method == "" {
				tt.r.Method = http.MethodGet
			}
			resp, err := c.Do(t.Context(), &tt.r)
			if err == nil {
				_ = resp.Body.Close()
			}
			if got := !errors.Is(err, origin.ErrBucketNotAllowed); got != tt.allowed {
				t.Errorf("error %v", err)
			}
			if sent := srv.Count("") > 0; sent != tt.allowed {
				t.Errorf("%d requests sent", srv.Count(""))
			}
		})
	}
	if !c.Allowed("b") || c.Allowed("other") || c.Allowed("") {
		t.Error("Allowed disagrees")
	}
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	srv, c := newOrigin(t, nil)
	for name, r := range map[string]origin.Request{
		"a key without a bucket":      {Key: "k"},
		"a bucket with a slash":       {Bucket: "a/b"},
		"a bucket called dot dot":     {Bucket: ".."},
		"a bucket with a percent":     {Bucket: "a%2fb"},
		"a length without a body":     {Bucket: "b", Key: "k", ContentLength: 5},
		"a trailer without a length":  {Bucket: "b", Key: "k", Body: strings.NewReader(""), ContentLength: -1, Trailer: http.Header{"X-Amz-Checksum-Crc32": nil}},
		"a trailer S3 does not know":  {Bucket: "b", Key: "k", Body: strings.NewReader(""), Trailer: http.Header{"X-Amz-Other": nil}},
		"a length below minus one":    {Bucket: "b", Key: "k", Body: strings.NewReader(""), ContentLength: -2},
		"a hash that is no hash":      {Bucket: "b", Key: "k", PayloadHash: "abc"},
		"a hash of the right length ": {Bucket: "b", Key: "k", PayloadHash: strings.Repeat("g", 64)},
	} {
		r.Method = http.MethodPut
		if _, err := c.Do(t.Context(), &r); !errors.Is(err, origin.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := srv.Count(""); n != 0 {
		t.Errorf("%d requests sent", n)
	}
}

func TestCancellationStaysItself(t *testing.T) {
	srv, c := newOrigin(t, nil)
	srv.Put("b", "k", randomBytes(1<<20, 1))
	release := make(chan struct{})
	defer close(release)
	t.Run("before the answer", func(t *testing.T) {
		for name, call := range map[string]func(context.Context) error{
			"Do": func(ctx context.Context) error {
				_, err := c.Do(ctx, &origin.Request{Method: http.MethodGet, Bucket: "b", Key: "k"})
				return err
			},
			"Get": func(ctx context.Context) error {
				_, err := c.Get(ctx, origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1})
				return err
			},
			"Put": func(ctx context.Context) error {
				_, err := c.Put(ctx, "b", "new", strings.NewReader("x"), 1, nil)
				return err
			},
			"ListPage": func(ctx context.Context) error {
				_, err := c.ListPage(ctx, origin.ListRequest{Bucket: "b"})
				return err
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			srv.Before(func(*origintest.Recorded) origintest.Action {
				cancel()
				return origintest.Stall(-1, release)
			})
			err := call(ctx)
			cancel()
			if !errors.Is(err, context.Canceled) || errors.Is(err, origin.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("in the middle of a body", func(t *testing.T) {
		srv.Before(func(*origintest.Recorded) origintest.Action { return origintest.Stall(1000, release) })
		ctx, cancel := context.WithCancel(t.Context())
		obj, err := c.Get(ctx, origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = obj.Body.Close() }()
		if _, err := io.ReadFull(obj.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, err = io.ReadAll(obj.Body)
		if !errors.Is(err, context.Canceled) || errors.Is(err, origin.ErrUnavailable) || errors.Is(err, origin.ErrCorrupt) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a deadline too", func(t *testing.T) {
		srv.Before(func(*origintest.Recorded) origintest.Action { return origintest.Stall(-1, release) })
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(20*time.Millisecond))
		defer cancel()
		_, err := c.Head(ctx, "b", "k", nil)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, origin.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	})
}

func TestMetricsCountEachRequestOnce(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	srv, c := newOrigin(t, func(c *origin.Config) { c.Registerer = reg })
	srv.Put("b", "k", []byte("hello"))
	srv.Inject(origintest.Rule{Nth: 1, Match: origintest.Class("GET"), Action: origintest.Status(503, "SlowDown")})
	if _, data, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", WantSize: 5}); err != nil || string(data) != "hello" {
		t.Fatalf("%q %v", data, err)
	}
	if _, err := c.Put(t.Context(), "b", "new", strings.NewReader("abc"), 3, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Head(t.Context(), "b", "missing", nil); !errors.Is(err, origin.ErrNotFound) {
		t.Fatal(err)
	}
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v > 0 {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += fmt.Sprintf(" %s=%s", l.GetName(), l.GetValue())
				}
				got[name] = v
			}
		}
	}
	for name, n := range map[string]float64{
		"hearth_origin_requests_total code=503 op=get":      1,
		"hearth_origin_requests_total code=200 op=get":      1,
		"hearth_origin_requests_total code=200 op=put":      1,
		"hearth_origin_requests_total code=404 op=head":     1,
		"hearth_origin_retries_total reason=throttled":      1,
		"hearth_origin_sent_bytes_total":                    3,
		"hearth_origin_in_flight_requests":                  0,
		"hearth_origin_requests_total code=206 op=get":      0,
		"hearth_origin_requests_total code=error op=get":    0,
		"hearth_origin_requests_total code=canceled op=get": 0,
	} {
		if got[name] != n {
			t.Errorf("%s = %v, want %v", name, got[name], n)
		}
	}
	if _, err := origin.New(t.Context(), origin.Config{
		Endpoint: srv.URL(), AccessKey: "a", SecretKey: "b", Registerer: reg,
	}); err == nil {
		t.Error("a second client on one registry was accepted")
	}
}
