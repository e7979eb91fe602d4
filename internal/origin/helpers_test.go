package origin_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const accessKey, secretKey = "HEARTHTEST", "secret/key+of the test"

var testKeys = map[string]string{accessKey: secretKey}

// newClient makes a client of the endpoint with static keys and quick retries;
// edit changes its configuration.
func newClient(t testing.TB, endpoint string, edit func(*origin.Config)) *origin.Client {
	t.Helper()
	cfg := origin.Config{
		Endpoint: endpoint, Region: "eu-test-1", AccessKey: accessKey, SecretKey: secretKey,
		Backoff: time.Millisecond,
	}
	if edit != nil {
		edit(&cfg)
	}
	c, err := origin.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// newOrigin starts a fake that checks signatures, and a client of it.
func newOrigin(t testing.TB, edit func(*origin.Config)) (*origintest.Server, *origin.Client) {
	t.Helper()
	srv := origintest.Start(t)
	srv.CreateBucket("b")
	srv.RequireSignature(testKeys, nil)
	return srv, newClient(t, srv.URL(), edit)
}

// randomBytes returns n bytes that differ at every offset a test could mix up.
func randomBytes(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, seed))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return data
}

// fetch reads a Get to its end.
func fetch(ctx context.Context, c *origin.Client, req origin.GetRequest) (*origin.Object, []byte, error) {
	obj, err := c.Get(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(obj.Body)
	if cerr := obj.Body.Close(); err == nil {
		err = cerr
	}
	return obj, data, err
}

// do sends a request and reads the answer to its end.
func do(t testing.TB, c *origin.Client, r *origin.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := c.Do(t.Context(), r)
	if err != nil {
		t.Fatalf("%s %s/%q: %v", r.Method, r.Bucket, r.Key, err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s/%q: body: %v", r.Method, r.Bucket, r.Key, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp, data
}

func sameBytes(t testing.TB, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	n := 0
	for n < len(got) && n < len(want) && got[n] == want[n] {
		n++
	}
	t.Fatalf("got %d bytes, want %d; they differ at %d", len(got), len(want), n)
}
