package origin_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

// isolate keeps the SDK away from the configuration of the machine.
func isolate(t *testing.T) {
	t.Helper()
	empty := filepath.Join(t.TempDir(), "none")
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("AWS_CONFIG_FILE", empty)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", empty)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestIdentityAndEndpoint(t *testing.T) {
	isolate(t)
	tests := []struct {
		endpoint, region string
		identity         string // empty: refused
	}{
		{"http://127.0.0.1:9000", "", "http://127.0.0.1:9000"},
		{"http://127.0.0.1:9000/", "", "http://127.0.0.1:9000"},
		{"http://Minio.Example:80", "", "http://minio.example"},
		{"https://minio.example:443", "", "https://minio.example"},
		{"https://minio.example:80", "", "https://minio.example:80"},
		{"http://[::1]:9000", "", "http://[::1]:9000"},
		{"http://[::1]:80", "", "http://[::1]"},
		{"unix:///run/store.sock", "", "unix:///run/store.sock"},
		{"aws", "eu-west-1", "https://s3.eu-west-1.amazonaws.com?region=eu-west-1"},
		{"aws", "us-east-1", "https://s3.us-east-1.amazonaws.com?region=us-east-1"},
		{"aws", "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn?region=cn-north-1"},
		{"aws", "", ""},
		{"", "", ""},
		{"minio.example", "", ""},
		{"minio.example:9000", "", ""},
		{"ftp://minio.example", "", ""},
		{"http://", "", ""},
		{"http:///path", "", ""},
		{"http://minio.example/prefix", "", ""},
		{"http://user:pass@minio.example", "", ""},
		{"http://minio.example?x=y", "", ""},
		{"http://minio.example#x", "", ""},
		{"http:opaque", "", ""},
		{"http://%zz", "", ""},
		{"unix://host/path", "", ""},
		{"unix://", "", ""},
		{"unix:///", "", ""},
	}
	for _, tt := range tests {
		c, err := origin.New(t.Context(), origin.Config{Endpoint: tt.endpoint, Region: tt.region, AccessKey: "a", SecretKey: "b"})
		if tt.identity == "" {
			if !errors.Is(err, origin.ErrInvalid) {
				t.Errorf("%q: error %v", tt.endpoint, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.endpoint, err)
		} else if c.Identity() != tt.identity {
			t.Errorf("%q: identity %s, want %s", tt.endpoint, c.Identity(), tt.identity)
		}
	}
}

func TestAnIdentityOfOnesOwn(t *testing.T) {
	c, err := origin.New(t.Context(), origin.Config{
		Endpoint: "http://127.0.0.1:1", Identity: "dir:/data", AccessKey: "a", SecretKey: "b",
	})
	if err != nil || c.Identity() != "dir:/data" {
		t.Errorf("%v", err)
	}
}

func TestConfigurationThatContradictsItselfIsRefused(t *testing.T) {
	for name, cfg := range map[string]origin.Config{
		"a key without its secret":  {AccessKey: "a"},
		"a secret without its key":  {SecretKey: "a"},
		"a token without keys":      {SessionToken: "t"},
		"negative tries":            {Tries: -1},
		"a negative timeout":        {IdleTimeout: -1},
		"a bucket that is no name":  {Buckets: []string{"a/b"}},
		"an empty name on the list": {Buckets: []string{""}},
	} {
		cfg.Endpoint = "http://127.0.0.1:1"
		if _, err := origin.New(t.Context(), cfg); !errors.Is(err, origin.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// awsTarget is where a request for a bucket goes with the SDK's own resolution.
func awsTarget(t *testing.T, cfg origin.Config, bucket string) (*http.Request, error) {
	t.Helper()
	var got *http.Request
	cfg.Endpoint, cfg.AccessKey, cfg.SecretKey = origin.AWS, accessKey, secretKey
	cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		got = r
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
	})
	c, err := origin.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(t.Context(), &origin.Request{Method: http.MethodGet, Bucket: bucket, Key: "//a b"})
	if err == nil {
		_ = resp.Body.Close()
	}
	return got, err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAWSEndpointsAreTheSDKs(t *testing.T) {
	yes := true
	tests := []struct {
		name      string
		region    string
		pathStyle *bool
		env       map[string]string
		bucket    string
		url       string
		region4   string // that is signed for
	}{
		{"virtual hosted", "eu-west-1", nil, nil, "bucket", "https://bucket.s3.eu-west-1.amazonaws.com///a%20b", "eu-west-1"},
		{"path style by wish", "eu-west-1", &yes, nil, "bucket", "https://s3.eu-west-1.amazonaws.com/bucket///a%20b", "eu-west-1"},
		{"path style for a dotted name", "eu-west-1", nil, nil, "my.bucket", "https://s3.eu-west-1.amazonaws.com/my.bucket///a%20b", "eu-west-1"},
		{"another partition", "cn-north-1", nil, nil, "bucket", "https://bucket.s3.cn-north-1.amazonaws.com.cn///a%20b", "cn-north-1"},
		{"FIPS", "us-east-2", nil, map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "bucket", "https://bucket.s3-fips.us-east-2.amazonaws.com///a%20b", "us-east-2"},
		{"dual stack", "us-east-2", nil, map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "bucket", "https://bucket.s3.dualstack.us-east-2.amazonaws.com///a%20b", "us-east-2"},
		{"an endpoint of the environment", "us-east-2", nil, map[string]string{"AWS_ENDPOINT_URL_S3": "http://10.0.0.1:9000"}, "bucket", "http://10.0.0.1:9000/bucket///a%20b", "us-east-2"},
		{"a region of the environment", "", nil, map[string]string{"AWS_REGION": "ap-south-1"}, "bucket", "https://bucket.s3.ap-south-1.amazonaws.com///a%20b", "ap-south-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isolate(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			r, err := awsTarget(t, origin.Config{Region: tt.region, PathStyle: tt.pathStyle}, tt.bucket)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.URL.Scheme + "://" + r.Host + r.URL.RequestURI(); got != tt.url {
				t.Errorf("got  %s\nwant %s", got, tt.url)
			}
			if auth := r.Header.Get("Authorization"); !strings.Contains(auth, "/"+tt.region4+"/s3/aws4_request") {
				t.Errorf("signed %s", auth)
			}
			err = origintest.VerifySignature(origintest.SignedRequest{
				Method: r.Method, Target: r.URL.RequestURI(), Host: r.Host, Header: r.Header,
			}, testKeys, time.Now())
			if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a directory bucket is refused", func(t *testing.T) {
		isolate(t)
		_, err := awsTarget(t, origin.Config{Region: "us-east-1"}, "name--use1-az4--x-s3")
		if !errors.Is(err, origin.ErrInvalid) {
			t.Errorf("error %v", err)
		}
	})
}

func TestCredentialsComeFromTheChainWhenTheyAreNeeded(t *testing.T) {
	isolate(t)
	srv := origintest.Start(t)
	srv.RequireSignature(testKeys, nil)
	srv.Put("b", "k", []byte("hello"))

	var asked atomic.Int32
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		expires := time.Now().Add(time.Hour)
		if n == 1 {
			expires = time.Now().Add(-time.Minute) // used up by the first request
		}
		_, _ = w.Write([]byte(`{"AccessKeyId":"` + accessKey + `","SecretAccessKey":"` + secretKey +
			`","Token":"t","Expiration":"` + expires.UTC().Format(time.RFC3339) + `"}`))
	}))
	defer provider.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", provider.URL)

	c, err := origin.New(t.Context(), origin.Config{Endpoint: srv.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if asked.Load() != 0 {
		t.Error("New asked for credentials")
	}
	for range 3 {
		if _, err := c.Head(t.Context(), "b", "k", nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want once and once more after expiry", n)
	}
	if got := srv.Requests()[0].Header.Get("X-Amz-Security-Token"); got != "t" {
		t.Errorf("token %q", got)
	}
}

func TestNoCredentialsIsUnavailable(t *testing.T) {
	isolate(t)
	srv := origintest.Start(t)
	c := newClient(t, srv.URL(), func(c *origin.Config) { c.AccessKey, c.SecretKey = "", "" })
	_, err := c.Head(t.Context(), "b", "k", nil)
	if !errors.Is(err, origin.ErrUnavailable) || srv.Count("") != 0 {
		t.Errorf("error %v after %d requests", err, srv.Count(""))
	}
}

func TestAStoreBehindASocket(t *testing.T) {
	srv := origintest.Start(t)
	srv.RequireSignature(testKeys, nil)
	srv.Put("b", "k", []byte("hello"))
	path := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: srv, ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- hs.Serve(l) }()
	defer func() {
		_ = hs.Close()
		<-done
	}()
	c := newClient(t, "unix://"+path, nil)
	_, data, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", WantSize: 5})
	if err != nil || string(data) != "hello" {
		t.Errorf("%q %v", data, err)
	}
}
